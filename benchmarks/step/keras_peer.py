"""Keras' own fit on random pictures in memory; the backend is KERAS_BACKEND's."""

import argparse
import importlib.metadata
import os
import time

import keras
import numpy as np
from keras import layers

from benchmarks.harness.result import say
from benchmarks.step.shapes import EPOCHS, SHAPES, images_per_s


def conv(maps, padding):
    return layers.Conv2D(maps, 3, padding=padding, activation="relu")


def body(net):
    if net == "convnet16":
        maps = [conv(16, "same"), layers.MaxPooling2D(2), conv(32, "same"), layers.MaxPooling2D(2)]
        return [*maps, conv(64, "same"), layers.MaxPooling2D(4), layers.Flatten(), layers.Dense(64, "relu")]
    if net == "convnet32":
        maps = [conv(32, "valid"), layers.MaxPooling2D(2), conv(64, "valid"), layers.MaxPooling2D(2)]
        return [*maps, conv(64, "valid"), layers.Flatten(), layers.Dense(64, "relu")]
    pairs = [layer for maps in (32, 64, 128, 128) for layer in (conv(maps, "valid"), layers.MaxPooling2D(2))]
    return [*pairs, layers.Flatten(), layers.Dense(512, "relu")]


def make_model(net, shape):
    last = "sigmoid" if shape.classes == 1 else "softmax"
    start = [layers.Input((shape.height, shape.width, shape.channels)), layers.Rescaling(1 / 255)]
    return keras.Sequential([*start, *body(net), layers.Dense(shape.classes, activation=last)])


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=SHAPES, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    shape, rng = SHAPES[options.net], np.random.default_rng(0)
    size = (shape.batch * shape.steps, shape.height, shape.width, shape.channels)
    x = rng.integers(0, 256, size, dtype=np.uint8)
    y = rng.integers(0, max(2, shape.classes), len(x))
    model = make_model(options.net, shape)
    if model.count_params() != shape.parameters:
        raise SystemExit(f"{options.net} must have {shape.parameters} parameters, got {model.count_params()}")
    loss = "binary_crossentropy" if shape.classes == 1 else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss)
    clock = Clock()
    history = model.fit(x, y, batch_size=shape.batch, epochs=options.epochs, callbacks=[clock], verbose=2)
    backend = keras.backend.backend()
    distribution = {"tensorflow": "tensorflow-cpu"}.get(backend, backend)
    say(
        figures={
            "images_per_s": images_per_s(clock.seconds, shape),
            "first_epoch_s": clock.seconds[0],
            "loss": history.history["loss"][-1],
        },
        versions={"keras": keras.__version__, backend: importlib.metadata.version(distribution)},
        notes=f"TF_ENABLE_ONEDNN_OPTS={os.environ['TF_ENABLE_ONEDNN_OPTS']}" if backend == "tensorflow" else "",
    )


if __name__ == "__main__":
    main()
