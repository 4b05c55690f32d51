"""What a run's time is planned for: the counts and the sums, with what each part takes told."""

import dataclasses
import math
import types

import numpy as np
import pytest
import torch

from tellapart import Predictions, Run, train
from tellapart.defaults import budget
from tellapart.defaults.budget import Fit
from tellapart.defaults.choice import Choice
from tellapart.defaults.training import LONG, choose_training
from tellapart.errors import RecipeError
from tellapart.images.audit.kind import Kind
from tellapart.images.dataset import Splits
from tellapart.progress import Progress
from tellapart.recipe import AUGMENTATIONS, Recipe
from tellapart.training.devices import Devices
from tellapart.training.pace import Pace
from tellapart.workflow import main_job, near_training, time_plan
from tellapart.workflow.label_errors import label_search_seconds
from tellapart.workflow.near_training import looks_to_explain, pairing_seconds
from tellapart.workflow.own_pictures import OwnPictures
from tellapart.workflow.prepare import open_source, prepare
from tellapart.workflow.time_plan import AFTERWARDS, HELD_OUT_PICTURE, Deadline, baseline_in_time, in_time

RECIPE = Recipe.make(
    data={"source": "digits"}, net={"name": "compact", "options": {"width": 2}}, baselines=("softmax",)
)


PACE = Pace(step=0.01, steps=39, a_pass=39, validation=0.1, look=0.001)


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    run = Run.create(tmp_path_factory.mktemp("plan") / "run", RECIPE)
    return prepare(run, open_source(RECIPE.data))


@pytest.fixture
def told(monkeypatch):
    """A picture takes 10 ms to be decoded, the neighbours of mistakes 2 s and the search for wrong labels 5 s."""
    monkeypatch.setattr(time_plan, "decoding_seconds", lambda dataset, positions: 0.01)
    monkeypatch.setattr(time_plan, "pairing_seconds", lambda own: 2.0)
    monkeypatch.setattr(time_plan, "expected_count", lambda *a, **k: 300)
    monkeypatch.setattr(time_plan, "label_search_seconds", lambda own, recipe: 5.0)


def test_the_network_looks_at_every_picture_again_to_explain_its_mistakes(prepared):
    train, validation, test = (len(positions) for positions in prepared.splits.values())
    assert (train, validation, test) == (1222, 305, 270)
    assert time_plan.looks_afterwards(prepared) == 305 + 270 + 1024 + 305
    assert looks_to_explain(prepared.splits) == 1222 + 1000


def test_what_follows_a_training_is_added_up(prepared, told):
    plain = AFTERWARDS + HELD_OUT_PICTURE * 575 * 2 + (300 + 400) * 0.01
    assert time_plan.seconds_afterwards(prepared, left=1e6, explain=False) == pytest.approx(plain)
    assert time_plan.seconds_afterwards(prepared, left=101, explain=True) == pytest.approx(plain + 5)


def test_explaining_that_would_take_too_large_a_share_is_not_planned_for(prepared, told):
    whole = time_plan.seconds_afterwards(prepared, left=101, explain=True)
    assert time_plan.seconds_afterwards(prepared, left=99, explain=True) == pytest.approx(whole - 5)


def test_the_training_has_what_is_left_then(prepared, told, tmp_path, monkeypatch):
    asked = {}

    def fit_to_time(recipe, task, **given):
        asked.update(given)
        return Fit(recipe.changed(training={"epochs": 3}), [], afterwards=2.5, passes=3, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run = Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [])
    assert in_time(run, prepared, deadline=Deadline()) == (prepared, None), "no time was given"
    run.save("time", {"seconds": 100.0, "fitted": False})
    monkeypatch.setattr(time_plan.time, "monotonic", lambda: 1030.0)
    made, pacer = in_time(run, prepared, deadline=Deadline.of(run, started=1000.0))
    assert pacer.end == pytest.approx(1100 - 2.5 - time_plan.seconds_afterwards(prepared, left=70, explain=True))
    assert pacer.most_steps == 77
    assert made.recipe.training.epochs == run.recipe.training.epochs == 3
    assert asked["seconds"] == pytest.approx(70 - time_plan.seconds_afterwards(prepared, left=70, explain=True))
    assert (asked["looks_before"], asked["looks"]) == (0, time_plan.looks_afterwards(prepared))
    assert (asked["spare_looks"], asked["spare_seconds"]) == (looks_to_explain(prepared.splits), 2.0)
    assert (pacer.step, pacer.beside) == (PACE.step, PACE.validation)
    assert not asked["widths"], "the person chose it"
    assert in_time(run, made, deadline=Deadline(0.0)) == (made, None), "a resumed run is not fitted again"


FEATURES = Recipe.make(
    data={"source": "digits", "image_size": (224, 224), "channels": 3},
    net={"name": "efficientnet_lite0", "weights": "imagenet"},
    training={"transfer": "features"},
)


@pytest.fixture
def timed(prepared, tmp_path):
    """Return a run of a pretrained network that was given 100 s, and its pictures."""

    def make(*, ours):
        run = Run.create(tmp_path / "run", FEATURES)
        run.save("choices", [Choice("training.transfer", "features", "quick").to_dict()] if ours else [])
        run.save("time", {"seconds": 100.0, "fitted": False})
        return run, dataclasses.replace(prepared, recipe=FEATURES)

    return make


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(time_plan, "looks_before", lambda prepared: 7)
    monkeypatch.setattr(time_plan, "page_seconds", lambda prepared, labels: 3.0)


def test_a_pretrained_network_is_fine_tuned_where_a_time_was_given(timed, told, no_network, monkeypatch):
    asked = {}

    def fit_to_time(recipe, task, **given):
        asked.update(given, transfer=recipe.training.transfer)
        fitted = recipe.changed(training={"epochs": 3})
        return Fit(fitted, [Choice("training.epochs", 3, "fits")], afterwards=0.0, passes=3, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run, features = timed(ours=True)
    made, pacer = in_time(run, features, deadline=Deadline.of(run, started=0.0))
    assert (asked["transfer"], asked["looks_before"], pacer.most_steps) == ("finetune", 7, 77)
    assert made.recipe == run.recipe
    assert (made.recipe.training.transfer, made.recipe.training.epochs) == ("finetune", 3)
    assert made.recipe.training.optimizer.learning_rate == 1e-4
    choices = {choice["field"]: choice["value"] for choice in run.load("choices")}
    assert (choices["training.transfer"], choices["training.epochs"]) == ("finetune", 3)
    assert made.recipe.training.early_stopping.patience == choices[time_plan.PATIENCE] == 3, "it never stops early"
    again, _ = choose_training(made.recipe, kind="writing", pictures=1222, classes=10)
    assert again == made.recipe, "one that is resumed goes on with it"


def test_a_fine_tuning_has_what_its_last_layer_leaves_of_the_time_on_all_devices(timed, told, no_network, monkeypatch):
    asked, two = {}, Devices(torch.device("cpu"))
    two.count = 2

    def fit_to_time(recipe, task, **given):
        asked.update(given)
        return Fit(recipe, [], afterwards=0.0, passes=3, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    monkeypatch.setattr(time_plan.time, "monotonic", lambda: 1030.0)
    run, features = timed(ours=True)
    made, _ = in_time(run, features, deadline=Deadline.of(run, started=1000.0), explain=False, devices=two)
    afterwards = time_plan.seconds_afterwards(made, left=70, explain=False)
    assert asked["seconds"] == pytest.approx(
        70 - 1222 * (time_plan.HEAD_PICTURE + 10 * time_plan.HEAD_CLASS) - afterwards
    )
    assert asked["devices"] is two


def test_steps_that_a_person_gave_are_not_fitted_on_the_way(prepared, told, tmp_path, monkeypatch):
    def fit_to_time(recipe, task, **given):
        return Fit(recipe, [], afterwards=0.0, passes=3, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run = Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [])
    run.save("time", {"seconds": 100.0, "fitted": False})
    asked = prepared.recipe.changed(training={"steps_per_epoch": 7})
    made, pacer = in_time(
        run, dataclasses.replace(prepared, recipe=asked), deadline=Deadline.of(run, started=0.0), explain=False
    )
    assert (made.recipe.training.steps_per_epoch, pacer) == (7, None)


def test_a_fine_tuning_that_was_asked_for_and_has_no_time_is_an_error(timed, told, no_network, monkeypatch):
    def fit_to_time(recipe, task, **given):
        raise RecipeError("50 steps, the fewest that make sense, take 200 s")

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run, features = timed(ours=False)
    run.save("choices", [Choice(time_plan.PATIENCE, 3, "soon learns by heart").to_dict()])
    asked = features.recipe.changed(training={"transfer": "finetune", "early_stopping": {"patience": 3}})
    with pytest.raises(RecipeError, match="50 steps"):
        in_time(run, dataclasses.replace(features, recipe=asked), deadline=Deadline.of(run, started=0.0))


@pytest.mark.parametrize("ours", [True, False])
def test_the_last_layer_alone_is_learnt_where_that_was_asked_for_or_the_time_is_short(
    timed, told, no_network, monkeypatch, ours
):
    def fit_to_time(recipe, task, **given):
        assert ours, "a person asked for features"
        raise RecipeError("50 steps, the fewest that make sense, take 200 s")

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    heard, (run, features), two = Heard(), timed(ours=ours), Devices(torch.device("cpu"))
    two.count = 2
    deadline = Deadline.of(run, started=0.0)
    assert in_time(run, features, deadline=deadline, devices=two, progress=heard) == (features, None)
    reason = "no fine-tuning: 50 steps" if ours else "the time is not needed"
    assert heard.said[-1].startswith("each picture is seen once, on one device, and the last layer alone is learnt; ")
    assert reason in heard.said[-1]
    assert run.recipe == features.recipe
    assert len(run.load("choices")) == ours
    monkeypatch.setattr(time_plan, "fit_to_time", lambda *a, **k: pytest.fail("a run that is resumed does the same"))
    assert in_time(run, features, deadline=deadline, progress=heard) == (features, None)


def test_photographs_with_a_time_are_fine_tuned_from_a_learnt_last_layer(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "MOST_PASSES", 1)
    monkeypatch.setattr(budget, "ENOUGH_PASSES", 0)
    photos = pictures(tmp_path / "photos", ("a", "b"), count=20, size=(64, 64))
    recipe = Recipe.make(
        data={"image_size": (64, 64)}, net={"name": "efficientnet_lite0"}, baselines=(), training={"threads": 1}
    )
    heard = Heard()
    run = train(photos, recipe, out=tmp_path / "run", seconds=600, explain=False, progress=heard)
    assert run.recipe.training.transfer == "finetune"
    assert [text.split(":")[0] for text in heard.said if "transfer" in text] == ["training.transfer = finetune"]
    assert len(run.history) == run.recipe.training.epochs == 1
    assert run.load("evaluation")["splits"]["validation"]["figures"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(("passes", "name"), [(LONG - 0.1, "none"), (LONG, "light")])
@pytest.mark.parametrize("ours", [True, False])
def test_random_changes_suit_the_passes_that_the_time_allows(prepared, told, tmp_path, monkeypatch, passes, name, ours):

    def fit_to_time(recipe, task, **given):
        return Fit(recipe, [], afterwards=0.0, passes=passes, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    mixed = dataclasses.replace(prepared.audit, kind=Kind("mixed", "told"))
    run = Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [Choice("training.augment", "", "").to_dict()] if ours else [])
    run.save("time", {"seconds": 100.0, "fitted": False})
    made, _ = in_time(run, dataclasses.replace(prepared, audit=mixed), deadline=Deadline.of(run, started=0.0))
    assert made.recipe.training.augment == (AUGMENTATIONS[name] if ours else prepared.recipe.training.augment)
    assert run.recipe == made.recipe
    assert len(run.load("choices")) == ours


def test_where_the_random_changes_are_others_their_steps_are_timed(prepared, told, tmp_path, monkeypatch):
    """Writing in less than one pass is not changed at random, and its steps are quicker: more of them fit."""
    planned = []

    def fit_to_time(recipe, task, **given):
        planned.append((recipe.training.augment, recipe.net.options["width"], given["widths"]))
        recipe = recipe.changed(net={"options": {"width": 8}})
        return (
            Fit(recipe, [Choice("net.options.width", 8, "")], 0.0, passes=0.9, most_steps=77, pace=PACE)
            if len(planned) == 1
            else Fit(recipe, [], 0.0, passes=1.2, most_steps=77, pace=PACE)
        )

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run = Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [Choice(name, "", "").to_dict() for name in ("training.augment", "net.options.width")])
    run.save("time", {"seconds": 100.0, "fitted": False})
    made, _ = in_time(run, prepared, deadline=Deadline.of(run, started=0.0))
    assert planned == [(AUGMENTATIONS["writing"], 2, True), (AUGMENTATIONS["none"], 8, False)]
    assert made.recipe.training.augment == AUGMENTATIONS["none"], "what was timed, whatever passes that leaves"
    assert {choice["field"]: choice["value"] for choice in run.load("choices")}["net.options.width"] == 8


@pytest.mark.parametrize(("passes", "name", "rate"), [(LONG - 0.1, "muon", 0.05), (LONG, "adamw", 0.01)])
@pytest.mark.parametrize("ours", [True, False])
def test_the_optimiser_suits_the_passes_that_the_time_allows(
    prepared, told, tmp_path, monkeypatch, passes, name, rate, ours
):
    planned = []

    def fit_to_time(recipe, task, **given):
        planned.append(recipe.training.optimizer.name)
        return Fit(recipe, [], afterwards=0.0, passes=passes, most_steps=77, pace=PACE)

    monkeypatch.setattr(time_plan, "fit_to_time", fit_to_time)
    run = Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [Choice("training.optimizer.name", "", "").to_dict()] if ours else [])
    run.save("time", {"seconds": 100.0, "fitted": False})
    made, _ = in_time(run, prepared, deadline=Deadline.of(run, started=0.0))
    before = prepared.recipe.training.optimizer
    assert before.name == "adamw", "60 epochs of few pictures"
    assert planned == ["muon" if ours else "adamw"], "the slower one, so that the plan holds with either"
    optimizer = made.recipe.training.optimizer
    assert (optimizer.name, optimizer.learning_rate) == ((name, rate) if ours else ("adamw", before.learning_rate))
    assert {choice["field"] for choice in run.load("choices")} == (
        {"training.optimizer.name", "training.optimizer.learning_rate"} if ours else set()
    )


def test_epochs_that_were_fitted_on_the_way_are_a_choice(tmp_path):
    heard, run = Heard(), Run.create(tmp_path / "run", RECIPE)
    run.save("choices", [])
    run.save_recipe(RECIPE.changed(training={"epochs": 2, "steps_per_epoch": (7, 5)}))
    time_plan.keep_pacing(run, progress=heard)
    assert heard.said == run.load("choices") == [], "it was asked for"
    run.save("time", {"seconds": 30.0, "fitted": True})
    time_plan.keep_pacing(run, progress=heard)
    said = "training.steps_per_epoch = 7, 5: fitted to the time that was left"
    assert heard.said == [said]
    assert run.load("choices")[0]["value"] == "7, 5"


def test_a_run_without_a_time_has_no_end(tmp_path):
    run = Run.create(tmp_path / "run", RECIPE)
    assert Deadline.of(run, started=5.0).end == math.inf
    run.save("time", {"seconds": 30.0, "fitted": False})
    assert Deadline.of(run, started=5.0).end == 35.0


def test_a_baseline_takes_a_small_share_of_the_time_and_keeps_what_was_decided(prepared, tmp_path, monkeypatch):
    asked = []

    def shorten_to_time(recipe, task, *, seconds):
        asked.append(seconds)
        return recipe.changed(training={"epochs": 2})

    monkeypatch.setattr(time_plan, "shorten_to_time", shorten_to_time)
    monkeypatch.setattr(time_plan.time, "monotonic", lambda: 1000.0)
    runs = [Run(tmp_path / name) for name in ("unhurried", "hurried")]
    for run in runs:
        run.path.mkdir()
    usual = baseline_in_time(runs[0], prepared, deadline=Deadline(), of=2)
    assert (usual.recipe, asked) == (prepared.recipe, [])
    short = baseline_in_time(runs[1], prepared, deadline=Deadline(1100.0), of=2)
    assert asked == [pytest.approx(4.0)], "8% of 100 s, for one of two"
    assert short.recipe.training.epochs == 2
    again = baseline_in_time(runs[1], prepared, deadline=Deadline(2000.0), of=2)
    assert (again.recipe, len(asked)) == (short.recipe, 1), "one that is resumed goes on with it"


@pytest.mark.parametrize("seconds", [0.0, 1e6])
def test_mistakes_and_labels_are_explained_where_there_is_time_and_else_it_is_said(tmp_path, monkeypatch, seconds):
    heard = Heard()
    monkeypatch.setattr(budget, "MOST_PASSES", 1)
    monkeypatch.setattr(main_job, "near_training_seconds", lambda own, classifier, predictions, within: seconds)
    monkeypatch.setattr(main_job, "label_search_seconds", lambda own, recipe: seconds)
    run = train("digits", RECIPE.changed(baselines=()), out=tmp_path / "run", seconds=600, progress=heard)
    assert run.has("near/test.npz") == run.has("label_errors.json") == (seconds == 0)
    said = [text for text in heard.said if "not looked" in text]
    assert len(said) == (0 if seconds == 0 else 2)
    assert all("for want of time" in text for text in said)
    assert len([text for text in heard.said if text.startswith("labels: ")]) == 1
    assert len(run.history) == 1


def test_a_time_that_is_too_short_leaves_nothing_behind(tmp_path):
    with pytest.raises(RecipeError, match=r"0\.0 s are left for the training"):
        train("digits", RECIPE, out=tmp_path / "run", seconds=0.1)
    assert not (tmp_path / "run").exists()


def test_a_label_search_compares_all_pairs_and_takes_features_where_there_are_none(prepared):
    own = OwnPictures.of(prepared)
    kept = RECIPE.changed(training={"transfer": "features"})
    assert label_search_seconds(own, kept) == pytest.approx(0.5 + 6e-9 * 1797**2)
    assert label_search_seconds(own, RECIPE) > label_search_seconds(own, kept)


def test_the_neighbours_of_mistakes_take_time_by_the_pair(prepared):
    own = OwnPictures.of(prepared)
    asked = 305 + 30 + 27  # those of the scale once, and a tenth of each split
    assert pairing_seconds(own) == pytest.approx(11e-9 * asked * 1222)


def test_what_takes_long_at_first_alone_is_not_taken_for_the_time_of_all(monkeypatch):
    ends = iter([0.0, 10.0, 10.0, 11.0, 11.0, 15.0])  # 128 at first 10 s, then 1 s, and 512 of them 4 s
    monkeypatch.setattr(near_training.time, "perf_counter", lambda: next(ends))
    monkeypatch.setattr(near_training, "own_embeddings", lambda own, classifier, positions: None)
    own = types.SimpleNamespace(splits=Splits(train=range(1000), validation=range(1000, 1010), test=[]))
    looks = near_training.looks_to_explain(own.splits)
    expected = pytest.approx(1 + looks * 3 / 384, rel=0.01)
    assert near_training.near_training_seconds(own, None, {}) == expected


def test_known_mistakes_are_counted_and_not_guessed(prepared):
    own = OwnPictures.of(prepared)
    said = Predictions(["a", "b", "c"], np.eye(2)[[0, 1, 0]], [0, 0, -1], ("x", "y"))
    assert pairing_seconds(own, {"test": said}) == pytest.approx(11e-9 * (305 + 1) * 1222)
