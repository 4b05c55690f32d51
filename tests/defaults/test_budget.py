"""Width and epochs that fit a time, with what an epoch takes told."""

import types

import pytest

from tellapart.defaults import budget
from tellapart.defaults.budget import FEWEST_STEPS, MOST_PASSES, Plan, fit_to_time, plan_epochs, shorten_to_time
from tellapart.errors import OutOfMemoryError, RecipeError, TrainingError
from tellapart.recipe import Recipe
from tellapart.training.pace import Pace

DATA = {"channels": 1, "image_size": (16, 16)}


@pytest.fixture
def fitted(digits, task_of, monkeypatch):
    """Fit a recipe to a time where an epoch at width w takes w / 8 seconds; return it, its choices, what was timed."""

    def fit(
        seconds, *, widths=True, net="compact", looks=0, spare_looks=0, spare_seconds=0.0, timing_takes=0.0, **training
    ):
        timed = []

        def measure_pace(made, task, recipe, *, devices=None, within=None):
            timed.append(made.stem.conv.out_channels if net == "compact" else 0)
            epoch = max(timed[-1], 8) / 8
            steps = {"steps": task.steps(recipe), "a_pass": task.train.steps(10)}
            return Pace(step=epoch / 100, **steps, validation=0.0, look=epoch / 1000)

        monkeypatch.setattr(budget, "measure_pace", measure_pace)
        monkeypatch.setattr(budget, "time", types.SimpleNamespace(monotonic=lambda: timing_takes * len(timed)))
        recipe = Recipe.make(
            data=DATA,
            net={"name": net, "options": {"width": 16} if net == "compact" else {}},
            training={
                "transfer": "none",
                "batch_size": 10,
                "epochs": 12,
                **training,
                "optimizer": {"name": "adamw", **training.get("optimizer", {})},
            },
        )
        task = task_of(*digits, train=1000, validation=50)
        spare = {"spare_looks": spare_looks, "spare_seconds": spare_seconds}
        fit = fit_to_time(recipe, task, seconds=seconds, looks=looks, **spare, widths=widths)
        return fit.recipe, {choice.field: choice.value for choice in fit.choices}, timed

    return fit


def test_the_widest_with_ten_epochs_in_time_is_taken(fitted):
    recipe, choices, timed = fitted(
        25
    )  # a tenth of the last epoch is kept back: 24 epochs at width 8, 12 at 16, 8 at 24
    assert (recipe.net.options["width"], recipe.training.epochs) == (16, 12)
    assert choices == {"net.options.width": 16, "training.epochs": 12}
    assert timed == [8, 16, 24]


@pytest.mark.parametrize(
    ("seconds", "width", "epochs"),
    [
        (6.5, 16, 3),  # three are enough of the default's width
        (5.5, 8, 5),  # 2.7 at width 16
        (25.5, 16, 12),  # 8.5 at width 24, which the default does not have: ten are asked for
    ],
)
def test_no_narrower_network_than_the_defaults_is_taken_where_its_epochs_fit(fitted, seconds, width, epochs):
    recipe, _, _ = fitted(seconds, epochs=8)
    assert (recipe.net.options["width"], recipe.training.epochs) == (width, epochs)


@pytest.mark.parametrize("fits", [8, 16])
def test_a_width_that_memory_does_not_allow_is_left_out(fitted, monkeypatch, fits):
    def check(recipe, task, *, devices=None):
        if recipe.net.options["width"] > fits:
            raise OutOfMemoryError("too wide")

    monkeypatch.setattr(budget, "check_memory", check)
    recipe, _, timed = fitted(1000)
    assert (recipe.net.options["width"], timed) == (fits, [8, 16][: fits // 8])
    fits = 0
    with pytest.raises(OutOfMemoryError):
        fitted(1000)


def test_where_time_is_short_wide_ones_are_not_even_timed(fitted):
    recipe, _, timed = fitted(2.5)
    assert (recipe.net.options["width"], recipe.training.epochs, timed) == (8, 2, [8])


def test_few_epochs_are_stretched_or_cut_so_that_no_time_is_left_over(fitted):
    recipe, choices, _ = fitted(
        4.1
    )  # four epochs, of the last a tenth is kept back: 399 steps of a hundredth of a second
    assert (recipe.training.epochs, recipe.training.steps_per_epoch) == (4, 99)
    assert choices["training.steps_per_epoch"] == 99
    assert fitted(0.9)[0].training.steps_per_epoch == 81, "where there is one epoch, it is the last"
    assert fitted(25)[0].training.steps_per_epoch is None, "12 whole epochs leave little over"


def test_epochs_of_few_steps_are_counted_as_parts_of_a_pass(fitted):
    # 4.5 s are planned for: 450 steps; at width 16 only 225, fewer than three passes
    recipe, _, timed = fitted(5, steps_per_epoch=5, epochs=60)
    assert (recipe.training.epochs, recipe.net.options["width"], timed) == (90, 8, [8, 16])
    assert fitted(5000, widths=False, steps_per_epoch=5)[0].training.epochs == 150 * 100 // 5


def test_steps_that_were_asked_for_stay(fitted):
    recipe, choices, _ = fitted(4.1, steps_per_epoch=150)
    assert (recipe.training.epochs, recipe.training.steps_per_epoch) == (2, 150)
    assert "training.steps_per_epoch" not in choices


@pytest.mark.parametrize("seconds", [0.8, 1.0, 1.7, 2.4, 3.5, 7.9, 9.6, 12.0, 40.0])
@pytest.mark.parametrize("validation", [0.0, 0.2])
@pytest.mark.parametrize("steps", [100, 60])
def test_a_plan_fits_and_leaves_no_time_over(seconds, validation, steps):
    pace = Pace(step=0.01, steps=steps, a_pass=steps, validation=validation, look=0.0)
    plan = plan_epochs(seconds, pace)
    taken = plan.epochs * (plan.steps * pace.step + pace.validation)
    assert taken <= seconds + 1e-9
    assert seconds - taken < (plan.epochs * pace.step + 1e-9 if plan.epochs < 10 else pace.epoch)


@pytest.mark.parametrize(
    ("pace", "seconds", "plan"),
    [
        (
            Pace(step=0.1, steps=30, a_pass=30, validation=0.3, look=0.0),
            31.7,
            Plan(9, 32),
        ),  # 9.6 epochs: ten have too few steps
        (Pace(step=0.01, steps=60, a_pass=60, validation=0.06, look=0.0), 1.0, Plan(1, 93)),
        (Pace(step=0.01, steps=100, a_pass=100, validation=4.0, look=0.0), 7.6, Plan(1, 359)),
        (Pace(step=0.01, steps=100, a_pass=100, validation=4.0, look=0.0), 4.4, None),
    ],
)
def test_an_epoch_more_is_not_planned_where_each_would_have_too_few_steps(pace, seconds, plan):
    assert plan_epochs(seconds, pace) == plan


def test_a_width_that_was_asked_for_stays(fitted):
    recipe, choices, timed = fitted(25, widths=False)
    assert (recipe.net.options["width"], recipe.training.epochs, timed) == (16, 12, [16])
    assert "net.options.width" not in choices


def test_more_time_than_is_of_use_is_not_taken(fitted):
    recipe, _, _ = fitted(100_000)
    assert (recipe.net.options["width"], recipe.training.epochs) == (32, budget.MOST_PASSES)
    assert fitted(5, net="convnet16")[0].training.epochs == 5


def test_a_range_test_takes_its_part_of_the_time(fitted):
    recipe, _, _ = fitted(5, optimizer={"find_learning_rate": True})
    planned = recipe.training.epochs * recipe.training.steps_per_epoch
    assert planned == 4 * 97, "of 500 steps 100 are the test's, and a tenth of the last epoch is kept back"


def test_what_the_network_looks_at_afterwards_takes_its_part(fitted):
    assert fitted(25, looks=10_000)[0].net.options["width"] == 8, "3 epochs of 2 s at width 16 and 20 s: more than 25 s"
    recipe, _, _ = fitted(25, widths=False, looks=2000)
    assert (recipe.net.options["width"], recipe.training.epochs) == (16, 10)


def test_what_would_be_good_to_have_is_planned_for_where_it_takes_a_small_share(fitted):
    assert fitted(25, widths=False, spare_looks=600)[0].training.epochs == 11, "1.2 s of 25 are a small share"
    assert fitted(25, widths=False, spare_looks=700)[0].training.epochs == 12, "1.4 s are not: they are left out"
    assert fitted(25, widths=False, spare_looks=600, spare_seconds=0.2)[0].training.epochs == 12, "nor are these"


def test_the_timed_steps_take_their_part(fitted):
    # Two widths are timed, 2 s each: 21 s are left for width 16, of which 10 epochs take 20, and 19 for width 24.
    recipe, _, timed = fitted(25, timing_takes=2.0)
    assert (recipe.net.options["width"], recipe.training.epochs, timed) == (16, 10, [8, 16, 24])


def test_too_little_time_says_what_an_epoch_takes(fitted):
    with pytest.raises(
        RecipeError, match=r"0\.4 s are left for the training, and 50 steps, .* take about 0\.5 s: give more --time"
    ):
        fitted(0.4)
    with pytest.raises(RecipeError, match=r"0\.4 s are left for the training, and 50 steps"):
        fitted(2.4, looks=2000)  # which the network has to look at in any case
    with pytest.raises(RecipeError, match=r"0\.9 s are left for the training, and 100 steps, .* about 1\.0 s"):
        fitted(0.9, steps_per_epoch=100)


def test_a_short_training_that_fits_without_a_margin_is_trained(fitted):
    for made in (fitted(0.52)[0], fitted(2.55, looks=2000)[0]):
        assert (made.training.epochs, made.training.steps_per_epoch) == (1, FEWEST_STEPS)
    assert fitted(1.05, steps_per_epoch=100)[0].training.epochs == 1


@pytest.mark.parametrize(
    ("seconds", "epochs", "steps"), [(60.0, 30, None), (14.0, 14, None), (2.5, 2, 125), (0.7, 1, 70), (0.2, 1, 50)]
)
def test_a_training_is_shortened_where_it_takes_too_long(digits, task_of, monkeypatch, seconds, epochs, steps):
    pace = Pace(step=0.01, steps=100, a_pass=100, validation=0.0, look=0.0)
    monkeypatch.setattr(budget, "measure_pace", lambda *what, **more: pace)
    recipe = Recipe.make(data=DATA, net={"name": "softmax"}, training={"epochs": 30})
    found = shorten_to_time(recipe, task_of(*digits, train=1000, validation=50), seconds=seconds)
    assert (found.training.epochs, found.training.steps_per_epoch) == (epochs, steps)


def test_no_more_passes_are_planned_than_are_of_use():
    """Two steps a pass, and a validation that takes longer than hundreds of them."""
    for seconds, validation in ((14.9, 10.0), (8.0, 1.0), (60.0, 7.0)):
        pace = Pace(step=0.001, steps=2, a_pass=2, validation=validation, look=0.0)
        plan = plan_epochs(seconds, pace)
        assert plan.epochs * plan.steps <= MOST_PASSES * pace.a_pass


def test_a_baseline_that_would_take_far_more_than_its_share_is_said(digits, task_of, monkeypatch):
    pace = Pace(step=0.01, steps=100, a_pass=100, validation=0.0, look=0.0)
    monkeypatch.setattr(budget, "measure_pace", lambda *what, **more: pace)
    recipe = Recipe.make(data=DATA, net={"name": "softmax"}, training={"epochs": 30})
    with pytest.raises(
        TrainingError, match=r"even 50 steps would take 0\.5 s, and its share of the time is 0\.1 s: give"
    ):
        shorten_to_time(recipe, task_of(*digits, train=1000, validation=50), seconds=0.1)
