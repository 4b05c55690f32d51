"""Pipelines, and the parts of ours in them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from tellapart.errors import DataError, RecipeError, UnknownNameError
from tellapart.features import build_pipeline, predict_log_probabilities
from tellapart.features.estimators import probabilities
from tellapart.features.estimators.columns import CappedPCA, UnitScaler
from tellapart.features.estimators.nearest import CappedNeighbours
from tellapart.features.estimators.probabilities import (
    SmoothedVotes,
    TemperatureScaled,
    _best_temperature,
    fold_of_each,
)

RNG = np.random.default_rng(3)
DIGITS = load_digits()
PIXELS = (DIGITS.images * 15).astype(np.uint8)[..., None]
LABELS = DIGITS.target


def test_digits_are_learned():
    model = build_pipeline("pixels+pca", "svm-rbf").fit(PIXELS[:898], LABELS[:898])
    assert (model.predict(PIXELS[898:]) == LABELS[898:]).mean() > 0.96


def test_a_pipelines_steps():
    assert list(build_pipeline("hog+pca", "random-forest").named_steps) == ["extract", "scale", "pca", "classify"]
    assert list(build_pipeline("gabor", "random-forest").named_steps) == ["extract", "scale", "classify"]
    assert build_pipeline("gabor", "svm-rbf").named_steps["scale"].each
    assert not build_pipeline("hog", "svm-rbf").named_steps["scale"].each


def test_options_arrive():
    model = build_pipeline(
        "hog", "nearest-neighbours", feature_options={"cell": 4}, classifier_options={"neighbours": 1}, seed=9
    )
    model.fit(PIXELS[:50], LABELS[:50])
    assert model.named_steps["scale"].mean_.shape == (36,)
    assert (model.predict(PIXELS[:50]) == LABELS[:50]).all()


def test_pictures_of_another_size_are_refused():
    model = build_pipeline("colour-histogram", "logistic-regression").fit(PIXELS[:50], LABELS[:50])
    with pytest.raises(DataError, match="as in training"):
        model.predict(np.zeros((1, 9, 9, 1), dtype=np.uint8))


@pytest.mark.parametrize(
    ("feature", "classifier", "options", "error"),
    [
        ("hog+lda", "svm-rbf", {}, RecipeError),
        ("hot", "svm-rbf", {}, UnknownNameError),
        ("hog", "svm", {}, UnknownNameError),
        ("hog", "svm-rbf", {"components": 5}, RecipeError),
        ("hog+pca", "svm-rbf", {"components": 0}, RecipeError),
        ("hog", "svm-rbf", {"jobs": 0}, RecipeError),
        ("hog", "svm-rbf", {"feature_options": {"cells": 3}}, RecipeError),
        ("hog", "svm-rbf", {"classifier_options": {"c": -1}}, RecipeError),
        ("hog", "svm-rbf", {"classifier_options": {"gamma": "scale"}}, RecipeError),
        ("hog", "random-forest", {"classifier_options": {"trees": 0}}, RecipeError),
        ("hog", "nearest-neighbours", {"classifier_options": {"neighbours": 0}}, RecipeError),
    ],
)
def test_what_cannot_be_is_refused(feature, classifier, options, error):
    with pytest.raises(error):
        build_pipeline(feature, classifier, **options)


def test_classes_without_a_picture_have_a_column():
    rows = np.isin(LABELS, [2, 5])
    model = build_pipeline("pixels", "logistic-regression").fit(PIXELS[rows], LABELS[rows])
    logs = predict_log_probabilities(model, PIXELS, classes=10)
    assert logs.shape == (1797, 10)
    assert logs.dtype == np.float32
    assert np.isfinite(logs).all()
    assert np.allclose(np.exp(logs).sum(axis=1), 1, atol=1e-5)
    assert set(logs.argmax(axis=1)) == {2, 5}
    assert predict_log_probabilities(model, PIXELS[:0], classes=10).shape == (0, 10)
    with pytest.raises(DataError, match="0 to 4"):
        predict_log_probabilities(model, PIXELS, classes=5)


@pytest.mark.parametrize("each", [False, True])
def test_scaled_rows_have_a_mean_squared_length_of_one(each):
    values = (RNG.standard_normal((200, 6)) * [1, 2, 3, 4, 5, 0] + 7).astype(np.float32)
    scaled = UnitScaler(each=each).fit(values).transform(values)
    assert scaled.dtype == np.float32
    assert np.isclose((scaled**2).sum(axis=1).mean(), 1, atol=1e-4)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    kept = scaled.std(axis=0)[:5] / (1 if each else values.std(axis=0)[:5])
    assert np.allclose(kept, kept[0], rtol=1e-4)
    flat = UnitScaler(each=each).fit(np.ones((3, 2), np.float32)).transform(np.ones((3, 2), np.float32))
    assert (flat == 0).all()


def test_components_are_capped():
    values = RNG.random((7, 30)).astype(np.float32)
    assert CappedPCA(100).fit(values).transform(values).shape == (7, 7)
    assert CappedPCA(3).fit(values).transform(values).dtype == np.float32


def test_folds_are_even_within_classes():
    positions = np.repeat([0, 1, 2], [9, 2, 1])
    held = fold_of_each(positions, folds=3, seed=0)
    assert np.bincount(held[:9]).tolist() == [3, 3, 3]
    assert len(set(held[9:11])) == 2
    assert held[11] == -1


def test_scores_of_many_classes_are_taken_a_few_rows_at_a_time(monkeypatch):
    flat, asked = PIXELS.reshape(len(PIXELS), -1) / 255.0, []
    machine = SVC(gamma=0.1).fit(flat[:200], LABELS[:200])
    whole = machine.decision_function(flat[200:300])
    monkeypatch.setattr(probabilities, "PAIRS", 50 * 7)
    decide = machine.decision_function
    monkeypatch.setattr(machine, "decision_function", lambda rows: asked.append(len(rows)) or decide(rows))
    assert np.array_equal(probabilities._scores(machine, flat[200:300]), whole)
    assert max(asked) == 7


def test_groups_are_held_out_whole_and_spread():
    groups = np.repeat(np.arange(30), 4)
    positions = np.repeat(np.arange(30) % 3, 4)
    held = fold_of_each(positions, folds=3, seed=0, groups=groups)
    assert all(len(set(held[groups == group])) == 1 for group in range(30))
    assert all(sorted(np.bincount(held[positions == one], minlength=3)) == [12, 12, 16] for one in range(3))
    one_group = fold_of_each(np.array([0, 0, 1, 1, 1]), folds=3, seed=0, groups=np.array([7, 7, 8, 9, 10]))
    assert one_group[:2].tolist() == [-1, -1]
    assert -1 not in one_group[2:]


def test_near_copies_do_not_make_a_classifier_too_sure():
    rng = np.random.default_rng(3)
    originals, labels = rng.normal(size=(60, 5)), rng.integers(0, 3, 60)
    values = np.repeat(originals, 5, axis=0) + 0.01 * rng.normal(size=(300, 5))
    neighbours = KNeighborsClassifier(1)
    apart, together = (
        TemperatureScaled(SmoothedVotes(neighbours, votes=1)).fit(values, np.repeat(labels, 5), groups)
        for groups in (None, np.repeat(np.arange(60), 5))
    )
    assert together.temperature_ > 3 * apart.temperature_


@pytest.mark.parametrize("temperature", [0.2, 1.0, 4.0])
def test_the_temperature_is_found(temperature):
    logits = RNG.standard_normal((20_000, 5)) * 2
    drawn = (logits + RNG.gumbel(size=logits.shape)).argmax(axis=1)  # a draw from softmax(logits)
    assert np.isclose(_best_temperature(logits * temperature, drawn), temperature, rtol=0.05)


def test_scaled_scores_are_likelier_and_choose_the_same():
    flat = PIXELS.reshape(len(PIXELS), -1) / 255.0
    scaled = TemperatureScaled(SVC(gamma=0.1)).fit(flat[:600], LABELS[:600])
    scores = scaled.estimator_.decision_function(flat[600:])
    plain = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert log_loss(LABELS[600:], scaled.predict_proba(flat[600:])) < log_loss(LABELS[600:], plain)
    assert (scaled.predict(flat[600:]) == scores.argmax(axis=1)).all()


def test_smoothed_votes_by_hand():
    values = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = SmoothedVotes(CappedNeighbours(1), votes=1).fit(values, [0, 0, 0, 1])
    assert np.allclose(model.predict_proba([[49.0], [0.0]]), [[0.25, 0.75], [0.75, 0.25]])
    assert CappedNeighbours(9).fit(values, [0, 0, 0, 1]).predict_proba([[3.0]]).shape == (1, 2)


@pytest.mark.parametrize("classifier", ["svm-rbf", "random-forest", "nearest-neighbours"])
def test_classes_that_never_mix_leave_a_doubt(classifier):
    pixels = np.repeat(np.array([0, 120, 255], np.uint8), 20)[:, None, None, None] * np.ones((1, 6, 6, 1), np.uint8)
    model = build_pipeline("pixels", classifier).fit(pixels, np.repeat([0, 1, 2], 20))
    least = model.predict_proba(pixels).min()
    assert 1e-6 < least < 0.1
