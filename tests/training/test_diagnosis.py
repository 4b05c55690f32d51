"""A training that does not learn is said early; one that learns is left in peace."""

import math

import pytest

from tellapart.recipe import OptimizerRecipe
from tellapart.training import fit, loop
from tellapart.training.diagnosis import diagnose

ADAM = OptimizerRecipe(name="adam", learning_rate=0.01)


def record(loss=1.0, train=0.5, validation=0.5, still=0.0) -> dict[str, float]:
    return {
        "train_loss": loss, "train_accuracy": train, "validation_loss": loss, "validation_accuracy": validation,
        "still_units": still,
    }  # fmt: skip


def found(*records, majority=0.1, pictures=1000, optimizer=ADAM, weighted=False) -> dict[str, str]:
    usual = {"adam": 1e-3, "adamw": 1e-3, "sgd": 0.02, "rmsprop": 5e-4}[optimizer.name]
    told = {"majority": majority, "validation_pictures": pictures, "optimizer": optimizer, "usual_rate": usual}
    return dict(diagnose(records, **told, weighted=weighted))


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_far_too_high_rate_is_said_after_few_epochs(digits, task_of, make_net, make_run, training, heard, name):
    rate = {"adam": 0.3, "sgd": 2.0}[name]
    recipe = training(
        epochs=3, batch_size=16, optimizer={"name": name, "learning_rate": rate}, schedule="constant", threads=1
    )
    done = fit(
        make_net("convnet16"), task_of(*digits, train=300, validation=200), recipe, run=make_run(), progress=heard
    )
    codes = [code for code, _ in done.findings]
    assert "chance" in codes or "dead" in codes
    assert f"the learning rate {rate:g} is likely too high for {name}" in heard.warned[0]
    assert "try --learning-rate" in heard.warned[0]
    assert len(heard.warned) == len({sentence[:25] for sentence in heard.warned}), "a finding is said once"


def test_the_taught_network_at_the_taught_rate_that_fails(digits, task_of, make_net, make_run, training, heard):
    """convnet64 with Adam at 0.01 sits at chance, as in the course."""
    recipe = training(epochs=2, batch_size=20, optimizer={"name": "adam", "learning_rate": 0.01}, schedule="constant")
    task = task_of(*digits, train=400, validation=300)
    fit(make_net("convnet64"), task, recipe, run=make_run(), progress=heard)
    assert "the learning rate 0.01 is likely too high for adam, try --learning-rate 0.001" in heard.warned[0]


def test_a_learning_one_is_silent(digits, task_of, make_net, make_run, training, heard):
    recipe = training(epochs=3, optimizer={"name": "adam", "learning_rate": 2e-3}, schedule="constant")
    task = task_of(*digits, train=600, validation=200)
    done = fit(make_net("convnet16"), task, recipe, run=make_run(), progress=heard)
    assert (done.findings, heard.warned) == ([], [])


def test_chance_is_the_largest_class_with_its_standard_error():
    slack = 2 * math.sqrt(0.1 * 0.9 / 1000)
    for share, said in ((0.1, True), (0.05, True), (0.1 + slack - 1e-6, True), (0.1 + slack + 1e-6, False)):
        assert ("chance" in found(*[record(train=share, validation=share)] * 2)) is said
    assert "chance" not in found(record(train=0.1, validation=0.1)), "one epoch is too early"
    assert "chance" not in found(*[record(train=0.4, validation=0.1)] * 2), "it learns, though not what is asked"
    assert "chance" in found(*[record(train=0.88, validation=0.9)] * 2, majority=0.9, pictures=100)


def test_few_steps_are_too_early():
    def said(epochs: int, steps: int) -> list[str]:
        history = [record(train=0.1, validation=0.1)] * epochs
        found = diagnose(
            history,
            majority=0.1,
            validation_pictures=1000,
            optimizer=ADAM,
            usual_rate=1e-3,
            steps_an_epoch=steps,
        )
        return [code for code, _ in found if code != "flat"]

    assert said(2, 4) == said(9, 4) == said(39, 1) == []
    assert said(10, 4) == said(40, 1) == said(2, 20) == ["chance"]


def test_weights_of_the_classes_may_cost_accuracy():
    records = [record(train=0.9, validation=0.9)] * 3
    assert "chance" in found(*records, majority=0.9)
    assert "chance" not in found(*records, majority=0.9, weighted=True)


def test_dead_units_and_their_share():
    assert (
        "95% of the last layer's inputs are the same for every picture (dead units)"
        in found(record(still=0.95))["dead"]
    )
    assert found(record(still=0.89)) == {}
    assert found(record(still=1.0), pictures=9) == {}, "of a few copies of one picture all are the same"


def test_a_flat_loss_is_one_that_stays_where_it_was():
    assert "stays where it was" in found(record(2.303), record(2.301), record(2.302))["flat"]
    assert "flat" not in found(record(2.303), record(2.29), record(2.28)), "it falls, if slowly"
    assert "flat" not in found(record(2.303), record(2.303)), "two epochs are too early"
    assert "flat" not in found(*[record(0.01)] * 3), "there is little left to learn"


def test_our_own_choice_of_rate_is_not_called_too_high():
    optimizer = OptimizerRecipe(name="adamw", learning_rate=5e-3)
    said = diagnose([record(still=1.0)], majority=0.1, validation_pictures=10, optimizer=optimizer, usual_rate=5e-3)
    assert "too high" not in dict(said)["dead"]


def test_an_exploding_loss_is_one_that_has_grown_threefold():
    assert "grew from 1 to 3.1" in found(record(1.0), record(2.0), record(3.1))["exploding"]
    assert found(record(1.0), record(2.0), record(2.9)) == {}
    assert found(record(1.0), record(9.0)) == {}


def test_nothing_is_said_of_nothing():
    assert found() == {}


@pytest.mark.parametrize(
    ("name", "rate", "advice"),
    [
        ("adam", 0.01, "0.01 is likely too high for adam, try --learning-rate 0.001"),
        ("sgd", 1.0, "1 is likely too high for sgd, try --learning-rate 0.02"),
        ("rmsprop", 0.1, "0.1 is likely too high for rmsprop, try --learning-rate 0.0005"),
        ("adamw", 1e-6, "1e-06 is likely too low for adamw, try --learning-rate 0.001"),
        ("adam", 1e-3, "try --learning-rate 0.0001, check that the labels belong to the pictures"),
    ],
)
def test_the_advice_looks_at_the_rate(name, rate, advice):
    optimizer = OptimizerRecipe(name=name, learning_rate=rate)
    assert advice in found(record(still=1.0), optimizer=optimizer)["dead"]


def test_what_a_later_epoch_has_mended_is_not_held_against_it(small, make_net, make_run, training, heard, monkeypatch):
    answers = iter([[], [("chance", "it does not learn")], []] + [[]] * 9)
    monkeypatch.setattr(loop, "diagnose", lambda *args, **options: next(answers))
    done = fit(make_net(), small, training(), run=make_run(), progress=heard)
    assert heard.warned == ["it does not learn"]
    assert done.findings == []


def test_the_loop_s_own_steps_pictures_largest_class_and_weights_say_what_chance_is(small, training):
    def said(epochs, share, **changes):
        history = [record(train=share, validation=share)] * epochs
        found = loop._diagnosis(history, small, training(**changes), usual_rate=1e-3)
        return [code for code, _ in found if code != "flat"]

    largest = small.majority()
    reach = largest + 2 * math.sqrt(largest * (1 - largest) / 40)  # of 40 validation pictures
    assert said(14, reach - 1e-6) == ["chance"]
    assert said(14, reach + 1e-6) == []
    assert said(13, largest) == [], "39 steps, three an epoch"
    assert said(2, largest, steps_per_epoch=20) == ["chance"]
    assert said(14, largest, class_weights="balanced") == []
