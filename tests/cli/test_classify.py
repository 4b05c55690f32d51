"""classify: several networks side by side, folders, unreadable pictures, JSON."""

import json

import pytest
import torch

from tellapart.nets import build_net
from tellapart.nets.weights import locate
from tellapart.workflow import imagenet


@pytest.fixture
def resnet(tmp_path, monkeypatch):
    """Put a ResNet-18 with random weights where its published ones would lie."""
    file = tmp_path / "resnet18-f37072fd.pth"
    torch.manual_seed(0)
    torch.save(build_net("resnet18", outputs=1000, image_size=(224, 224)).state_dict(), file)
    find = locate._cached
    monkeypatch.setattr(locate, "_cached", lambda url, *a, **k: file if "resnet18" in url else find(url, *a, **k))


def test_several_networks_stand_side_by_side(call, resnet):
    called = call("--offline", "classify", "chelsea", "coffee", "--net", "efficientnet_lite0", "--net", "resnet18")
    assert called.status == 0, called.err
    head, *rows = [line for line in called.out.splitlines() if "│" in line or "┃" in line]
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == ["picture", "efficientnet_lite0", "resnet18"]
    assert len(rows) == 6
    assert "tabby" in called.out
    assert "espresso" in called.out


def test_a_folder_and_a_picture_that_cannot_be_read(call, good, tmp_path):
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "good.png").write_bytes((good / "a" / "0.png").read_bytes())
    (tmp_path / "mixed" / "bad.png").write_bytes(b"no picture")
    called = call("--offline", "classify", tmp_path / "mixed", "--top", "1", columns=300)
    assert called.status == 1
    assert "bad.png: " in called.err
    assert "good.png" in called.out
    assert "bad.png" not in called.out


def test_json_is_a_line_for_each_picture_and_network(call, resnet):
    called = call(
        "--offline", "classify", "chelsea", "--net", "resnet18", "--net", "efficientnet_lite0", "--top", "2", "--json"
    )
    records = [json.loads(line) for line in called.out.splitlines()]
    assert [(record["file"], record["net"], len(record["ranking"])) for record in records] == [
        ("chelsea", "resnet18", 2),
        ("chelsea", "efficientnet_lite0", 2),
    ]
    assert 0 < sum(records[1]["ranking"].values()) <= 1


def test_weights_that_cannot_be_had_are_said_before_anything_is_looked_at(call, monkeypatch):
    monkeypatch.setattr(imagenet, "as_pixels", lambda *_: pytest.fail("read"))
    called = call("--offline", "classify", "chelsea", "--net", "efficientnet_lite0", "--net", "resnet50")
    assert called.status != 0
    assert "'resnet50' are not on this machine" in called.err


def test_a_picture_that_is_nowhere(call):
    called = call("classify", "nowhere.jpg")
    assert called.status != 0
    assert (
        "there is no picture at 'nowhere.jpg': give a file, a folder, or one of scikit-image's: astronaut" in called.err
    )
