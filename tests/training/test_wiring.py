"""What the parts do, the loop does: each step is looked at, and not only that a training repeats itself."""

import dataclasses

import numpy as np
import pytest
import torch

from tellapart.nets import build_net
from tellapart.nets.inputs import to_input
from tellapart.training import fit, loop
from tellapart.training.data import Pictures, pass_order
from tellapart.training.devices import Devices
from tellapart.training.validation import score


@pytest.fixture
def steps(monkeypatch):
    """What each step of a training was given, and the weights after it."""
    step, kept = loop.train_step, []

    def watched(state, pictures, *args, **options):
        given = pictures.clone()
        sums = step(state, pictures, *args, **options)
        now = {name: value.detach().clone() for name, value in state.net.state_dict().items()}
        kept.append((given, options["class_weights"], now))
        return sums

    monkeypatch.setattr(loop, "train_step", watched)
    return kept


def test_each_epoch_changes_its_pictures_anew(small, make_net, make_run, training, steps):
    recipe = training(epochs=2, batch_size=97, augment={"noise": 0.1})
    fit(make_net(), small, recipe, run=make_run())
    plain = to_input(torch.from_numpy(small.train.pixels[small.train.rows]), small.preprocessing)
    orders = (pass_order(97, seed=recipe.seed, number=number) for number in (1, 2))
    first, second = (seen - plain[order] for (seen, *_), order in zip(steps, orders, strict=True))
    assert float(first.std()) == pytest.approx(0.1 / 0.35, rel=0.03), "of the range of pixels, as the network sees it"
    assert not torch.allclose(first, second, atol=1e-3)


def test_the_average_is_judged_and_kept(small, make_net, make_run, training, weights_of, steps):
    net, run = make_net(), make_run()
    expected = weights_of(net)
    done = fit(net, small, training(epochs=1, averaging=0.9), run=run)
    assert len(steps) == 3
    for decay, (*_, now) in zip((1 / 10, 2 / 11, 3 / 12), steps, strict=True):
        expected = {name: decay * expected[name] + (1 - decay) * now[name] for name in now}
    found, last = done.net.state_dict(), steps[-1][2]
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in expected)
    assert any(not torch.allclose(last[name], expected[name], atol=1e-6) for name in expected)
    scores = score(done.net, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    assert run.history[0]["validation_loss"] == pytest.approx(scores.loss, rel=1e-5)


def test_the_average_goes_on_from_one_epoch_to_the_next(small, make_net, make_run, training, weights_of, steps):
    net, run = make_net("softmax"), make_run()
    expected = weights_of(net)
    fit(net, small, training(epochs=2, averaging=0.9), run=run)
    assert len(steps) == 6
    for number, (*_, now) in enumerate(steps):
        decay = (1 + number) / (10 + number)
        expected = {name: decay * expected[name] + (1 - decay) * now[name] for name in now}
    average = make_net("softmax")
    average.load_state_dict(expected)
    scores = score(average, small.validation, small.preprocessing, devices=Devices(torch.device("cpu")))
    assert run.history[1]["validation_loss"] == pytest.approx(scores.loss, rel=1e-6)


def test_each_epoch_and_each_seed_drops_out_other_units(small, make_net, make_run, training):
    def masks(seed, *, name):
        net, drawn = make_net("softmax"), []

        def draw(module, _):
            if module.training:
                drawn.append(tuple(torch.nn.functional.dropout(torch.ones(64)).tolist()))

        net.register_forward_pre_hook(draw)
        fit(net, small, training(epochs=2, batch_size=97, seed=seed), run=make_run(name))
        return drawn

    first, other = masks(0, name="first"), masks(1, name="other")
    assert len(first) == len(other) == 2
    assert len({*first, *other}) == 4
    assert masks(0, name="again") == first


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_steps_have_the_recipe_s_class_weights_and_precision(small, make_net, make_run, training, steps, precision):
    net, cast = make_net(), []
    net.register_forward_pre_hook(lambda *_: cast.append(torch.is_autocast_enabled("cpu")))
    recipe = training(epochs=1, class_weights="balanced", precision=precision)
    fit(net, small, recipe, run=make_run())
    assert set(cast) == {precision == "bfloat16"}
    assert small.class_weights(recipe) is not None
    assert all(torch.equal(given, small.class_weights(recipe)) for _, given, _ in steps)


def test_the_share_of_still_units_is_counted(small, make_net, make_run, training):
    net, run = make_net(), make_run()
    with torch.no_grad():
        last = [module for module in net.modules() if isinstance(module, torch.nn.Linear)][-2]
        last.weight.zero_()
        last.bias.fill_(-1.0)  # behind a ReLU: always 0
    recipe = training(epochs=1, optimizer={"name": "sgd", "learning_rate": 1e-12, "weight_decay": 0.0})
    fit(net, small, recipe, run=run)
    assert run.history[0]["still_units"] == 1.0


def test_the_pixels_of_a_softmax_are_no_units(small, make_run, training):
    blank = Pictures(np.zeros_like(small.train.pixels), small.train.rows, small.train.labels)
    task = dataclasses.replace(small, train=blank, validation=blank)
    size = small.preprocessing.image_size
    net, run = build_net("softmax", outputs=small.classes, channels=1, image_size=size), make_run()
    fit(net, task, training(epochs=1), run=run)
    assert run.history[0]["still_units"] == 0
