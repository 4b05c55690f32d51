"""The loop: the same weights again, killed or not; each optimiser and loss against NumPy."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tellapart.errors import DivergedError, OutOfMemoryError, SplitError
from tellapart.recipe import EarlyStoppingRecipe
from tellapart.training import fit, loop
from tellapart.training.checkpoint import State
from tellapart.training.data import Pictures, epoch_order
from tellapart.training.devices import Devices
from tellapart.training.optimizers import build_optimizer
from tellapart.training.validation import score

AUGMENT = {"rotation": 10, "shift": 0.05, "noise": 0.02, "flip_horizontal": True, "elastic": 0.01, "erase": 0.3}


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def killed_after(monkeypatch):
    """Let a training die after so many epochs, before or after the checkpoint of the last one is written."""

    def arm(epochs: int, *, saved: bool = True) -> None:
        save = loop.save_checkpoint

        def save_and_die(run, state):
            if saved or state.epoch < epochs:
                save(run, state)
            if state.epoch == epochs:
                raise KilledError

        monkeypatch.setattr(loop, "save_checkpoint", save_and_die)

    yield arm
    monkeypatch.undo()


VARIANTS = {
    "adam": {"optimizer": {"name": "adam", "learning_rate": 1e-3}},
    "adamw": {"optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05}},
    "sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.02, "weight_decay": 5e-4}},
    "rmsprop": {"optimizer": {"name": "rmsprop", "learning_rate": 5e-4, "momentum": 0.5}},
    "averaging": {"averaging": 0.9},
    "augmented": {"augment": AUGMENT},
    "bfloat16": {"precision": "bfloat16"},
    "weighted": {"class_weights": "balanced", "label_smoothing": 0.1, "schedule": "cosine"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_and_resumed_gives_the_same_weights_bit_for_bit(
    small, make_net, make_run, training, killed_after, same_weights, monkeypatch, variant
):
    recipe = training(**VARIANTS[variant])
    whole = fit(make_net(), small, recipe, run=make_run("whole"))
    again = fit(make_net(), small, recipe, run=make_run("again"))
    assert same_weights(whole.net.state_dict(), again.net.state_dict())
    for epochs, saved in ((1, True), (2, False)):
        killed_after(epochs, saved=saved)
        with pytest.raises(KilledError):
            fit(make_net(), small, recipe, run=make_run("killed"))
        monkeypatch.undo()
    resumed = fit(make_net(seed=99), small, recipe, run=make_run("killed"))
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())
    assert (resumed.epochs, resumed.best_epoch, resumed.stopped) == (3, whole.best_epoch, "all epochs done")
    timing = {"seconds", "train_pictures_per_second"}
    kept = [
        [{key: value for key, value in record.items() if key not in timing} for record in make_run(name).history]
        for name in ("whole", "killed")
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("options", [{"name": "convnet64"}, {"name": "compact", "width": 4, "dropout": 0.3}])
def test_dropout_and_normalisation_are_repeated_too(
    small, make_net, make_run, training, killed_after, same_weights, monkeypatch, options
):
    recipe = training(epochs=2, averaging=0.5, batch_size=48)
    whole = fit(make_net(**options), small, recipe, run=make_run("whole"))
    killed_after(1)
    with pytest.raises(KilledError):
        fit(make_net(**options), small, recipe, run=make_run("killed"))
    monkeypatch.undo()
    resumed = fit(make_net(seed=99, **options), small, recipe, run=make_run("killed"))
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_two_threads_repeat_themselves_too(small, make_net, make_run, training, same_weights):
    recipe = training(epochs=1, threads=2, batch_size=48)
    first, second = (fit(make_net(), small, recipe, run=make_run(name)).net for name in "ab")
    assert same_weights(first.state_dict(), second.state_dict())


def test_another_seed_gives_other_weights_from_the_same_start(small, make_net, make_run, training, same_weights):
    first, second = (
        fit(make_net(), small, training(seed=seed, epochs=1), run=make_run(str(seed))).net for seed in (0, 1)
    )
    assert not same_weights(first.state_dict(), second.state_dict())


def test_a_finished_training_that_is_taken_up_again_does_nothing_more(
    small, make_net, make_run, training, same_weights
):
    recipe = training()
    first = fit(make_net(), small, recipe, run=make_run())
    second = fit(make_net(seed=5), small, recipe, run=make_run())
    assert same_weights(first.net.state_dict(), second.net.state_dict())
    assert len(make_run().history) == 3
    assert {**first.to_dict(), "seconds": 0} == {**second.to_dict(), "seconds": 0}


def test_it_learns_digits(digits, task_of, make_net, make_run, training, heard):
    recipe = training(epochs=6, schedule="one-cycle", optimizer={"name": "adam", "learning_rate": 3e-3})
    done = fit(make_net(), task_of(*digits, train=900, validation=300), recipe, run=make_run(), progress=heard)
    history = make_run().history
    assert max(record["validation_accuracy"] for record in history) > 0.93
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3
    assert done.findings == []
    assert heard.warned == []
    assert len(heard.notes) == 6
    assert all(record["validation_top5"] >= 0.9 for record in history[2:])


def test_nothing_of_the_world_is_changed(small, make_net, make_run, training):
    threads, torch_state = torch.get_num_threads(), torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    done = fit(make_net("convnet64"), small, training(epochs=1, augment=AUGMENT), run=make_run())
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    assert not done.net.training
    tiny = torch.full((8,), 1e-40)
    assert (tiny * 1.0 > 0).all(), "subnormal numbers are flushed still"


def test_what_was_drawn_before_does_not_matter(small, make_net, make_run, training, same_weights):
    net = make_net("convnet64")
    twin = copy.deepcopy(net)
    first = fit(net, small, training(epochs=1), run=make_run("a"))
    torch.rand(17)
    second = fit(twin, small, training(epochs=1), run=make_run("b"))
    assert same_weights(first.net.state_dict(), second.net.state_dict())


# Which epoch counts


@pytest.fixture
def scripted(monkeypatch):
    """Let the validation figures be what a test says, and remember the weights after each epoch."""
    kept = []

    def play(**figures):
        real = loop.score

        def told(net, *args, **options):
            kept.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
            scores = real(net, *args, **options)
            changes = {name: values[len(kept) - 1] for name, values in figures.items()}
            return type(scores)(**{**vars(scores), **changes})

        monkeypatch.setattr(loop, "score", told)
        return kept

    return play


@pytest.mark.parametrize(
    ("monitor", "figures", "best", "epochs"),
    [
        ("accuracy", [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], 2, 4),
        ("accuracy", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        ("loss", [2.0, 1.0, 1.5, 0.9, 1.0, 1.0], 4, 6),
        ("loss", [1.0, 2.0, 3.0, 0.1, 0.1, 0.1], 1, 3),
        ("top5", [0.5, 0.6, 0.6, 0.7, 0.6, 0.5], 4, 6),
    ],
)
def test_early_stopping_and_the_best_weights(
    small, make_net, make_run, training, scripted, same_weights, monitor, figures, best, epochs
):
    kept = scripted(**{monitor: figures})
    recipe = training(epochs=6, early_stopping={"monitor": monitor, "patience": 2})
    done = fit(make_net(), small, recipe, run=make_run())
    assert (done.best_epoch, done.epochs) == (best, epochs)
    patient = epochs - best >= 2
    assert done.stopped == ("early stopping" if patient and epochs < 6 else "all epochs done")
    assert same_weights(done.net.state_dict(), kept[best - 1])


def test_a_new_best_must_be_better_by_the_least_difference(small, make_net, make_run, training, scripted):
    scripted(accuracy=[0.5, 0.505, 0.509, 0.52])
    recipe = training(epochs=4, early_stopping=EarlyStoppingRecipe(patience=9, min_delta=0.01).model_dump())
    assert fit(make_net(), small, recipe, run=make_run()).best_epoch == 4


def test_without_early_stopping_the_best_accuracy_counts(small, make_net, make_run, training, scripted, same_weights):
    kept = scripted(accuracy=[0.2, 0.9, 0.3])
    done = fit(make_net(), small, training(), run=make_run())
    assert (done.best_epoch, done.epochs) == (2, 3)
    assert same_weights(done.net.state_dict(), kept[1])


def test_the_average_is_judged_where_there_is_one(small, make_net, make_run, training, scripted, same_weights):
    kept = scripted(accuracy=[0.9])
    net = make_net()
    done = fit(net, small, training(epochs=1, averaging=0.9), run=make_run())
    assert same_weights(done.net.state_dict(), kept[0])
    assert not same_weights(done.net.state_dict(), net.state_dict())


# When it goes wrong


def test_a_loss_that_is_no_number_at_once_is_an_error(small, make_net, make_run, training):
    recipe = training(optimizer={"name": "sgd", "learning_rate": 1e30}, schedule="constant")
    with pytest.raises(DivergedError, match=r"not a number any more in epoch 1: .* try --learning-rate 0.02"):
        fit(make_net(), small, recipe, run=make_run())


def test_a_loss_that_is_no_number_later_keeps_the_best_weights(
    small, make_net, make_run, training, scripted, heard, same_weights
):
    kept = scripted(accuracy=[0.5, 0.6, 0.1], loss=[1.0, 1.0, math.inf])
    done = fit(make_net(), small, training(), run=make_run(), progress=heard)
    assert (done.stopped, done.best_epoch, done.epochs) == ("diverged", 2, 2)
    assert same_weights(done.net.state_dict(), kept[1])
    assert [code for code, _ in done.findings] == ["diverged"]
    assert "in epoch 3" in heard.warned[-1]
    assert "The weights of epoch 2 are kept" in heard.warned[-1]
    assert len(make_run().history) == 2


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1000 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
    ],
)
def test_too_little_memory_gets_advice(small, make_net, make_run, training, monkeypatch, error):
    def fails(*args, **options):
        raise error

    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(OutOfMemoryError, match=r"batches of 32 pictures of 16x16: try --batch-size 16, a smaller"):
        fit(make_net(), small, training(), run=make_run())
    with pytest.raises(OutOfMemoryError, match=r"batches of 1 pictures of 16x16: try a smaller --image-size"):
        fit(make_net(), small, training(batch_size=1), run=make_run())


def test_other_errors_are_not_taken_for_too_little_memory(small, make_net, make_run, training, monkeypatch):
    def fails(*args, **options):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(loop, "train_step", fails)
    with pytest.raises(RuntimeError, match="mat1") as caught:
        fit(make_net(), small, training(), run=make_run())
    assert not isinstance(caught.value, OutOfMemoryError)


def test_a_split_without_pictures_is_named(digits, task_of):
    with pytest.raises(SplitError, match="no validation pictures: set validation_fraction"):
        task_of(*digits, train=10, validation=0)
    with pytest.raises(SplitError, match="no train pictures"):
        task_of(*digits, train=0, validation=10)


# Losses and steps against NumPy


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
    w = np.ones(k) if class_weights is None else class_weights
    total = w[labels].sum()
    logs = log_softmax(z)
    loss = -(targets * w * logs).sum() / total
    dz = (np.exp(logs) * (targets * w).sum(axis=1, keepdims=True) - targets * w) / total
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
        ("adam", 1e-2, 0.0, None), ("adamw", 1e-2, 0.1, None), ("sgd", 0.1, 0.01, 0.9), ("sgd", 0.1, 0.0, 0.0),
        ("rmsprop", 1e-3, 0.01, 0.0), ("rmsprop", 1e-3, 0.0, 0.9),
    ],
)  # fmt: skip
def test_three_steps_of_each_optimiser_are_those_of_its_paper(one_step, name, rate, decay, momentum):
    said = {"name": name, "learning_rate": rate, "weight_decay": decay}
    said |= {} if momentum is None else {"momentum": momentum}
    before, after, x, labels, _ = one_step(optimizer=said, steps=3)

    def slopes_at(weights):
        return gradient(weights, x, labels)[1]

    expected = by_hand(name, before, slopes_at, rate=rate, decay=decay, momentum=momentum or 0.0, steps=3)
    for key in before:
        assert np.abs(after[key] - expected[key]).max() < 0.02 * rate
        assert np.abs(after[key] - before[key]).max() > 0.1 * rate * (1e-2 if name == "sgd" else 1)


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
    average = copy.deepcopy(net)
    state = State(net, average, build_optimizer(net, recipe.optimizer))
    task = task_of(*digits, train=50, validation=20)
    expected = net.head.weight.detach().clone()
    for _ in range(3):
        batch, labels = task.train.batch(np.arange(50))
        pictures = loop.to_batch(batch, task, recipe, generator=torch.Generator(), device=torch.device("cpu"))
        loop.train_step(state, pictures, labels, recipe=recipe, factor=1.0, class_weights=None)
        expected = 0.75 * expected + 0.25 * net.head.weight.detach()
    assert torch.allclose(average.head.weight, expected, atol=1e-6)


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


def test_a_hand_worked_weighted_loss(task_of, training):
    """Three of class 0 and one of class 1 weigh 2/3 and 2; equal logits lose log 2 whatever the weights."""
    pixels = np.zeros((5, 4, 4, 1), dtype=np.uint8)
    task = task_of(pixels, np.array([0, 0, 0, 1, 0]), train=4, validation=1, classes=2)
    weights = task.class_weights(training(class_weights="balanced"))
    assert weights.tolist() == pytest.approx([2 / 3, 2])
    logits = torch.tensor([[math.log(3), 0.0]]).repeat(4, 1)
    loss = F.cross_entropy(logits, torch.tensor([0, 0, 0, 1]), weight=weights)
    # −log 3/4 three times at 2/3, −log 1/4 once at 2, over a total weight of 4
    assert float(loss) == pytest.approx((2 * math.log(4 / 3) + 2 * math.log(4)) / 4, rel=1e-6)


# Batches and validation


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 31, 32, 33, 96, 97, 200])
@pytest.mark.parametrize("n", [1, 2, 3, 32, 33, 64, 65, 97])
def test_every_picture_comes_once_and_no_batch_is_a_single_one(n, batch_size):
    pictures = Pictures(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(n), np.arange(n))
    order = epoch_order(n, seed=0, epoch=1)
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
    orders = [epoch_order(50, seed=s, epoch=e).tolist() for s in (0, 1) for e in (1, 2)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert epoch_order(50, seed=1, epoch=2).tolist() == orders[3]


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
    assert found.loss == pytest.approx(-log_softmax(z)[np.arange(40), labels].mean(), rel=1e-4)
    assert found.accuracy == (z.argmax(axis=1) == labels).mean()
    assert found.top5 == np.mean([labels[i] in np.argsort(-z[i])[:5] for i in range(40)])
    assert small.majority() == np.bincount(labels).max() / 40
