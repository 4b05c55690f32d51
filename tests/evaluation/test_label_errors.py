from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from tellapart.errors import DataError, RunCorruptError
from tellapart.evaluation import LabelErrors, Predictions, class_thresholds, estimated_joint, find_label_errors


def flip(labels: np.ndarray, *, share: float, seed: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of which a share is another class, and the positions of those."""
    rng = np.random.default_rng(seed)
    where = rng.choice(len(labels), size=round(share * len(labels)), replace=False)
    changed = labels.copy()
    changed[where] = (labels[where] + rng.integers(1, classes, size=len(where))) % classes
    return changed, where


def test_a_hand_worked_joint():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2], [0.2, 0.8], [0.4, 0.6]])
    labels = np.array([0, 0, 1, 1, 1])
    # Equation 2: the means of 0.9 and 0.7, and of 0.2, 0.8 and 0.6.
    np.testing.assert_allclose(class_thresholds(probabilities, labels), [0.8, 1.6 / 3])
    found = find_label_errors(Predictions(list("abcde"), np.log(probabilities), labels, ("x", "y")))
    # a belongs to x; b reaches no threshold; c is labelled y and belongs to x at 0.8; d and e belong to y.
    assert found.joint.tolist() == [[1, 0], [1, 2]]
    assert [one.id for one in found.candidates] == ["c"]
    assert found.candidates[0].margin == pytest.approx(-0.6)


def test_the_estimate_is_the_papers_equation():
    joint = np.array([[40, 10], [5, 45]])
    counts = np.array([100, 300])
    # Rows scaled to the counts of the given labels, the whole to 1.
    want = np.array([[80, 20], [30, 270]]) / 400
    np.testing.assert_allclose(estimated_joint(joint, counts), want)


def test_a_class_without_pictures_or_confidence_does_no_harm():
    assert class_thresholds(np.array([[0.5, 0.5]]), np.array([0]))[1] == np.inf
    found = find_label_errors(Predictions(["a"], [[0, 1]], [0], ("x", "y")))
    assert len(found) == 1
    assert 0 <= found.candidates[0].threshold <= 1
    with pytest.raises(DataError):
        find_label_errors(Predictions(["a"], [[0, 1]], [-1], ("x", "y")))


@pytest.mark.parametrize("seed", [0, 1])
def test_on_made_probabilities_the_changed_labels_come_first(seed):
    rng = np.random.default_rng(seed)
    true = rng.integers(8, size=2000)
    logits = rng.normal(size=(2000, 8))
    logits[np.arange(2000), true] += 5
    labels, changed = flip(true, share=0.03, seed=seed, classes=8)
    ids = np.arange(2000).astype(str)
    found = find_label_errors(Predictions(ids, logits, labels, tuple("abcdefgh")))
    first = {int(one.id) for one in found.candidates[: 2 * len(changed)]}
    assert len(first & set(changed.tolist())) >= 0.95 * len(changed)
    assert found.estimated == pytest.approx(60, abs=25)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_digits_nine_in_ten_changed_labels_are_among_the_first_twice_as_many(digits, seed):
    data, out_of_fold = digits
    labels, changed = flip(data.target, share=0.03, seed=seed, classes=10)
    found = find_label_errors(out_of_fold(labels))
    first = found.candidates[: 2 * len(changed)]
    hits = {int(one.id) for one in first} & set(changed.tolist())
    assert len(hits) >= 0.9 * len(changed)
    right = [str(data.target[int(one.id)]) == one.suggested for one in first if int(one.id) in hits]
    assert np.mean(right) > 0.9


def test_the_order_of_pictures_and_classes_does_not_matter(predictions):
    rng = np.random.default_rng(0)
    base = find_label_errors(predictions)
    shuffled = find_label_errors(predictions.select(rng.permutation(len(predictions))))
    turned = find_label_errors(predictions.with_class_names(predictions.class_names[::-1]))
    for other in (shuffled, turned):
        assert [(one.id, one.suggested) for one in other.candidates] == [
            (one.id, one.suggested) for one in base.candidates
        ]
        assert other.estimated == pytest.approx(base.estimated)


def test_the_table_and_the_sentence(tmp_path, predictions):
    whole = find_label_errors(predictions)
    assert whole.clear == sum(one.ruled_out for one in whole.candidates)
    clear = f"{whole.clear} of 400 labels have hardly any support (100 to 1 for another class)"
    start = f"{clear}; {len(whole)} are doubtful"
    assert str(whole) == f"{start} and listed, the likeliest wrong first"
    found = find_label_errors(predictions, limit=4)
    assert (len(found), found.doubtful, found.clear) == (4, len(whole), whole.clear), "what is left out counts, too"
    assert str(found) == f"{start}, of which the 4 likeliest are listed, the likeliest wrong first"
    found.write(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [one.id for one in found.candidates]


def test_label_errors_come_back_from_json(predictions):
    found = find_label_errors(predictions, limit=4)
    again = LabelErrors.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.candidates == found.candidates
    assert (again.estimated, again.count, again.joint.tolist()) == (found.estimated, found.count, found.joint.tolist())
    with pytest.raises(RunCorruptError):
        LabelErrors.from_dict({"candidates": []})


def test_a_hard_pair_of_classes_does_not_hide_a_wrong_label():
    # Two classes that look alike, and one wrong label with a clear other class: the margin alone ranks it last.
    probabilities = np.array([[0.06, 0.94, 0.0], [0.05, 0.95, 0.0], [0.001, 0.399, 0.6], [0.4, 0.6, 0.0]])
    labels = np.array([0, 0, 0, 1])
    found = find_label_errors(Predictions(list("abcd"), np.log(probabilities + 1e-9), labels, ("x", "y", "z")))
    assert [one.id for one in found.candidates] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("common", "rare", "ruled_out"),
    [(0.60, 0.40, False), (0.004, 0.996, True), (0.02, 0.98, False), (0.6, 0.005, False)],
)
def test_a_common_label_is_ruled_out_by_its_odds_and_not_because_the_other_class_is_rare(common, rare, ruled_out):
    """995 common and 5 rare pictures; all are sure but one common one, of which this is said."""
    probabilities = np.array([[0.999, 0.0, 0.001]] * 994 + [[common, rare, 1 - common - rare]] + [[0.0, 1.0, 0.0]] * 5)
    labels = np.array([0] * 995 + [1] * 5)
    said = Predictions(np.arange(1000).astype(str), np.log(probabilities + 1e-9), labels, ("common", "rare", "third"))
    found = find_label_errors(said)
    assert found.clear == ruled_out
    assert {one.id for one in found.candidates if one.ruled_out} == ({"994"} if ruled_out else set())


def test_a_rare_label_is_ruled_out_by_evidence_and_not_by_its_rarity():
    """One rare picture of which nothing else is known than that most are common."""
    probabilities = np.array([[0.99, 0.01]] * 1000)
    labels = np.array([0] * 990 + [1] * 10)
    assert (
        find_label_errors(Predictions(np.arange(1000).astype(str), np.log(probabilities), labels, ("c", "r"))).clear
        == 0
    )
    probabilities[990] = [0.99999, 0.00001]
    assert (
        find_label_errors(Predictions(np.arange(1000).astype(str), np.log(probabilities), labels, ("c", "r"))).clear
        == 1
    )


def test_equal_probabilities_of_the_labels_are_ranked_by_the_suggested_class():
    said = np.arange(50, 96) / 100
    three = np.column_stack([np.full(len(said), 0.04), said, 0.96 - said])
    ids = [f"{at:02}" for at in range(len(said))]
    # As votes come: float32 logits, whose softmax has the same share with other last digits.
    found = find_label_errors(
        Predictions(ids, np.log(three).astype(np.float32), np.zeros(len(said), int), tuple("xyz"))
    )
    assert [one.id for one in found.candidates] == ids[::-1]
