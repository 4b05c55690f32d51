"""Stroke width, on strokes of a known width."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.filters import threshold_otsu

from tellapart.images.strokes import otsu, stroke_width


def drawn(width, *, angle=0.0, side=64, ink=0, ground=255, over=8):
    """A line through the middle, three quarters of the side long, drawn large and averaged down."""
    canvas = Image.new("L", (side * over, side * over), ground)
    reach, middle = 0.375 * side * over, (side + 1) * over / 2  # on a pixel's centre
    x, y = reach * math.cos(math.radians(angle)), reach * math.sin(math.radians(angle))
    ends = [(middle - x, middle - y), (middle + x, middle + y)]
    ImageDraw.Draw(canvas).line(ends, fill=ink, width=round(width * over))
    return np.asarray(canvas.reduce(over))[..., None]


@pytest.mark.parametrize("width", [1, 1.5, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("angle", [0, 20, 45, 90])
def test_a_line_is_as_wide_as_it_was_drawn(width, angle):
    assert stroke_width(drawn(width, angle=angle)) == pytest.approx(width, abs=0.2 + 0.08 * width)


def test_ink_may_be_bright_and_the_picture_large_or_coloured():
    dark, bright = drawn(4, angle=30), drawn(4, angle=30, ink=230, ground=20)
    assert stroke_width(bright) == pytest.approx(stroke_width(dark), rel=0.05)
    assert stroke_width(np.repeat(dark, 3, axis=2)) == pytest.approx(stroke_width(dark), rel=0.01)
    assert stroke_width(drawn(40, side=640, over=1)) == pytest.approx(40, rel=0.1)


def test_circles_and_crosses_have_the_width_of_their_line():
    canvas = Image.new("L", (512, 512), 255)
    ImageDraw.Draw(canvas).ellipse((80, 80, 430, 430), outline=0, width=32)
    assert stroke_width(np.asarray(canvas.reduce(8))[..., None]) == pytest.approx(4, rel=0.12)
    cross = np.minimum(drawn(4), drawn(4, angle=90))
    assert stroke_width(cross) == pytest.approx(4, rel=0.15)


def test_a_picture_without_strokes_has_no_width():
    assert math.isnan(stroke_width(np.full((20, 20, 1), 200, dtype=np.uint8)))
    assert math.isnan(stroke_width(np.full((1, 1, 1), 0, dtype=np.uint8)))
    faint = np.full((20, 20, 1), 200, dtype=np.uint8)
    faint[8:12] = 196
    assert math.isnan(stroke_width(faint))


def test_the_threshold_parts_as_scikit_image_s():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(60, 20, 3000), rng.normal(190, 15, 5000)]).clip(0, 255).astype(np.uint8)
    ours, theirs = otsu(np.bincount(values, minlength=256)), threshold_otsu(values)
    np.testing.assert_array_equal(values <= ours, values <= theirs)
