"""Recipes: every field, every refusal, and the way to disk and back."""

import json
import math
from types import NoneType
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tellapart.errors import RecipeError
from tellapart.recipe import AUGMENTATIONS, LOOP_SETTINGS, AugmentRecipe, Recipe, TrainingRecipe


def sections(model: type[BaseModel] = Recipe, at: tuple[str, ...] = ()):
    """Yield every section of a recipe with the place where it stands."""
    yield at, model
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from sections(kind, (*at, name))


def nested(at: tuple[str, ...], value):
    for name in reversed(at):
        value = {name: value}
    return value


SECTIONS = list(sections())
FIELDS = [(at, name, field) for at, model in SECTIONS for name, field in model.model_fields.items()]


def test_there_are_the_sections_that_the_design_names():
    assert {".".join(at) for at, _ in SECTIONS} == {
        "", "data", "net", "training", "training.optimizer", "training.augment", "training.early_stopping",
    }  # fmt: skip


@pytest.mark.parametrize(("at", "name", "field"), FIELDS, ids=lambda x: ".".join(x) if isinstance(x, tuple) else None)
def test_a_mistyped_key_is_named_with_the_right_one_at_every_level(at, name, field):
    mistyped = name[:-1] + "x" if len(name) > 3 else name + "x"
    with pytest.raises(RecipeError) as caught:
        Recipe.make(**nested(at, {mistyped: 1}))
    place = ".".join((*at, mistyped))
    assert str(caught.value).startswith(f"{place} is not a setting: did you mean {'.'.join((*at, ''))}")


def test_a_key_like_none_gets_the_list():
    with pytest.raises(
        RecipeError, match=r"^training\.early_stopping\.qqq is not a setting: there are monitor, patience"
    ):
        Recipe.make(training={"early_stopping": {"qqq": 1}})


@pytest.mark.parametrize("key", ["cls", "self", "sections"])
def test_a_key_that_python_uses_itself_is_a_mistyped_one_too(key):
    with pytest.raises(RecipeError, match=f"^{key} is not a setting"):
        Recipe.from_toml(f"{key} = 1")


@pytest.mark.parametrize(("at", "name", "field"), FIELDS, ids=lambda x: ".".join(x) if isinstance(x, tuple) else None)
def test_every_field_is_described_and_refuses_what_it_cannot_be(at, name, field):
    section = isinstance(field.default, BaseModel) or any(
        isinstance(kind, type) and issubclass(kind, BaseModel)
        for kind in (field.annotation, *get_args(field.annotation))
    )
    assert section or field.description
    with pytest.raises(RecipeError) as caught:
        Recipe.make(**nested(at, {name: object}))
    assert str(caught.value).startswith(".".join((*at, name)))
    assert "got <class 'object'>" in str(caught.value)


OUT_OF_RANGE = [
    ("data.background", -1, "data.background must be 0 to 255, or a list of red, green and blue"),
    ("data.background", "#ffffff", "data.background must be 0 to 255, or a list of red, green and blue"),
    ("data.validation_fraction", 1.0, "less than 1"),
    ("data.validation_fraction", 0.0, "greater than 0"),
    ("data.test_fraction", 1.0, "less than 1"),
    ("data.split_seed", -1, "greater than or equal to 0"),
    ("data.channels", 2, "1 or 3"),
    ("data.resize", "squash", "'stretch', 'crop' or 'pad'"),
    ("data.resample", "cubic", "'nearest', 'box', 'bilinear', 'bicubic' or 'lanczos'"),
    ("data.leaks", "ignore", "'stop', 'drop' or 'allow'"),
    ("data.image_size", [3, 80], "4 to 4096 pixels a side, got (3, 80)"),
    ("data.image_size", [80, 4097], "4 to 4096 pixels a side, got (80, 4097)"),
    ("data.image_size", [80], "field required"),
    ("net.options", {"width": [1]}, "net.options.width must be a number, text, true or false, got [1]"),
    ("data.source_options", {"a": None}, "data.source_options.a must be a whole number, text, true or false, got None"),
    ("training.epochs", 10**7, "less than or equal to 1000000"),
    ("training.threads", 10**6, "less than or equal to 1024"),
    ("training.epochs", 0, "greater than or equal to 1"),
    ("training.epochs", 2.5, "integer"),
    ("training.batch_size", 0, "greater than or equal to 1"),
    ("training.schedule", "step", "'constant', 'cosine' or 'one-cycle'"),
    ("training.label_smoothing", 1.0, "less than 1"),
    ("training.class_weights", "auto", "'none' or 'balanced'"),
    ("training.averaging", 1.0, "less than 1"),
    ("training.precision", "float64", "'float32', 'bfloat16' or 'float16'"),
    ("training.threads", 0, "greater than or equal to 1"),
    ("training.device", "tpu", "'auto', 'cpu', 'cuda' or 'mps'"),
    ("training.seed", -1, "greater than or equal to 0"),
    ("training.transfer", "all", "must be 'none', 'features'"),
    ("training.optimizer.name", "lion", "'adam', 'adamw', 'muon', 'sgd' or 'rmsprop'"),
    ("training.optimizer.learning_rate", 0.0, "greater than 0"),
    ("training.optimizer.learning_rate", math.inf, "finite"),
    ("training.optimizer.learning_rate", math.nan, "must be"),
    ("training.optimizer.weight_decay", -1.0, "greater than or equal to 0"),
    ("training.optimizer.momentum", 1.0, "less than 1"),
    ("training.early_stopping.patience", 0, "greater than or equal to 1"),
    ("training.early_stopping.min_delta", -0.1, "greater than or equal to 0"),
    ("training.early_stopping.monitor", "f1", "'accuracy', 'loss' or 'top5'"),
    ("training.augment.rotation", 181.0, "less than or equal to 180"),
    ("training.augment.shift", 0.6, "less than or equal to 0.5"),
    ("training.augment.shear", 46.0, "less than or equal to 45"),
    ("training.augment.zoom", 1.0, "less than or equal to 0.9"),
    ("training.augment.noise", -0.1, "greater than or equal to 0"),
    ("baselines", "softmax", "tuple"),
    ("data", 5, "data must be a section with settings (source, "),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "allowed"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_named_with_its_field_and_what_is_allowed(place, value, allowed):
    *at, name = place.split(".")
    with pytest.raises(RecipeError) as caught:
        Recipe.make(**nested(tuple(at), {name: value}))
    message = str(caught.value)
    assert name in message
    assert allowed in message
    assert "got" in message
    assert "\n" not in message


def test_several_faults_are_all_said_and_long_values_are_cut():
    with pytest.raises(RecipeError) as caught:
        Recipe.make(training={"epochs": 0, "optimizer": {"name": "x" * 5000}}, nett={})
    message = str(caught.value)
    assert message.count(";") == 2
    assert len(message) < 400


def test_what_a_source_is_told_keeps_its_type():
    told = {"groups": False, "sample_axis": 0, "labels_key": "y"}
    kept = Recipe.make(data={"source_options": told}).data.source_options
    assert [type(kept[name]) for name in told] == [bool, int, str]


IGNORED = [
    ({"training": {"optimizer": {"name": "adam", "momentum": 0.9}}}, "momentum = 0.9 would be ignored by adam"),
    ({"training": {"optimizer": {"name": "adamw", "momentum": 0.9}}}, "would be ignored by adamw"),
    ({"training": {"optimizer": {"momentum": 0.9}}}, "name one of them, too"),
    ({"training": {"epochs": 3, "steps_per_epoch": [5, 5]}}, "names 2 epochs, and epochs = 3"),
    ({"training": {"steps_per_epoch": [5, 5]}}, "names 2 epochs, and epochs = None"),
    ({"training": {"steps_per_epoch": 0}}, "must be a whole number from 1, or a list that begins so, got 0"),
    ({"training": {"epochs": 2, "steps_per_epoch": (0, 20)}}, "list that begins so, got"),
    ({"training": {"epochs": 2, "steps_per_epoch": [0, 0]}}, r"or a list that begins so, got \[0, 0\]"),
    ({"training": {"epochs": 2, "steps_per_epoch": [5, -1]}}, r"or a list that begins so, got \[5, -1\]"),
    ({"training": {"steps_per_epoch": "many"}}, "or a list that begins so, got 'many'"),
    ({"training": {"optimizer": {"name": "adam", "weight_decay": 0.1}}}, "weight_decay = 0.1 is not for adam"),
    ({"training": {"unfreeze": "all"}}, "unfreeze = 'all' would be ignored without transfer = 'finetune'"),
    ({"training": {"transfer": "features"}, "net": {"weights": "none"}}, "contradicts net.weights = 'none'"),
    ({"training": {"transfer": "finetune"}, "net": {"weights": "none"}}, "'finetune' contradicts net.weights = 'none'"),
]


@pytest.mark.parametrize(("given_sections", "message"), IGNORED)
def test_a_setting_that_would_be_ignored_is_an_error(given_sections, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.make(**given_sections)


CHANGED = {
    "epochs": 3, "steps_per_epoch": 7, "batch_size": 8, "optimizer": {"name": "sgd"}, "schedule": "cosine",
    "label_smoothing": 0.1, "augment": {"rotation": 5}, "early_stopping": {},
    "averaging": 0.9, "precision": "float32",
}  # fmt: skip


USUAL = {"schedule": "one-cycle", "label_smoothing": 0.0, "averaging": 0.0, "augment": {}}


@pytest.mark.parametrize(("name", "value"), [*CHANGED.items(), *USUAL.items()])
def test_what_only_epochs_look_at_is_refused_with_features(name, value):
    with pytest.raises(RecipeError, match=rf"^{name} would be ignored with transfer = 'features'"):
        Recipe.make(training={"transfer": "features", name: value})
    Recipe.make(training={"transfer": "none", name: value})
    assert set(CHANGED) == set(LOOP_SETTINGS)


def test_what_is_common_to_both_trainings_is_taken_with_features():
    common = set(TrainingRecipe.model_fields) - set(LOOP_SETTINGS)
    assert common == {"transfer", "unfreeze", "class_weights", "threads", "device", "seed"}
    Recipe.make(training={"transfer": "features", "class_weights": "balanced", "threads": 1, "seed": 3})


def test_recipes_do_not_change():
    recipe = Recipe()
    with pytest.raises(ValueError, match="frozen"):
        recipe.baselines = ()
    with pytest.raises(ValueError, match="frozen"):
        recipe.training.epochs = 3


def test_changed_lays_settings_over_others():
    recipe = Recipe.make(net={"name": "compact", "options": {"width": 8}}, training={"epochs": 3})
    other = recipe.changed(net={"options": {"blocks": 2}}, training={"optimizer": {"name": "sgd"}})
    assert other.net.options == {"width": 8, "blocks": 2}
    assert (other.training.epochs, other.training.optimizer.name) == (3, "sgd")
    assert recipe.net.options == {"width": 8}
    with pytest.raises(RecipeError, match=r"did you mean training\.epochs"):
        recipe.changed(training={"epoch": 1})


def finite(low, high):
    return st.floats(low, high, allow_nan=False, exclude_max=True)


AUGMENTS = st.fixed_dictionaries(
    {},
    optional={
        "flip_horizontal": st.booleans(), "rotation": finite(0, 180), "shift": finite(0, 0.5), "noise": finite(0, 1),
    },
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OPTIONS = st.dictionaries(TEXT, st.one_of(st.booleans(), st.integers(-(2**60), 2**60), finite(-1e300, 1e300), TEXT))
RECIPES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.fixed_dictionaries(
            {},
            optional={
                "source": st.none() | TEXT, "group_by": st.none() | TEXT,
                "source_options": st.dictionaries(TEXT, st.booleans() | st.integers(-9, 2**60) | TEXT, max_size=3),
                "image_size": st.none() | st.tuples(st.integers(4, 4096), st.integers(4, 4096)),
                "channels": st.sampled_from([None, 1, 3]), "strict": st.booleans(),
                "validation_fraction": st.floats(0, 1, exclude_min=True, exclude_max=True),
                "split_seed": st.integers(0, 2**63 - 1),
            },
        ),
        "net": st.fixed_dictionaries({}, optional={"name": TEXT, "options": OPTIONS, "weights": st.none() | TEXT}),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "epochs": st.none() | st.integers(1, 1000), "augment": st.none() | AUGMENTS,
                "averaging": st.none() | finite(0, 1), "early_stopping": st.none() | st.just({"patience": 3}),
                "optimizer": st.fixed_dictionaries(
                    {"name": st.sampled_from(["sgd", "rmsprop"])}, optional={"momentum": st.none() | finite(0, 1)}
                ),
            },
        ),
        "baselines": st.lists(TEXT, max_size=3),
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(RECIPES)
def test_json_and_toml_bring_every_recipe_back(chosen):
    recipe = Recipe.make(**chosen)
    for again in (Recipe.from_json(recipe.to_json()), Recipe.from_toml(recipe.to_toml())):
        assert again == recipe
        # Equal is not enough: 1, 1.0 and True are.
        assert {k: type(v) for k, v in again.net.options.items()} == {k: type(v) for k, v in recipe.net.options.items()}


def test_a_recipe_file_is_read_by_its_suffix(tmp_path):
    recipe = Recipe.make(training={"epochs": 3})
    for name, text in (("r.json", recipe.to_json()), ("r.toml", recipe.to_toml()), ("R.TOML", recipe.to_toml())):
        (tmp_path / name).write_text(text, encoding="utf-8-sig" if name == "R.TOML" else "utf-8")
        assert Recipe.load(tmp_path / name) == recipe


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.json", None, "there is no recipe at .*absent"),
        ("bytes.toml", b"\xff\xfe\x00", "cannot be read"),
        ("broken.json", b"{", "is not JSON"),
        ("list.json", b"[1, 2]", r"must be a JSON object \{...\}, got \[1, 2\]"),
        ("deep.json", b"[" * 100_000, "is not JSON"),
        ("broken.toml", b"= 3", "is not TOML"),
        ("twice.toml", b"net = 1\nnet = 2", "is not TOML"),
        ("number.toml", b"net = 1", "net must be a section"),
    ],
)
def test_a_recipe_file_that_cannot_be_used_says_why(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        Recipe.load(tmp_path / name)


def test_augmentation_parts_are_what_is_switched_on():
    assert AugmentRecipe().parts() == {}
    assert AugmentRecipe(rotation=5, flip_vertical=True).parts() == {"rotation": 5.0, "flip_vertical": True}
    assert not AUGMENTATIONS["writing"].flip_horizontal
    assert not AUGMENTATIONS["writing"].flip_vertical


def test_none_is_the_default_wherever_it_is_allowed():
    """TOML has no null: a field where None is allowed and means something else than leaving it out would be lost."""
    for _, model in SECTIONS:
        for field in model.model_fields.values():
            if NoneType in get_args(field.annotation):
                assert field.default is None


def test_json_is_readable_and_complete():
    document = json.loads(Recipe.make(data={"source": "笔画/照片"}).to_json())
    assert document["data"]["source"] == "笔画/照片"
    assert "笔画/照片" in Recipe.make(data={"source": "笔画/照片"}).to_json()
    assert set(document["training"]) == set(TrainingRecipe.model_fields)


def test_a_rate_to_find_and_a_rate_named_contradict_each_other():
    with pytest.raises(RecipeError, match="find_learning_rate contradicts learning_rate"):
        Recipe.make(training={"optimizer": {"learning_rate": 0.1, "find_learning_rate": True}})
