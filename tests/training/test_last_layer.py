"""The last layer of transfer learning: held to scikit-learn's logistic regression, its folds, and into a network."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tellapart.errors import NetError
from tellapart.images.preprocessing import Preprocessing
from tellapart.training import last_layer as room
from tellapart.training.features import embed_pixels
from tellapart.training.last_layer import PENALTIES, Head, fit_head, set_head

SPEC = Preprocessing(image_size=(16, 16), channels=1, mean=(0.3,), std=(0.35,))


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 50, 40]).astype(np.int64)
    centres = rng.normal(size=(3, 6)) * 0.9
    features = (centres[labels] + rng.normal(size=(150, 6))) * rng.uniform(0.1, 20, 6) + rng.normal(size=6) * 5
    return features.astype(np.float32), labels


@pytest.mark.parametrize("penalty", [1e-4, 1e-3, 1e-2, 1e-1])
def test_the_head_is_scikit_learns_logistic_regression(blobs, monkeypatch, penalty):
    features, labels = blobs
    monkeypatch.setattr(room, "PENALTIES", (penalty,))
    head = fit_head(features, labels, classes=3)
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    scaled *= np.sqrt((len(labels) - 1) / len(labels))  # torch's deviation divides by n − 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference = LogisticRegression(C=1 / (2 * penalty * len(labels)), tol=1e-8, max_iter=5000).fit(scaled, labels)
    expected = reference.predict_proba(scaled)
    logits = features.astype(np.float64) @ head.weight.double().numpy().T + head.bias.double().numpy()
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(powers / powers.sum(axis=1, keepdims=True) - expected).max() < 5e-3
    assert head.penalty == penalty


def test_weighted_classes_are_scikit_learns_balanced_ones(blobs, monkeypatch):
    monkeypatch.setattr(room, "PENALTIES", (1e-2,))
    features, labels = blobs
    weights = torch.from_numpy((len(labels) / (3 * np.bincount(labels))).astype(np.float32))
    head = fit_head(features, labels, classes=3, class_weights=weights)
    scaler = StandardScaler().fit(features)
    theirs = LogisticRegression(C=1 / (2 * 1e-2 * len(labels)), class_weight="balanced", max_iter=2000, tol=1e-8)
    theirs.fit(scaler.transform(features), labels)
    ours = features @ head.weight.numpy().T + head.bias.numpy()
    expected = theirs.decision_function(scaler.transform(features))
    centred = [said - said.mean(axis=1, keepdims=True) for said in (ours, expected)]
    assert np.abs(centred[0] - centred[1]).max() < 0.02
    plain = fit_head(features, labels, classes=3)
    assert not torch.allclose(head.bias, plain.bias, atol=1e-2)


def test_the_penalty_with_the_least_cross_validated_log_loss_is_taken(blobs):
    head = fit_head(*blobs, classes=3)
    assert set(head.accuracy) == set(head.log_loss) == set(PENALTIES)
    assert head.log_loss[head.penalty] == min(head.log_loss.values())
    assert head.accuracy[head.penalty] > 0.6
    assert 0 < head.log_loss[head.penalty] < np.log(3)


def test_the_same_seed_gives_the_same_head(blobs):
    first, second = fit_head(*blobs, classes=3, seed=4), fit_head(*blobs, classes=3, seed=4)
    assert torch.equal(first.weight, second.weight)
    assert first.accuracy == second.accuracy


def test_a_group_is_on_one_side_of_each_fold(monkeypatch):
    rng = np.random.default_rng(0)
    labels, groups = np.tile([0, 1], 20), np.repeat(np.arange(10), 4)
    seen = []
    made = room.make_folds
    monkeypatch.setattr(room, "make_folds", lambda *a, **k: seen.extend(made(*a, **k)) or tuple(seen))
    room.fit_head(rng.normal(size=(40, 3)).astype(np.float32), labels, classes=2, groups=groups)
    assert len(seen) == 5
    assert all(not set(groups[fold.train]) & set(groups[fold.held_out]) for fold in seen)


def test_one_picture_a_class_needs_no_folds():
    head = room.fit_head(np.eye(2, dtype=np.float32), np.array([0, 1]), classes=2)
    assert head.accuracy == {}
    assert head.penalty in room.PENALTIES


def test_a_class_with_one_picture_takes_cross_validation_from_nobody(blobs, monkeypatch):
    features, labels = blobs
    monkeypatch.setattr(room, "PENALTIES", (1e-2, 1e-1))
    labels = np.append(labels, 3)
    features = np.vstack([features, features[:1] + 50])
    head = fit_head(features, labels, classes=4)
    assert set(head.accuracy) == {1e-2, 1e-1}
    assert 0.5 < max(head.accuracy.values()) < 1
    assert np.isfinite(head.weight.numpy()).all()


def test_a_class_of_one_group_does_not_decide_the_penalty(blobs):
    features, labels = blobs
    alone = np.arange(len(labels))
    lone = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32) + features.mean(axis=0) + 40
    more, all_labels = np.vstack([features, lone]), np.append(labels, [3] * 20)
    head = fit_head(more, all_labels, classes=4, groups=np.append(alone, [1000] * 20))
    assert head.penalty < max(PENALTIES), "the strongest one is the least sure of what no fold has seen"
    assert head.log_loss[head.penalty] < np.log(4), "pictures of a class that no fold has seen are not counted"
    nothing = fit_head(features, labels, classes=3, groups=labels)
    assert (nothing.accuracy, nothing.penalty) == ({}, PENALTIES[len(PENALTIES) // 2])


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1], [0, 1, 0, 1, 1]])
def test_a_handful_of_pictures_is_no_crash(labels):
    rng = np.random.default_rng(0)
    head = fit_head(rng.normal(size=(len(labels), 3)).astype(np.float32), np.array(labels), classes=2)
    assert torch.isfinite(head.weight).all()
    assert torch.isfinite(head.bias).all()


def test_a_feature_that_never_changes_does_no_harm(blobs):
    features, labels = blobs
    features = np.hstack([features, np.full((150, 1), 7, np.float32)])
    assert torch.isfinite(fit_head(features, labels, classes=3).weight).all()


def test_a_feature_that_hardly_changes_does_not_shout_where_it_does(blobs):
    features, labels = blobs
    hardly = (1e-6 * labels + 1e-7 * np.random.default_rng(0).normal(size=len(labels))).astype(np.float32)
    head = fit_head(np.column_stack([features, hardly]), labels, classes=3)
    logits = np.append(features.mean(axis=0), features.std(axis=0).max()) @ head.weight.numpy().T + head.bias.numpy()
    assert np.abs(logits).max() < 100


def test_the_world_is_left_as_it_was(blobs):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fit_head(*blobs, classes=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_a_head_goes_into_a_network_and_answers_as_it_did(make_net, digits):
    net = make_net("convnet16").eval()
    pixels, labels = digits[0][:200], digits[1][:200]
    features = embed_pixels(net, pixels, SPEC)
    head = fit_head(features, labels, classes=10)
    set_head(net, head)
    with torch.no_grad():
        logits = net(((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.3) / 0.35).float())
    expected = torch.from_numpy(features) @ head.weight.T + head.bias
    assert torch.allclose(logits, expected, atol=1e-3)
    assert float((logits.argmax(dim=1).numpy() == labels).mean()) > 0.9


def test_two_classes_go_into_one_sigmoid(make_net):
    net = make_net("softmax", outputs=1)
    weight, bias = torch.randn(2, 256), torch.randn(2)
    set_head(net, Head(weight, bias, 0.1, {}, {}))
    x = torch.randn(5, 256)
    z = net.classify(x)
    assert torch.allclose(torch.sigmoid(z)[:, 0], (x @ weight.T + bias).softmax(dim=1)[:, 1], atol=1e-5)


def test_a_head_that_does_not_fit_is_named(make_net):
    with pytest.raises(NetError, match=r"cannot take one that was learnt on features, of shape \(3, 7\)"):
        set_head(make_net("softmax"), Head(torch.zeros(3, 7), torch.zeros(3), 0.1, {}, {}))
