from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from tellapart.errors import ClassMismatchError, DataError
from tellapart.evaluation import Predictions, compare, mcnemar_test
from tellapart.evaluation.comparison import sign_flip_test


def pair(both: int, first: int, second: int, neither: int) -> tuple[Predictions, Predictions]:
    """Return two classifiers that are right so often together and alone."""
    a = np.repeat([1, 1, 0, 0], [both, first, second, neither])
    b = np.repeat([1, 0, 1, 0], [both, first, second, neither])
    ids = np.arange(len(a)).astype(str)
    return tuple(Predictions(ids, np.eye(2)[1 - x], np.zeros(len(a), int), ("x", "y")) for x in (a, b))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 5), (10, 10), (121, 59), (0, 12), (700, 610)])
def test_mcnemar_is_the_binomial_test(b, c):
    want = binomtest(min(b, c), b + c).pvalue if b + c else 1.0
    assert mcnemar_test(b, c) == pytest.approx(want)


def test_a_published_case():
    # Agresti, Categorical Data Analysis, table of approval ratings: 150 and 86 discordant of 1,600.
    assert mcnemar_test(150, 86) == pytest.approx(binomtest(86, 236).pvalue)
    found = compare(*pair(794, 150, 86, 570))
    assert found.difference.value == pytest.approx(-0.04)
    # The large-sample interval there is −0.04 ± 1.96 × 0.0095.
    assert (found.difference.low, found.difference.high) == pytest.approx((-0.0587, -0.0213), abs=0.001)
    assert found.better == "A"
    assert str(found).startswith("A is better than B by 4.0 points (95% interval 2.1 to 5.9, 1,600 pictures)")


def test_the_interval_is_scipys_paired_bootstrap():
    first, second = pair(300, 20, 41, 60)
    gaps = second.correct().astype(float) - first.correct()
    want = bootstrap((gaps,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    found = compare(first, second).difference
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=0.003)


def test_no_difference_is_said():
    found = compare(*pair(300, 20, 24, 60), names=("small net", "large net"))
    assert found.better is None
    assert str(found).startswith("no difference can be shown between small net and large net: large net less small net")
    # 404 pictures, 24 against 20 that differ: 4/404, and ±1.96 times √(44 − 16/404) / 404, the normal approximation
    assert found.difference.value == pytest.approx(4 / 404)
    assert found.difference.low == pytest.approx(0.0099 - 0.0322, abs=0.003)
    assert found.difference.high == pytest.approx(0.0099 + 0.0322, abs=0.003)
    assert f"1.0 points (95% interval {found.difference.interval()}, 404 pictures)" in str(found)


def test_what_resampling_cannot_vary_has_no_interval_of_no_width():
    always = compare(*pair(0, 0, 10, 0))
    unseen = 1 - 10 / (10 + 1.959964**2)  # Wilson's upper end of 0 in 10
    assert (always.difference.low, always.difference.high) == (pytest.approx(1 - 2 * unseen), 1.0)
    assert always.better == "B"
    one_writer = [Predictions(p.ids, p.logits, p.labels, p.class_names, groups=["w"] * 50) for p in pair(40, 2, 8, 0)]
    alone = compare(*one_writer)
    assert alone.better is None
    assert alone.difference.high - alone.difference.low > 1, "one writer says next to nothing of others"
    never = [Predictions(p.ids, p.logits, p.labels, p.class_names, groups=["v"] * 25 + ["w"] * 25)
             for p in pair(40, 0, 0, 10)]  # fmt: skip
    assert compare(*never).difference.high == pytest.approx(1.959964**2 / (2 + 1.959964**2)), "two writers, not 50"


def test_swapping_turns_the_sign():
    first, second = pair(300, 20, 60, 60)
    there, back = compare(first, second, names=("a", "b")), compare(second, first, names=("b", "a"))
    assert there.difference.value == -back.difference.value
    assert there.p_value == back.p_value
    assert there.better == back.better == "b"


def test_it_says_a_difference_where_there_is_none_as_often_as_it_says():
    rng = np.random.default_rng(0)
    ids = np.arange(200).astype(str)
    said = 0
    for _ in range(100):
        a, b = (
            Predictions(ids, np.eye(2)[rng.integers(2, size=200)], np.zeros(200, int), ("x", "y")) for _ in range(2)
        )
        said += compare(a, b, resamples=500).better is not None
    assert said <= 10


def test_pictures_are_matched_by_id_and_classes_by_name(predictions, make_predictions):
    other = Predictions(predictions.ids, make_predictions(seed=5).logits, predictions.labels, predictions.class_names)
    shuffled = other.select(np.random.default_rng(0).permutation(len(other)))
    turned = shuffled.with_class_names(predictions.class_names[::-1])
    assert compare(predictions, turned).to_dict() == compare(predictions, other).to_dict()
    json.dumps(compare(predictions, other).to_dict(), allow_nan=False)


def test_other_pictures_labels_or_classes_are_refused(predictions):
    with pytest.raises(DataError, match="100 of 400 are in the first alone, 0 of 300"):
        compare(predictions, predictions.select(np.arange(300)))
    with pytest.raises(DataError, match="listed twice"):
        compare(predictions, predictions.select([0, 0]))
    changed = predictions.labels.copy()
    changed[:7] = (changed[:7] + 1) % 6
    other = Predictions(predictions.ids, predictions.logits, changed, predictions.class_names)
    with pytest.raises(DataError, match="labels of 7 of 400"):
        compare(predictions, other)
    other = Predictions(predictions.ids, predictions.logits, predictions.labels, tuple("abcdef"))
    with pytest.raises(ClassMismatchError):
        compare(predictions, other)
    none = Predictions(["a"], [[1, 0]], [-1], ("x", "y"))
    with pytest.raises(DataError, match="no labelled picture"):
        compare(none, none)


def test_groups_of_either_side_count():
    ids, labels = np.arange(40).astype(str), np.zeros(40, dtype=int)
    right = np.eye(2)[np.zeros(40, dtype=int)]
    better = Predictions(ids, right, labels, ("a", "b"), groups=[f"writer {i // 10}" for i in range(40)])
    worse = Predictions(
        ids, np.where(np.arange(40)[:, None] < 10, right[:, ::-1], right), labels, ("a", "b"), groups=ids
    )
    assert compare(worse, better).p_value == compare(better, worse).p_value == 1, "one writer of four"
    assert compare(worse, dataclasses.replace(better, groups=None)).p_value < 0.01


def test_the_sign_flip_test_turns_many_groups_as_few():
    rng = np.random.default_rng(0)
    gains = rng.choice([-2.0, -1.0, 0.0, 1.0, 2.0], size=400, p=[0.1, 0.2, 0.3, 0.28, 0.12])
    signs = rng.choice([-1.0, 1.0], size=(20_000, 400))
    expected = float((np.abs(signs @ gains) >= abs(gains.sum()) - 1e-9).mean())
    assert sign_flip_test(gains, resamples=20_000) == pytest.approx(expected, abs=0.015)
