"""Pictures are looked at while others are read, by other processes; what was not seen by then is seen later, once."""

import contextlib
import threading
from concurrent.futures import wait

import numpy as np
import pytest

from tellapart.images import cache, open_dataset, reading
from tellapart.recipe import Recipe
from tellapart.training.features import embed_pixels, features_file, kept_features, weights_digest
from tellapart.training.lanes import Lanes
from tellapart.workflow import ahead as room
from tellapart.workflow.ahead import Ahead
from tellapart.workflow.prepare import sample_facts
from tellapart.workflow.probe import pretrained
from tellapart.workflow.start import begin

FEATURES = {"data": {"image_size": (32, 32)}, "training": {"transfer": "features"}, "baselines": ()}


@pytest.fixture
def dataset(pictures, tmp_path, monkeypatch):
    """40 pictures that two processes read, four at a time."""
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "SERIAL_BELOW", 0)
    monkeypatch.setattr(reading, "CHUNK", 4)
    monkeypatch.setattr(reading, "usable_processors", lambda: 2)
    return open_dataset(str(pictures(tmp_path / "photos", count=20, size=(40, 40))))


def started(dataset, **changes):
    return begin(Recipe.make(**{**FEATURES, **changes}), dataset, sample_facts(dataset))


def lanes_running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("lane")]


@pytest.fixture
def patient(monkeypatch):
    """Let the network see all that it was shown before it is stopped."""
    leave = Ahead.__exit__

    def left(self, *error):
        wait(self._waiting)
        leave(self, *error)

    monkeypatch.setattr(Ahead, "__exit__", left)


def kept(dataset, start, scanned):
    net, spec = pretrained(start.recipe)
    return kept_features(features_file(scanned.folder, weights_digest(net, spec)), len(dataset))


def test_what_was_seen_while_reading_is_bit_for_bit_what_is_seen_later(dataset, patient):
    start = started(dataset)
    scanned = start.scan(dataset)
    net, spec = pretrained(start.recipe)
    assert (kept(dataset, start, scanned) == embed_pixels(net.eval(), scanned.pixels, spec)).all()
    assert not lanes_running()


def test_the_network_looks_while_others_read(dataset, monkeypatch):
    """What is shown first has been seen before the last is shown."""
    shown, show = [], Ahead.__call__

    def watched(self, pixels, rows):
        wait(self._waiting)
        shown.append((len(rows), sum(future.done() for _, future in self._looked)))
        show(self, pixels, rows)

    monkeypatch.setattr(Ahead, "__call__", watched)
    started(dataset).scan(dataset)
    assert [count for count, _ in shown] == [4] * 10
    assert [seen for _, seen in shown] == list(range(10))


@pytest.mark.parametrize("transfer", ["frozen", "finetune"])
def test_a_head_that_is_learnt_before_the_epochs_wants_features_too(dataset, transfer):
    assert Ahead(started(dataset, training={"transfer": transfer}).recipe).wanted


def test_what_is_known_is_not_looked_at_again(dataset, patient):
    start = started(dataset)
    scanned = start.scan(dataset, known=np.arange(5, 30))
    assert np.flatnonzero(np.isnan(kept(dataset, start, scanned)[:, 0])).tolist() == list(range(5, 30))


def test_what_waits_too_long_is_left_for_later(dataset, monkeypatch):
    monkeypatch.setattr(room, "WAITING", 0)
    scanned = started(dataset).scan(dataset)
    assert not list(scanned.folder.glob("features-*"))


def test_what_fails_is_left_for_the_training_to_say(dataset, patient, monkeypatch):
    def fails(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Lanes, "_look", fails)
    scanned = started(dataset).scan(dataset)
    assert len(scanned.pixels) == 40
    assert not list(scanned.folder.glob("features-*"))


@pytest.mark.parametrize(
    ("changes", "look"),
    [
        ({"training": {"transfer": "none"}}, True),
        ({"net": {"name": "efficientnet_lite0", "weights": "none"}, "training": {"transfer": "none"}}, True),
        ({}, False),
    ],
)
def test_nothing_is_looked_at_that_nobody_asks_for(dataset, monkeypatch, changes, look):
    monkeypatch.setattr(Lanes, "look", lambda *_: pytest.fail("looked"))
    started(dataset, **changes).scan(dataset, look=look)


def test_own_weights_may_depend_on_all_pixels_and_wait_for_them(dataset):
    recipe = started(dataset).recipe.changed(net={"weights": "own.safetensors"})
    assert not Ahead(recipe).wanted


def test_pixels_that_lie_there_are_not_looked_at(dataset, monkeypatch):
    start = started(dataset)
    start.scan(dataset)
    monkeypatch.setattr(Lanes, "look", lambda *_: pytest.fail("looked"))
    assert start.scan(dataset).cached


@pytest.mark.parametrize("trouble", [OSError(5, "the disk is gone"), KeyboardInterrupt()])
def test_trouble_in_the_middle_ends_the_threads_and_leaves_nothing(dataset, tmp_path, monkeypatch, trouble):
    chunks = cache.read_chunks

    def broken(found):
        for number, chunk in enumerate(found):
            if number == 5:
                assert lanes_running()
                raise trouble
            yield chunk

    @contextlib.contextmanager
    def breaks(*args, **options):
        with chunks(*args, **options) as found:
            yield broken(found)

    monkeypatch.setattr(cache, "read_chunks", breaks)
    with pytest.raises(type(trouble)):
        started(dataset).scan(dataset)
    assert not lanes_running()
    assert not list((tmp_path / "cache").glob("pixels-*"))
