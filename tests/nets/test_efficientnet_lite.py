import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data

from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net, nets
from tellapart.nets.layers import SameConv2d, same_padding
from tellapart.nets.weights import imagenet_classes, load_weights

NAMES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
CATS = {"tabby", "tiger cat", "Egyptian cat", "Persian cat", "Siamese cat"}


@pytest.fixture(scope="module")
def published():
    net = build_net("efficientnet_lite0", outputs=1000, image_size=(224, 224)).eval()
    load_weights(net, "efficientnet_lite0", offline=True)
    return net


def top3(net, pixels):
    facts = nets.get("efficientnet_lite0").published
    spec = Preprocessing(image_size=(224, 224), resize="crop", resample=facts.resample)
    scaled = (spec.resized(pixels).astype(np.float32) / 255 - np.float32(facts.mean)) / np.float32(facts.std)
    with torch.no_grad():
        logits = net(torch.from_numpy(scaled).permute(2, 0, 1)[None])
    return [imagenet_classes()[index] for index in logits[0].topk(3).indices]


@pytest.mark.parametrize(
    ("picture", "right"),
    [
        ("chelsea", CATS),
        ("coffee", {"espresso", "cup", "coffee mug"}),
        ("rocket", {"missile", "projectile", "space shuttle"}),
        ("camera", {"tripod", "reflex camera"}),
    ],
)
def test_the_published_weights_name_what_is_seen(published, picture, right):
    pixels = getattr(data, picture)()
    pixels = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
    assert right & set(top3(published, pixels))


def test_pixels_are_x_minus_127_over_128():
    facts = nets.get("efficientnet_lite0").published
    pixels = np.arange(256)
    np.testing.assert_allclose((pixels / 255 - facts.mean[0]) / facts.std[0], (pixels - 127) / 128, atol=1e-12)


# Repeats 1, 2, 2, 3, 3, 4, 1: those in the middle times the depth, rounded up.
@pytest.mark.parametrize(("name", "blocks"), [(NAMES[0], 16), (NAMES[1], 21), (NAMES[2], 21)])
def test_depth(name, blocks):
    with torch.device("meta"):
        net = build_net(name, outputs=10, image_size=(224, 224))
    assert len(net._blocks) == blocks


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (9, 12), (224, 225)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_same_padding_is_tensorflows(size, kernel, stride):
    conv = SameConv2d(2, 3, kernel=kernel, stride=stride)
    pictures = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(1))
    # TensorFlow's definition, by hand: out = ceil(in / stride), the odd pixel after.
    pads = []
    for side in reversed(size):
        total = max((int(np.ceil(side / stride)) - 1) * stride + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    expected = F.conv2d(F.pad(pictures, pads), conv.weight, stride=stride)
    torch.testing.assert_close(conv(pictures), expected)
    assert expected.shape[2:] == tuple(-(-side // stride) for side in size)


def test_same_padding_worked_by_hand():
    # Four pixels, window 3, step 2: windows at 0 and 2, the second one pixel over the edge.
    assert same_padding(4, kernel=3, stride=2) == (0, 1)
    assert same_padding(5, kernel=3, stride=2) == (1, 1)
    assert same_padding(224, kernel=5, stride=2) == (1, 2)


def test_batch_norm_and_dropout_as_published():
    net = build_net("efficientnet_lite2", outputs=2, image_size=(64, 64))
    assert net._bn0.eps == 1e-3
    assert net._dropout.p == 0.3
