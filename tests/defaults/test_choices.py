"""What is decided for a person, and why; and that nothing is where the recipe says."""

import numpy as np
import pytest

from tellapart.defaults import baseline_recipe
from tellapart.defaults.choice import Choice
from tellapart.defaults.data import choose_data
from tellapart.defaults.preprocessing import preprocessing_of
from tellapart.defaults.pretrained import BACKBONE, Leaning, choose_start
from tellapart.defaults.training import LONG, choose_training
from tellapart.errors import RecipeError
from tellapart.images.facts import FACTS
from tellapart.recipe import AUGMENTATIONS, AugmentRecipe, DataRecipe, NetRecipe, Recipe


def facts(n=50, *, width=40, height=30, colour=0.0) -> np.ndarray:
    rows = np.zeros(n, dtype=FACTS)
    rows["readable"], rows["width"], rows["height"], rows["colour"] = True, width, height, colour
    return rows


LEANINGS = {
    "writing": Leaning("scratch", "x"), "mixed": Leaning("scratch", "x"), "photographs": Leaning("pretrained", "x"),
}  # fmt: skip


def decided(choices: list[Choice]) -> dict[str, object]:
    return {choice.field: choice.value for choice in choices}


def started(kind="writing", **sections):
    return choose_start(Recipe.make(**sections), leaning=LEANINGS[kind])[0]


# Size, channels, resizing


def data(recipe=None, rows=None, kind="writing"):
    recipe, _ = choose_start(recipe or Recipe(), leaning=LEANINGS[kind])
    recipe, choices = choose_data(recipe, facts() if rows is None else rows, kind=kind)
    return recipe.data, choices


def test_no_side_is_longer_than_a_network_takes():
    strips = np.concatenate([facts(width=40_000, height=4), facts(width=44_000, height=4)])
    assert data(rows=strips)[0].image_size == (8, 4096)


def test_equal_small_pictures_keep_their_size():
    chosen, choices = data()
    assert (chosen.image_size, chosen.channels, chosen.resize, chosen.resample) == ((30, 40), 1, "stretch", "bilinear")
    assert decided(choices) == {"data.channels": 1, "data.image_size": (30, 40)}
    assert str(choices[1]) == "data.image_size = 30x40: all pictures looked at have it"


def test_pictures_below_what_the_network_takes_are_enlarged_to_it():
    chosen, choices = data(rows=facts(width=6, height=9))
    assert chosen.image_size == (9, 8)
    assert decided(choices)["data.image_size"] == (9, 8)


def test_pictures_below_what_a_recipe_takes_are_enlarged_for_every_network():
    chosen, _ = data(Recipe.make(net={"name": "softmax"}), rows=facts(width=3, height=2))
    assert chosen.image_size == (4, 4)


def test_writing_of_any_size_keeps_its_shape():
    rows = facts(width=60, height=80)
    rows["width"][:10] = 100
    chosen, choices = data(rows=rows)
    assert chosen.image_size == (72, 56)
    assert abs(chosen.image_size[0] / chosen.image_size[1] - 80 / 60) < 0.1
    assert decided(choices)["data.resize"] == "stretch"


def test_photographs_are_cropped_and_in_colour():
    rows = facts(width=640, height=480, colour=30.0)
    rows["width"][:10] = 800
    scratch = Recipe.make(training={"transfer": "none"})
    chosen, _ = data(scratch, rows, kind="photographs")
    assert (chosen.image_size, chosen.channels, chosen.resize) == ((128, 128), 3, "crop")
    chosen, choices = data(Recipe(), rows, kind="photographs")
    assert (chosen.image_size, chosen.resample) == ((224, 224), "bicubic")
    reasons = {choice.field: choice.reason for choice in choices}
    assert "trained on" in reasons["data.image_size"]
    assert "cuts 25% of a picture off" in reasons["data.resize"]  # 640×480 to a square


def test_square_photographs_lose_nothing_and_nothing_is_said():
    _, choices = data(Recipe(), facts(width=500, height=500, colour=30.0), kind="photographs")
    assert "data.resize" not in decided(choices)


@pytest.mark.parametrize(("share", "channels"), [(0.0, 1), (0.05, 3), (1.0, 3)])
def test_a_few_coloured_pictures_are_enough_for_colour(share, channels):
    rows = facts(100)
    rows["colour"][: int(100 * share)] = 40
    chosen, choices = data(rows=rows)
    assert chosen.channels == channels
    reason = next(choice.reason for choice in choices if choice.field == "data.channels")
    assert "grey" in reason or "colour" in reason


def test_grey_photographs_are_shown_in_colour_to_a_network_that_knows_colour():
    assert data(rows=facts(width=640, height=480), kind="photographs")[0].channels == 3


def test_data_settings_of_the_recipe_stay():
    said = {"image_size": (20, 10), "channels": 3, "resize": "pad", "resample": "lanczos"}
    chosen, choices = data(Recipe.make(data=said))
    assert {name: getattr(chosen, name) for name in said} == said
    assert choices == []


# Mean and deviation


def test_the_mean_and_deviation_of_the_pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    spec = preprocessing_of(DataRecipe(image_size=(8, 8), channels=3, resize="stretch", resample="box"), pixels=pixels)
    assert spec.mean == pytest.approx([pixels.mean() / 255] * 3, abs=1e-4)
    assert spec.std == pytest.approx([pixels.std() / 255] * 3, abs=1e-4)
    flat = preprocessing_of(
        DataRecipe(image_size=(8, 8), channels=1, resize="stretch", resample="box"),
        pixels=np.zeros_like(pixels[..., :1]),
    )
    assert flat.std == (0.05,)


def test_published_weights_bring_their_own():
    plain = DataRecipe(image_size=(64, 64), channels=3, resize="crop", resample="bilinear")
    spec = preprocessing_of(plain, net=NetRecipe(name=BACKBONE, weights="imagenet"))
    assert spec.mean == pytest.approx([127 / 255] * 3, abs=1e-3)
    assert (
        len(
            preprocessing_of(
                plain.model_copy(update={"channels": 1}), net=NetRecipe(name="resnet18", weights="imagenet")
            ).mean
        )
        == 1
    )


# Training


def training(kind="writing", pictures=5000, classes=10, size=(32, 32), **sections):
    recipe = started(kind, **sections)
    recipe = recipe.changed(data={"image_size": size, "channels": 1, "resize": "stretch", "resample": "bilinear"})
    return choose_training(recipe, kind=kind, pictures=pictures, classes=classes)


def test_nothing_is_open_afterwards_and_a_second_look_changes_nothing():
    recipe, _ = training()
    loop = recipe.training
    for name in (
        "epochs",
        "batch_size",
        "label_smoothing",
        "averaging",
        "augment",
        "precision",
        "threads",
        "transfer",
        "schedule",
        "class_weights",
    ):
        assert getattr(loop, name) is not None
    assert loop.optimizer.learning_rate
    assert (loop.optimizer.name, loop.optimizer.weight_decay) == ("adamw", 0.05)
    again, choices = choose_training(recipe, kind="writing", pictures=5000, classes=10)
    assert again == recipe
    assert choices == []


@pytest.mark.parametrize(
    ("transfer", "pictures", "batch_size", "epochs"),
    [
        ("none", 49_999, 64, 8), ("none", 50_000, 128, 8), ("frozen", 50_000, 32, 8), ("finetune", 50_000, 32, 6),
        ("none", 6_667, 64, 60), ("frozen", 6_667, 32, 8),
    ],
)  # fmt: skip
def test_steps_and_epochs_by_the_way_of_training(transfer, pictures, batch_size, epochs):
    net = {} if transfer == "none" else {"name": BACKBONE, "weights": "imagenet"}
    loop = training(pictures=pictures, net=net, training={"transfer": transfer})[0].training
    assert (loop.batch_size, loop.epochs) == (batch_size, epochs)


@pytest.mark.parametrize(("threads", "said"), [(2, "as was set; this machine has 7"), (7, None), (None, None)])
def test_a_recipe_from_a_smaller_machine_is_named(threads, said, monkeypatch):
    monkeypatch.setattr("tellapart.defaults.training.compute_threads", lambda: 7)
    _, choices = training(training={"threads": threads})
    assert {choice.field: choice.reason for choice in choices}.get("training.threads") == said


@pytest.mark.parametrize(("size", "threads", "precision"), [((19, 21), 1, "float32"), ((20, 20), 7, "bfloat16")])
def test_tiny_pictures_are_too_little_work_for_threads_and_sixteen_bits(size, threads, precision, monkeypatch):
    monkeypatch.setattr("tellapart.defaults.training.compute_threads", lambda: 7)
    monkeypatch.setattr("tellapart.defaults.training.fast_precision", lambda device: "bfloat16")
    loop = training(size=size)[0].training
    assert (loop.threads, loop.precision) == (threads, precision)


@pytest.mark.parametrize(("pictures", "epochs"), [(10, 60), (10_000, 40), (20_000, 20), (10**6, 8)])
def test_few_pictures_get_more_epochs(pictures, epochs):
    recipe, choices = training(pictures=pictures)
    assert recipe.training.epochs == epochs
    assert f"training.epochs = {epochs}: {pictures:,} pictures train" in [str(choice) for choice in choices]


@pytest.mark.parametrize(
    ("pictures", "size", "width"),
    [
        (9_999, (16, 16), 16), (10_000, (16, 16), 32), (10_000, (20, 20), 24), (10_000, (28, 28), 16),
        (10**6, (28, 28), 8), (10**8, (16, 16), 8),
    ],
)  # fmt: skip
def test_the_network_grows_with_the_pictures_as_far_as_minutes_allow(pictures, size, width):
    assert training(pictures=pictures, size=size)[0].net.options["width"] == width


def test_the_width_has_its_reason_and_is_left_where_it_is_said():
    larger = training(pictures=20_000, data={"channels": 1})
    assert "as wide as a few minutes allow for 20,000 pictures" in [choice.reason for choice in larger[1]]
    assert "enough for 1,000 pictures" in [choice.reason for choice in training(pictures=1000)[1]]
    many = [choice.reason for choice in training(pictures=10**8)[1]]
    assert "the narrowest there is, as 100,000,000 pictures take longer than a few minutes" in many
    assert training(net={"options": {"width": 8}})[0].net.options == {"width": 8}
    assert training(net={"options": {"blocks": 2}})[0].net.options == {"blocks": 2, "width": 16}
    assert training(net={"name": "convnet16"})[0].net.options == {}


@pytest.mark.parametrize(("classes", "width"), [(10, 8), (128, 8), (129, 16), (257, 24), (513, 32), (5000, 32)])
def test_many_classes_ask_for_as_many_features(classes, width):
    recipe, choices = training(pictures=10**7, classes=classes)  # too many pictures for more than width 8
    assert recipe.net.options["width"] == width
    reason = next(choice.reason for choice in choices if choice.field == "net.options.width")
    assert reason.startswith(f"{classes:,} classes ask for" if width > 8 else "the narrowest there is")


@pytest.mark.parametrize(
    ("kind", "epochs", "name"),
    [
        ("writing", LONG - 1, "writing"),
        ("writing", LONG, "writing"),
        ("photographs", LONG - 1, "photo"),
        ("photographs", LONG, "photo"),
        ("mixed", LONG - 1, "none"),
        ("mixed", LONG, "light"),
        ("mixed", None, "light"),
    ],
)
def test_random_changes_suit_the_pictures_and_the_passes_over_them_and_are_said(kind, epochs, name):
    recipe, choices = training(kind, training={"transfer": "none", "epochs": epochs})
    assert recipe.training.augment == AUGMENTATIONS[name]
    assert any(choice.field == "training.augment" for choice in choices)


def test_what_an_optimiser_and_a_fine_tuning_take_by_default_stands_in_the_recipe():
    for name, momentum in (("sgd", 0.9), ("muon", 0.95), ("rmsprop", 0.0), ("adamw", None)):
        recipe, _ = training(net={"name": "compact"}, training={"optimizer": {"name": name}})
        assert recipe.training.optimizer.momentum == momentum
    recipe, _ = training(net={"name": "efficientnet_lite0"}, training={"transfer": "finetune"})
    assert recipe.training.unfreeze == "last-block"


def test_what_the_recipe_says_of_the_training_stays():
    said = {
        "epochs": 3, "batch_size": 7, "label_smoothing": 0.2, "averaging": 0.5, "augment": {"rotation": 3},
        "precision": "float32", "threads": 1024,
        "optimizer": {"name": "sgd", "learning_rate": 0.3, "weight_decay": 0.0, "momentum": 0.5},
    }  # fmt: skip
    recipe, choices = training(net={"name": "convnet16"}, training=said)
    expected = Recipe.make(training=said).training
    assert all(getattr(recipe.training, name) == getattr(expected, name) for name in said)
    assert choices == []


def test_what_the_recipe_says_of_a_fine_tuning_stays():
    said = {"transfer": "finetune", "unfreeze": "block6", "early_stopping": {"monitor": "loss", "patience": 7}}
    recipe, choices = training("photographs", net={"name": BACKBONE, "weights": "imagenet"}, training=said)
    assert recipe.training.unfreeze == "block6"
    assert (recipe.training.early_stopping.monitor, recipe.training.early_stopping.patience) == ("loss", 7)
    assert "training.early_stopping.patience" not in decided(choices)


def test_smoothing_is_for_more_than_two_classes():
    assert training(classes=2)[0].training.label_smoothing == 0
    assert training(classes=3)[0].training.label_smoothing == 0.1


def test_normalised_networks_get_a_higher_rate():
    rates = {
        name: training(net={"name": name})[0].training.optimizer.learning_rate for name in ("compact", "convnet16")
    }
    assert rates == {"compact": 1e-2, "convnet16": 1e-3}


def test_a_sigmoid_over_more_than_two_classes_is_refused():
    with pytest.raises(RecipeError, match=r"net\.sigmoid is for two classes, and there are 3"):
        training(classes=3, net={"sigmoid": True})
    training(classes=2, net={"sigmoid": True})


def test_a_top_five_of_five_is_refused():
    stopping = {"early_stopping": {"monitor": "top5"}}
    with pytest.raises(RecipeError, match="'top5' is always 1 with 5 classes: use 'accuracy' or 'loss'"):
        training(classes=5, training=stopping)
    training(classes=6, training=stopping)


def test_the_last_layer_alone_needs_threads_alone():
    recipe, choices = training("photographs")
    assert recipe.training.threads >= 1
    assert recipe.training.epochs is None
    assert choices == []


def test_a_choice_goes_into_json():
    assert Choice("data.image_size", (80, 60), "x").to_dict()["value"] == "80x60"
    assert Choice("training.augment", AugmentRecipe(flip_horizontal=True, zoom=0.1), "x").to_dict() == {
        "field": "training.augment", "value": "flip_horizontal, zoom 0.1", "reason": "x",
    }  # fmt: skip
    assert str(Choice("training.augment", AugmentRecipe(), "x")) == "training.augment = none: x"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ("one-cycle", "none")),
        ({"schedule": "cosine"}, ("cosine", "none")),
        ({"class_weights": "balanced"}, ("one-cycle", "balanced")),
    ],
)
def test_a_resolved_recipe_says_the_schedule_and_the_class_weights(asked, found):
    recipe, _ = training(training=asked)
    assert (recipe.training.schedule, recipe.training.class_weights) == found


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "cosine"])
def test_from_scratch_the_weights_are_averaged(schedule):
    given = Recipe.make(
        net={"name": "convnet16", "weights": "none"}, training={"schedule": schedule, "transfer": "none"},
        data={"image_size": (32, 32), "channels": 1},
    )  # fmt: skip
    recipe, _ = choose_training(given, kind="writing", pictures=100, classes=3)
    assert recipe.training.averaging == 0.99
    asked, _ = choose_training(given.changed(training={"averaging": 0.0}), kind="writing", pictures=100, classes=3)
    assert asked.training.averaging == 0.0


@pytest.mark.parametrize("transfer", ["frozen", "finetune"])
def test_a_pretrained_network_is_not_averaged_whatever_its_schedule(transfer):
    net = {"name": BACKBONE, "weights": "imagenet"}
    recipe, _ = training("photographs", net=net, training={"transfer": transfer, "schedule": "constant"})
    assert recipe.training.averaging == 0.0


def test_a_rate_that_is_to_be_found_is_not_decided():
    given = Recipe.make(
        net={"name": "convnet16", "weights": "none"}, data={"image_size": (32, 32), "channels": 1},
        training={"transfer": "none", "optimizer": {"find_learning_rate": True}},
    )  # fmt: skip
    recipe, choices = choose_training(given, kind="writing", pictures=100, classes=3)
    assert recipe.training.optimizer.learning_rate is None
    assert "training.optimizer.learning_rate" not in decided(choices)


def test_the_default_network_gets_muon_for_few_passes_and_all_else_adamw():
    def chosen(*, epochs=LONG - 1, optimizer=None, **more):
        settings = {"epochs": epochs, "optimizer": optimizer or {}}
        return training(training={**settings, **more.pop("training", {})}, **more)[0].training.optimizer

    few, many = chosen(), chosen(epochs=LONG)
    assert (few.name, few.learning_rate, few.weight_decay) == ("muon", 0.05, 0.01)
    assert (many.name, many.learning_rate, many.weight_decay) == ("adamw", 0.01, 0.05)
    assert chosen(net={"name": "convnet16"}).name == "adamw"
    for given in ({"learning_rate": 0.01}, {"weight_decay": 0.1}, {"find_learning_rate": True}):
        assert chosen(optimizer=given).name == "adamw", "on its scale"
    assert chosen(optimizer={"name": "sgd"}).name == "sgd"


def test_colours_of_grey_pictures_are_left_out_and_not_in_silence():
    own = AugmentRecipe(rotation=5, saturation=0.3, hue=10)
    recipe, choices = training("photographs", training={"transfer": "none", "augment": own.parts()})
    assert recipe.training.augment.parts() == {"rotation": 5}
    said = {choice.field: choice.reason for choice in choices if "colours" in choice.reason}
    assert list(said) == ["training.augment.saturation", "training.augment.hue"]


def test_what_is_few_epochs_for_random_changes_counts_passes():
    long, short = ({"transfer": "none", "epochs": 24, "steps_per_epoch": steps} for steps in (1000, 10))
    found = [training("mixed", pictures=20_000, training=settings)[0].training.augment for settings in (long, short)]
    assert found == [AUGMENTATIONS["light"], AUGMENTATIONS["none"]]


@pytest.mark.parametrize(("steps", "name"), [(70, "none"), (80, "writing")])
def test_less_than_one_pass_has_no_random_changes(steps, name):
    settings = {"transfer": "none", "epochs": 1, "steps_per_epoch": steps, "batch_size": 64}
    assert training(pictures=5000, training=settings)[0].training.augment == AUGMENTATIONS[name]


@pytest.mark.parametrize(
    ("pictures", "epochs"), [(1, 30), (3_333, 30), (10_000, 10), (25_753, 4), (150_000, 4), (300_000, 2), (10**6, 1)]
)
def test_a_baseline_sees_so_many_pictures_in_all(pictures, epochs):
    recipe, _ = training(training={"optimizer": {"name": "adamw"}})
    assert baseline_recipe(recipe, "softmax", pictures=pictures).training.epochs == epochs
