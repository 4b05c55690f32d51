"""Variants: the same pictures with noise, with changed copies among those that train, or with shuffled pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import OutOfMemoryError
from ...files import writing_whole
from ...machine import available_memory
from ...recipe import AugmentRecipe
from ...wording import bytes_text

BATCH = 256


@dataclasses.dataclass(frozen=True)
class Material:
    """What a row is learnt and measured on.

    Attributes:
        train: uint8 (N, H, W, C).
        train_labels: int64 (N,).
        validation: uint8 (M, H, W, C).
        validation_labels: int64 (M,).
        external: uint8 (E, H, W, C) of known classes, from elsewhere; None where there are none.
        external_labels: int64 (E,).
        train_groups: int64 (N,), equal for training pictures that belong together; None where each stands for itself.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    validation: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    external: NDArray[np.uint8] | None = None
    external_labels: NDArray[np.int64] | None = None
    train_groups: NDArray[np.int64] | None = None


@dataclasses.dataclass(frozen=True)
class Variant:
    """What is done to the pictures of a row.

    Attributes:
        kind: "plain", "noise", "copies", "shuffled" or "unchanged".
        noise: standard deviation as a share of the range from black to white.
        copies: how many changed copies train beside the pictures, in all.
        changes: what changes them.
    """

    kind: str = "plain"
    noise: float = 0.0
    copies: int = 0
    changes: AugmentRecipe = dataclasses.field(default_factory=AugmentRecipe)

    @property
    def label(self) -> str:
        """What a person reads: ``"noise 0.1"``; empty for pictures as they are."""
        return {
            "plain": "",
            "noise": f"noise {self.noise:g}",
            "copies": f"{self.copies:,} copies",
            "shuffled": "shuffled pixels",
            "unchanged": "no random changes",
        }[self.kind]

    @property
    def slug(self) -> str:
        """What a folder's name has of it."""
        return self.label.replace(" ", "-").replace(",", "")


def vary(material: Material, variant: Variant, *, seed: int) -> Material:
    """Return the pictures as a variant has them; the same seed gives the same.

    Noise is laid on training and validation pictures once; external pictures stay as they are. Copies join the
    training pictures alone. Shuffling moves the pixels of every picture by the same permutation.

    Args:
        material: pictures as they are.
        variant: what is done to them.
        seed: of noise, changes and permutation.

    Example:
        >>> pixels, labels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1), np.array([0, 1])
        >>> plain = Material(pixels, labels, pixels, labels)
        >>> shuffled = vary(plain, Variant("shuffled"), seed=0)
        >>> sorted(shuffled.train[0].ravel().tolist()), bool((shuffled.train == shuffled.validation).all())
        ([0, 1, 2, 3], True)

    Raises:
        OutOfMemoryError: what is made does not fit into the memory.
    """
    _check_memory(material, variant)
    if variant.kind == "noise":
        return dataclasses.replace(
            material,
            train=noisy(material.train, deviation=variant.noise, seed=[seed, 0]),
            validation=noisy(material.validation, deviation=variant.noise, seed=[seed, 1]),
        )
    if variant.kind == "copies":
        pixels, which = copied(material.train, variant.copies, changes=variant.changes, seed=seed)
        groups = np.arange(len(material.train)) if material.train_groups is None else material.train_groups
        return dataclasses.replace(
            material,
            train=np.concatenate([material.train, pixels]),
            train_labels=np.concatenate([material.train_labels, material.train_labels[which]]),
            train_groups=np.concatenate([groups, groups[which]]),
        )
    if variant.kind == "shuffled":
        return dataclasses.replace(
            material,
            train=shuffled(material.train, seed=seed),
            validation=shuffled(material.validation, seed=seed),
            external=None if material.external is None else shuffled(material.external, seed=seed),
        )
    return material


def _check_memory(material: Material, variant: Variant) -> None:
    """Raise OutOfMemoryError where what a variant makes is more than the memory that is free."""
    parts = [material.train, material.validation]
    if variant.kind == "shuffled" and material.external is not None:
        parts.append(material.external)
    made = {
        "noise": sum(part.nbytes for part in parts),
        "shuffled": sum(part.nbytes for part in parts),
        "copies": 2 * variant.copies * material.train[:1].nbytes + material.train.nbytes,  # once more when they join
    }
    fewer = "fewer copies, or for " if variant.kind == "copies" else ""
    check_room(made.get(variant.kind, 0), what=variant.label, advice=f"ask for {fewer}smaller pictures")


def check_room(needed: int, *, what: str, advice: str) -> None:
    """Raise OutOfMemoryError where a row needs more bytes than are free."""
    free = available_memory()
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"the row needs about {bytes_text(needed)} for {what}, and {bytes_text(free)} are free: {advice}"
        )


def noisy(pixels: NDArray[np.uint8], *, deviation: float, seed: Any) -> NDArray[np.uint8]:
    """Return pictures with Gaussian noise of a deviation that is a share of the range, cut to 0 to 255."""
    rng = np.random.default_rng(seed)
    out = np.empty(pixels.shape, dtype=np.uint8)
    for start in range(0, len(pixels), BATCH):
        part = pixels[start : start + BATCH].astype(np.float32)
        part += rng.standard_normal(part.shape, dtype=np.float32) * np.float32(255 * deviation)
        out[start : start + BATCH] = np.rint(np.clip(part, 0, 255))
    return out


def copied(
    pixels: NDArray[np.uint8], copies: int, *, changes: AugmentRecipe, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return changed copies and the positions of the pictures that they were made of, all used equally often."""
    import torch

    from ...training.augment import augment

    rng = np.random.default_rng([seed, 2])
    rounds = -(-copies // len(pixels))
    which = np.concatenate([rng.permutation(len(pixels)) for _ in range(rounds)])[:copies]
    generator = torch.Generator().manual_seed(seed)
    out = np.empty((copies, *pixels.shape[1:]), dtype=np.uint8)
    for start in range(0, copies, BATCH):
        part = torch.from_numpy(pixels[which[start : start + BATCH]]).permute(0, 3, 1, 2).float() / 255
        changed = augment(part, changes, generator=generator)
        scaled = (changed * 255).round().clamp(0, 255).to(torch.uint8)
        out[start : start + BATCH] = scaled.permute(0, 2, 3, 1).numpy()
    return out, which


def shuffled(pixels: NDArray[np.uint8], *, seed: int) -> NDArray[np.uint8]:
    """Return pictures whose pixels have all been moved by one permutation; a pixel's channels stay together."""
    count, height, width, channels = pixels.shape
    order = np.random.default_rng([seed, 3]).permutation(height * width)
    return pixels.reshape(count, height * width, channels)[:, order].reshape(pixels.shape)


def save_arrays(arrays: Mapping[str, NDArray[Any]], path: Path, *, class_names: tuple[str, ...]) -> None:
    """Write pictures and labels as an ``.npz`` that every verb takes as a source, whole or not at all.

    Raises:
        UnwritableError: permissions, or a full disk.
    """
    with writing_whole(path) as beside, beside.open("wb") as file:
        np.savez(file, class_names=np.array(class_names), **arrays)  # type: ignore[arg-type]
