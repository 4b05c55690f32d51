"""The course's scripts for MNIST and Fashion-MNIST, as a person following it writes them."""

import argparse
import os
import time
from importlib.metadata import version

import keras
from keras import layers

from benchmarks.harness.result import say
from benchmarks.time_to_accuracy.course import BATCH, load


def mnist():
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ]


def fashion():
    maps = [layers.Conv2D(64, 7, padding="same", activation="relu"), layers.MaxPooling2D(2)]
    for width in (128, 256):
        maps += [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(2)]
        maps.append(layers.MaxPooling2D(2))
    top = [layers.Flatten()]
    for width in (128, 64):
        top += [layers.Dense(width, activation="relu"), layers.Dropout(0.5)]
    return [*maps, *top]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--set", choices=["mnist", "fashion-mnist"], required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    train, validation, test = (
        (pictures[..., None].astype("float32") / 255, keras.utils.to_categorical(labels, 10))
        for pictures, labels in load(options.source, options.set)
    )
    hidden = mnist() if options.set == "mnist" else fashion()
    model = keras.Sequential([layers.Input((28, 28, 1)), *hidden, layers.Dense(10, activation="softmax")])
    optimizer = "rmsprop" if options.set == "mnist" else "adam"
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    model.fit(*train, epochs=options.epochs, batch_size=BATCH[options.set], validation_data=validation, verbose=2)
    figures = {
        "train_s": time.perf_counter() - started,
        "epochs": options.epochs,
        "parameters": model.count_params(),
        "validation_accuracy": model.evaluate(*validation, verbose=0)[1],
        "test_accuracy": model.evaluate(*test, verbose=0)[1],
    }
    say(
        figures=figures,
        versions={"tensorflow": version("tensorflow-cpu"), **{name: version(name) for name in ("keras", "numpy")}},
        notes=f"TF_ENABLE_ONEDNN_OPTS={os.environ['TF_ENABLE_ONEDNN_OPTS']}",
    )


if __name__ == "__main__":
    main()
