"""The learning rate's course."""

import itertools
import math

import pytest

from tellapart.training.schedules import WARMUP, learning_rate_factor, share_done


def course(schedule: str, steps: int) -> list[float]:
    return [learning_rate_factor(schedule, share=step / max(1, steps - 1)) for step in range(steps)]


def test_constant_stays():
    assert set(course("constant", 50)) == {1.0}


def test_cosine_falls_from_one_to_nought():
    found = course("cosine", 101)
    assert found == pytest.approx([0.5 * (1 + math.cos(math.pi * step / 100)) for step in range(101)])
    assert found[0] == 1
    assert found[50] == pytest.approx(0.5)
    assert found[-1] == pytest.approx(0, abs=1e-12)


def test_one_cycle_rises_in_a_line_and_falls_in_a_cosine():
    found = course("one-cycle", 401)
    top = round(400 * WARMUP)
    assert found[0] == pytest.approx(0.04)
    assert found[top] == pytest.approx(1)
    rises = [later - earlier for earlier, later in itertools.pairwise(found[: top + 1])]
    assert rises == pytest.approx([rises[0]] * top)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found[top:]))
    assert found[top + 150] == pytest.approx(0.5)
    assert found[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 7, 1000])
def test_it_stays_between_nought_and_one_for_any_length(schedule, steps):
    found = course(schedule, steps)
    assert all(0 <= factor <= 1 for factor in found)
    assert max(found) > 0


def test_each_epoch_takes_the_same_share_of_a_training_however_many_steps_it_has():
    found = [
        share_done(epoch=epoch, epochs=2, step=step, steps=steps)
        for epoch, steps in ((1, 4), (2, 2))
        for step in range(steps)
    ]
    assert found == pytest.approx([1 / 16, 3 / 16, 5 / 16, 7 / 16, 5 / 8, 7 / 8])
