"""Small real trainings: handwritten digits at 16×16."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tellapart.images.preprocessing import Preprocessing
from tellapart.nets import Net, build_net
from tellapart.progress import Progress
from tellapart.recipe import Recipe, TrainingRecipe
from tellapart.run import Run
from tellapart.training import Pictures, Task
from tellapart.training.initial import seeded


class Heard(Progress):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.notes: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)

    def advance(self, units: int = 1, note: str = "") -> None:
        if note:
            self.notes.append(note)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 (N, 16, 16, 1) and labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.kron(found.images * 255 / 16, np.ones((1, 2, 2))).astype(np.uint8)
    return pixels[..., None], found.target.astype(np.int64)


def make_task(pixels: np.ndarray, labels: np.ndarray, *, train: int, validation: int, classes: int = 10) -> Task:
    rows = np.arange(train + validation, dtype=np.int64)
    channels = pixels.shape[3]
    spec = Preprocessing(
        image_size=pixels.shape[1:3], channels=channels, mean=(0.3,) * channels, std=(0.35,) * channels
    )
    return Task(
        train=Pictures(pixels, rows[:train], labels[:train]),
        validation=Pictures(pixels, rows[train:], labels[train : train + validation]),
        preprocessing=spec,
        classes=classes,
    )


@pytest.fixture
def small(digits) -> Task:
    """97 digits to train on and 40 to validate: a last batch of one at 32 or 48 a batch."""
    return make_task(*digits, train=97, validation=40)


@pytest.fixture
def make_net() -> Callable[..., Net]:
    def make(name: str = "convnet16", *, outputs: int = 10, seed: int = 0, size=(16, 16), channels=1, **options) -> Net:
        with seeded(seed, torch.device("cpu")):
            return build_net(name, outputs=outputs, channels=channels, image_size=size, options=options)

    return make


def resolved(**changes) -> TrainingRecipe:
    """Return a recipe with nothing open, some settings changed."""
    plain = {
        "transfer": "none", "epochs": 3, "batch_size": 32, "label_smoothing": 0.0, "averaging": 0.0, "augment": {},
        "precision": "float32", "threads": 1, "schedule": "one-cycle", "device": "cpu",
        "optimizer": {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0},
    }  # fmt: skip
    return Recipe.make(training={**plain, **changes}).training


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Run]:
    def make(name: str = "run") -> Run:
        path = tmp_path / name
        return Run.open(path) if path.exists() else Run.create(path, Recipe())

    return make


def weights(net: Net) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def training() -> Callable[..., TrainingRecipe]:
    return resolved


@pytest.fixture
def task_of() -> Callable[..., Task]:
    return make_task


@pytest.fixture
def weights_of() -> Callable[[Net], dict[str, torch.Tensor]]:
    return weights


@pytest.fixture
def same_weights() -> Callable[..., bool]:
    return same
