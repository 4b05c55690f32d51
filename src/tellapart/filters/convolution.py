"""Convolution and correlation of pictures with one kernel or with many filters over many channels.

Correlation slides the kernel over the picture and sums the products; that is what every deep-learning library calls
convolution. Convolution proper turns the kernel by 180° first.

How it is computed depends on the kernel alone, so the same kernel gives the same figures on every picture:

- one kernel with few weights that are not zero: one shifted addition a weight;
- a separable kernel of up to 48 weights in a column and a row: these, one after the other;
- any other large kernel: fast Fourier transform;
- filters over channels: the windows as a matrix (im2col) times the filters, a few rows at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .padding import Border, Padding, pad, padding_widths, pair, picture_size, working

# Measured on 512×512×3 and 1500×1500×3 float32, two cores: 49 shifted additions take as long as the transform.
_MOST_SHIFTS = 48
_BLOCK_BYTES = 16_000_000


def correlate(
    pictures: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: Padding = "same",
    border: Border = "zero",
    stride: int | tuple[int, int] = 1,
) -> NDArray[Any]:
    """Slide a kernel over pictures and sum the products.

    Args:
        pictures: (H, W), (H, W, C) or (N, H, W, C), real.
        kernel: (h, w) works on each channel by itself; (h, w, C) is one filter over all channels; (F, h, w, C) are
            F filters. A 1×1 filter (F, 1, 1, C) mixes channels and nothing else.
        padding: "valid", "same" or pixels on each side. With an even kernel "same" has its odd pixel below and right.
        border: what the padding is filled with: "zero", "reflect", "symmetric" or "nearest".
        stride: every which position is kept, from the first: one number or (down, across).

    Returns:
        For a kernel (h, w) the axes of ``pictures``; for one filter without the channels; for F filters with F
        channels. float64 for float64 and whole numbers of 32 bits and more, float32 otherwise.

    Raises:
        DataError: the kernel does not fit the pictures, or is larger than they are with their border.
        RecipeError: unknown padding, border or stride.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Example:
        >>> import numpy as np
        >>> picture = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
        >>> correlate(picture, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], padding="valid").astype(int)
        array([[4, 3, 4], [2, 4, 3], [2, 3, 4]])
    """
    image, weights = np.asarray(pictures), working(kernel)
    if weights.ndim not in (2, 3, 4) or 0 in weights.shape:
        raise DataError(f"a kernel must be of shape (h, w), (h, w, C) or (F, h, w, C), got {weights.shape}")
    window = weights.shape[1:3] if weights.ndim == 4 else weights.shape[:2]
    steps = pair(stride, name="stride")
    padded = working(pad(image, padding_widths(padding, window=(window[0], window[1])), border=border))
    _check_fit(padded, weights, window)
    weights = weights.astype(padded.dtype)
    if weights.ndim == 2:
        return _each_channel(padded, weights, steps)
    filters = weights if weights.ndim == 4 else weights[None]
    batch = padded if padded.ndim == 4 else padded[None]
    out = _filter_bank(batch, filters, steps)
    out = out if weights.ndim == 4 else out[..., 0]
    return out if padded.ndim == 4 else out[0]


def convolve(
    pictures: ArrayLike,
    kernel: ArrayLike,
    *,
    padding: Padding = "same",
    border: Border = "zero",
    stride: int | tuple[int, int] = 1,
) -> NDArray[Any]:
    """Turn the kernel by 180° and slide it over pictures.

    Args:
        pictures: as for ``correlate``.
        kernel: as for ``correlate``; turned in height and width, not in channels.
        padding: as for ``correlate``.
        border: as for ``correlate``.
        stride: as for ``correlate``.

    Returns:
        As ``correlate`` does.

    Raises:
        DataError: the kernel does not fit the pictures.
        RecipeError: unknown padding, border or stride.

    Source: A. Oppenheim and R. Schafer, "Discrete-Time Signal Processing", section 2.3.

    Example:
        >>> convolve([[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]).astype(int)
        array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    """
    return correlate(pictures, turned(np.asarray(kernel)), padding=padding, border=border, stride=stride)


def turned(kernel: NDArray[Any]) -> NDArray[Any]:
    """Return the kernel (h, w), (h, w, C) or (F, h, w, C) turned by 180° in height and width."""
    return kernel[:, ::-1, ::-1] if kernel.ndim == 4 else kernel[::-1, ::-1]


def factors(kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return a column (h, 1) and a row (1, w) whose product is the kernel, or None where there are none.

    Example:
        >>> import numpy as np
        >>> column, row = factors(np.ones((3, 3)) / 9)
        >>> np.allclose(column @ row, 1 / 9)
        True
    """
    where = np.unravel_index(np.argmax(np.abs(kernel)), kernel.shape)
    pivot = kernel[where]
    if pivot == 0:
        return None
    column, row = kernel[:, [where[1]]], kernel[[where[0]], :] / pivot
    return (column, row) if np.allclose(column @ row, kernel, rtol=1e-6, atol=1e-7 * abs(pivot)) else None


def _check_fit(padded: NDArray[Any], weights: NDArray[Any], window: tuple[int, ...]) -> None:
    size = picture_size(padded)
    if window[0] > size[0] or window[1] > size[1]:
        raise DataError(
            f"the kernel must not be larger than the picture with its border, {size[0]}x{size[1]}, "
            f"got {window[0]}x{window[1]}: use padding='same' or a smaller kernel"
        )
    if weights.ndim == 2:
        return
    channels = padded.shape[-1] if padded.ndim > 2 else 0
    if channels != weights.shape[-1]:
        raise DataError(
            f"a filter over channels must have as many as the picture, {channels or 'which has none'}, "
            f"got {weights.shape[-1]}: give pictures as (H, W, C) and filters as (F, h, w, C)"
        )


def _each_channel(padded: NDArray[Any], kernel: NDArray[Any], steps: tuple[int, int]) -> NDArray[Any]:
    batch = padded.reshape(1, *padded.shape, 1) if padded.ndim == 2 else padded if padded.ndim == 4 else padded[None]
    split = factors(kernel) if sum(kernel.shape) < np.count_nonzero(kernel) else None
    if split is not None and sum(kernel.shape) <= _MOST_SHIFTS:
        out = _shifts(_shifts(batch, split[0], (steps[0], 1)), split[1], (1, steps[1]))
    elif np.count_nonzero(kernel) <= _MOST_SHIFTS:
        out = _shifts(batch, kernel, steps)
    else:
        out = _transform(batch, kernel)[:, :: steps[0], :: steps[1]]
    return out[0, ..., 0] if padded.ndim == 2 else out if padded.ndim == 4 else out[0]


def _shifts(batch: NDArray[Any], kernel: NDArray[Any], steps: tuple[int, int]) -> NDArray[Any]:
    """Correlate (N, H, W, C) with (h, w), valid: one shifted addition for each weight that is not zero."""
    rows, columns = (batch.shape[i + 1] - kernel.shape[i] + 1 for i in (0, 1))
    shape = (len(batch), -(-rows // steps[0]), -(-columns // steps[1]), batch.shape[3])
    out, product = np.zeros(shape, dtype=batch.dtype), np.empty(shape, dtype=batch.dtype)
    for i, j in np.argwhere(kernel).tolist():
        shifted = batch[:, i : i + rows : steps[0], j : j + columns : steps[1]]
        np.multiply(shifted, kernel[i, j], out=product)
        out += product
    return out


def _transform(batch: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    from scipy import signal

    flipped = kernel[None, ::-1, ::-1, None]
    one_by_one = [signal.fftconvolve(picture[None], flipped, mode="valid", axes=(1, 2)) for picture in batch]
    return np.concatenate(one_by_one) if one_by_one else _shifts(batch, kernel, (1, 1))


def _filter_bank(batch: NDArray[Any], filters: NDArray[Any], steps: tuple[int, int]) -> NDArray[Any]:
    """Correlate (N, H, W, C) with (F, h, w, C), valid: windows as a matrix times filters, in blocks of rows."""
    count, height, width, _ = filters.shape
    windows = np.lib.stride_tricks.sliding_window_view(batch, (height, width), axis=(1, 2))
    windows = windows[:, :: steps[0], :: steps[1]].transpose(0, 1, 2, 4, 5, 3)
    _, rows, columns = windows.shape[:3]
    out = np.empty((len(batch), rows, columns, count), dtype=batch.dtype)
    matrix = np.ascontiguousarray(filters.reshape(count, -1).T)
    block = max(1, _BLOCK_BYTES // (columns * len(matrix) * batch.itemsize))
    for n in range(len(batch)):
        for start in range(0, rows, block):
            part = windows[n, start : start + block]
            out[n, start : start + block] = part.reshape(*part.shape[:2], len(matrix)) @ matrix
    return out
