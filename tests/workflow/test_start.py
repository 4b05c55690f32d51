"""A doubtful start is decided by a probe, once; a clear one asks nobody."""

import shutil

import numpy as np
import pytest

from tellapart.defaults.pretrained import BACKBONE
from tellapart.errors import DataError
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset
from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import build_net
from tellapart.progress import Progress
from tellapart.recipe import Recipe
from tellapart.training.lanes import Lanes
from tellapart.workflow import probe, resume, start, train
from tellapart.workflow.inspection import inspect_pictures
from tellapart.workflow.prepare import sample_facts

PLAIN = Recipe.make(baselines=())


@pytest.fixture
def small(pictures, tmp_path, monkeypatch):
    """Colourful noise of 40×40 pixels, two classes by tone: edges are chance, a pretrained network is not."""
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "PICTURES", 24)
    return pictures(tmp_path / "photos", count=32, size=(40, 40))


@pytest.fixture
def embedded(monkeypatch):
    """The number of pictures of each batch that a network has looked at."""
    seen, look = [], Lanes._look
    monkeypatch.setattr(Lanes, "_look", lambda self, pixels, rows: seen.append(len(rows)) or look(self, pixels, rows))
    return seen


def reason(run):
    return next(choice["reason"] for choice in run.load("choices") if choice["field"] == "net.name")


def test_a_probe_decides_says_so_and_is_not_repeated(small, embedded, tmp_path, monkeypatch):
    run = train(small, PLAIN, out=tmp_path / "run", explain=False)
    assert (run.recipe.net.name, run.recipe.training.transfer) == (BACKBONE, "features")
    assert run.recipe.data.image_size == (224, 224)
    assert reason(run).startswith("the pictures are photographs of 40 pixels, and a pretrained network knows them")
    assert "cross-validated on 24 training pictures, its features have 100.0% right" in reason(run)
    assert sum(embedded) == 64  # each picture once: those of the probe are not looked at again

    again = train(small, PLAIN, out=tmp_path / "again", explain=False)
    assert sum(embedded) == 64
    assert again.recipe == run.recipe
    assert again.read_text("choices.json") == run.read_text("choices.json")

    before = run.read_text("evaluation.json")
    monkeypatch.setattr(start, "probe", None)  # a resumed run takes the choice that was made
    shutil.rmtree(tmp_path / "cache")
    (run.path / "evaluation.json").unlink()
    run.mark("running")
    assert resume(run.path, explain=False).read_text("evaluation.json") == before


def test_labels_that_nothing_shows_are_left_to_a_small_network(small):
    for path in sorted(small.rglob("*.png")):
        path.rename(small / "ab"[int(path.stem) % 2] / f"{path.parent.name}-{path.name}")
    heard = []
    dataset, decided = begun(small)
    settled, _ = start.settle(decided, dataset, np.arange(64), scanned(dataset, decided), progress=Says(heard))
    assert (settled.recipe.net.name, settled.recipe.data.image_size) == ("compact", (40, 40))
    assert "knows little of them" in settled.leaning.reason
    assert heard == ["looking at the pictures"]


def test_a_probe_looks_at_grey_pictures_in_grey(small):
    dataset, _ = begun(small)
    decided = start.begin(PLAIN.changed(data={"channels": 1}), dataset, sample_facts(dataset))
    assert decided.doubtful
    settled, pictures = start.settle(decided, dataset, np.arange(64), scanned(dataset, decided))
    assert settled.recipe.data.channels == pictures.pixels.shape[3] == 1
    assert "a pretrained network knows" in settled.leaning.reason


class Says(Progress):
    def __init__(self, names):
        self.names = names

    def begin(self, name, *, total, unit):
        self.names.append(name)


def begun(source):
    from tellapart.images import open_dataset

    dataset = open_dataset(str(source))
    return dataset, start.begin(PLAIN, dataset, sample_facts(dataset))


def scanned(dataset, decided):
    from tellapart.defaults.preprocessing import preprocessing_of

    return start.scan(dataset, preprocessing_of(decided.recipe.data))


def test_clear_pictures_and_an_inspection_ask_no_probe(small, monkeypatch, tmp_path):
    monkeypatch.setattr(start, "probe", None)
    assert inspect_pictures(small).pictures == 64
    recipe = Recipe.make(net={"options": {"width": 8}}, data={"image_size": (8, 8)}, training={"epochs": 1})
    assert train(small, recipe, out=tmp_path / "wish", explain=False).recipe.net.name == "compact"
    rng = np.random.default_rng(0)
    images = ArrayImages(rng.integers(0, 256, (80, 12, 12, 3), dtype=np.uint8))
    tiny = Dataset(list(map(str, range(80))), images, [0, 1] * 40, class_names=("x", "y"))
    decided = start.begin(PLAIN, tiny, sample_facts(tiny))
    assert not decided.doubtful
    assert "12 pixels" in decided.leaning.reason


def test_a_full_disk_speaks_against_enlarging_unless_the_pixels_lie_there(small, monkeypatch):
    monkeypatch.setattr(start, "free_bytes", lambda: 10**6)
    dataset, decided = begun(small)
    assert not decided.doubtful
    assert decided.choices[0].reason == (
        "64 pictures at the size of a pretrained network would take 0.0 GB of disk, and 0.0 GB are free"
    )
    start.scan(dataset, start.preprocessing_of(wanted(dataset)))
    assert begun(small)[1].doubtful


def wanted(dataset):
    recipe = Recipe.make(baselines=(), training={"transfer": "features"})
    return start.begin(recipe, dataset, sample_facts(dataset)).recipe.data


def test_a_probe_keeps_copies_on_one_side_of_its_folds(tmp_path, monkeypatch):
    spec = Preprocessing(image_size=(8, 8), channels=1)
    net = build_net("softmax", outputs=2, image_size=(8, 8), channels=1)
    monkeypatch.setattr(probe, "pretrained", lambda recipe: (net, spec))
    pixels = np.repeat(np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8), 2, axis=0)
    labels = np.repeat([0, 1] * 6, 2)  # each picture stands twice, and nothing but its copy shows its label
    dataset = Dataset(np.arange(24).astype(str), ArrayImages(pixels), labels, class_names=("x", "y"))
    asked = {"pixels": pixels, "recipe": PLAIN.changed(training={"threads": 1}), "folder": tmp_path}
    known, parted = (
        probe.probe(dataset, np.arange(24), together=together, **asked).figures
        for together in (np.repeat(np.arange(12), 2), np.arange(24))
    )
    assert parted.accuracy > 0.8 > known.accuracy
    assert parted.plain_accuracy > 0.8 > known.plain_accuracy


def test_too_few_of_each_class_for_a_probe():
    labels = np.array([0] * 30 + [1] * 4 + [2] * 4)
    assert len(probe.probed_rows(labels, np.arange(38))) == 0


def test_a_probe_takes_the_largest_classes_evenly():
    labels = np.repeat(np.arange(30), np.arange(10, 40))
    train = np.random.default_rng(0).permutation(len(labels))
    rows = probe.probed_rows(labels, train)
    assert len(rows) == probe.PICTURES == 320
    assert np.bincount(labels[rows]).tolist() == [0] * 10 + [16] * 20
    assert (np.diff(rows) > 0).all()
    assert (rows == probe.probed_rows(labels, np.sort(train))).all()


def test_a_picture_that_changes_while_it_is_worked_on_is_named(small, monkeypatch):
    dataset, decided = begun(small)
    seen = scanned(dataset, decided)
    (small / "a" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 picture in 'photos' changed .* 'a/0\.png' \(not a picture"):
        start.settle(decided, dataset, np.arange(1, 64), seen)
    monkeypatch.setattr(probe, "PICTURES", 64)
    with pytest.raises(DataError, match=r"the picture 'a/0\.png', which was read before, can be read no more: not a p"):
        start.settle(decided, dataset, np.arange(64), seen)
