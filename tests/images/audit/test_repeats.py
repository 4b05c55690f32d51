"""Repeats: planted copies are found, look-alikes are not."""

import dataclasses
import errno
import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tellapart.errors import DataError, UnreadableImageError
from tellapart.images.arrays import ArrayImages
from tellapart.images.audit import remember
from tellapart.images.audit.alignment import Match, align, small_residual
from tellapart.images.audit.candidates import propose
from tellapart.images.audit.descriptors import Descriptors
from tellapart.images.audit.near import find_repeats, same_picture
from tellapart.images.dataset import Dataset
from tellapart.images.facts import FACTS, facts_of
from tellapart.images.picture import Picture


class Listed:
    """Pictures in a list, of any size each."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def load(self, index):
        pixels = np.asarray(self.pictures[index])
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        return Picture(pixels, mode="RGB", digest=index.to_bytes(4, "big"))


def repeats(pictures, *, sides=None):
    images = Listed(pictures)
    facts = np.array([facts_of(images.load(i)) for i in range(len(images))], dtype=FACTS)
    return find_repeats(images, facts, sides=sides)


@pytest.fixture(scope="module")
def photographs():
    from skimage import data

    whole = [data.chelsea(), data.astronaut(), data.coffee(), data.rocket(), data.camera()]
    size = 190
    return [
        np.ascontiguousarray(picture[top : top + size, left : left + size])
        for picture in whole
        for top, left in itertools.product((0, 95), (0, 120, 230))
    ]


def glyph(seed, side=80):
    """Five strokes of ink on white, as a writer would draw them."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (side * 4, side * 4), 255)
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        ends = rng.uniform(0.06, 0.94, (3, 2)) * side * 4
        draw.line([tuple(end) for end in ends], fill=int(rng.integers(0, 90)), width=14, joint="curve")
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def encoded(pixels, quality):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resized(pixels, percent):
    height, width = pixels.shape[:2]
    size = (round(width * percent / 100), round(height * percent / 100))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def trimmed(pixels, *sides):
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(0.02 * n) if s else 0 for n, s in zip((width, height) * 2, sides, strict=True))
    return pixels[top : height - bottom, left : width - right]


CHANGES = {
    "JPEG 70": lambda p: encoded(p, 70),
    "JPEG 95": lambda p: encoded(p, 95),
    "half size": lambda p: resized(p, 50),
    "half as large again": lambda p: resized(p, 150),
    "trimmed all round": lambda p: trimmed(p, 1, 1, 1, 1),
    "trimmed left": lambda p: trimmed(p, 1, 0, 0, 0),
    "trimmed below, JPEG 80": lambda p: encoded(np.ascontiguousarray(trimmed(p, 0, 0, 0, 1)), 80),
    "trimmed, half size": lambda p: resized(np.ascontiguousarray(trimmed(p, 1, 1, 1, 1)), 50),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_photograph_is_found_and_nothing_else(photographs, change):
    planted = [change(photographs[i]) for i in (0, 7, 13, 20)]
    found = repeats([*photographs, *planted])
    n = len(photographs)
    assert found.pairs.tolist() == [[0, n], [7, n + 1], [13, n + 2], [20, n + 3]]


def worn(pixels, *, count, seed=0):
    """Return copies of a picture, each smaller and more compressed than it, each in its own way."""
    rng = np.random.default_rng(seed)
    return [encoded(resized(pixels, rng.uniform(70, 99)), int(rng.integers(60, 95))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_many_copies_of_one_picture_are_one_family(photographs, seed):
    found = repeats([*photographs, *worn(photographs[4], count=20, seed=seed)])
    n = len(photographs)
    (family,) = found.families()
    assert family.tolist() == [4, *range(n, n + 20)]


@pytest.mark.parametrize("seed", range(3))
def test_each_of_many_copies_on_the_other_side_finds_its_original(photographs, seed):
    n = len(photographs)
    found = repeats([*photographs, *worn(photographs[4], count=16, seed=seed)], sides=np.repeat([0, 1], [n, 16]))
    assert set(found.family[n:].tolist()) == {4}
    assert {first for first, _ in found.pairs.tolist()} == {4}, "pairs on one side do not count"


@pytest.mark.parametrize("side", [8, 16, 28])
def test_tiny_copies_with_as_much_noise_as_is_allowed_are_found(photographs, side):
    rng = np.random.default_rng(side)
    tiny = [np.asarray(Image.fromarray(one[..., 0]).resize((side, side), Image.Resampling.BOX)) for one in photographs]
    tiny = [one for one in tiny if one.std() > 10]  # flat ones count only where equal
    noise = [rng.normal(0, 1, one.shape) for one in tiny]
    noisy = [
        np.clip(np.round(one + 2.3 / change.std() * change), 0, 255).astype(np.uint8)
        for one, change in zip(tiny, noise, strict=True)
    ]
    n = len(tiny)
    assert n > 20
    assert repeats([*tiny, *noisy]).pairs.tolist() == [[at, n + at] for at in range(n)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_glyph_is_found_and_nothing_else(change):
    glyphs = [glyph(seed) for seed in range(60)]
    found = repeats([*glyphs, *(change(glyphs[i]) for i in (3, 30, 51))])
    assert found.pairs.tolist() == [[3, 60], [30, 61], [51, 62]]


def test_equal_pixels_in_other_bytes_are_exact_repeats_even_as_colour():
    picture = glyph(1)
    found = repeats([picture, glyph(2), picture.copy(), np.repeat(picture[..., None], 3, axis=2)])
    assert found.exact.tolist() == [0, 1, 0, 0]
    assert found.exact_groups()[0].tolist() == [0, 2, 3]
    assert len(found.pairs) == 0


def test_digits_that_look_alike_are_no_repeats():
    from sklearn.datasets import load_digits

    pixels = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    images = ArrayImages(pixels)
    facts = np.array([facts_of(images.load(i)) for i in range(len(images))], dtype=FACTS)
    found = find_repeats(images, facts)
    assert len(found.pairs) == 0
    assert len(found.exact_groups()) == 0


def test_products_on_a_plain_ground_that_differ_in_a_print_are_no_repeats():
    shirts = []
    for seed in range(12):
        image = Image.new("RGB", (200, 200), "white")
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((45, 30, 155, 185), 20, fill=(120, 130, 150))
        rng = np.random.default_rng(seed)
        x, y = rng.integers(80, 100, 2)
        draw.polygon([(x + a, y + b) for a, b in rng.integers(0, 36, (5, 2)).tolist()], fill=(230, 210, 60))
        shirts.append(np.asarray(image))
    assert len(repeats(shirts).pairs) == 0


def test_one_thousand_blank_pictures_stay_quick_and_silent():
    rng = np.random.default_rng(0)
    pictures = [np.clip(250 + rng.normal(0, 1, (40, 40)), 0, 255).astype(np.uint8) for _ in range(1000)]
    assert len(repeats(pictures).pairs) == 0


def test_another_colour_is_another_picture(photographs):
    first = photographs[0]
    assert not same_picture(align(first, np.ascontiguousarray(first[..., ::-1])))


@pytest.mark.parametrize(
    ("figure", "copy", "other"),
    [
        ("residual", 0.27, 0.29), ("detail", 0.93, 0.91), ("worst", 0.59, 0.61), ("colour", 7.9, 8.1),
        ("gain", 1.17, 1.19), ("gain", 0.86, 0.84), ("offset", 9.9, 10.1), ("offset", -9.9, -10.1),
    ],
)  # fmt: skip
def test_every_figure_must_agree(figure, copy, other):
    same = Match(residual=0.1, detail=0.99, worst=0.2, levels=1.0, colour=0.0, gain=1.0, offset=0.0, fineness=0.3)
    assert same_picture(dataclasses.replace(same, **{figure: copy}))
    assert not same_picture(dataclasses.replace(same, **{figure: other}))


def test_near_copies_are_remembered_with_the_exact_ones(photographs, tmp_path, monkeypatch):
    images = Listed([photographs[0], resized(photographs[0], 50), photographs[0], photographs[1]])
    facts = np.array([facts_of(images.load(row)) for row in range(4)], dtype=FACTS)
    data = Dataset(list("abcd"), images, [0] * 4, class_names=("a",))
    found = SimpleNamespace(folder=tmp_path, facts=facts)
    first = remember.repeats_of(data, found)
    assert first.exact.tolist() == [0, 1, 0, 3]
    assert first.family.tolist() == [0, 0, 0, 3]
    monkeypatch.setattr(remember, "find_repeats", None)
    again = remember.repeats_of(data, found)
    for name in ("exact", "pairs", "family"):
        assert (getattr(again, name) == getattr(first, name)).all()


def test_alignment_finds_a_known_trim(photographs):
    for picture in photographs[:8]:
        match = align(picture, picture[3:, 2:-4])
        assert match.residual < 0.02
        assert match.detail > 0.995


def test_small_residual_ignores_a_shift_and_a_stretch():
    rows, columns = np.mgrid[:16, :16] / 16
    first = (128 + 80 * np.sin(5 * columns) * np.cos(4 * rows))[None].astype(np.uint8)
    second = (128 + 80 * np.sin(5 * (columns * 1.02 + 0.01)) * np.cos(4 * rows))[None].astype(np.uint8)
    assert small_residual(first, second)[0] < 0.02
    other = np.random.default_rng(0).integers(0, 256, (1, 16, 16), dtype=np.uint8)
    assert small_residual(first, other)[0] > 0.5


def test_candidates_are_those_of_brute_force():
    rng = np.random.default_rng(3)
    vectors = rng.normal(0, 10, (3000, 6)).astype(np.float32)
    reach = np.full(3000, 2.5, dtype=np.float32)
    distance = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
    expected = {(i, j) for i, j in np.argwhere(distance <= 2.5).tolist() if i < j}
    found = {(i, j) for i, j in propose(Descriptors(vectors, reach)).tolist()}
    assert found <= expected
    assert len(found) >= 0.98 * len(expected)


def test_a_crowd_of_equal_descriptors_gives_few_candidates():
    vectors = np.zeros((6000, 4), dtype=np.float32)
    assert len(propose(Descriptors(vectors, np.ones(6000, dtype=np.float32)))) <= 6000 * 24


def test_what_the_system_cannot_read_now_is_no_verdict(tmp_path):
    pictures = [glyph(0)] * 2 + [glyph(1)]
    facts = np.array([facts_of(Listed(pictures).load(i)) for i in range(3)], dtype=FACTS)

    class Gone(Listed):
        def load(self, index):
            raise UnreadableImageError("it cannot be read") from OSError(errno.EIO, "Input/output error")

    data = SimpleNamespace(images=Gone(pictures), ids=np.array(["a", "b", "c"]))
    with pytest.raises(DataError, match=r"copies cannot be looked for, as a picture '[ab]' that was read before"):
        remember.repeats_of(data, SimpleNamespace(folder=tmp_path, facts=facts))
    assert not list(tmp_path.iterdir())
