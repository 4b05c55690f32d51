"""What every registered source promises, whoever wrote it."""

import inspect
import pickle

import numpy as np
import pytest

from tellapart.errors import SourceError, SourceNotFoundError
from tellapart.images import open_dataset
from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Images
from tellapart.images.sources import source, sources

NAMED = [name for name, spec in sources if spec.claims is None]


@pytest.fixture(scope="module")
def opened():
    """The data sets that can be opened on this machine, by name."""
    found, missing = {}, {}
    for name in NAMED:
        try:
            found[name] = open_dataset(name)
        except SourceNotFoundError as error:
            missing[name] = str(error)
    assert all("install" in message for message in missing.values()), missing
    assert {"digits", "faces"} <= set(found)
    return found


@pytest.mark.parametrize("name", sources.names())
def test_it_says_what_it_is(name):
    spec = sources.get(name)
    assert 10 <= len(spec.summary) <= 100
    assert inspect.getdoc(spec.read), f"{name} has no docstring"
    assert spec.claims is None or callable(spec.claims)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_data_set_is_whole(name, opened):
    if name not in opened:
        pytest.skip("it is not installed here")
    data = opened[name]
    assert isinstance(data, Dataset)
    assert isinstance(data.images, Images)
    assert len(np.unique(data.ids)) == len(data.ids) == len(data.images)
    assert all(data.counts().values()), "a class without pictures"
    picture = data.images.load(len(data) - 1)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.ndim == 3
    assert len(picture.digest) == 16


@pytest.mark.parametrize("name", NAMED)
def test_the_same_again_is_the_same(name, opened):
    if name not in opened:
        pytest.skip("it is not installed here")
    first, again = opened[name], open_dataset(name)
    assert first.images.fingerprint() == again.images.fingerprint()
    assert first.ids.tolist() == again.ids.tolist()
    sent = pickle.loads(pickle.dumps(first.images.select(np.array([3, 1]))))
    assert (sent.load(1).pixels == first.images.load(1).pixels).all()


def test_a_source_that_gives_an_id_twice_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_things", dict(sources._things))

    @source("twins", summary="two pictures with one id", claims=lambda place: place.suffix == ".twins", order=1)
    def read(place):
        pixels = ArrayImages(np.zeros((3, 8, 8), dtype=np.uint8))
        return Dataset(["a", "b", "a"], pixels, [0, 1, 0], class_names=("cat", "dog"))

    (tmp_path / "x.twins").write_bytes(b"some")
    with pytest.raises(SourceError, match="'twins' gave two pictures the id 'a'"):
        open_dataset(tmp_path / "x.twins")
