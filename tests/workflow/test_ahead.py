"""Pictures are looked at while others are read; what was not seen by the end is seen later, each once."""

import multiprocessing
import threading
from concurrent.futures import wait

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.images import open_dataset
from tellapart.recipe import Recipe
from tellapart.training.features import embed_pixels, features_file, kept_features, weights_digest
from tellapart.workflow import ahead as room
from tellapart.workflow.ahead import Ahead
from tellapart.workflow.prepare import sample_facts
from tellapart.workflow.probe import pretrained
from tellapart.workflow.start import begin

FEATURES = {"data": {"image_size": (32, 32)}, "training": {"transfer": "features"}, "baselines": ()}


@pytest.fixture
def dataset(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    return open_dataset(str(pictures(tmp_path / "photos", count=20, size=(40, 40))))


def started(dataset, **changes):
    return begin(Recipe.make(**{**FEATURES, **changes}), dataset, sample_facts(dataset))


@pytest.fixture
def patient(monkeypatch):
    """Let the end of a scan wait for all that was begun."""
    keep = Ahead.keep
    monkeypatch.setattr(Ahead, "keep", lambda self, *a, **k: wait(self._waiting) and keep(self, *a, **k))


def test_what_was_seen_while_reading_is_what_the_network_sees(dataset, patient):
    start = started(dataset)
    scanned = start.scan(dataset)
    net, spec = pretrained(start.recipe)
    kept = kept_features(features_file(scanned.folder, weights_digest(net, spec)), len(dataset))
    assert not np.isnan(kept).any()
    np.testing.assert_allclose(kept, embed_pixels(net.eval(), scanned.pixels, spec), atol=1e-5)


def test_what_is_known_is_not_looked_at_again(dataset, patient):
    start = started(dataset)
    scanned = start.scan(dataset, known=np.arange(5, 30))
    net, spec = pretrained(start.recipe)
    kept = kept_features(features_file(scanned.folder, weights_digest(net, spec)), len(dataset))
    assert np.flatnonzero(np.isnan(kept[:, 0])).tolist() == list(range(5, 30))


def test_what_waits_too_long_is_left_for_later(dataset, monkeypatch):
    monkeypatch.setattr(room, "WAITING", 0)
    scanned = started(dataset).scan(dataset)
    assert not list(scanned.folder.glob("features-*"))


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"transfer": "frozen"}},
        {"training": {"transfer": "none"}},
        {"net": {"name": "efficientnet_lite0", "weights": "none"}, "training": {"transfer": "none"}},
    ],
)
def test_nothing_is_looked_at_that_nobody_asks_for(dataset, changes):
    assert Ahead(started(dataset, **changes).recipe).watch is None


def test_own_weights_may_depend_on_all_pixels_and_wait_for_them(dataset):
    recipe = started(dataset).recipe.changed(net={"weights": "own.safetensors"})
    assert Ahead(recipe).watch is None


def test_pixels_that_lie_there_are_not_looked_at(dataset):
    start = started(dataset)
    start.scan(dataset)
    with Ahead(start.recipe) as ahead:
        assert ahead._lanes is None
    assert start.scan(dataset).cached


def test_trouble_in_the_middle_ends_the_threads(dataset, monkeypatch):
    def fails(*_, **__):
        raise DataError("the disk is full")

    start = started(dataset)
    monkeypatch.setattr("tellapart.images.cache._load", fails)
    with pytest.raises(DataError, match="the disk is full"):
        start.scan(dataset)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane")]
    assert not multiprocessing.active_children()
