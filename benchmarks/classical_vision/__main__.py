"""Measure every feature with every classical classifier and print the table of docs/classical-vision.md.

    python -m benchmarks.classical_vision digits
    python -m benchmarks.classical_vision fashion-mnist --train 3000

The first runs anywhere; the second needs Debian's package dataset-fashion-mnist. On two cores half a
minute and 5 minutes.
PCA is left out where a feature has 100 columns or fewer.
"""

import argparse
import gzip
import sys
import time
from pathlib import Path

import numpy as np

from tellapart.features import build_pipeline, classifiers, extract, features, predict_log_probabilities

FASHION = Path("/usr/share/datasets/fashion-mnist")


def digits() -> tuple[np.ndarray, ...]:
    """Return scikit-learn's 1,797 digits, 8×8, the first half to train with as their authors do."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images * 255 / 16).round().astype(np.uint8)[..., None]
    half = len(pixels) // 2
    return pixels[:half], data.target[:half], pixels[half:], data.target[half:]


def fashion(count: int) -> tuple[np.ndarray, ...]:
    """Return the first ``count`` training pictures and all 10,000 test pictures."""

    def read(name: str, start: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), dtype=np.uint8, offset=start)

    train = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:count]
    test = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    train_labels, test_labels = (read(f"{part}-labels-idx1-ubyte.gz", 8).astype(int) for part in ("train", "t10k"))
    return train, train_labels[:count], test, test_labels


def main() -> None:
    """Print one row a feature: columns, microseconds a picture, accuracy and log loss a classifier."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=["digits", "fashion-mnist"])
    parser.add_argument("--train", type=int, default=3000)
    arguments = parser.parse_args()
    train, labels, test, expected = digits() if arguments.data == "digits" else fashion(arguments.train)
    classes = int(labels.max()) + 1
    names = classifiers.names()
    print(f"{arguments.data}: {len(train)} training pictures, {len(test)} test pictures\n")
    print("| feature | columns | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for name in features.names():
        width = extract(test[:1], name).shape[1]
        for feature in (name, f"{name}+pca") if width > 100 else (name,):
            cells = []
            for classifier in names:
                started = time.perf_counter()
                model = build_pipeline(feature, classifier).fit(train, labels)
                trained = time.perf_counter() - started
                logs = predict_log_probabilities(model, test, classes=classes)
                accuracy = (logs.argmax(axis=1) == expected).mean()
                loss = -logs[np.arange(len(test)), expected].mean()
                cells.append(f"{accuracy:.1%} ({loss:.2f})")
                print(f"  {feature} {classifier} {cells[-1]} {trained:.1f} s", file=sys.stderr, flush=True)
            print(
                f"| {feature} | {width if feature == name else 100} | " + " | ".join(cells) + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
