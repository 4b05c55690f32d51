"""The vote of neighbours: by hand, against scikit-learn, and on real digits with changed labels."""

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.evaluation import Components, Predictions, search_labels, vote_of_neighbours
from tellapart.features import extract


def test_the_vote_is_scikit_learns_neighbours_without_itself():
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(0)
    table, labels = rng.normal(size=(200, 6)), rng.integers(0, 3, 200)
    said, near = vote_of_neighbours(table, labels, ids=np.arange(200).astype(str), class_names=("a", "b", "c"))
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    want = NearestNeighbors(n_neighbors=25).fit(unit).kneighbors(return_distance=False)
    np.testing.assert_array_equal(near.indices, want)
    counts = np.stack([np.bincount(labels[row], minlength=3) for row in want])
    votes, shares = counts / 25, (np.bincount(labels) + 1) / 203

    def mixed(weight):
        return weight * votes + (1 - weight) * shares

    tried = np.linspace(0, 200 / 201, 2001)
    own = np.arange(200), labels
    best = tried[np.argmax([np.log(mixed(weight)[own]).sum() for weight in tried])]
    np.testing.assert_allclose(said.probabilities(), mixed(best), atol=2e-3)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_features_that_say_nothing_rule_no_label_out(classes):
    rng = np.random.default_rng(0)
    table, labels = rng.normal(size=(2000, 8)), rng.integers(0, classes, 2000)
    names, ids = tuple(map(str, range(classes))), np.arange(2000).astype(str)
    votes, near = vote_of_neighbours(table, labels, ids=ids, class_names=names)
    assert search_labels(votes, near, held_out={}, splits=np.array(["train"] * 2000)).clear == 0


def test_many_classes_that_are_hard_to_tell_apart_rule_hardly_a_right_label_out():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(50), 40)
    table = rng.normal(size=(2000, 12)) + 2.2 * rng.normal(size=(50, 12))[labels]
    votes, near = vote_of_neighbours(
        table, labels, ids=np.arange(2000).astype(str), class_names=tuple(map(str, range(50)))
    )
    assert search_labels(votes, near, held_out={}, splits=np.array(["train"] * 2000)).clear <= 20


def test_a_rare_class_is_not_ruled_out_for_being_rare():
    rng = np.random.default_rng(1)
    labels = np.array([0] * 490 + [1] * 490 + [2] * 20)
    table = rng.normal(size=(1000, 4)) + 0.8 * np.eye(4)[labels]
    votes, near = vote_of_neighbours(table, labels, ids=np.arange(1000).astype(str), class_names=("a", "b", "rare"))
    assert search_labels(votes, near, held_out={}, splits=np.array(["train"] * 1000)).clear == 0


def test_the_only_picture_of_a_class_among_few_is_not_ruled_out():
    table = np.array([[1.0, 0.01 * i] for i in range(5)] + [[0.9, 0.2]])
    votes, near = vote_of_neighbours(table, np.array([0] * 5 + [1]), ids=list("abcdef"), class_names=("x", "y"))
    assert search_labels(votes, near, held_out={}, splits=np.array(["train"] * 6)).clear == 0


def test_no_picture_votes_on_itself_even_among_many_copies():
    table = np.ones((60, 3))
    _, near = vote_of_neighbours(table, np.zeros(60, dtype=int), ids=np.arange(60).astype(str), class_names=("a", "b"))
    assert near.indices.shape == (60, 25)
    assert not (near.indices == np.arange(60)[:, None]).any()
    with pytest.raises(DataError, match="at least two"):
        vote_of_neighbours(table[:1], np.zeros(1, dtype=int), ids=["a"], class_names=("a", "b"))


def test_components_are_scikit_learns():
    from sklearn.decomposition import PCA

    table = np.random.default_rng(0).normal(size=(80, 7)) @ np.diag([5, 4, 3, 2, 1, 0.5, 0.1])
    ours, theirs = Components(table, dimensions=3).project(table), PCA(3).fit(table).transform(table)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-4, atol=1e-4)


def test_of_more_features_than_pictures_the_components_are_the_same():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 7)) @ rng.normal(size=(7, 300)) + 0.01 * rng.normal(size=(40, 300))
    ours, theirs = Components(table, dimensions=5).project(table), PCA(5).fit(table).transform(table)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-4, atol=1e-4)


def test_features_that_are_all_alike_have_no_components():
    assert not Components(np.ones((4, 30))).project(np.ones((2, 30))).any()


@pytest.mark.parametrize("seed", [0, 1])
def test_on_digits_nine_in_ten_changed_labels_are_among_the_first_twice_as_many(digits, seed):
    data, _ = digits
    pixels = (data.images * 255 / 16).astype(np.uint8)[..., None]
    rng = np.random.default_rng(seed)
    changed = rng.choice(len(pixels), 54, replace=False)
    labels = data.target.copy()
    labels[changed] = (labels[changed] + rng.integers(1, 10, 54)) % 10
    features = extract(pixels, "hog")
    names, ids = tuple("0123456789"), np.arange(len(pixels)).astype(str)
    table = Components(features).project(features)
    votes, near = vote_of_neighbours(table, labels, ids=ids, class_names=names)
    splits = np.array(["train"] * len(pixels))
    found = search_labels(votes, near, held_out={}, splits=splits)
    listed = [int(one.id) for one in found.candidates[:108]]
    assert len(set(listed) & set(changed.tolist())) >= 0.9 * 54
    ruled_out = {int(one.id) for one in found.candidates if one.ruled_out}
    assert len(ruled_out) >= 20
    assert len(ruled_out & set(changed.tolist())) >= 0.9 * len(ruled_out)
    first = found.candidates[0]
    assert first.split == "train"
    assert len(first.near) == 5
    assert first.near[0].label == names[labels[int(first.near[0].id)]]


def test_a_held_out_picture_has_the_networks_word_beside_the_neighbours():
    table = np.array([[1.0, 0.01 * i] for i in range(6)] + [[0.01 * i, 1.0] for i in range(6)])
    labels, ids = np.repeat([0, 1], 6), np.arange(12).astype(str)
    votes, near = vote_of_neighbours(table, labels, ids=ids, class_names=("x", "y"))
    splits = np.array(["train"] * 11 + ["test"])
    sure = Predictions(["11"], [[0.0, 6.0]], [0], ("y", "x"))  # the same classes, in another order
    alone = search_labels(votes, near, held_out={}, splits=splits)
    both = search_labels(votes, near, held_out={"test": sure}, splits=splits)
    assert "11" not in {one.id for one in alone.candidates if one.split == "test" and one.suggested_probability > 0.7}
    (found,) = [one for one in both.candidates if one.id == "11"]
    yes = 1 / (1 + np.exp(-6))
    least = votes.probabilities().min()  # the network rules out no more than the neighbours
    mean = (votes.probabilities()[11] + np.maximum([yes, 1 - yes], least)) / 2
    assert found.suggested == "x"
    assert found.suggested_probability == pytest.approx(mean[0] / mean.sum(), abs=1e-4)
