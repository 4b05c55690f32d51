"""Batches, threads and the cache."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from tellapart.errors import DataError, RecipeError, UnknownNameError
from tellapart.features import extract, extract_timed, extraction
from tellapart.features.base import FeatureSpec

RNG = np.random.default_rng(2)
PIXELS = RNG.integers(0, 256, size=(50, 9, 9, 1), dtype=np.uint8)


def test_batches_and_threads_change_nothing(monkeypatch):
    whole = extract(PIXELS, "hog")
    monkeypatch.setattr(extraction, "_BATCH_VALUES", 81 * 7)
    for jobs in (1, 2, 5):
        assert (extract(PIXELS, "hog", jobs=jobs) == whole).all()


def test_memory_mapped_pixels(tmp_path):
    np.save(tmp_path / "pixels.npy", PIXELS)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert (extract(mapped, "hog") == extract(PIXELS, "hog")).all()


def test_the_cache_is_used_and_knows_what_it_was_made_from(tmp_path, monkeypatch):
    first = extract(PIXELS, "colour-histogram", cache=tmp_path)
    monkeypatch.setattr(extraction, "_computed", None)
    assert (extract(PIXELS, "colour-histogram", cache=tmp_path) == first).all()
    monkeypatch.undo()
    extract(PIXELS, "colour-histogram", options={"bins": 3}, cache=tmp_path)
    extract(PIXELS[1:], "colour-histogram", cache=tmp_path)
    changed = PIXELS.copy()
    changed[-1, -1, -1] ^= 1
    extract(changed, "colour-histogram", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    assert not list(tmp_path.glob("*.part"))


def test_the_cache_keeps_what_computing_took(tmp_path, monkeypatch):
    first = extract_timed(PIXELS, "hog", cache=tmp_path)
    monkeypatch.setattr(extraction, "_computed", None)
    again = extract_timed(PIXELS, "hog", cache=tmp_path)
    assert again.seconds == first.seconds > 0
    assert (again.values == first.values).all()


def test_other_threads_take_another_time(tmp_path):
    extract_timed(PIXELS, "hog", jobs=1, cache=tmp_path)
    extract_timed(PIXELS, "hog", jobs=2, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"not numpy", None])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    first = extract(PIXELS, "hog", cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-50] if damage is None else damage)
    assert (extract(PIXELS, "hog", cache=tmp_path) == first).all()
    with np.load(path) as kept:
        assert (kept["values"] == first).all()


def test_where_nothing_can_be_kept_it_is_computed_all_the_same(tmp_path):
    (tmp_path / "in the way").write_bytes(b"")
    assert (extract(PIXELS, "hog", cache=tmp_path / "in the way") == extract(PIXELS, "hog")).all()


def test_what_cannot_be_is_refused():
    for pixels in (PIXELS[..., 0], PIXELS.astype(float), PIXELS[:, :0], np.zeros((2, 4, 4, 2), np.uint8), [1]):
        with pytest.raises(DataError, match="must be uint8 of shape"):
            extract(pixels, "hog")
    with pytest.raises(UnknownNameError, match="did you mean 'hog'"):
        extract(PIXELS, "hogg")
    with pytest.raises(RecipeError, match="jobs"):
        extract(PIXELS, "hog", jobs=0)


def test_features_load_no_heavy_library():
    code = (
        "import sys, tellapart.filters, tellapart.features as f; f.features.names(); f.classifiers.names();"
        "print([m for m in ('torch', 'sklearn', 'skimage', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_feature_of_ones_own_is_computed_anew_when_its_code_changes(tmp_path, monkeypatch):
    def loaded(body):
        (tmp_path / "mine.py").write_text(f"def compute(pixels):\n    return {body}\n", encoding="utf-8")
        spec = importlib.util.spec_from_file_location("mine", tmp_path / "mine.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return FeatureSpec("mine", module.compute, "", "together", {})

    found = []
    for body in ("pixels[:, 0, 0]", "pixels[:, 1, 1]"):
        monkeypatch.setattr(extraction.features, "get", lambda _, body=body: loaded(body))
        found.append(extract(PIXELS, "mine", cache=tmp_path / "cache"))
    np.testing.assert_array_equal(found[0], PIXELS[:, 0, 0])
    np.testing.assert_array_equal(found[1], PIXELS[:, 1, 1])


def test_a_feature_that_is_typed_at_a_prompt_leaves_no_file_behind(tmp_path, monkeypatch):
    typed = {}
    exec("def compute(pixels):\n    return pixels[:, 0, 0].astype('float32')", typed)
    typed["compute"].__module__ = "__main__"
    typed["compute"].__code__ = typed["compute"].__code__.replace(co_filename="<stdin>")
    monkeypatch.setattr(extraction.features, "get", lambda _: FeatureSpec("mine", typed["compute"], "", "together", {}))
    np.testing.assert_array_equal(extract(PIXELS, "mine", cache=tmp_path), PIXELS[:, 0, 0])
    assert not list(tmp_path.iterdir())


def test_a_long_feature_of_small_pictures_is_computed_a_few_pictures_at_a_time(monkeypatch):
    asked = []

    def compute(pixels):
        asked.append(len(pixels))
        return np.zeros((len(pixels), 1000), dtype=np.float32)

    monkeypatch.setattr(extraction, "_BATCH_VALUES", 5000)
    monkeypatch.setattr(extraction.features, "get", lambda _: FeatureSpec("mine", compute, "", "together", {}))
    extract(np.zeros((20, 4, 4, 1), dtype=np.uint8), "mine", jobs=1)
    assert max(asked) == 5
