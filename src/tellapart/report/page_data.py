"""The page's data: one JSON block with every evaluated picture's answer, one with the thumbnails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ..evaluation import Predictions
from ..evaluation.metrics import confusion_matrix
from ..evaluation.near_training import REASONS
from .contents import Contents
from .evidence import near_data
from .selection import pictures_shown, wanted_pictures
from .thumbnails import load_thumbnails

PICTURE_CHARACTERS = 8_500_000
"""Bytes of embedded pictures and of their names at most."""

PAGE_BYTES = 11_800_000
"""Of a whole page: where there are many answers or classes, fewer pictures are embedded."""

LISTED = 20_000
"""Pictures of all sets that the page lists at most: each takes some sixty bytes. Counts are those of all."""

OWN = "own"


def answers(contents: Contents) -> dict[str, Any]:
    """Return what the scripts draw from: classes and, by set, ids, labels, answers and confidences.

    Confidences are whole numbers of ten-thousandths, which keeps the page small.
    """
    shares = _shares([len(predictions) for predictions in contents.predictions.values()])
    return {
        "sets": [
            {
                "name": name,
                "store": name if name in contents.external else OWN,
                "classes": list(predictions.class_names),
                **_columns(predictions, temperature=contents.temperature, most=most),
                **near_data(contents, name),
            }
            for (name, predictions), most in zip(contents.predictions.items(), shares, strict=True)
        ],
        "reasons": list(REASONS.values()),
    }


def _shares(counts: Sequence[int]) -> list[int]:
    """Return how many pictures of each set are listed: as many of each, and what small ones leave of the others.

    Example:
        >>> _shares([7677, 1535]), _shares([50_000, 4_000, 50_000])
        ([7677, 1535], [8000, 4000, 8000])
    """
    shares, left = [0] * len(counts), LISTED
    for done, at in enumerate(sorted(range(len(counts)), key=lambda at: counts[at])):
        shares[at] = min(counts[at], left // (len(counts) - done))
        left -= shares[at]
    return shares


def _columns(predictions: Predictions, *, temperature: float, most: int) -> dict[str, Any]:
    confusion = confusion_matrix(predictions)
    truth, said = np.nonzero(confusion)
    return {
        "count": len(predictions),
        "cells": np.stack([truth, said, confusion[truth, said]], axis=1).tolist(),
        **_listed(predictions.select(_chosen(predictions, most=most)), temperature=temperature),
    }


def _chosen(predictions: Predictions, *, most: int) -> NDArray[np.int64]:
    """Return which pictures are listed: all, or of too many the surest mistakes and right ones evenly."""
    if len(predictions) <= most:
        return np.arange(len(predictions))
    wrong = np.flatnonzero(~predictions.correct())
    confidence = predictions.select(wrong).confidence()  # the order is the same at any temperature, nearly
    wrong = wrong[np.argsort(-confidence, kind="stable")[: most // 2]]
    right = np.flatnonzero(predictions.correct())
    right = right[np.unique(np.linspace(0, len(right) - 1, min(len(right), most - len(wrong))).astype(np.int64))]
    return np.sort(np.concatenate([wrong, right]))


def _listed(predictions: Predictions, *, temperature: float) -> dict[str, Any]:
    predicted, shares = predictions.predicted(), np.empty((2, len(predictions)))
    for rows in predictions.blocks():
        probabilities = predictions.probabilities(temperature, rows=rows)
        at = np.arange(len(probabilities))
        shares[:, rows] = probabilities[at, predicted[rows]], probabilities[at, predictions.labels[rows]]
    return {
        "ids": predictions.ids.tolist(),
        "labels": predictions.labels.tolist(),
        "answers": predicted.tolist(),
        "confidences": _parts(shares[0]),
        "label_confidences": _parts(shares[1]),
    }


def _parts(shares: Any) -> list[int]:
    # Rounded down, so that no doubt is rounded away.
    parts: list[int] = np.floor(shares * 10_000).astype(np.int64).tolist()
    return parts


def embedded_pictures(contents: Contents, *, beside: int = 0) -> dict[str, dict[str, str]]:
    """Return the thumbnails by store and id, the most telling first, as many as the page has room for.

    The pictures that the page is about come before all others.

    Args:
        contents: of the run.
        beside: bytes of the page without them, as UTF-8.
    """
    room = min(PICTURE_CHARACTERS, max(0, PAGE_BYTES - beside))
    out: dict[str, dict[str, str]] = {}
    others = [name for name in contents.external if name != contents.main]
    first = [contents.main] if contents.main in contents.external else []
    for store in (*first, OWN, *others):
        external = None if store == OWN else store
        kept = load_thumbnails(contents.run, external=external)
        out[store] = {}
        wanted = pictures_shown(contents, external=external) if kept else []
        if kept and external is None and contents.main in contents.external:
            # A page about another set has left out what tells which of the run's own pictures were kept.
            wanted = list(dict.fromkeys([*wanted, *wanted_pictures(contents.run)]))
        for id in (one for one in wanted if one in kept):
            size = len(json_block({id: kept[id]}).encode())
            if size <= room:
                out[store][id] = kept[id]
                room -= size
    return out


def json_block(document: Any) -> Markup:
    """Return JSON that may stand inside a ``<script>`` element, whatever its strings hold.

    Example:
        >>> str(json_block({"name": "</script>"}))
        '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text.encode("utf-8", errors="backslashreplace").decode("utf-8"))
