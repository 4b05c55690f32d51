"""The course's networks and settings in skorch, as its users write them."""

import argparse
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

from benchmarks.harness.result import say
from benchmarks.time_to_accuracy.course import BATCH, load


def convolution(inputs, outputs, kernel=3, padding="same"):
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.ReLU()]


def make_model(name, classes):
    if name == "hwdb55":
        maps = [*convolution(1, 16), nn.MaxPool2d(2), *convolution(16, 32), nn.MaxPool2d(2)]
        maps += [*convolution(32, 64), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(960, 64), nn.ReLU()]
        return nn.Sequential(*maps, nn.Linear(64, classes))
    if name == "mnist":
        maps = [*convolution(1, 32, padding=0), nn.MaxPool2d(2), *convolution(32, 64, padding=0), nn.MaxPool2d(2)]
        maps += [*convolution(64, 64, padding=0), nn.Flatten(), nn.Linear(576, 64), nn.ReLU()]
        return nn.Sequential(*maps, nn.Linear(64, classes))
    maps = [*convolution(1, 64, kernel=7), nn.MaxPool2d(2), *convolution(64, 128), *convolution(128, 128)]
    maps += [nn.MaxPool2d(2), *convolution(128, 256), *convolution(256, 256), nn.MaxPool2d(2), nn.Flatten()]
    top = [nn.Linear(2304, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*maps, *top, nn.Linear(64, classes))


def load_characters(folder):
    """Return training, validation and test of hwdb55, LANCZOS at 80×60; a fifth is kept back for validation."""
    names = sorted(path.name for path in (Path(folder) / "Train").iterdir())
    parts = {}
    for part in ("Train", "Test"):
        folders = [Path(folder) / part / name for name in names]
        files = [(path, label) for label, inside in enumerate(folders) for path in sorted(inside.iterdir())]
        sized = [np.asarray(Image.open(path).convert("L").resize((60, 80), Image.LANCZOS)) for path, _ in files]
        parts[part] = np.stack(sized), np.array([label for _, label in files], dtype=np.int64)
    order = np.random.default_rng(123).permutation(len(parts["Train"][0]))
    cut = len(order) * 4 // 5
    pictures, labels = parts["Train"]
    return (pictures[order[:cut]], labels[order[:cut]]), (pictures[order[cut:]], labels[order[cut:]]), parts["Test"]


def callbacks(name):
    if name != "hwdb55":
        return []
    return [EarlyStopping(monitor="valid_acc", patience=15, lower_is_better=False, load_best=True)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--set", choices=["hwdb55", "mnist", "fashion-mnist"], required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    loaded = load_characters(options.source) if options.set == "hwdb55" else load(options.source, options.set)
    train, validation, test = ((pictures[:, None].astype("float32") / 255, labels) for pictures, labels in loaded)
    classes = int(train[1].max()) + 1
    rmsprop = {"optimizer": torch.optim.RMSprop, "lr": 1e-3, "optimizer__alpha": 0.9, "optimizer__eps": 1e-7}
    net = NeuralNetClassifier(
        make_model(options.set, classes),
        criterion=nn.CrossEntropyLoss,
        **(rmsprop if options.set == "mnist" else {"optimizer": torch.optim.Adam, "lr": 1e-3}),
        max_epochs=options.epochs,
        batch_size=BATCH.get(options.set, 128),
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(*validation)),
        callbacks=callbacks(options.set),
    )
    started = time.perf_counter()
    net.fit(*train)
    figures = {
        "train_s": time.perf_counter() - started,
        "epochs": len(net.history),
        "parameters": sum(parameter.numel() for parameter in net.module_.parameters()),
        "validation_accuracy": float((net.predict(validation[0]) == validation[1]).mean()),
        "test_accuracy": float((net.predict(test[0]) == test[1]).mean()),
    }
    say(figures=figures, versions={name: version(name) for name in ("skorch", "torch", "numpy", "pillow")})


if __name__ == "__main__":
    main()
