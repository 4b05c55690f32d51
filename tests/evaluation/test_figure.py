from __future__ import annotations

import json

import pytest

from tellapart.evaluation import Figure


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(0.833, 0.824, 0.841, count=7677, unit="%"), "83.3% (82.4 to 84.1, 7,677 pictures)"),
        (Figure(0.012, -0.003, 0.021, count=1, unit="points"), "1.2 points (−0.3 to 2.1, 1 picture)"),
        (Figure(None, count=0, unit="%"), "– (0 pictures)"),
        (Figure(0.51234, 0.4, 0.6, count=20), "0.512 (0.400 to 0.600, 20 pictures)"),
        (Figure(0.99996, 1.0, 1.0, count=10**6, unit="%"), "99.996% (100.0 to 100.0, 1,000,000 pictures)"),
        (Figure(0.0002, count=5000, unit="%"), "0.02% (5,000 pictures)"),
        (Figure(1.0, count=3, unit="%"), "100.0% (3 pictures)"),
    ],
)
def test_printing(figure, text):
    assert str(figure) == text


def test_json_round_trip():
    figure = Figure(1 / 3, 0.1, 2 / 3, count=9, name="x", unit="%", level=0.9, method="Wilson")
    assert Figure.from_dict(json.loads(json.dumps(figure.to_dict(), allow_nan=False))) == figure


def test_intervals_that_hold_together_are_wider():
    """1.9600 standard errors for one of 95%, and 3.0233 for each of twenty: 1.5425 times as far out."""
    change = Figure(-0.3, -0.55, -0.05)
    assert change.among(1).high == pytest.approx(-0.05)
    wider = change.among(20)
    assert (wider.low, wider.high) == pytest.approx((-0.6856, 0.0856), abs=1e-4)
    assert wider.level == pytest.approx(0.9975)
    assert Figure(None).among(20) == Figure(None)


def test_nothing_is_minus_nothing():
    assert Figure(-0.0000004, -0.0104, 0.02, 9, "difference", "points").short() == "0.0 points"
    assert Figure(-0.0004, -0.0104, 0.02, 9, "difference", "points").short() == "−0.04 points"
    assert Figure(-0.0104, -0.02, 0.0, 9, "difference", "points").short() == "−1.0 points"


def test_an_interval_that_excludes_nothing_does_not_end_at_it():
    change = Figure(-0.012, -0.0237, -0.0003, 9, "difference", "points")
    assert change.interval() == "−2.4 to −0.03"
