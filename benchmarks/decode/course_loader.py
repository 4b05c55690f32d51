"""The course's loader on a folder of pictures: one process, LANCZOS to 80×60 grey, one array at the end."""

import argparse
import importlib.metadata
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.result import say

HEIGHT, WIDTH = 80, 60


def with_pillow(path):
    from PIL import Image

    return np.array(Image.open(path).convert("L").resize((WIDTH, HEIGHT), Image.LANCZOS))


def with_keras(path):
    import keras

    size = {"color_mode": "grayscale", "target_size": (HEIGHT, WIDTH), "interpolation": "lanczos"}
    return keras.utils.img_to_array(keras.utils.load_img(path, **size), dtype="uint8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loader", choices=["pillow", "keras"], required=True)
    options = parser.parse_args()
    load = {"pillow": with_pillow, "keras": with_keras}[options.loader]
    load(next(options.folder.rglob("*.png")))  # what it imports is in the process's time, not in the decoding's
    start = time.perf_counter()
    paths = sorted(options.folder.rglob("*.png"))
    pictures = np.array([load(path) for path in paths])
    seconds = time.perf_counter() - start
    versions = {name: importlib.metadata.version(name) for name in dict.fromkeys([options.loader, "pillow", "numpy"])}
    figures = {"decode_s": seconds, "images_per_s": len(pictures) / seconds, "pictures": len(pictures)}
    say(figures={**figures, "mean_pixel": float(pictures.mean())}, versions=versions)


if __name__ == "__main__":
    main()
