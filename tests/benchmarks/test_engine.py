import os
import subprocess
import sys

import pytest
from benchmarks.engine.__main__ import NETS, comparisons
from benchmarks.engine.peer import AS_IT_IS, WITHOUT
from benchmarks.harness.question import ROOT
from benchmarks.harness.result import parse


@pytest.mark.parametrize("setting", WITHOUT)
def test_each_setting_is_timed(setting):
    net = next(net for net in WITHOUT[setting][0])
    command = [sys.executable, "-m", "benchmarks.engine.peer", "--net", net, "--setting", setting]
    said = subprocess.run(
        [*command, "--batch", "2", "--seconds", "0.01"], cwd=ROOT, env=os.environ, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    figures = parse(said.stdout).figures
    assert figures["pictures_per_s"] > 0
    assert figures["cpu_share"] > 0


EFFECTS = """
import torch, torch.nn.functional as F
from benchmarks.engine import peer
from benchmarks.layers.peer import stepper
from tellapart.nets import batch_norm
from tellapart.training import loop

made = []
new = loop.build_optimizer
loop.build_optimizer = lambda *a, **k: made.append(new(*a, **k)) or made[-1]
maps = torch.tensor([-1.0])
with peer.relu_elsewhere():
    F.relu(maps, inplace=True)
assert maps.item() == -1.0
with peer.plain_norm():
    assert batch_norm.BatchNorm2d.forward is torch.nn.BatchNorm2d.forward
for foreach in (True, False):
    with peer.unfused(foreach=foreach):
        stepper("compact-8", batch=2)
        group = made[-1].param_groups[-1]
        assert (group["fused"], group["foreach"]) == (None, foreach), group
"""


def test_what_is_taken_away_is_away():
    subprocess.run([sys.executable, "-c", EFFECTS], cwd=ROOT, check=True)


def test_the_reference_is_the_engine_as_it_is():
    class Asked:
        net = None

    for one in comparisons(Asked):
        assert one.reference in (AS_IT_IS, "batch 64", "batch 128")
    assert len(comparisons(Asked)) == 2 * len(NETS)
