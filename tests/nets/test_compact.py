"""The default network, written out once more."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tellapart.nets import build_net


@pytest.mark.parametrize("size", [(16, 16), (64, 50)])
def test_compact_is_its_table(size):
    generator = torch.Generator().manual_seed(3)
    net = build_net("compact", outputs=3, channels=1, image_size=size, options={"width": 4}).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for one in (module.weight, module.bias, module.running_mean, module.running_var):
                one.data.uniform_(0.5, 1.5, generator=generator)
    kept, pictures = net.state_dict(), torch.randn(2, 1, *size, generator=generator)

    def conv(maps, name, *, stride=1):
        return F.conv2d(maps, kept[f"{name}.weight"], stride=stride, padding=1)

    def norm(maps, name):
        return F.batch_norm(
            maps, *(kept[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        )

    maps = F.relu(norm(conv(pictures, "stem.conv", stride=2 if min(size) > 48 else 1), "stem.norm"))
    for stage in ("stage1", "stage2", "stage3"):
        maps = F.relu(norm(F.max_pool2d(conv(maps, f"{stage}.0.conv"), 2), f"{stage}.0.norm"))
        inner = F.relu(norm(conv(maps, f"{stage}.1.first.conv"), f"{stage}.1.first.norm"))
        maps = F.relu(maps + norm(conv(inner, f"{stage}.1.conv"), f"{stage}.1.norm"))
    seen = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
    with torch.no_grad():
        expected = F.linear(seen, kept["head.weight"], kept["head.bias"])
        torch.testing.assert_close(net(pictures), expected, rtol=1e-4, atol=1e-4)
