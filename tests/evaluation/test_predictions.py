from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from tellapart.errors import ClassMismatchError, DataError, RunCorruptError, UnwritableError
from tellapart.evaluation import Predictions

NAMES = ("cat", "dog", "owl")


def test_probabilities_are_scipys_softmax(predictions):
    for temperature in (0.05, 1.0, 3.0):
        want = softmax(predictions.logits.astype(np.float64) / temperature, axis=1)
        np.testing.assert_allclose(predictions.probabilities(temperature), want, rtol=1e-12, atol=1e-300)
        want = log_softmax(predictions.logits.astype(np.float64) / temperature, axis=1)
        np.testing.assert_allclose(predictions.log_probabilities(temperature), want, rtol=1e-12, atol=1e-12)


def test_huge_logits_stay_finite():
    said = Predictions(["a"], [[1e30, -1e30, 0]], [0], NAMES)
    assert said.probabilities().tolist() == [[1, 0, 0]]
    assert said.confidence(20).tolist() == [1]


def test_one_sigmoid_becomes_two_columns():
    said = Predictions(["a", "b"], [[2.0], [-1.0]], [1, 0], ("no", "yes"))
    np.testing.assert_allclose(said.probabilities()[:, 1], 1 / (1 + np.exp([-2.0, 1.0])))


def test_draws_go_to_the_first_class():
    assert Predictions(["a"], [[1, 1, 0]], [0], NAMES).predicted().tolist() == [0]


def test_unknown_labels_are_never_right(predictions):
    unknown = Predictions(predictions.ids, predictions.logits, np.full(len(predictions), -1), predictions.class_names)
    assert not unknown.correct().any()
    assert len(unknown.labelled()) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"logits": [[1, 2]]}, "shape"),
        ({"logits": [[1, 2, np.nan]]}, "finite"),
        ({"labels": [3]}, "positions in class_names"),
        ({"labels": [0, 1]}, "one entry an id"),
        ({"class_names": ("cat", "cat", "dog")}, "must differ"),
    ],
)
def test_parts_that_do_not_fit_are_named(change, says):
    parts = {"ids": ["a"], "logits": [[1, 2, 3]], "labels": [0], "class_names": NAMES} | change
    with pytest.raises(DataError, match=says):
        Predictions(**parts)


def test_temperature_must_be_positive(predictions):
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(DataError, match="temperature"):
            predictions.probabilities(wrong)


def test_classes_in_another_order_are_the_same_predictions(predictions):
    order = predictions.class_names[::-1]
    turned = predictions.with_class_names(order)
    np.testing.assert_array_equal(turned.correct(), predictions.correct())
    np.testing.assert_array_equal(turned.with_class_names(predictions.class_names).logits, predictions.logits)
    unknown = Predictions(["a"], [[1, 2, 3]], [-1], NAMES).with_class_names(NAMES[::-1])
    assert unknown.labels.tolist() == [-1]
    with pytest.raises(ClassMismatchError, match="'wolf'"):
        predictions.with_class_names([*order[:-1], "wolf"])


def test_join_matches_classes_by_name(predictions):
    half = np.arange(len(predictions)) < 200
    other = predictions.select(~half).with_class_names(predictions.class_names[::-1])
    joined = Predictions.join([predictions.select(half), other])
    np.testing.assert_array_equal(joined.logits, predictions.logits)
    np.testing.assert_array_equal(joined.labels, predictions.labels)
    with pytest.raises(DataError):
        Predictions.join([])


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=25, deadline=None)
@given(ids=st.lists(text, min_size=1, max_size=4), names=st.lists(text, min_size=2, max_size=3, unique=True))
def test_save_and_load_give_the_same(tmp_path_factory, ids, names):
    rng = np.random.default_rng(0)
    said = Predictions(ids, rng.normal(size=(len(ids), len(names))), np.full(len(ids), -1), tuple(names))
    path = tmp_path_factory.mktemp("said") / "deep" / "test.npz"
    said.save(path)
    again = Predictions.load(path)
    assert again.ids.tolist() == ids
    assert again.class_names == tuple(names)
    np.testing.assert_array_equal(again.logits, said.logits)
    np.testing.assert_array_equal(again.labels, said.labels)
    assert [file.name for file in path.parent.iterdir()] == ["test.npz"]


def test_no_pictures_save_and_load(tmp_path):
    Predictions([], np.zeros((0, 3)), [], NAMES).save(tmp_path / "none.npz")
    assert len(Predictions.load(tmp_path / "none.npz")) == 0


def test_damage_is_one_sentence(tmp_path, predictions):
    path = tmp_path / "test.npz"
    with pytest.raises(RunCorruptError, match="no such file"):
        Predictions.load(path)
    predictions.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in (0, 3, 200, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(RunCorruptError, match="cannot be read"):
            Predictions.load(path)
    for _ in range(40):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(flipped))
        try:
            again = Predictions.load(path)
        except RunCorruptError:
            continue
        np.testing.assert_array_equal(again.logits, predictions.logits)  # a byte that nothing depends on


def test_other_files_and_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=1)
    np.savez(tmp_path / "pickle.npz", format=1, ids=np.array([{}], dtype=object))
    np.savez(tmp_path / "later.npz", format=2)
    for name in ("other", "pickle", "later"):
        with pytest.raises(RunCorruptError):
            Predictions.load(tmp_path / f"{name}.npz")


def test_an_unwritable_folder_is_one_sentence(tmp_path, predictions):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot write"):
        predictions.save(tmp_path / "file" / "test.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
