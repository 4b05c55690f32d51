"""Where a training starts: by what the pictures are, by a probe, by what the recipe says; and why."""

import numpy as np
import pytest

from tellapart.defaults.pretrained import (
    BACKBONE,
    WORTH,
    Leaning,
    Probed,
    check_moving,
    choose_start,
    decide,
    is_open,
    lean,
)
from tellapart.errors import RecipeError
from tellapart.images.facts import FACTS
from tellapart.recipe import DataRecipe, Recipe

SEEN = Leaning("pretrained", "the pictures are photographs")
UNSEEN = Leaning("scratch", "the pictures are writing")
DOUBTFUL = Leaning("doubtful", "the pictures are small")


def facts(n=50, *, width=320, height=240, colour=30.0):
    rows = np.zeros(n, dtype=FACTS)
    rows["readable"], rows["width"], rows["height"], rows["colour"] = True, width, height, colour
    return rows


# What the pictures are


@pytest.mark.parametrize(
    ("kind", "shape", "pictures", "start"),
    [
        ("photographs", {}, 60, "pretrained"),
        ("photographs", {}, 10**6, "pretrained"),
        ("photographs", {"width": 128, "height": 128}, 2000, "pretrained"),
        ("photographs", {"width": 127, "height": 200}, 2000, "doubtful"),
        ("photographs", {"width": 32, "height": 32}, 2000, "doubtful"),
        ("photographs", {"width": 16, "height": 16}, 2000, "doubtful"),
        ("photographs", {"width": 15, "height": 90}, 2000, "scratch"),
        ("photographs", {"width": 95, "height": 95}, 20_000, "scratch"),
        ("photographs", {"width": 96, "height": 96}, 20_000, "doubtful"),
        ("photographs", {"colour": 0.0}, 2000, "doubtful"),
        ("photographs", {"width": 48, "height": 48}, 59, "pretrained"),
        ("mixed", {}, 2000, "doubtful"),
        ("mixed", {}, 59, "scratch"),
        ("mixed", {"width": 28, "height": 28, "colour": 0.0}, 2000, "scratch"),
        ("writing", {"width": 28, "height": 28, "colour": 0.0}, 60_000, "scratch"),
        ("writing", {"colour": 0.0}, 60, "scratch"),
    ],
)
def test_kind_size_and_number_say_where_to_start(kind, shape, pictures, start):
    assert lean(facts(**shape), kind=kind, pictures=pictures).start == start


def test_a_few_coloured_pictures_do_not_make_grey_ones_doubtless():
    rows = facts(200, colour=0.0)
    rows["colour"][:1] = 40
    assert lean(rows, kind="photographs", pictures=2000).start == "doubtful"
    rows["colour"][:2] = 40
    assert lean(rows, kind="photographs", pictures=2000).start == "pretrained"


def test_pictures_that_would_fill_the_disk_are_not_enlarged_and_the_reason_says_so():
    size = {"needed_bytes": 150_528_000_000, "free_bytes": 301_056_000_000}
    assert lean(facts(), kind="photographs", pictures=10**6, **size).start == "pretrained"
    full = lean(facts(), kind="photographs", pictures=10**6, **{**size, "free_bytes": 301_055_999_998})
    assert full.start == "scratch"
    assert full.reason == (
        "1,000,000 pictures at the size of a pretrained network would take 150.5 GB of disk, and 301.1 GB are free"
    )
    doubtful = facts(width=48, height=48)
    assert lean(doubtful, kind="photographs", pictures=10_000, needed_bytes=2, free_bytes=3).start == "scratch"


# What a probe says


def probed(log_loss, *, plain=1.0, chance=3.0):
    return Probed(320, 0.9, log_loss=log_loss, plain_accuracy=0.5, plain_log_loss=plain, chance_log_loss=chance)


def test_a_pretrained_network_has_to_be_clearly_better_than_plain_edges():
    assert decide(DOUBTFUL, probed(WORTH - 0.001), kind="photographs").start == "pretrained"
    assert decide(DOUBTFUL, probed(WORTH), kind="photographs").start == "scratch"
    assert decide(DOUBTFUL, probed(2 * WORTH, plain=2.0), kind="mixed").start == "scratch"


def test_and_than_chance():
    assert decide(DOUBTFUL, probed(0.7, plain=2.0, chance=0.69), kind="photographs").start == "scratch"
    assert decide(DOUBTFUL, probed(0.3, plain=2.0, chance=0.69), kind="photographs").start == "pretrained"


def test_a_decision_says_the_figures():
    better, worse = (decide(DOUBTFUL, probed(loss), kind="photographs").reason for loss in (0.3, 1.2))
    figures = "its features have 90.0% right (log loss {}), plain edges 50.0% (1.000)"
    figures = f"cross-validated on 320 training pictures, {figures}"
    assert better == f"the pictures are small, and a pretrained network knows them: {figures.format('0.300')}"
    assert worse == f"the pictures are small, and a pretrained network knows little of them: {figures.format('1.200')}"


@pytest.mark.parametrize(("kind", "start"), [("photographs", "pretrained"), ("mixed", "scratch")])
def test_without_a_probe_the_kind_decides(kind, start):
    assert decide(DOUBTFUL, None, kind=kind).start == start


# What the recipe says


def test_from_scratch_for_the_reason_given():
    recipe, choices = choose_start(Recipe(), leaning=UNSEEN)
    assert (recipe.net.name, recipe.net.weights, recipe.training.transfer) == ("compact", "none", "none")
    assert [str(choice) for choice in choices] == ["net.name = compact: the pictures are writing"]


def test_from_a_network_that_knows_photographs():
    recipe, choices = choose_start(Recipe(), leaning=SEEN)
    assert (recipe.net.name, recipe.net.weights) == (BACKBONE, "imagenet")
    assert recipe.training.transfer == "features"
    assert [choice.field for choice in choices] == ["net.name", "training.transfer"]
    assert choices[0].reason == SEEN.reason


def test_a_doubt_counts_as_from_scratch_until_a_probe_decides():
    assert choose_start(Recipe(), leaning=DOUBTFUL)[0].net.name == "compact"


@pytest.mark.parametrize(
    ("sections", "asked"),
    [
        ({"training": {"epochs": 3}}, "training.epochs"),
        ({"training": {"optimizer": {"name": "sgd"}}}, "training.optimizer"),
        ({"training": {"label_smoothing": 0.1}, "net": {"sigmoid": True}}, "training.label_smoothing"),
        ({"training": {"batch_size": 8}, "net": {"name": "mobilenet_v2"}}, "training.batch_size"),
        ({"training": {"schedule": "one-cycle"}}, "training.schedule"),
        ({"training": {"averaging": 0.0}}, "training.averaging"),
    ],
)
def test_wishes_that_only_epochs_grant_keep_the_pretrained_network_and_move_it(sections, asked):
    recipe, choices = choose_start(Recipe.make(**sections), leaning=SEEN)
    assert recipe.net.name == sections.get("net", {}).get("name", BACKBONE)
    assert (recipe.net.weights, recipe.training.transfer) == ("imagenet", "finetune")
    assert (
        choices[-1].reason == f"it has published weights, and {asked} is set: without it only the last layer is learnt"
    )


@pytest.mark.parametrize(
    "sections",
    [
        {"data": {"channels": 1}},
        {"data": {"image_size": (64, 64)}},
        {"net": {"sigmoid": True}},
        {"training": {"seed": 3}},
        {"training": {"class_weights": "balanced"}},
    ],
)
def test_wishes_that_a_single_look_grants_keep_it(sections):
    recipe, _ = choose_start(Recipe.make(**sections), leaning=SEEN)
    assert (recipe.net.name, recipe.training.transfer) == (BACKBONE, "features")


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"net": {"weights": "none"}}, "net.weights = none asks for a training from scratch"),
        ({"training": {"transfer": "none"}}, "training.transfer = none asks for a training from scratch"),
        ({"training": {"transfer": "none", "epochs": 3}}, "training.transfer = none asks for a training from scratch"),
        ({"net": {"options": {"width": 16}}}, "net.options.width is for a network from scratch"),
        (
            {"net": {"options": {"width": 16}}, "training": {"epochs": 3}},
            "net.options.width is for a network from scratch",
        ),
    ],
)
def test_from_scratch_where_the_recipe_says_so(sections, reason):
    recipe, choices = choose_start(Recipe.make(**sections), leaning=SEEN)
    assert (recipe.net.name, recipe.training.transfer) == ("compact", "none")
    assert choices[0].reason == reason
    assert not is_open(Recipe.make(**sections))


@pytest.mark.parametrize(
    ("data", "start"),
    [
        ({}, "pretrained"), ({"image_size": (150, 150)}, "pretrained"), ({"image_size": (150, 96)}, "doubtful"),
        ({"image_size": (12, 12)}, "scratch"), ({"image_size": (32, 31)}, "scratch"),
        ({"image_size": (32, 32)}, "doubtful"), ({"channels": 1}, "doubtful"), ({"channels": 3}, "pretrained"),
    ],
)  # fmt: skip
def test_pictures_are_judged_at_the_size_and_channels_that_were_asked_for(data, start):
    found = lean(facts(), kind="photographs", pictures=2000, data=DataRecipe(**data))
    assert found.start == start


def test_what_the_recipe_says_is_not_decided():
    said = Recipe.make(net={"name": "convnet16", "weights": "none"}, training={"transfer": "none"})
    assert choose_start(said, leaning=SEEN) == (said, [])
    recipe, choices = choose_start(Recipe.make(training={"transfer": "features"}), leaning=UNSEEN)
    assert (recipe.net.name, recipe.net.weights) == (BACKBONE, "imagenet")
    assert choices[0].reason.startswith("the recipe asks for transfer")


def test_weights_that_are_asked_for_choose_the_network_that_has_them():
    asked = Recipe.make(net={"weights": "imagenet"})
    recipe, choices = choose_start(asked, leaning=UNSEEN)
    assert (recipe.net.name, recipe.net.weights, recipe.training.transfer) == (BACKBONE, "imagenet", "features")
    assert choices[0].reason.startswith("the recipe names weights")
    assert not is_open(asked)


def test_transfer_needs_weights():
    with pytest.raises(RecipeError, match="transfer = 'frozen' needs a network with published weights"):
        choose_start(Recipe.make(net={"name": "convnet16"}, training={"transfer": "frozen"}), leaning=SEEN)


@pytest.mark.parametrize("leaning", [SEEN, UNSEEN, DOUBTFUL])
def test_a_second_look_decides_nothing_more(leaning):
    once, _ = choose_start(Recipe(), leaning=leaning)
    assert choose_start(once, leaning=SEEN) == (once, [])
    assert not is_open(once)


@pytest.mark.parametrize(
    ("net", "options", "transfer"),
    [("googlenet", {"auxiliary": True}, None), ("googlenet", {"auxiliary": True}, "frozen")],
)
def test_auxiliary_heads_are_not_ignored_without_a_word(net, options, transfer):
    recipe = Recipe.make(net={"name": net, "options": options}, training={"transfer": transfer})
    with pytest.raises(RecipeError, match=r"net.options.auxiliary would be ignored: .* or give --transfer none"):
        choose_start(recipe, leaning=Leaning("pretrained", ""))


@pytest.mark.parametrize(
    ("net", "training", "sentence"),
    [
        ("softmax", {"optimizer": {"name": "muon"}}, "muon moves hidden layers"),
        ("auto", {"optimizer": {"name": "muon"}, "transfer": "frozen"}, "muon moves hidden layers"),
        ("auto", {"transfer": "finetune", "unfreeze": "block9"}, "no stage 'block9' to unfreeze from: give all,"),
    ],
)
def test_what_cannot_move_is_refused_before_any_picture_is_read(net, training, sentence):
    with pytest.raises(RecipeError, match=sentence):
        check_moving(Recipe.make(net={"name": net}, training=training))


@pytest.mark.parametrize(
    ("net", "training"),
    [
        ("auto", {"optimizer": {"name": "muon"}}),
        ("auto", {"transfer": "finetune", "unfreeze": "block6", "optimizer": {"name": "muon"}}),
        ("convnet128", {"optimizer": {"name": "muon"}}),
    ],
)
def test_what_can_move_is_not_refused(net, training):
    check_moving(Recipe.make(net={"name": net}, training=training))


def test_dropout_is_for_a_training_in_epochs():
    recipe = Recipe.make(net={"name": "resnet50", "options": {"dropout": 0.3}})
    chosen, _ = choose_start(recipe, leaning=Leaning("pretrained", ""))
    assert chosen.training.transfer == "finetune"
    with pytest.raises(RecipeError, match=r"net.options.dropout would be ignored with transfer = 'features'"):
        Recipe.make(net={"name": "resnet50", "options": {"dropout": 0.3}}, training={"transfer": "features"})


@pytest.mark.parametrize("net", ["vgg16", "alexnet"])
def test_dropout_between_frozen_layers_would_be_ignored(net):
    def recipe(name, transfer):
        return Recipe.make(net={"name": name, "options": {"dropout": 0.3}}, training={"transfer": transfer})

    with pytest.raises(RecipeError, match=r"net.options.dropout would be ignored with transfer = 'frozen': '" + net):
        check_moving(recipe(net, "frozen"))
    check_moving(recipe(net, "finetune"))
    check_moving(recipe("efficientnet_lite0", "frozen"))  # right before the head
