"""What a network sees of a run's own pictures: features that transfer has kept, or what it looks at now."""

import numpy as np
import pytest
import torch

from tellapart.images.arrays import ArrayImages
from tellapart.images.dataset import Dataset, Splits
from tellapart.images.facts import FACTS
from tellapart.training.features import features_file, keep_features, weights_digest
from tellapart.workflow import own_pictures
from tellapart.workflow.own_pictures import OwnPictures, own_embeddings, train_embeddings

from ..models import make

SOME = np.array([10, 3, 6])


@pytest.fixture
def own(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), dtype=np.uint8)
    names = ("ant", "bee", "cat")
    dataset = Dataset(np.arange(12).astype(str), ArrayImages(pixels), [0, 1, 2] * 4, class_names=names)
    splits = Splits(train=[1, 3, 5, 7, 9, 11], validation=[0, 4, 8], test=[2, 6, 10])
    return OwnPictures(dataset, splits, pixels, np.zeros(12, dtype=FACTS), tmp_path, torch.device("cpu"))


def keep(own, classifier, features):
    keep_features(features_file(own.folder, weights_digest(classifier.net, classifier.preprocessing)), features)


def train_rows(own, classifier):
    rows = train_embeddings(own, classifier)
    return rows.table[rows.positions]


def test_kept_features_are_those_of_the_pictures_that_were_asked_for(own, monkeypatch):
    classifier, features = make(), np.arange(60, dtype=np.float32).reshape(12, 5)
    keep(own, classifier, features)
    monkeypatch.setattr(own_pictures, "_embed_into", lambda *_, **__: pytest.fail("looked at once more"))
    assert (own_embeddings(own, classifier, SOME) == features[SOME]).all()
    assert (train_rows(own, classifier) == features[own.splits.train]).all()


@pytest.mark.parametrize("kept", [True, False])
def test_where_a_feature_lacks_the_network_looks_at_the_pictures_that_were_asked_for(own, kept):
    classifier = make()
    seen = classifier.embeddings(own.pixels)
    if kept:
        features = np.zeros((12, 5), dtype=np.float32)
        features[3] = np.nan
        keep(own, classifier, features)
    np.testing.assert_allclose(own_embeddings(own, classifier, SOME), seen[SOME], atol=1e-5)
    np.testing.assert_allclose(train_rows(own, classifier), seen[own.splits.train], atol=1e-5)
