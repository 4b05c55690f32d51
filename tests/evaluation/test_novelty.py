from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from tellapart.errors import DataError
from tellapart.evaluation import (
    Rows,
    auroc,
    energy_novelty,
    knn_novelty,
    max_logit_novelty,
    nearest,
    neighbours,
    novelty_threshold,
)


def test_training_pictures_that_are_read_part_by_part_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    train, asked = rng.integers(0, 4, (100, 3)).astype(float), rng.normal(size=(20, 3))  # with many equal distances
    whole = nearest(train, asked, k=7)
    monkeypatch.setattr(neighbours, "_ROWS", 6)
    parts = nearest(train, asked, k=7)
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_array_equal(parts.distances, whole.distances)


@pytest.mark.parametrize("normalise", [True, False])
def test_neighbours_are_scikit_learns(normalise):
    rng = np.random.default_rng(0)
    train, asked = rng.normal(size=(700, 16)).astype(np.float32), rng.normal(size=(300, 16)).astype(np.float32)
    found = nearest(train, asked, k=6, normalise=normalise)
    if normalise:
        train, asked = (x / np.linalg.norm(x.astype(float), axis=1, keepdims=True) for x in (train, asked))
    distances, indices = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(train).kneighbors(asked)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)


def test_a_picture_of_the_training_is_its_own_neighbour_at_0():
    train = np.random.default_rng(0).normal(size=(200, 8)) + 100
    found = nearest(train, train[:50], k=1)
    assert found.indices[:, 0].tolist() == list(range(50))
    assert found.distances.max() == 0


def test_edges():
    assert nearest([[1.0, 0]], [[1.0, 0], [0, 0]], k=5).indices.tolist() == [[0], [0]]
    assert nearest([[1.0, 0]], np.zeros((0, 2))).distances.shape == (0, 1)
    for wrong in ({"k": 0}, {"queries": [[1.0]]}, {"embeddings": np.zeros((0, 2))}, {"queries": [[np.nan, 0]]}):
        parts = {"embeddings": [[1.0, 0]], "queries": [[1.0, 0]], "k": 1} | wrong
        with pytest.raises(DataError):
            nearest(parts["embeddings"], parts["queries"], k=parts["k"])


def test_some_rows_of_a_table_are_as_good_as_a_copy_of_them(monkeypatch):
    rng = np.random.default_rng(0)
    table, queries = rng.normal(size=(60, 4)).astype(np.float32), rng.normal(size=(5, 4))
    some = np.sort(rng.permutation(60)[:37])
    monkeypatch.setattr(neighbours, "_ROWS", 10)
    table[np.setdiff1d(np.arange(60), some)] = np.nan  # nothing else is looked at
    found, copied = nearest(Rows(table, some), queries), nearest(table[some], queries)
    assert (found.indices == copied.indices).all()
    np.testing.assert_allclose(found.distances, copied.distances)
    with pytest.raises(DataError, match="finite numbers"):
        nearest(table, queries)


def test_memory_stays_flat():
    rng = np.random.default_rng(0)
    train, asked = rng.normal(size=(4000, 4)).astype(np.float32), rng.normal(size=(8000, 4)).astype(np.float32)
    tracemalloc.start()
    nearest(train, asked, k=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # the whole table of distances would be 128 MB, its order 256 MB


def test_scores_of_logits_are_scipys():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * 30
    for temperature in (0.5, 1, 4):
        want = -temperature * logsumexp(logits.astype(float) / temperature, axis=1)
        np.testing.assert_allclose(energy_novelty(logits, temperature=temperature), want)
    np.testing.assert_allclose(max_logit_novelty(logits), -logits.max(axis=1))
    with pytest.raises(DataError):
        energy_novelty(logits, temperature=0)


def test_auroc_is_scikit_learns():
    rng = np.random.default_rng(0)
    known, strange = rng.integers(10, size=80), rng.integers(3, 13, size=50)
    want = roc_auc_score([0] * 80 + [1] * 50, np.concatenate([known, strange]))
    assert auroc(known, strange) == pytest.approx(want)
    assert auroc(known, known) == 0.5


def test_the_threshold_keeps_the_false_alarms():
    scores = np.random.default_rng(0).normal(size=1000)
    assert (scores > novelty_threshold(scores, false_alarms=0.05)).mean() <= 0.05
    assert (scores > novelty_threshold(scores, false_alarms=0.05)).mean() > 0.04


def test_a_new_picture_is_no_more_often_strange_than_was_asked_for():
    """Of n + 1 scores that are drawn alike, the new one is at each place equally often: 1 of 22 lies above the 21st."""
    assert novelty_threshold(np.arange(21), false_alarms=0.05) == 20
    assert novelty_threshold(np.arange(19), false_alarms=0.05) == 18, "nineteen show one in twenty, and no more"
    assert novelty_threshold(np.arange(39), false_alarms=0.05) == 37
    assert novelty_threshold(np.arange(5), false_alarms=0.05) == 4
    assert novelty_threshold(np.arange(5), false_alarms=1) == 0


def test_faces_and_turned_digits_are_strange_to_a_model_of_digits():
    """Real pictures: scikit-learn's digits against scikit-image's faces, shrunk to 8×8, and digits in negative."""
    from skimage.data import lfw_subset
    from skimage.transform import resize
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    data = load_digits()
    faces = resize(lfw_subset().astype(float), (200, 8, 8), anti_aliasing=True).reshape(200, 64)
    train, held = data.data[:1200] / 16, data.data[1200:] / 16
    net = MLPClassifier((64,), max_iter=30, tol=0, n_iter_no_change=99, random_state=0)
    with threadpool_limits(1), pytest.warns(UserWarning, match="Maximum iterations"):
        net.fit(train, data.target[:1200])
    with threadpool_limits(1):
        model = LogisticRegression(C=0.1, max_iter=200).fit(train, data.target[:1200])

    def embed(pictures):
        return np.maximum(pictures @ net.coefs_[0] + net.intercepts_[0], 0)

    for strange in (faces, 1 - held):
        score = auroc(knn_novelty(embed(train), embed(held)), knn_novelty(embed(train), embed(strange)))
        assert score > 0.95
        assert auroc(knn_novelty(train, held), knn_novelty(train, strange)) > 0.95
    energy = auroc(energy_novelty(model.decision_function(held)), energy_novelty(model.decision_function(faces)))
    largest = auroc(max_logit_novelty(model.decision_function(held)), max_logit_novelty(model.decision_function(faces)))
    assert min(energy, largest) > 0.9
