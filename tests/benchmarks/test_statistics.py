import pytest
from benchmarks.harness.statistics import Spread, ratios, spread


def test_spread_of_odd_and_even_counts():
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0, 4)


def test_a_spread_needs_a_value():
    with pytest.raises(ValueError, match="none"):
        spread([])


def test_ratios_are_taken_round_by_round():
    # The machine halves its speed after the first round; the ratio is 2 throughout, that of medians would be too,
    # but the range of (2, 2) is seen only where each round is divided by itself.
    assert ratios([200.0, 100.0, 100.0], reference=[100.0, 50.0, 50.0]) == Spread(2.0, 2.0, 2.0, 3)


def test_what_has_run_once_is_compared_with_each():
    assert ratios([1.0, 2.0], reference=[4.0]) == Spread(0.375, 0.25, 0.5, 2)
    assert ratios([4.0], reference=[1.0, 2.0]) == Spread(3.0, 2.0, 4.0, 2)


def test_ratios_need_pairs_and_no_zero():
    with pytest.raises(ValueError, match="as many"):
        ratios([1.0, 2.0], reference=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="0"):
        ratios([1.0], reference=[0.0])
