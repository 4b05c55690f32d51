"""The options of ``train`` become the recipe that they say."""

import pytest
from typer.main import get_command

import tellapart.workflow
from tellapart.cli.app import app
from tellapart.cli.options import read_time
from tellapart.errors import RecipeError
from tellapart.recipe import AUGMENTATIONS, Recipe


class Stop(Exception):
    pass


@pytest.fixture
def recipe_of(call, monkeypatch):
    """Return a function that gives the recipe that some options of ``train`` make, without training."""

    def recipe(*options):
        found = []

        def take(source, full, **_):
            found.append(full)
            raise KeyboardInterrupt

        monkeypatch.setattr(tellapart.workflow, "train", take)
        called = call("train", *options)
        assert found, called.err
        return found[0]

    return recipe


def test_no_options_leave_everything_open(recipe_of):
    assert recipe_of("photos") == Recipe.make(data={"source": "photos"})


CASES = {
    "--image-size 80x60 --grayscale": {"data": {"image_size": (80, 60), "channels": 1}},
    "--color --resize crop --resample lanczos --background 0": {
        "data": {"channels": 3, "resize": "crop", "resample": "lanczos", "background": 0}
    },
    r"--group-by (\d+)\.png --split-seed 3": {"data": {"group_by": r"(\d+)\.png", "split_seed": 3}},
    "--validation-fraction 0.1 --test-fraction 0.3 --strict": {
        "data": {"validation_fraction": 0.1, "test_fraction": 0.3, "strict": True}
    },
    "--drop-leaks": {"data": {"leaks": "drop"}},
    "--allow-leaks": {"data": {"leaks": "allow"}},
    "--source-option label-column=kind": {"data": {"source_options": {"label_column": "kind"}}},
    "--net convnet128 --net-option dropout=0.5 --sigmoid": {
        "net": {"name": "convnet128", "options": {"dropout": 0.5}, "sigmoid": True}
    },
    "--net vgg16 --weights imagenet --transfer features": {
        "net": {"name": "vgg16", "weights": "imagenet"},
        "training": {"transfer": "features"},
    },
    "--labels mended.csv": {"data": {"labels": "mended.csv"}},
    "--net resnet18 --transfer finetune --unfreeze block4": {
        "net": {"name": "resnet18"},
        "training": {"transfer": "finetune", "unfreeze": "block4"},
    },
    "--steps-per-epoch 200": {"training": {"steps_per_epoch": 200}},
    "--epochs 30 --batch-size 128 --seed 7": {"training": {"epochs": 30, "batch_size": 128, "seed": 7}},
    "--optimizer sgd --learning-rate 0.1 --momentum 0.8 --weight-decay 1e-4": {
        "training": {
            "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.8, "weight_decay": 1e-4},
        }
    },
    "--find-learning-rate": {"training": {"optimizer": {"find_learning_rate": True}}},
    "--schedule cosine --label-smoothing 0.1 --class-weights balanced --averaging 0.99": {
        "training": {"schedule": "cosine", "label_smoothing": 0.1, "class_weights": "balanced", "averaging": 0.99}
    },
    "--patience 15": {"training": {"early_stopping": {"patience": 15}}},
    "--patience 5 --monitor loss": {"training": {"early_stopping": {"patience": 5, "monitor": "loss"}}},
    "--precision float32 --threads 2 --device cpu": {
        "training": {"precision": "float32", "threads": 2, "device": "cpu"}
    },
    "--augment photo": {"training": {"augment": AUGMENTATIONS["photo"].parts()}},
    "--augment photo --no-flip-horizontal --noise 0.1": {
        "training": {"augment": {**AUGMENTATIONS["photo"].parts(), "flip_horizontal": False, "noise": 0.1}}
    },
    "--rotation 5 --shift 0.1 --shear 3 --zoom 0.2 --stretch 0.1": {
        "training": {"augment": {"rotation": 5, "shift": 0.1, "shear": 3, "zoom": 0.2, "stretch": 0.1}}
    },
    "--crop 0.4 --saturation 0.3 --hue 10": {"training": {"augment": {"crop": 0.4, "saturation": 0.3, "hue": 10}}},
    "--elastic 0.02 --brightness 0.1 --contrast 0.2 --erase 0.3 --flip-vertical": {
        "training": {
            "augment": {"elastic": 0.02, "brightness": 0.1, "contrast": 0.2, "erase": 0.3, "flip_vertical": True}
        }
    },
    "--stroke 0.4": {"training": {"augment": {"stroke": 0.4}}},
    "--folds 5": {"folds": 5},
    "--no-baselines": {"baselines": ()},
    "--baseline dense --baseline softmax": {"baselines": ("dense", "softmax")},
}


@pytest.mark.parametrize("options", CASES)
def test_options_become_the_recipe(options, recipe_of):
    expected = {**CASES[options], "data": {"source": "photos", **CASES[options].get("data", {})}}
    assert recipe_of("photos", *options.split()) == Recipe.make(**expected)


def test_every_option_that_is_a_setting_of_the_recipe_is_among_them():
    typed = {word for options in CASES for word in options.split() if word.startswith("--")}
    options = [found for found in get_command(app).commands["train"].params if found.opts[0].startswith("--")]
    missing = {found.opts[0] for found in options if not typed & {*found.opts, *found.secondary_opts}}
    assert missing == {"--out", "--resume", "--time", "--recipe", "--devices"}


def test_options_lie_over_a_recipe_file(recipe_of, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[data]\nsource = "mine"\n[training]\nepochs = 3\nseed = 4\n', encoding="utf-8")
    assert recipe_of("--recipe", file) == Recipe.load(file)
    changed = recipe_of("photos", "--recipe", file, "--epochs", "9")
    assert (changed.data.source, changed.training.epochs, changed.training.seed) == ("photos", 9, 4)


def test_monitor_goes_with_the_patience_of_a_recipe_file(recipe_of, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[training.early_stopping]\npatience = 5\n", encoding="utf-8")
    stopping = recipe_of("photos", "--recipe", file, "--monitor", "loss").training.early_stopping
    assert (stopping.patience, stopping.monitor) == (5, "loss")


def test_a_named_set_of_changes_replaces_that_of_a_recipe_file(recipe_of, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[training.augment]\nflip_horizontal = true\nrotation = 10\n", encoding="utf-8")
    assert recipe_of("photos", "--recipe", file, "--augment", "none").training.augment.parts() == {}
    assert recipe_of("photos", "--recipe", file, "--augment", "writing").training.augment == AUGMENTATIONS["writing"]
    single = recipe_of("photos", "--recipe", file, "--noise", "0.1").training.augment.parts()
    assert single == {"flip_horizontal": True, "rotation": 10, "noise": 0.1}


@pytest.mark.parametrize("options", [["--no-flip-horizontal"], ["--rotation", "0"]])
def test_switching_off_one_change_does_not_silently_switch_off_all(call, options):
    called = call("train", "photos", *options)
    assert called.status == 2
    assert f"{' '.join(options)} alone would switch off every random change" in called.err
    assert f"--augment photo {' '.join(options)}" in called.err


def test_nor_where_a_recipe_file_has_no_set_to_take_it_from(call, recipe_of, tmp_path):
    (tmp_path / "bare.toml").write_text('[net]\nname = "resnet50"\n', encoding="utf-8")
    called = call("train", "photos", "--recipe", tmp_path / "bare.toml", "--rotation", "0")
    assert called.status == 2
    assert "--rotation 0 alone would switch off every random change" in called.err
    (tmp_path / "own.toml").write_text("[training.augment]\nrotation = 10\nzoom = 0.1\n", encoding="utf-8")
    assert recipe_of("photos", "--recipe", tmp_path / "own.toml", "--rotation", "0").training.augment.parts() == {
        "zoom": 0.1
    }


@pytest.mark.parametrize("text", ["", "0s", "5 hours", "-3m", "m"])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(RecipeError, match="a time must be a number with s, m or h"):
        read_time(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "{good}", "--image-size", ""),
        ("train", "{good}", "--background", ""),
        ("summary", "lenet5", "--image-size", ""),
    ],
)
def test_a_value_that_a_script_left_empty_is_no_default(call, good, arguments):
    called = call(*(str(one).format(good=good) for one in arguments))
    assert called.status == 2
    assert called.errors


RESOLVED = """
[data]
source = "photos"
[net]
name = "efficientnet_lite0"
weights = "imagenet"
[net.options]
dropout = 0.2
[training]
transfer = "finetune"
unfreeze = "all"
epochs = 6
batch_size = 32
[training.optimizer]
name = "sgd"
learning_rate = 0.01
weight_decay = 0.0001
momentum = 0.9
[training.early_stopping]
patience = 3
"""


@pytest.mark.parametrize(
    ("typed", "blank"),
    [
        ("--time 5m", {"training.epochs", "early_stopping"}),
        ("--optimizer adamw", {"learning_rate", "weight_decay", "momentum"}),
        ("--optimizer adamw --weight-decay 0.3", {"learning_rate", "momentum"}),
        ("--optimizer sgd --epochs 3", set()),
        ("--find-learning-rate", {"learning_rate"}),
        ("--transfer frozen", {"unfreeze", "learning_rate"}),
        ("--transfer frozen --learning-rate 0.01", {"unfreeze"}),
        ("--transfer none", {"weights", "unfreeze", "learning_rate", "training.epochs", "early_stopping"}),
        ("--net compact --transfer none", {"options", "weights", "unfreeze", "learning_rate"}),
        ("--net compact --weights none --transfer none", {"options", "unfreeze", "learning_rate"}),
    ],
)
def test_what_is_typed_takes_the_place_of_what_was_chosen_to_go_with_a_recipe(typed, blank, recipe_of, call, tmp_path):
    file = tmp_path / "resolved.toml"
    file.write_text(RESOLVED)
    before, after = Recipe.load(file).model_dump(), recipe_of("--recipe", file, *typed.split()).model_dump()
    optimizer = after["training"]["optimizer"]
    settings = {**after["net"], **after["training"], **optimizer, "training.epochs": after["training"]["epochs"]}
    assert all(settings[name] in (None, {}) for name in blank)
    kept = (
        {"learning_rate", "weight_decay", "momentum"} - blank - set(typed.replace("--", "").replace("-", "_").split())
    )
    assert all(optimizer[name] == before["training"]["optimizer"][name] for name in kept)
    assert after["training"]["batch_size"] == 32
    said = call("train", "--recipe", file, *typed.split()).err
    assert ("chosen anew" in said) == bool(blank)


def test_the_last_layer_alone_replaces_all_of_a_loop(recipe_of, tmp_path):
    file = tmp_path / "resolved.toml"
    file.write_text(RESOLVED)
    recipe = recipe_of("--recipe", file, "--transfer", "features", "--net-option", "dropout=0")
    expected = Recipe.make(training={"transfer": "features"}).training
    assert recipe.training == expected


def test_what_is_typed_and_contradicts_itself_is_still_refused(call, tmp_path):
    file = tmp_path / "resolved.toml"
    file.write_text(RESOLVED)
    called = call("train", "--recipe", file, "--optimizer", "adamw", "--momentum", "0.5")
    assert called.status == 2
    assert "momentum = 0.5 would be ignored by adamw" in called.err


def test_another_way_of_transfer_than_that_of_a_timed_run_has_its_own_epochs(recipe_of, tmp_path):
    file = tmp_path / "timed.toml"
    file.write_text(RESOLVED.replace("epochs = 6", "epochs = 3\nsteps_per_epoch = [50, 0, 40]"))
    made = recipe_of("--recipe", file, "--transfer", "none").training
    assert (made.epochs, made.steps_per_epoch, made.transfer) == (None, None, "none")
    made = recipe_of("--recipe", file, "--transfer", "frozen").training
    assert (made.epochs, made.steps_per_epoch) == (3, (50, 0, 40))


def test_a_run_s_recipe_comes_with_the_labels_that_the_run_keeps(recipe_of, tmp_path):
    """The list that they were copied from may have grown since: then it would be another training."""
    run, grown = tmp_path / "run", tmp_path / "list.csv"
    run.mkdir()
    recipe = Recipe.make(data={"source": "photos", "labels": str(grown)})
    for file in (run / "recipe.json", run / "mine.json"):
        file.write_text(recipe.to_json())
    assert recipe_of("--recipe", run / "recipe.json").data.labels == str(grown), "it keeps none"
    (run / "labels.csv").write_text("id,label\n")
    assert recipe_of("--recipe", run / "recipe.json").data.labels == str(run / "labels.csv")
    assert recipe_of("--recipe", run / "mine.json").data.labels == str(grown)
    assert recipe_of("--recipe", run / "recipe.json", "--labels", "other.csv").data.labels == "other.csv"


def test_what_a_recipe_names_is_not_taken_for_what_lies_here(call, monkeypatch, tmp_path):
    """A run on the digits that come with scikit-learn is repeated on them, whatever folder is called so."""
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text('[data]\nsource = "digits"\n')
    sources = []

    def take(source, full, **_):
        sources.append(source)
        raise KeyboardInterrupt

    monkeypatch.setattr(tellapart.workflow, "train", take)
    for options in (["--recipe", "recipe.toml"], ["digits", "--recipe", "recipe.toml"]):
        call("train", *options)
    assert sources == [None, "digits"], "typed, it is the folder"
