"""Losses, gradients and the steps of each optimiser against NumPy."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tellapart.nets import Net
from tellapart.training import loop
from tellapart.training.checkpoint import State
from tellapart.training.ema import Average
from tellapart.training.optimizers import build_optimizer
from tellapart.training.transfer import moving_stages


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


@pytest.fixture
def one_step(make_net, digits, training, task_of):
    """Do one step of a softmax regression; return what NumPy needs to do it too."""

    def step(net=None, *, steps=1, factor=1.0, class_weights=None, outputs=10, labels=None, **changes):
        pixels, found = digits
        net = net or make_net("softmax", outputs=outputs)
        task = task_of(pixels, found if labels is None else labels, train=50, validation=20)
        recipe = training(**changes)
        state = State(net, None, build_optimizer(net, recipe.optimizer))
        batch, targets = task.train.batch(np.arange(50))
        pictures = loop.to_batch(batch, task, recipe, generator=torch.Generator(), device=torch.device("cpu"))
        before = {name: tensor.detach().double().numpy().copy() for name, tensor in net.state_dict().items()}
        for _ in range(steps):
            sums = loop.train_step(state, pictures, targets, recipe=recipe, factor=factor, class_weights=class_weights)
        after = {name: tensor.detach().double().numpy().copy() for name, tensor in net.state_dict().items()}
        x = pictures.reshape(50, -1).double().numpy()
        return before, after, x, targets.numpy(), sums.numpy()

    return step


def gradient(weights, x, labels, *, smoothing=0.0, class_weights=None):
    """Return the loss of a softmax regression and its gradients, by hand."""
    k = weights["head.bias"].shape[0]
    z = x @ weights["head.weight"].T + weights["head.bias"]
    targets = np.eye(k)[labels] * (1 - smoothing) + smoothing / k
    w = (np.ones(k) if class_weights is None else class_weights)[labels][:, None] / len(labels)
    logs = log_softmax(z)
    loss = -(w * targets * logs).sum()
    dz = w * (np.exp(logs) - targets)
    return loss, {"head.weight": dz.T @ x, "head.bias": dz.sum(axis=0)}


def test_the_input_of_the_network_is_the_scaled_picture(one_step, digits):
    _, _, x, _, _ = one_step()
    assert np.abs(x - ((digits[0][:50, ..., 0] / 255 - 0.3) / 0.35).reshape(50, -1)).max() < 1e-5


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_and_its_gradient_are_those_of_the_formula(one_step, smoothing, weighted):
    w = np.linspace(0.5, 3, 10) if weighted else None
    before, after, x, labels, sums = one_step(
        label_smoothing=smoothing,
        class_weights=None if w is None else torch.from_numpy(w).float(),
        optimizer={"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0},
    )
    loss, slopes = gradient(before, x, labels, smoothing=smoothing, class_weights=w)
    assert sums[0] / 50 == pytest.approx(loss, rel=1e-5)
    hits = ((x @ before["head.weight"].T + before["head.bias"]).argmax(axis=1) == labels).sum()
    assert sums[1] == hits
    for name, slope in slopes.items():
        assert np.abs(after[name] - (before[name] - 0.1 * slope)).max() < 1e-6


def by_hand(name, weights, slopes_at, *, rate, decay, momentum, steps):
    """Do some steps of an optimiser as its paper writes them."""
    weights = {key: value.copy() for key, value in weights.items()}
    m = {key: np.zeros_like(value) for key, value in weights.items()}
    v = {key: np.zeros_like(value) for key, value in weights.items()}
    for t in range(1, steps + 1):
        for key, g in slopes_at(weights).items():
            d = decay if weights[key].ndim > 1 else 0.0  # never on biases
            if name in ("adam", "adamw"):
                weights[key] -= rate * d * weights[key]
                m[key] = 0.9 * m[key] + 0.1 * g
                v[key] = 0.999 * v[key] + 0.001 * g * g
                weights[key] -= rate * (m[key] / (1 - 0.9**t)) / (np.sqrt(v[key] / (1 - 0.999**t)) + 1e-8)
            elif name == "sgd":
                g = g + d * weights[key]
                m[key] = g if t == 1 else momentum * m[key] + g
                weights[key] -= rate * (g + momentum * m[key] if momentum else g)  # Nesterov
            else:
                g = g + d * weights[key]
                v[key] = 0.9 * v[key] + 0.1 * g * g
                m[key] = momentum * m[key] + g / (np.sqrt(v[key]) + 1e-7)
                weights[key] -= rate * m[key]
    return weights


@pytest.mark.parametrize(
    ("name", "rate", "decay", "momentum"),
    [
        ("adam", 1e-2, 0.0, None), ("adamw", 1e-2, 1.0, None), ("sgd", 0.1, 0.3, 0.9), ("sgd", 0.1, 0.0, 0.0),
        ("rmsprop", 1e-3, 1.0, 0.0), ("rmsprop", 1e-3, 0.0, 0.9),
    ],
)  # fmt: skip
def test_three_steps_of_each_optimiser_are_those_of_its_paper(one_step, name, rate, decay, momentum):
    said = {"name": name, "learning_rate": rate, "weight_decay": decay}
    said |= {} if momentum is None else {"momentum": momentum}
    before, after, x, labels, _ = one_step(optimizer=said, steps=3)

    def slopes_at(weights):
        return gradient(weights, x, labels)[1]

    expected = by_hand(name, before, slopes_at, rate=rate, decay=decay, momentum=momentum or 0.0, steps=3)
    without = by_hand(name, before, slopes_at, rate=rate, decay=0.0, momentum=momentum or 0.0, steps=3)
    decayed = max(np.abs(expected[key] - without[key]).max() for key in before)
    assert not decay or decayed > 0.1 * rate, "a step without its decay would be seen"
    for key in before:
        assert np.abs(after[key] - expected[key]).max() < 0.02 * rate
        assert np.abs(after[key] - before[key]).max() > 0.1 * rate * (1e-2 if name == "sgd" else 1)


class Beside(Net):
    """A softmax regression with an auxiliary one beside it."""

    def __init__(self):
        super().__init__()
        self.head, self.auxiliary = torch.nn.Linear(256, 10), torch.nn.Linear(256, 10)

    def embed(self, pictures):
        return pictures.flatten(1)

    def classify(self, embedding):
        return self.head(embedding)

    def all_logits(self, pictures):
        return self(pictures), self.auxiliary(pictures.flatten(1))

    def stages(self):
        return {"auxiliary": self.auxiliary, "head": self.head}


def test_an_auxiliary_head_pulls_with_its_weight_and_is_not_in_the_loss_that_is_told(one_step):
    plain = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    before, after, x, labels, sums = one_step(Beside(), optimizer=plain)
    for head, weight in (("head", 1.0), ("auxiliary", 0.3)):
        own = {f"head.{key}": before[f"{head}.{key}"] for key in ("weight", "bias")}
        loss, slopes = gradient(own, x, labels)
        for key in ("weight", "bias"):
            expected = before[f"{head}.{key}"] - 0.1 * weight * slopes[f"head.{key}"]
            assert np.abs(after[f"{head}.{key}"] - expected).max() < 1e-6
        if head == "head":
            assert sums[0] / 50 == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("transfer", ["frozen", "finetune"])
def test_a_pretrained_body_feels_no_auxiliary_head(one_step, transfer):
    plain = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    before, after, *_ = one_step(Beside(), optimizer=plain, transfer=transfer)
    assert (after["auxiliary.weight"] == before["auxiliary.weight"]).all()
    assert (after["head.weight"] != before["head.weight"]).any()
    assert "auxiliary" not in moving_stages(Beside(), transfer=transfer, unfreeze="all")


def test_the_schedule_scales_the_step(one_step):
    plain = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    before, whole, *_ = one_step(optimizer=plain)
    _, half, *_ = one_step(optimizer=plain, factor=0.5)
    _, none, *_ = one_step(optimizer=plain, factor=0.0)
    difference = whole["head.weight"] - before["head.weight"]
    assert np.abs(half["head.weight"] - before["head.weight"] - difference / 2).max() < 1e-6
    assert (none["head.weight"] == before["head.weight"]).all()


def test_sigmoid_is_binary_cross_entropy(one_step, digits):
    labels = (digits[1] >= 5).astype(np.int64)
    before, _, x, targets, sums = one_step(outputs=1, labels=labels)
    z = torch.from_numpy(x @ before["head.weight"].T + before["head.bias"])[:, 0]
    expected = F.binary_cross_entropy_with_logits(z, torch.from_numpy(targets).double())
    assert sums[0] / 50 == pytest.approx(float(expected), rel=1e-5)


def test_averaged_weights_are_an_exponential_average(one_step, make_net, training, digits, task_of):
    net, recipe = make_net("softmax"), training(averaging=0.75)
    average = Average(net)
    state = State(net, average, build_optimizer(net, recipe.optimizer))
    task = task_of(*digits, train=50, validation=20)
    expected = net.head.weight.detach().clone()
    for number, decay in ((0, 0.1), (1, 2 / 11), (2, 0.25), (30, 0.75)):  # a plain mean of sorts at first
        batch, labels = task.train.batch(np.arange(50))
        pictures = loop.to_batch(batch, task, recipe, generator=torch.Generator(), device=torch.device("cpu"))
        loop.train_step(state, pictures, labels, recipe=recipe, factor=1.0, class_weights=None, number=number)
        expected = decay * expected + (1 - decay) * net.head.weight.detach()
    assert torch.allclose(average.net.head.weight, expected, atol=1e-6)


def test_class_weights_are_those_of_scikit_learn(digits, task_of, training):
    from sklearn.utils.class_weight import compute_class_weight

    pixels, labels = digits
    order = np.argsort(labels, kind="stable")
    task = task_of(pixels[order], labels[order], train=300, validation=100)
    weights = task.class_weights(training(class_weights="balanced"))
    present = np.unique(labels[order][:300])
    assert len(present) == 2
    expected = compute_class_weight("balanced", classes=present, y=labels[order][:300])
    assert weights[present].numpy() == pytest.approx(expected, rel=1e-6)
    assert task.class_weights(training()) is None
    assert (weights.numpy()[labels[order][:300]]).mean() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("pictures", "loss"), [(4, 3 * 2 / 3 * math.log(4 / 3) + 2 * math.log(4)), (2, 2 * 2 / 3 * math.log(4 / 3))]
)
def test_a_hand_worked_weighted_loss(task_of, training, make_net, pictures, loss):
    """Three of class 0 and one of class 1 weigh 2/3 and 2; with odds of 3 to 1 they lose log 4/3 and log 4."""
    pixels = np.zeros((5, 16, 16, 1), dtype=np.uint8)
    task = task_of(pixels, np.array([0, 0, 0, 1, 0]), train=4, validation=1, classes=2)
    recipe, net = training(class_weights="balanced"), make_net("softmax", outputs=2)
    weights = task.class_weights(recipe)
    assert weights.tolist() == pytest.approx([2 / 3, 2])
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.copy_(torch.tensor([math.log(3), 0.0]))
    batch, labels = task.train.batch(np.arange(pictures))
    given = loop.to_batch(batch, task, recipe, generator=torch.Generator(), device=torch.device("cpu"))
    state = State(net, None, build_optimizer(net, recipe.optimizer))
    sums = loop.train_step(state, given, labels, recipe=recipe, factor=1.0, class_weights=weights)
    assert sums.tolist() == pytest.approx([loss, min(pictures, 3)], rel=1e-6)


def test_a_step_in_float16_that_overflows_is_left_out_and_the_next_is_scaled_less(
    small, make_net, training, weights_of, same_weights
):
    recipe = training(optimizer={"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0})
    half, device = recipe.model_copy(update={"precision": "float16"}), torch.device("cpu")
    plain, scaled = (loop.new_state(make_net("softmax"), one, device=device) for one in (recipe, half))
    assert plain.scaler is None
    batch, labels = small.train.batch(np.arange(32))
    pictures = 100 * loop.to_batch(batch, small, recipe, generator=torch.Generator(), device=device)

    def step(state):
        loop.train_step(state, pictures, labels, recipe=recipe, factor=1.0, class_weights=None)
        return weights_of(state.net)

    before, after = weights_of(plain.net), step(plain)
    steepest = max(float((after[name] - before[name]).abs().max()) for name in before) / 0.1
    scale = 1.2 * 2.0**128 / steepest  # of which 2¹²⁸ is infinite in 32 bits
    scaled.scaler.load_state_dict({**scaled.scaler.state_dict(), "scale": scale})
    assert same_weights(step(scaled), before)
    assert scaled.scaler.get_scale() == pytest.approx(scale / 2, rel=1e-6)
    for name, weight in step(scaled).items():
        assert torch.allclose(weight, after[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "muon"])
def test_no_optimiser_remembers_a_step_in_float16_that_was_left_out(small, make_net, training, name):
    recipe = training(optimizer={"name": name, "learning_rate": 0.01}, precision="float16")
    state = loop.new_state(make_net("compact", width=4), recipe, device=torch.device("cpu"))
    batch, labels = small.train.batch(np.arange(32))
    pictures = loop.to_batch(batch, small, recipe, generator=torch.Generator(), device=torch.device("cpu"))

    def step(scale):
        state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": scale})
        loop.train_step(state, pictures, labels, recipe=recipe, factor=1.0, class_weights=None)

    def kept():
        moments = [value for one in state.optimizer.state.values() for value in one.values()]
        return [torch.as_tensor(one).clone() for one in (*state.net.parameters(), *moments)]

    step(1.0)
    before = kept()
    step(1e38)
    after = kept()
    assert len(before) == len(after)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    step(1.0)
    assert not any(torch.equal(one, other) for one, other in zip(before[:1], kept()[:1], strict=True))
