"""Weights and pictures by a formula, so that two programs have the same ones without a file between them.

Pure NumPy: the programs that make tests/golden/reference_outputs.json run it too.
"""

import zlib

import numpy as np

OUTPUTS = 16


def uniform(name: str, count: int) -> np.ndarray:
    """Return ``count`` float32 numbers from -1 to 1, mixed from the name and the position (MurmurHash3's end)."""
    bits = np.arange(count, dtype=np.uint32)
    with np.errstate(over="ignore"):
        bits *= np.uint32(0x9E3779B1)
        bits += np.uint32(zlib.crc32(name.encode()))
        bits ^= bits >> np.uint32(16)
        bits *= np.uint32(0x85EBCA6B)
        bits ^= bits >> np.uint32(13)
        bits *= np.uint32(0xC2B2AE35)
        bits ^= bits >> np.uint32(16)
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)


def weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the tensor called ``name``, float32, in PyTorch's order of axes."""
    numbers = uniform(name, int(np.prod(shape))).reshape(shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return 1 + numbers / 2
    if leaf in ("running_mean", "bias"):
        return numbers / 10
    if len(shape) == 1:
        return 1 + numbers / 2
    # He's variance: uniform numbers to sqrt(6 / inputs).
    return numbers * np.float32(np.sqrt(6 / np.prod(shape[1:])))


def keras_weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the tensor called ``name``, float32, as Keras 2 keeps it: (height, width, in, out), (in, out), (out,)."""
    numbers = uniform(name, int(np.prod(shape))).reshape(shape)
    leaf = name.rsplit("/", 1)[-1].removesuffix(":0")
    if leaf in ("gamma", "moving_variance"):
        return 1 + numbers / 2
    if len(shape) == 1:
        return numbers / 10
    inputs = np.prod(shape[:2]) if leaf == "depthwise_kernel" else np.prod(shape[:-1])
    return numbers * np.float32(np.sqrt(6 / inputs))


def pictures(height: int, width: int) -> np.ndarray:
    """Return two pictures, float32 (2, 3, height, width) from -1 to 1."""
    return uniform("pictures", 2 * 3 * height * width).reshape(2, 3, height, width)


def record(logits: np.ndarray | None, features: np.ndarray, parameters: int) -> dict:
    """Return what is kept of a network's outputs: logits (2, outputs) and features (2, C, h, w)."""
    kept = {"parameters": int(parameters), "features_shape": list(features.shape[1:])}
    # The mean over the maps and, so that their order counts, one weighted by their number.
    order = np.linspace(-1, 1, features.shape[1], dtype=np.float64)
    kept["features"] = np.einsum("nchw,c->nhw", features.astype(np.float64), order).round(9).tolist()
    if logits is not None:
        assert np.abs(logits[0] - logits[1]).max() > 0.005 * np.abs(logits).max(), "the outputs hardly see the picture"
        kept["logits"] = logits.astype(np.float64).round(9).tolist()
    return kept
