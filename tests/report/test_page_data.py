"""What the page lists of a set: all of a small one, the telling part of a large one; counts are those of all."""

from types import SimpleNamespace

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
    columns = page_data._columns(predictions, temperature=1.0, most=50)
    assert columns["ids"] == predictions.ids.tolist()
    assert columns["count"] == counted(columns) == 50
    tally = {(t, a): 0 for t in range(4) for a in range(4)}
    for truth, answer in zip(columns["labels"], columns["answers"], strict=True):
        tally[truth, answer] += 1
    assert {(t, a): n for t, a, n in columns["cells"]} == {key: n for key, n in tally.items() if n}


def test_of_a_large_set_the_surest_mistakes_stay_and_right_ones_evenly():
    predictions = said(1000)
    columns = page_data._columns(predictions, temperature=1.0, most=60)
    assert columns["count"] == counted(columns) == 1000
    assert len(columns["ids"]) == 60
    wrong = np.array(columns["labels"]) != np.array(columns["answers"])
    assert wrong.sum() == 30
    every = np.flatnonzero(~predictions.correct())
    surest = every[np.argsort(-predictions.confidence()[every], kind="stable")[:30]]
    assert set(np.array(columns["ids"])[wrong]) == set(predictions.ids[surest].tolist())
    assert set(np.array(columns["labels"])[~wrong].tolist()) == {0, 1, 2, 3}


def test_all_sets_together_list_no_more_than_one_would(monkeypatch):
    monkeypatch.setattr(page_data, "LISTED", 300)
    sets = {name: said(count) for name, count in (("test", 1000), ("validation", 40), ("a", 1000), ("b", 120))}
    contents = SimpleNamespace(predictions=sets, external=("a", "b"), near={}, temperature=1.0)
    found = page_data.answers(contents)["sets"]
    assert [len(one["ids"]) for one in found] == [87, 40, 87, 86]
    assert [one["count"] for one in found] == [counted(one) for one in found] == [1000, 40, 1000, 120]
