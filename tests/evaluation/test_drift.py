from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tellapart.errors import DataError
from tellapart.evaluation import compare_pictures, picture_statistics
from tellapart.images.facts import FACTS


def facts(count: int, *, seed: int = 0, brightness: float = 150, width: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, dtype=FACTS)
    rows["readable"] = True
    rows["width"], rows["height"] = width, 80
    rows["brightness"] = rng.normal(brightness, 20, size=count)
    rows["contrast"] = rng.normal(50, 5, size=count)
    rows["entropy"] = rng.uniform(1, 3, size=count)
    return rows


def test_what_was_changed_comes_first_and_in_words():
    own, other = picture_statistics(facts(500)), picture_statistics(facts(400, seed=1, brightness=90))
    shifts = compare_pictures(own, other)
    assert shifts[0].name == "brightness"
    text = str(shifts[0])
    assert text.startswith("darker: brightness 1")
    assert "−3." in text or "−2." in text
    a, b = own["brightness"], other["brightness"]
    assert shifts[0].difference == pytest.approx((b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2))
    for shift in shifts:
        want = ks_2samp(own[shift.name], other[shift.name], method="asymp")
        assert (shift.overlap_gap, shift.p_value) == pytest.approx((want.statistic, want.pvalue))
    json.dumps([shift.to_dict() for shift in shifts], allow_nan=False)


def test_the_same_pictures_do_not_shift():
    own = picture_statistics(facts(200))
    for shift in compare_pictures(own, own):
        assert (shift.difference, shift.overlap_gap) == (0, 0)
        assert str(shift).startswith("alike")


def test_where_the_spread_alone_differs_no_direction_is_named():
    rng = np.random.default_rng(0)
    own, other = ({"brightness": rng.normal(128, spread, 400)} for spread in (5, 40))
    other["brightness"] += own["brightness"].mean() - other["brightness"].mean() - 0.1
    (shift,) = compare_pictures(own, other)
    assert str(shift).startswith("spread differently: brightness ")
    assert ", +0.0 standard deviations (" in str(shift)


def test_constant_statistics():
    own, other = picture_statistics(facts(200)), picture_statistics(facts(200, width=30))
    shift = next(one for one in compare_pictures(own, other) if one.name == "width")
    assert (shift.difference, shift.overlap_gap) == (None, 1.0)
    assert str(shift) == "narrower: width 60 to 30 (distributions differ by 100%)"
    assert next(one for one in compare_pictures(own, other) if one.name == "height").difference == 0


def test_unreadable_pictures_and_unknown_numbers_are_left_out():
    rows = facts(10)
    rows["readable"][:4] = False
    strokes = np.arange(10.0)
    strokes[9] = np.nan
    found = picture_statistics(rows, extra={"stroke width": strokes})
    assert len(found["brightness"]) == 6
    assert found["stroke width"].tolist() == [4, 5, 6, 7, 8]
    thick = {"stroke width": found["stroke width"] * 2}
    assert str(compare_pictures(found, thick)[0]).startswith("drawn with thicker strokes")
    with pytest.raises(DataError, match="one number per picture"):
        picture_statistics(rows, extra={"stroke width": [1.0]})
    with pytest.raises(DataError, match="both sides"):
        compare_pictures({"x": np.array([1.0])}, {"x": np.array([])})
