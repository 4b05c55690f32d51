"""Predictions that the room's tests share."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.evaluation import Predictions


def make(count: int = 400, classes: int = 6, *, seed: int = 0, sharp: float = 2.0) -> Predictions:
    """Return predictions of a classifier that is right about two times in three, classes of uneven size."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    labels = rng.choice(classes, size=count, p=share)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += 1.8
    names = tuple(f"class {i}" for i in range(classes))
    return Predictions(np.array([f"p/{i:05d}.png" for i in range(count)]), sharp * logits, labels, names)


@pytest.fixture(scope="session")
def predictions() -> Predictions:
    return make()


@pytest.fixture(scope="session")
def make_predictions():
    return make


@pytest.fixture(scope="session")
def digits():
    """Out-of-fold logits of logistic regression on scikit-learn's digits: real pictures, real mistakes."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    data = load_digits()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def out_of_fold(labels: np.ndarray) -> Predictions:
        # Products this small are slower on several threads, much slower where other processes run.
        with threadpool_limits(1):
            model = LogisticRegression(C=0.1, max_iter=200)
            logits = cross_val_predict(model, data.data / 16, labels, cv=folds, method="decision_function")
        ids = np.arange(len(labels)).astype(str)
        return Predictions(ids, logits, labels, tuple("0123456789"))

    return data, out_of_fold


@pytest.fixture(scope="session")
def digits_predictions(digits) -> Predictions:
    data, out_of_fold = digits
    return out_of_fold(data.target)
