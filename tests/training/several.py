"""Trainings of test_fabric.py: in one process, and, where this file is run, as one of several."""

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("error")  # as in the tests


def cases():
    """Return by name: the network, its options, changes to the recipe, pictures to train on and to validate with."""
    augment = {"rotation": 10, "shift": 0.1, "elastic": 0.02, "noise": 0.05, "erase": 0.5, "flip_horizontal": True}
    return {
        "plain": ("convnet16", {}, {"augment": augment}, 97, 40),  # batches of 32, 32 and 33
        "uneven": ("convnet16", {}, {"batch_size": 33, "class_weights": "balanced", "label_smoothing": 0.1}, 95, 41),
        "normalised": ("compact", {"width": 4}, {"augment": augment, "averaging": 0.8}, 95, 40),
        "muon": ("compact", {"width": 4}, {"optimizer": {"name": "muon", "learning_rate": 0.004}}, 95, 40),
        "adamw": ("compact", {"width": 4}, {"optimizer": {"name": "adamw", "learning_rate": 0.004}}, 95, 40),
        "float32": ("compact", {"width": 4}, {"augment": augment}, 95, 40),
        "bfloat16": ("compact", {"width": 4}, {"augment": augment, "precision": "bfloat16"}, 95, 40),
        "dropout": ("compact", {"width": 4, "dropout": 0.4}, {}, 64, 40),
        "auxiliary": ("auxiliary", {}, {}, 64, 40),
        "dropped maps": ("convnet64", {}, {"epochs": 2, "optimizer": {"name": "sgd", "learning_rate": 0.2}}, 64, 3),
    }


def prepare(name):
    """Return the network, the task and the recipe of a case."""
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    from tellapart.images.preprocessing import Preprocessing
    from tellapart.nets import build_net
    from tellapart.recipe import Recipe
    from tellapart.training import Pictures, Task
    from tellapart.training.initial import seeded

    net, options, changes, train, validation = cases()[name]
    found = load_digits()
    pixels = np.kron(found.images[:200] * 255 / 16, np.ones((1, 2, 2))).astype(np.uint8)[..., None]
    labels, rows = found.target.astype(np.int64), np.arange(200)
    spec = Preprocessing(image_size=(16, 16), channels=1, mean=(0.3,), std=(0.35,))
    task = Task(
        Pictures(pixels, rows[:train], labels[:train]),
        Pictures(pixels, rows[train : train + validation], labels[train : train + validation]),
        spec,
        10,
    )
    plain = {
        "transfer": "none", "schedule": "one-cycle",
        "epochs": 3, "batch_size": 32, "label_smoothing": 0.0, "averaging": 0.0, "augment": {}, "precision": "float32",
        "threads": 1, "device": "cpu", "optimizer": {"name": "sgd", "learning_rate": 0.02},
    }  # fmt: skip
    with seeded(0, torch.device("cpu")):
        built = (
            with_auxiliary()
            if net == "auxiliary"
            else build_net(net, outputs=10, channels=1, image_size=(16, 16), options=options)
        )
    return built, task, Recipe.make(training={**plain, **changes})


def with_auxiliary():
    """Return a small network with an auxiliary head, as GoogLeNet's are: dropout and normalisation in it."""
    import torch
    from torch import nn

    from tellapart.nets import Net

    class WithAuxiliary(Net):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8)
            self.aux = nn.Sequential(nn.Dropout(0.5), nn.Linear(392, 10))
            self.head = nn.Linear(8, 10)

        def feature_map(self, pictures):
            return torch.tanh(self.norm(self.conv(pictures)))  # smooth: rounding alone must not switch a unit

        def embed(self, pictures):
            return self.feature_map(pictures).mean(dim=(2, 3))

        def classify(self, embedding):
            return self.head(embedding)

        def all_logits(self, pictures):
            maps = self.feature_map(pictures)
            return self.head(maps.mean(dim=(2, 3))), self.aux(maps.flatten(1))

        def stages(self):
            return {"block1": nn.ModuleList([self.conv, self.norm]), "auxiliary": self.aux, "head": self.head}

    return WithAuxiliary().to(memory_format=torch.channels_last)  # as build_net does


def train(name, folder, *, devices=None):
    """Train a case; the process that writes leaves its weights in the folder."""
    from safetensors.torch import save_file

    from tellapart.run import Run
    from tellapart.training import fit

    net, task, recipe = prepare(name)
    run = None
    if devices is None or devices.rank == 0:
        place = Path(folder) / name
        run = Run.open(place) if place.exists() else Run.create(place, recipe)
    done = fit(net, task, recipe.training, run=run, devices=devices)
    if run is not None:
        save_file({k: v.contiguous() for k, v in done.net.state_dict().items()}, run.path / "model.safetensors")
    return done


def main():
    """Train each named case as the process of a given rank."""
    from tellapart.training.fabric import Processes
    from tellapart.training.launch import ProcessRank

    folder, rank, count, port, names = sys.argv[1], *map(int, sys.argv[2:5]), json.loads(sys.argv[5])
    with Processes(ProcessRank(rank, count, rank, count, "tellapart", port), "cpu") as devices:
        for name in names:
            train(name, folder, devices=devices)


if __name__ == "__main__":
    main()
