"""What the page lists of a set: all of a small one, the telling part of a large one; counts are those of all."""

import numpy as np

from tellapart.evaluation import Predictions
from tellapart.report import page_data


def said(count, *, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4)).astype(np.float32)
    labels = np.where(rng.random(count) < 0.7, logits.argmax(axis=1), rng.integers(0, 4, count))
    return Predictions([f"p{i}" for i in range(count)], logits, labels, class_names=tuple("abcd"))


def counted(columns):
    return sum(count for _, _, count in columns["cells"])


def test_a_small_set_is_listed_whole():
    predictions = said(50)
    columns = page_data._columns(predictions, temperature=1.0)
    assert columns["ids"] == predictions.ids.tolist()
    assert columns["count"] == counted(columns) == 50
    tally = {(t, a): 0 for t in range(4) for a in range(4)}
    for truth, answer in zip(columns["labels"], columns["answers"], strict=True):
        tally[truth, answer] += 1
    assert {(t, a): n for t, a, n in columns["cells"]} == {key: n for key, n in tally.items() if n}


def test_of_a_large_set_the_surest_mistakes_stay_and_right_ones_evenly(monkeypatch):
    monkeypatch.setattr(page_data, "LISTED", 60)
    predictions = said(1000)
    columns = page_data._columns(predictions, temperature=1.0)
    assert columns["count"] == counted(columns) == 1000
    assert len(columns["ids"]) == 60
    wrong = np.array(columns["labels"]) != np.array(columns["answers"])
    assert wrong.sum() == 30
    every = np.flatnonzero(~predictions.correct())
    surest = every[np.argsort(-predictions.confidence()[every], kind="stable")[:30]]
    assert set(np.array(columns["ids"])[wrong]) == set(predictions.ids[surest].tolist())
    assert set(np.array(columns["labels"])[~wrong].tolist()) == {0, 1, 2, 3}
