"""Any of Pillow's modes becomes uint8 grey or RGB: palettes, transparency, 1-bit, 16-bit, integers, floats, CMYK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .notes import DARK

Colour = int | tuple[int, int, int]
"""A grey value 0 to 255, or (red, green, blue)."""

_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def to_pixels(image: Image.Image, *, background: Colour = 255) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return the pixels of a Pillow image, and what was done to it.

    Args:
        image: of any mode, opened or loaded.
        background: what lies under transparency.

    Returns:
        uint8 (H, W, 1) where the image is grey, else (H, W, 3); and the notes.

    Example:
        >>> pixels, notes = to_pixels(Image.new("1", (3, 2), 1))
        >>> pixels.shape, int(pixels.max()), notes
        ((2, 3, 1), 255, ())
    """
    if image.mode in _WIDE:
        return _narrowed(image, background)
    notes: tuple[str, ...] = ()
    if image.mode in _ALPHA or "transparency" in image.info:
        image, notes = _over(image, background)
    if image.mode == "P":
        image = image.convert("L" if _grey_palette(image) else "RGB")
    elif image.mode == "LAB":
        profile = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, *profile, outputMode="RGB") or image
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    pixels: NDArray[np.uint8] = np.asarray(image)
    return (pixels[..., None] if pixels.ndim == 2 else pixels), notes


def _over(image: Image.Image, background: Colour) -> tuple[Image.Image, tuple[str, ...]]:
    """Lay a transparent picture over the background; opaque ones only lose their alpha."""
    grey = image.mode in ("L", "LA", "La", "1") or (image.mode in ("P", "PA") and _grey_palette(image))
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert(image.mode.upper())
    flat_grey = isinstance(background, int) or len(set(background)) == 1
    wanted = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    alpha = wanted.getchannel("A")
    colours = wanted.convert("L") if grey and flat_grey else wanted.convert("RGB")
    if alpha.getextrema() == (255, 255):
        return colours, ()
    fill: Any = background if isinstance(background, tuple) else (background,) * 3
    canvas = Image.new(colours.mode, colours.size, fill[0] if colours.mode == "L" else fill)
    canvas.paste(colours, mask=alpha)
    return canvas, (f"transparency laid over {background}",)


def _grey_palette(image: Image.Image) -> bool:
    entries = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    return bool((entries == entries[:, :1]).all())


def _narrowed(image: Image.Image, background: Colour) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Scale 16-bit, 32-bit and float values to 8 bits."""
    stored = np.asarray(image)
    # A 16-bit file says its range: pictures of one folder must not be scaled each by what occurs in it. Pillow opens
    # those of PGM as wider integers, scaled to that range.
    wide = image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I")
    if getattr(image, "tag_v2", {}).get(258) == (12,):  # a TIFF of 12 bits, whose values Pillow leaves
        pixels, note = _rounded(stored, 0.0, 4095.0), "12-bit scaled to 8"
    else:
        pixels, note = scaled_to_8(stored, ends=(0.0, 65535.0) if wide else None)
        note += _dark(float(stored.max())) if wide else ""
    pixels = pixels[..., None]
    notes: tuple[str, ...] = (note,) if note else ()
    key = image.info.get("transparency")
    if isinstance(key, int) and (stored == key).any():
        pixels = np.where((stored == key)[..., None], np.array(background, dtype=np.uint8), pixels)
        notes += (f"transparency laid over {background}",)
    return pixels, notes


def scaled_to_8(values: NDArray[Any], *, ends: tuple[float, float] | None = None) -> tuple[NDArray[np.uint8], str]:
    """Return numbers of any kind as 0 to 255, by what their type and range say that they are; and the note.

    - floats from 0 to 1: times 255;
    - anything from 0 to 255: as it stands;
    - 0 to 65,535: divided by 257;
    - else, and floats from 0 to 1 and a little: the range that occurs is stretched to 0 to 255.

    Args:
        values: of any shape and numeric type; what is not finite counts as the lowest value.
        ends: the lowest and the highest value that belong together, such as those of a whole data set; those that
            occur where None.

    Example:
        >>> scaled_to_8(np.array([0, 32896, 65535], dtype=np.uint16))
        (array([  0, 128, 255], dtype=uint8), '16-bit scaled to 8')
        >>> scaled_to_8(np.array([0.0, 0.5, 1.0]))
        (array([  0, 128, 255], dtype=uint8), 'float 0 to 1 scaled to 0 to 255')
    """
    if values.dtype == np.uint8:
        return values, ""
    floating = values.dtype.kind == "f"
    finite = values[np.isfinite(values)] if floating else values
    low, high = ends or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0))
    if floating:
        values = np.where(np.isfinite(values), values, low)
    name = "float" if floating else f"{8 * values.dtype.itemsize}-bit"
    if floating and low >= 0 and high <= 1:
        return _rounded(values, 0.0, 1.0), "float 0 to 1 scaled to 0 to 255"
    if low >= 0 and high <= 255 and not (floating and high < 2):  # a resized 0 to 1 goes a little beyond
        return _rounded(values, 0.0, 255.0), f"{name} with values of 0 to 255 kept"
    if low >= 0 and 255 < high <= 65535:
        return _rounded(values, 0.0, 65535.0), f"16-bit scaled to 8{_dark(high)}"
    return _rounded(values, low, high), f"{name} stretched from {low:g}..{high:g} to 0..255"


def scaling(note: str) -> str:
    """Return how numbers were scaled to 8 bits, from the note that says it; "" from any other note.

    Example:
        >>> scaling("16-bit scaled to 8; its largest value is 260 of 65535, so it is dark"), scaling("transposed")
        ('16-bit scaled to 8', '')
    """
    way = note.partition(";")[0]
    return way if way.endswith(("scaled to 0 to 255", "values of 0 to 255 kept", "scaled to 8", "to 0..255")) else ""


def _dark(high: float) -> str:
    return f"; its largest value is {high:.0f} of 65535, {DARK}" if high < 16384 else ""


def _rounded(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    if values.dtype.kind == "u" and values.dtype.itemsize == 2 and values.size > 2**16:
        every = _rounded(np.clip(np.arange(2**16, dtype=np.uint16), low, high), low, high)
        found: NDArray[np.uint8] = every[values]  # one byte a pixel, in place of sixteen
        return found
    out: NDArray[np.uint8] = np.floor((values.astype(np.float64) - low) * (255 / ((high - low) or 1.0)) + 0.5).astype(
        np.uint8
    )
    return out
