"""Features of a pretrained network: kept in a file, looked at once."""

import os

import numpy as np
import pytest
import torch

from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net
from tellapart.training import features as room
from tellapart.training.features import embed_pixels, features_file, keep_features, weights_digest

SPEC = Preprocessing(image_size=(16, 16), channels=1, mean=(0.3,), std=(0.35,))


def test_features_are_kept_in_a_file_and_a_damaged_one_is_made_anew(make_net, digits, tmp_path, monkeypatch):
    net, pixels, file = make_net("convnet16").eval(), digits[0][:70], tmp_path / "deep" / "features.npy"
    first = np.array(embed_pixels(net, pixels, SPEC, cache=file))  # not the file itself, which is damaged below
    assert first.shape == (70, 64)
    assert [path.name for path in file.parent.iterdir()] == ["features.npy"]

    with monkeypatch.context() as patch:
        patch.setattr(net, "embed", lambda pictures: pytest.fail("looked again"))
        assert (embed_pixels(net, pixels, SPEC, cache=file) == first).all()
    for content in (b"", file.read_bytes()[:-5], b"hello"):
        file.write_bytes(content)
        assert (embed_pixels(net, pixels, SPEC, cache=file) == first).all()
    assert len(embed_pixels(net, pixels[:30], SPEC, cache=file)) == 30


def test_only_what_is_missing_is_looked_at(make_net, digits, tmp_path, monkeypatch):
    net, pixels, file = make_net("convnet16").eval(), digits[0][:70], tmp_path / "features.npy"
    whole = embed_pixels(net, pixels, SPEC)
    some = np.array([3, 60, 8])
    np.testing.assert_allclose(embed_pixels(net, pixels, SPEC, rows=some, cache=file)[some], whole[some], atol=1e-5)
    looked, made = [], room._embed
    monkeypatch.setattr(room, "_embed", lambda *a, **k: looked.append(k["rows"]) or made(*a, **k))
    np.testing.assert_allclose(embed_pixels(net, pixels, SPEC, cache=file), whole, atol=1e-5)
    assert set(looked[0]) == set(range(70)) - set(some)
    embed_pixels(net, pixels, SPEC, rows=some, cache=file)
    assert len(looked) == 1


def test_what_was_seen_before_a_stop_is_kept(make_net, digits, tmp_path, monkeypatch):
    net, pixels, file = make_net("convnet16").eval(), digits[0][:70], tmp_path / "features.npy"
    whole, made = embed_pixels(net, pixels, SPEC), room._embed

    def stopped(*a, **k):
        yield from [next(made(*a, **k))]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, "_embed", stopped)
        with pytest.raises(KeyboardInterrupt):
            embed_pixels(net, pixels, SPEC, cache=file)
    kept = np.isfinite(room.kept_features(file, 70)[:, 0])
    assert 0 < kept.sum() < 70
    looked = []
    monkeypatch.setattr(room, "_embed", lambda *a, **k: looked.extend(k["rows"]) or made(*a, **k))
    np.testing.assert_allclose(embed_pixels(net, pixels, SPEC, cache=file), whole, atol=1e-5)
    assert looked == np.flatnonzero(~kept).tolist()


def test_the_digest_follows_the_body_and_the_preprocessing_alone(make_net):
    net = make_net("convnet16")
    before = weights_digest(net, SPEC)
    with torch.no_grad():
        net.stages()["head"].bias.add_(1)
    assert weights_digest(net, SPEC) == before
    assert weights_digest(net, SPEC.model_copy(update={"mean": (0.5,)})) != before
    with torch.no_grad():
        next(iter(net.parameters())).add_(1)
    assert weights_digest(net, SPEC) != before
    assert weights_digest(make_net("convnet16", seed=1), SPEC) != weights_digest(make_net("convnet16"), SPEC)


def test_networks_that_compute_otherwise_with_the_same_weights_share_no_features():
    one, other = (
        build_net("mobilenet_v2", outputs=2, image_size=(32, 32), options={"variant": variant})
        for variant in ("torchvision", "keras")
    )
    other.load_state_dict(one.state_dict())
    assert weights_digest(one, SPEC) != weights_digest(other, SPEC)


def test_the_features_of_the_networks_that_were_used_last_stay(tmp_path):
    for number in range(10):
        file = features_file(tmp_path, f"{number}")
        keep_features(file, np.ones((3, 2), dtype=np.float32))
        os.utime(file, (number + 1, number + 1))
    keep_features(features_file(tmp_path, "last"), np.ones((3, 2), dtype=np.float32))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *(f"features-{number}.npy" for number in range(3, 10)), "features-last.npy"
    ]  # fmt: skip
