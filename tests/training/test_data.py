"""Batches and validation: every picture once, and the scores of NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from tellapart.training import fit, validation
from tellapart.training.data import Pictures, epoch_positions, pass_order
from tellapart.training.devices import Devices
from tellapart.training.validation import score


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 31, 32, 33, 96, 97, 200])
@pytest.mark.parametrize("n", [1, 2, 3, 32, 33, 64, 65, 97])
def test_every_picture_comes_once_and_no_batch_is_a_single_one(n, batch_size):
    pictures = Pictures(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(n), np.arange(n))
    order = pass_order(n, seed=0, number=1)
    sizes, seen = [], []
    for pixels, labels in pictures.batches(batch_size, order=order):
        sizes.append(len(labels))
        seen += labels.tolist()
        assert (pixels.flatten() == labels).all()
    assert seen == order.tolist()
    assert len(sizes) == pictures.steps(batch_size)
    assert n == 1 or batch_size == 1 or min(sizes) > 1
    assert max(sizes) <= batch_size + 1


def test_rows_say_where_the_pixels_lie():
    pixels = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    pictures = Pictures(pixels, np.array([7, 2, 5]), np.array([0, 1, 0]))
    found, labels = pictures.batch(np.array([2, 0]))
    assert found.flatten().tolist() == [5, 7]
    assert labels.tolist() == [0, 0]


def test_a_last_batch_of_one_does_not_stop_batch_normalisation(small, make_net, make_run, training):
    assert len(small.train) % 48 == 1
    done = fit(make_net("compact", width=4), small, training(epochs=1, batch_size=48), run=make_run())
    assert done.epochs == 1


def test_orders_differ_by_epoch_and_seed_and_come_again():
    orders = [pass_order(50, seed=s, number=n).tolist() for s in (0, 1) for n in (1, 2)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert pass_order(50, seed=1, number=2).tolist() == orders[3]


def numbered(n):
    return Pictures(np.zeros((n, 1, 1, 1), dtype=np.uint8), np.arange(n), np.arange(n))


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (9, 3), (13, 4), (5, 8), (1, 4)])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_epochs_of_any_length_go_through_all_pictures_pass_after_pass(n, batch_size, steps):
    pictures = numbered(n)
    epochs = [
        [batch.tolist() for batch in epoch_positions(pictures, batch_size, seed=3, before=before, steps=steps)]
        for before in range(0, 12 * steps, steps)
    ]
    assert [len(epoch) for epoch in epochs] == [steps] * 12
    shown = [position for epoch in epochs for batch in epoch for position in batch]
    passes = [shown[start : start + n] for start in range(0, len(shown) - n + 1, n)]
    assert passes == [pass_order(n, seed=3, number=number + 1).tolist() for number in range(len(passes))]


def test_an_epoch_of_one_pass_is_its_order():
    found = list(epoch_positions(numbered(33), 8, seed=0, before=12, steps=4))
    assert np.concatenate(found).tolist() == pass_order(33, seed=0, number=4).tolist()


def test_scores_are_those_of_numpy(small, make_net):
    net = make_net("convnet64")
    net.train()
    found = score(net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    assert net.training
    net.eval()
    pixels, labels = small.validation.batch(np.arange(40))
    with torch.no_grad():
        z = net(((pixels.permute(0, 3, 1, 2) / 255 - 0.3) / 0.35).float()).double().numpy()
    labels = labels.numpy()
    assert found.loss == pytest.approx(-log_softmax(z, axis=1)[np.arange(40), labels].mean(), rel=1e-4)
    assert found.accuracy == (z.argmax(axis=1) == labels).mean()
    assert found.top5 == np.mean([labels[i] in np.argsort(-z[i])[:5] for i in range(40)])
    assert small.majority() == np.bincount(labels).max() / 40


def test_the_validation_of_an_epoch_has_the_training_s_precision(small, make_net, training, make_run):
    asked = {}
    for precision in ("float32", "bfloat16"):
        recipe = training(epochs=1, precision=precision, optimizer={"name": "adam", "learning_rate": 1e-9})
        run = make_run(precision)
        done = fit(make_net(), small, recipe, run=run)
        scores = score(done.net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
        asked[precision] = abs(run.history[0]["validation_loss"] - scores.loss)
    assert asked["float32"] < 1e-6
    assert 1e-6 < asked["bfloat16"] < 0.05


def test_scores_of_several_batches_are_those_of_one(small, make_net, monkeypatch):
    net = make_net("compact", width=4)
    alone = score(net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    monkeypatch.setattr(validation, "batch_length", lambda size: 16)  # 40 pictures: 16, 16 and 8
    parts = score(net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    assert vars(parts) == pytest.approx(vars(alone), rel=1e-5)


def test_a_unit_that_moves_between_batches_alone_is_not_still(small, make_net, monkeypatch):
    net, calls = make_net("compact", width=4), []

    def embed(pictures):
        calls.append(len(pictures))
        return torch.full((len(pictures), net.head.in_features), float(len(calls)))

    monkeypatch.setattr(net, "embed", embed)
    monkeypatch.setattr(validation, "batch_length", lambda size: 16)
    found = score(net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    assert (calls, found.still_units) == ([16, 16, 8], 0.0)
