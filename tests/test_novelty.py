"""The novelty score, against plain distances and with real pictures from other sets."""

import warnings

import numpy as np
import pytest

from tellapart.classifier import Classifier, Description
from tellapart.errors import DataError, ModelFileError
from tellapart.evaluation import auroc
from tellapart.images.preprocessing import Preprocessing
from tellapart.images.stratify import balanced_sample
from tellapart.novelty import LEAST_BYTES, REFERENCES, SHARE, Novelty, unit


def test_the_score_is_the_distance_to_the_nearest_direction():
    rng = np.random.default_rng(0)
    train, held_out, asked = (rng.normal(size=(n, 16)) for n in (60, 140, 30))
    novelty = Novelty.fit(train, np.zeros(60), held_out=held_out)
    apart = np.linalg.norm(unit(asked)[:, None] - unit(train)[None], axis=2).min(axis=1)
    np.testing.assert_allclose(novelty.scores(asked), apart, atol=0.01)  # int8 rounds by half a level of 127
    own = np.linalg.norm(unit(held_out)[:, None] - unit(train)[None], axis=2).min(axis=1)
    assert novelty.limit == pytest.approx(np.quantile(own, 0.99, method="higher"), abs=0.01)
    np.testing.assert_allclose(novelty.scores(3 * asked), novelty.scores(asked), atol=1e-6)
    assert novelty.scores(np.zeros((0, 16))).shape == (0,)


def test_with_few_held_out_pictures_it_is_slow_to_call_one_strange():
    rng = np.random.default_rng(3)
    train, few = rng.normal(size=(50, 8)), rng.normal(size=(10, 8))
    novelty = Novelty.fit(train, np.zeros(50), held_out=few)
    assert novelty.limit > novelty.held_out.max()
    assert (novelty.relative(rng.normal(size=(500, 8))) > 1).mean() < 0.05


def test_few_held_out_pictures_are_each_kept():
    rng = np.random.default_rng(3)
    train, held_out = rng.normal(size=(50, 4)), rng.normal(size=(10, 4))
    novelty = Novelty.fit(train, np.zeros(50), held_out=held_out)
    np.testing.assert_allclose(novelty.held_out, np.sort(novelty.scores(held_out)), rtol=1e-6)
    assert auroc(novelty.held_out, np.sort(novelty.scores(held_out)).astype(np.float32)) == 0.5
    many = Novelty.fit(train, np.zeros(50), held_out=rng.normal(size=(300, 4)))
    assert (len(many.held_out), many.count) == (201, 300)


def test_it_stays_small_and_fair_to_rare_classes():
    labels = np.repeat(np.arange(1000), 3)
    rows = np.random.default_rng(1).normal(size=(3000, 64)).astype(np.float32)
    small = Novelty.fit(rows, labels, held_out=rows[:50])
    assert small.references.nbytes <= LEAST_BYTES
    large = Novelty.fit(rows, labels, held_out=rows[:50], network_bytes=10**9)
    assert large.references.shape == (REFERENCES, 64)
    wide = Novelty.fit(np.tile(rows, (1, 64)), labels, held_out=np.tile(rows[:50], (1, 64)), network_bytes=8_000_000)
    assert wide.references.nbytes <= 8_000_000 / SHARE
    assert len(set(labels[balanced_sample(labels, REFERENCES, seed=0)].tolist())) == 1000
    assert balanced_sample(labels, 9999, seed=0).tolist() == list(range(3000))
    few = labels[balanced_sample(labels, 40, seed=0)]
    assert len(set(few.tolist())) == 40
    assert few.max() > 800, "chance chooses the classes, not their place in the list"


def test_digits_tell_other_pictures(digits_embedded):
    """A small network's embeddings of scikit-learn's digits against faces and turned-over digits."""
    novelty, known, faces, inverted = digits_embedded
    assert auroc(novelty.scores(known), novelty.scores(faces)) > 0.97
    assert auroc(novelty.scores(known), novelty.scores(inverted)) > 0.97
    assert (novelty.relative(known) > 1).mean() < 0.04


@pytest.fixture(scope="module")
def digits_embedded():
    import skimage.data
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    digits = load_digits()
    pixels = digits.data / 16
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, as wished
        net = MLPClassifier((64,), max_iter=15, learning_rate_init=0.01, random_state=0).fit(
            pixels[:900], digits.target[:900]
        )

    def embed(rows):
        return np.maximum(rows.reshape(len(rows), -1) @ net.coefs_[0] + net.intercepts_[0], 0)

    faces = skimage.data.lfw_subset()[:, :24, :24].reshape(200, 8, 3, 8, 3).mean(axis=(2, 4))
    novelty = Novelty.fit(embed(pixels[:900]), digits.target[:900], held_out=embed(pixels[900:1200]))
    return novelty, embed(pixels[1200:]), embed(faces), embed(1 - pixels[1200:])


@pytest.fixture
def classifier():
    description = Description(
        net="softmax", class_names=("a", "b"), preprocessing=Preprocessing(image_size=(4, 4), channels=1)
    )
    rows = np.random.default_rng(0).random((30, 16))
    return Classifier(description.build(), description, Novelty.fit(rows, np.zeros(30), held_out=rows + 0.1))


def test_a_model_file_keeps_it(classifier, tmp_path):
    classifier.save(tmp_path / "m.safetensors")
    loaded = Classifier.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.novelty.references, classifier.novelty.references)
    np.testing.assert_array_equal(loaded.novelty.held_out, classifier.novelty.held_out)
    assert loaded.novelty.count == 30
    picture = np.zeros((4, 4, 1), dtype=np.uint8)
    picture[0, 0] = 255
    answer = loaded.classify(picture)
    assert answer.novelty == pytest.approx(classifier.classify(picture).novelty)
    assert answer.unlike
    loaded.novelty = None
    assert loaded.classify(picture).novelty is None
    assert not loaded.classify(picture).unlike


def test_one_pass_gives_logits_and_embeddings(classifier):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)
    logits, embeddings = classifier.look(pixels, batch_size=2)
    np.testing.assert_array_equal(logits, classifier.logits(pixels, batch_size=2))
    np.testing.assert_array_equal(embeddings, classifier.embeddings(pixels, batch_size=2))
    assert classifier.look(pixels[:0])[0].shape == (0, 2)


def test_damaged_ones_are_refused(classifier, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="rising finite scores"):
        Novelty(np.zeros((2, 3), np.int8), np.array([2.0, 1.0], np.float32), 5)
    with pytest.raises(DataError, match="16 columns"):
        classifier.novelty.scores(np.zeros((1, 3)))
    with pytest.raises(DataError, match="needs held-out pictures"):
        Novelty.fit(np.ones((3, 2)), np.zeros(3), held_out=np.zeros((0, 2)))
    kept = classifier.novelty.to_arrays()
    monkeypatch.setattr(Novelty, "to_arrays", lambda self: {"references": kept["references"]})
    classifier.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="damaged novelty score"):
        Classifier.load(tmp_path / "m.safetensors")
