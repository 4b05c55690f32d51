"""Noise, copies and shuffled pixels."""

import dataclasses

import numpy as np
import pytest

from tellapart.errors import OutOfMemoryError
from tellapart.recipe import AugmentRecipe
from tellapart.workflow.table import variants
from tellapart.workflow.table.variants import Material, Variant, copied, noisy, shuffled, vary

RNG = np.random.default_rng(0)
GREY = np.full((60, 20, 20, 3), 128, dtype=np.uint8)
PIXELS = RNG.integers(0, 256, size=(7, 6, 5, 3), dtype=np.uint8)


def test_noise_has_the_deviation_asked_for_and_no_bias():
    changed = noisy(GREY, deviation=0.1, seed=0).astype(float) - 128
    assert changed.std() == pytest.approx(25.5, rel=0.01)
    assert abs(changed.mean()) < 0.3
    assert (noisy(GREY, deviation=0.1, seed=0) == noisy(GREY, deviation=0.1, seed=0)).all()
    assert noisy(np.full((1, 9, 9, 1), 255, np.uint8), deviation=0.5, seed=0).max() == 255


def test_shuffling_moves_every_picture_s_pixels_alike():
    moved = shuffled(PIXELS, seed=3)
    order = np.random.default_rng([3, 3]).permutation(30)
    for picture, other in zip(PIXELS, moved, strict=True):
        assert (other.reshape(30, 3) == picture.reshape(30, 3)[order]).all()
    assert not (moved == PIXELS).all()
    assert not (shuffled(PIXELS, seed=4) == moved).all()


def test_copies_use_each_picture_equally_often_and_are_changed():
    pixels, which = copied(PIXELS, 17, changes=AugmentRecipe(rotation=40, noise=0.1), seed=0)
    assert pixels.shape == (17, 6, 5, 3)
    counts = np.bincount(which, minlength=7)
    assert (counts.min(), counts.max()) == (2, 3)
    assert all((one != PIXELS[i]).any() for one, i in zip(pixels, which, strict=True))


def test_copies_that_nothing_changes_are_the_pictures():
    pixels, which = copied(PIXELS, 20, changes=AugmentRecipe(), seed=0)
    assert (pixels == PIXELS[which]).all()


def test_what_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    labels = np.arange(len(PIXELS))
    plain = Material(PIXELS, labels, PIXELS, labels, PIXELS, labels)
    size = PIXELS.nbytes
    asked = {
        Variant("noise", noise=0.1): 2 * size,
        Variant("shuffled"): 3 * size,
        Variant("copies", copies=len(PIXELS)): 3 * size,
    }
    for variant, needed in asked.items():
        monkeypatch.setattr(variants, "available_memory", lambda free=needed: free)
        vary(plain, variant, seed=0)
        monkeypatch.setattr(variants, "available_memory", lambda free=needed: free - 1)
        with pytest.raises(
            OutOfMemoryError, match=f"the row needs about .* for {variant.label}, and .*: ask for .*smaller pictures"
        ):
            vary(plain, variant, seed=0)


def test_each_variant_touches_what_it_should():
    labels = np.arange(7)
    plain = Material(PIXELS, labels, PIXELS[:3], labels[:3], PIXELS[3:], labels[3:])
    noise = vary(plain, Variant("noise", noise=0.2), seed=0)
    assert (noise.train != PIXELS).any()
    assert (noise.validation != PIXELS[:3]).any()
    assert (noise.train[:3] != noise.validation).any()
    assert noise.external is plain.external
    copies = vary(plain, Variant("copies", copies=4, changes=AugmentRecipe(noise=0.1)), seed=0)
    assert (len(copies.train), len(copies.train_labels)) == (11, 11)
    assert (copies.train[:7] == PIXELS).all()
    assert copies.validation is plain.validation
    away = np.abs(copies.train[7:, None].astype(float) - PIXELS).mean(axis=(2, 3, 4))
    assert copies.train_groups.tolist() == [*range(7), *away.argmin(axis=1)]  # a copy's is that of its picture
    grouped = dataclasses.replace(plain, train_groups=labels // 2)
    copies = vary(grouped, Variant("copies", copies=4, changes=AugmentRecipe(noise=0.1)), seed=0)
    assert copies.train_groups.tolist() == [0, 0, 1, 1, 2, 2, 3, *away.argmin(axis=1) // 2]
    moved = vary(plain, Variant("shuffled"), seed=0)
    assert (moved.external == moved.train[3:]).all()
    assert vary(plain, Variant("unchanged"), seed=0) is plain
