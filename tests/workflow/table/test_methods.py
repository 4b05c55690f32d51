"""The rows' names, and which rows a table has."""

import pytest

from tellapart.errors import RecipeError, UnknownNameError
from tellapart.features import classifiers, features
from tellapart.recipe import Recipe
from tellapart.workflow.table import TablePlan, default_methods, every_method, make_table, parse_method
from tellapart.workflow.table.fill import _check_rows


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("majority-class", "majority class"),
        ("pixels/random-forest", "classical"),
        ("hog+pca/svm-rbf", "classical"),
        ("colour-histogram:bins=8,joint=true+pca/nearest-neighbours:neighbours=3", "classical"),
        ("compact", "from scratch"),
        ("efficientnet_lite0:features", "transfer"),
        ("vgg16:finetune", "transfer"),
    ],
)
def test_names_are_read(text, kind):
    method = parse_method(text)
    assert (method.name, method.kind) == (text, kind)
    assert not set(method.slug) & set("/:\\ ")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("hogg/svm-rbf", UnknownNameError, "did you mean 'hog'"),
        ("hog/svm", UnknownNameError, "no classifier is called 'svm'"),
        ("hog", RecipeError, "a feature needs a classifier behind a slash, such as 'hog/svm-rbf'"),
        ("hog+pcs/svm-rbf", RecipeError, r"'\+pca' and nothing else"),
        ("compct", UnknownNameError, "did you mean 'compact'"),
        ("compact:features", RecipeError, "no published weights to transfer: ask for 'compact' alone"),
        ("colour-histogram:bin=8/svm-rbf", RecipeError, "did you mean 'bins'"),
        ("hog/nearest-neighbours:k=3", RecipeError, "the classifier 'nearest-neighbours' has no option 'k'"),
        ("hog:9/svm-rbf", RecipeError, "behind 'hog' and a colon stands NAME=VALUE, several with commas, got '9'"),
        ("colour-histogram:bins=999/svm-rbf", RecipeError, "bins must be a whole number from 2 to 256, got 999"),
        ("hog/svm-rbf:c=-2", RecipeError, "c must be a number above 0, got -2"),
        ("vgg16:feature", RecipeError, "behind a network stands :features, :frozen or :finetune"),
    ],
)
def test_names_that_are_none(text, error, words):
    with pytest.raises(error, match=words):
        parse_method(text)


def test_options_stand_behind_a_colon():
    method = parse_method("colour-histogram:bins=8,joint=true+pca/nearest-neighbours:neighbours=3")
    assert (method.feature, method.classifier) == ("colour-histogram+pca", "nearest-neighbours")
    assert method.feature_options == {"bins": 8, "joint": True}
    assert method.classifier_options == {"neighbours": 3}


def test_the_default_has_every_feature_but_the_coarsest_and_every_classifier():
    methods, notes = default_methods(scratch="compact", pictures=2000, training=1200, photographs=True)
    classical = [one for one in methods if one.kind == "classical"]
    assert {one.classifier for one in classical} == set(classifiers.names())
    assert {one.feature.removesuffix("+pca") for one in classical} == set(features.names()) - {"pooled-pixels"}
    assert [one.kind for one in methods].count("transfer") == 1
    assert notes == []


def test_what_takes_long_is_left_out_and_said():
    methods, notes = default_methods(scratch="compact", pictures=70_000, training=48_000, photographs=False)
    assert not any(one.classifier in ("svm-rbf", "nearest-neighbours") or one.kind == "transfer" for one in methods)
    assert len(notes) == 2
    assert all("--row" in note for note in notes)


def test_every_method_is_every_pair_alone_and_with_pca():
    methods = every_method(scratch="lenet5")
    assert len(methods) == 1 + 2 * len(features.names()) * len(classifiers.names()) + 2
    assert len({one.slug for one in methods}) == len(methods)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"noise": 1.5}, "noise must be 0 to 1"),
        ({"copies": -1}, "changed copies must be 0 to 1,000,000"),
        ({"rows": ("hog/svm-rbf", "hog/svm-rbf")}, "asked for twice"),
        ({"rows": ("compact",), "every": True}, "contradict"),
    ],
)
def test_plans_that_cannot_be(settings, words):
    with pytest.raises(RecipeError, match=words):
        TablePlan(**settings)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"training": {"transfer": "features"}}, "a table names it in the row"),
        ({"net": {"weights": "imagenet"}}, "would be ignored"),
        ({"baselines": ["lenet5"]}, "baselines = lenet5 would be ignored by a table: name them as rows"),
        ({"folds": 5}, "cross-validate with train"),
    ],
)
def test_settings_that_a_table_would_ignore(section, words):
    from tellapart.recipe import Recipe

    with pytest.raises(RecipeError, match=words):
        TablePlan(Recipe.make(**section))


def test_each_row_has_a_folder_of_its_own():
    names = ("hog/svm-rbf:c=.5", "hog/svm-rbf:c=5", "hog/svm-rbf:gamma=1", "hog/svm-rbf:gamma=.1", "hog/svm-rbf")
    assert len({parse_method(name).slug for name in names}) == len(names)
    _check_rows(TablePlan(rows=names))
    with pytest.raises(RecipeError, match=r"the rows 'hog/svm-rbf:c=5' and 'hog/svm-rbf:c=5.' are the same one"):
        _check_rows(TablePlan(rows=("hog/svm-rbf:c=5", "hog/svm-rbf:c=5.")))


@pytest.mark.parametrize("row", ["hog/svm-rbf", "efficientnet_lite0:features"])
def test_a_setting_that_no_named_row_looks_at_is_refused(row, tmp_path):
    plan = TablePlan(Recipe.make(data={"source": "digits"}, training={"epochs": 20}), rows=(row, "majority-class"))
    with pytest.raises(RecipeError, match=r"training.epochs would be ignored: no row that is named trains in epochs"):
        make_table(plan, out=tmp_path / "table")
    assert not (tmp_path / "table").exists()


def test_changes_for_copies_are_for_classical_rows_too():
    augment = {"rotation": 5}
    plan = TablePlan(Recipe.make(training={"augment": augment}), rows=("hog/svm-rbf",), copies=30)
    _check_rows(plan)
    with pytest.raises(RecipeError, match=r"training.augment would be ignored"):
        _check_rows(TablePlan(Recipe.make(training={"augment": augment}), rows=("hog/svm-rbf",)))
