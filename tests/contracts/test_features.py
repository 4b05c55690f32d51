"""What every registered feature and classical classifier keeps to."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from tellapart.errors import RecipeError
from tellapart.features import build_pipeline, classifiers, extract, features, predict_log_probabilities

DIGITS = load_digits()
PIXELS = (DIGITS.images * 15).astype(np.uint8)[:300, ..., None]
LABELS = DIGITS.target[:300]
NEW = (DIGITS.images * 15).astype(np.uint8)[300:500, ..., None]


def pictures(shape, count=5):
    return np.random.default_rng(0).integers(0, 256, size=(count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("name", features.names())
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 3), (33, 21, 1), (21, 40, 3)])
class TestFeature:
    def test_shape_and_type(self, name, shape):
        found = extract(pictures(shape), name)
        assert found.dtype == np.float32
        assert found.ndim == 2
        assert len(found) == 5
        assert np.isfinite(found).all()
        assert extract(pictures(shape)[:0], name).shape == (0, found.shape[1])

    def test_the_same_again_and_the_pixels_unchanged(self, name, shape):
        pixels = pictures(shape)
        before = pixels.copy()
        assert (extract(pixels, name) == extract(pixels, name, jobs=1)).all()
        assert (pixels == before).all()

    def test_a_picture_does_not_depend_on_its_neighbours(self, name, shape):
        pixels = pictures(shape, 9)
        together = extract(pixels, name)
        alone = np.concatenate([extract(pixels[i : i + 1], name) for i in range(9)])
        assert np.allclose(together, alone, rtol=1e-5, atol=1e-6)
        assert np.allclose(extract(pixels[::-1], name), together[::-1], rtol=1e-5, atol=1e-6)

    def test_flat_pictures_are_no_trouble(self, name, shape):
        for level in (0, 255):
            assert np.isfinite(extract(np.full((2, *shape), level, dtype=np.uint8), name)).all()


@pytest.mark.parametrize("name", features.names())
def test_a_feature_with_every_picture_learns(name):
    # A tenth is chance; where the grey levels are says little of a digit.
    for feature in (name, f"{name}+pca"):
        model = build_pipeline(feature, "logistic-regression").fit(PIXELS, LABELS)
        assert (model.predict(NEW) == DIGITS.target[300:500]).mean() > 0.15


def test_an_unknown_option_is_refused():
    for name, spec in features:
        assert spec.summary
        with pytest.raises(RecipeError, match="no option"):
            extract(PIXELS, name, options={"no-such": 1})
    for name, spec in classifiers:
        assert spec.summary
        with pytest.raises(RecipeError, match="no option"):
            build_pipeline("pixels", name, classifier_options={"no-such": 1})


def pipeline(feature, name, **more):
    """Return a pipeline that is quick to learn: a smaller forest keeps to the same."""
    options = {"trees": 40} if name == "random-forest" else {}
    return build_pipeline(feature, name, classifier_options=options, **more)


@pytest.mark.parametrize("name", classifiers.names())
class TestClassifier:
    def test_probabilities(self, name):
        model = pipeline("pixels", name).fit(PIXELS, LABELS)
        probabilities = model.predict_proba(NEW)
        assert probabilities.shape == (200, 10)
        assert probabilities.min() > 0
        assert np.allclose(probabilities.sum(axis=1), 1)
        assert np.allclose(np.log(probabilities), model.predict_log_proba(NEW), atol=1e-5)
        assert (model.classes_[probabilities.argmax(axis=1)] == model.predict(NEW)).all()
        assert (model.predict(NEW) == DIGITS.target[300:500]).mean() > 0.8
        logs = predict_log_probabilities(model, NEW, classes=10)
        assert -logs[np.arange(200), DIGITS.target[300:500]].mean() < np.log(10) / 3

    def test_the_seed_decides(self, name):
        first, again = (pipeline("pixels+pca", name, seed=3).fit(PIXELS[:100], LABELS[:100]) for _ in range(2))
        assert (first.predict_proba(NEW) == again.predict_proba(NEW)).all()
        state = np.random.get_state()[1].copy()  # noqa: NPY002 — the global state must be left alone
        pipeline("pixels+pca", name, seed=4).fit(PIXELS[:100], LABELS[:100])
        assert (np.random.get_state()[1] == state).all()  # noqa: NPY002

    def test_a_picture_does_not_depend_on_its_neighbours(self, name):
        model = pipeline("pooled-pixels", name).fit(PIXELS, LABELS)
        together = model.predict_proba(NEW[:8])
        alone = np.concatenate([model.predict_proba(NEW[i : i + 1]) for i in range(8)])
        assert np.allclose(together, alone, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("names", [False, True])
    def test_two_classes_rare_classes_and_names(self, name, names):
        rows = np.r_[np.flatnonzero(LABELS == 3)[:6], np.flatnonzero(LABELS == 7)[:1]]
        labels = LABELS[rows].astype(str) if names else LABELS[rows]
        model = pipeline("pixels", name).fit(PIXELS[rows], labels)
        assert model.predict_proba(PIXELS).shape == (300, 2)
        assert model.classes_.tolist() == (["3", "7"] if names else [3, 7])

    def test_it_can_be_cloned(self, name):
        model = clone(pipeline("pixels+pca", name, seed=1, components=7))
        assert model.fit(PIXELS, LABELS).named_steps["pca"].transform(np.zeros((1, 64), np.float32)).shape == (1, 7)
