"""The course's recipe, as a person following it writes it: Pillow, scikit-learn and Keras.

Load everything with LANCZOS at 80×60 grey, split off a fifth for validation, train with Adam and early stopping on
the validation accuracy, look at the test pictures. ``restore_best_weights=True``: the weights of the best epoch are
what is tested; Keras' own default would test those of the last epoch.
"""

import argparse
import time

began = time.perf_counter()

import os  # noqa: E402
from pathlib import Path  # noqa: E402

import keras  # noqa: E402
import numpy as np  # noqa: E402
import PIL  # noqa: E402
import sklearn  # noqa: E402
from keras import layers  # noqa: E402
from PIL import Image  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from benchmarks.harness.result import say  # noqa: E402

HEIGHT, WIDTH = 80, 60


def load_pictures(folder, names):
    pictures, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).iterdir()):
            image = Image.open(path).convert("L").resize((WIDTH, HEIGHT), Image.LANCZOS)
            pictures.append(np.array(image))
            labels.append(label)
    return np.array(pictures), np.array(labels)


def make_model(net, classes):
    if net == "softmax":
        return keras.Sequential(
            [
                layers.Input((HEIGHT, WIDTH, 1)),
                layers.Flatten(),
                layers.Rescaling(1 / 255),
                layers.Dense(classes, activation="softmax"),
            ]
        )
    return keras.Sequential(
        [
            layers.Input((HEIGHT, WIDTH, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch's training part: fit's validation begins where that ends."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start, self.training = time.perf_counter(), True

    def on_test_begin(self, logs=None):
        if self.training:
            self.seconds.append(time.perf_counter() - self.start)
            self.training = False


def accuracies(model, pictures, labels):
    probabilities = model.predict(pictures, batch_size=512, verbose=0)
    best = np.argsort(-probabilities, axis=1)
    return float((best[:, 0] == labels).mean()), float((best[:, :5] == labels[:, None]).any(axis=1).mean())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--net", choices=["softmax", "convnet16"], required=True)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)

    loading = time.perf_counter()
    names = sorted(path.name for path in (options.folder / "Train").iterdir())
    pictures, labels = load_pictures(options.folder / "Train", names)
    x_test, y_test = load_pictures(options.folder / "Test", names)
    load_s = time.perf_counter() - loading
    x_train, x_val, y_train, y_val = train_test_split(pictures, labels, test_size=0.2, random_state=123)

    model = make_model(options.net, len(names))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=15, restore_best_weights=True)
    clock = Clock()
    fitting = time.perf_counter()
    history = model.fit(
        x_train[..., None],
        y_train,
        batch_size=128,
        epochs=options.epochs,
        validation_data=(x_val[..., None], y_val),
        callbacks=[clock, stop],
        verbose=2,
    )
    train_s = time.perf_counter() - fitting
    validation = accuracies(model, x_val[..., None], y_val)
    test = accuracies(model, x_test[..., None], y_test)
    timed = clock.seconds[1:] or clock.seconds
    say(
        figures={
            "import_s": loading - began,
            "load_s": load_s,
            "train_s": train_s,
            "epochs": len(history.history["loss"]),
            "images_per_s": len(x_train) / float(np.median(timed)),
            "parameters": model.count_params(),
            "validation_accuracy": validation[0],
            "validation_top5": validation[1],
            "test_accuracy": test[0],
            "test_top5": test[1],
            "train_pictures": len(x_train),
            "validation_pictures": len(x_val),
            "test_pictures": len(x_test),
        },
        versions={
            "keras": keras.__version__,
            keras.backend.backend(): backend_version(),
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "scikit-learn": sklearn.__version__,
        },
        notes=f"TF_ENABLE_ONEDNN_OPTS={os.environ.get('TF_ENABLE_ONEDNN_OPTS', 'unset')}",
    )


def backend_version():
    import importlib.metadata

    distribution = {"tensorflow": "tensorflow-cpu"}.get(keras.backend.backend(), keras.backend.backend())
    return importlib.metadata.version(distribution)


if __name__ == "__main__":
    main()
