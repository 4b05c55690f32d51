"""What is asked, of which pictures, and what each row of an answer is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

WRITER = r"(\d+)\.png$"
"""A file's number goes with its writer: 12.png of two characters is one person."""

NETS = Path(__file__).resolve().parent / "nets.py"
"""The plugin with networks that differ from the default in one thing."""


SMALL = NETS.parents[1] / "accuracy" / "small.toml"
"""The recipe of a network below 100,000 parameters."""


@dataclasses.dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        title: of its table.
        data: the pictures' name.
        told: what every training is told.
        rows: what each row's trainings are told beside it, by what the table calls them.
        plugin: a file with networks of its own.
        looks: other ways in which the trained network looks at the validation pictures, of ``LOOKS``.
    """

    title: str
    data: str
    told: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    plugin: Path | None = None
    looks: tuple[str, ...] = ()


LOOKS = {
    "shifted": "mean of nine shifts, %",
    "thicker": "strokes thicker, %",
    "thinner": "strokes thinner, %",
}
"""Other ways to look at the validation pictures, by their columns."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WRITING = ("--group-by", WRITER, *_words("--net-option width=8 --epochs 5"))
RATES = {
    "muon at its default rate": _words("--optimizer muon"),
    "muon at the rate that is found": _words("--optimizer muon --find-learning-rate"),
    "adamw at its default rate": _words("--optimizer adamw"),
    "adamw at the rate that is found": _words("--optimizer adamw --find-learning-rate"),
}
PASSES = {
    "width 8, 2 epochs": _words("--net-option width=8 --epochs 2"),
    "width 8, 4 epochs": _words("--net-option width=8 --epochs 4"),
    "width 8, 8 epochs": _words("--net-option width=8 --epochs 8"),
    "width 8, 16 epochs": _words("--net-option width=8 --epochs 16"),
    "width 16, 1 epoch": _words("--net-option width=16 --epochs 1"),
    "width 16, 2 epochs": _words("--net-option width=16 --epochs 2"),
    "width 16, 3 epochs": _words("--net-option width=16 --epochs 3"),
    "width 16, 4 epochs": _words("--net-option width=16 --epochs 4"),
    "width 16, 6 epochs": _words("--net-option width=16 --epochs 6"),
    "width 24, 2 epochs": _words("--net-option width=24 --epochs 2"),
    "width 24, 3 epochs": _words("--net-option width=24 --epochs 3"),
    "width 32, 2 epochs": _words("--net-option width=32 --epochs 2"),
    "width 32, 3 epochs": _words("--net-option width=32 --epochs 3"),
}
QUESTIONS = {
    "stroke-width": Question(
        "Thicker and thinner strokes in `writing`: hwdb55, width 8, 5 epochs, validated by writer",
        "hwdb55",
        (*WRITING, "--augment", "writing"),
        {
            "without": ("--stroke", "0"),
            "up to 0.2": ("--stroke", "0.2"),
            "up to 0.4": ("--stroke", "0.4"),
        },
        looks=("thicker", "thinner"),
    ),
    "averaging": Question(
        "Averaged weights and batches: hwdb55, width 8, 5 epochs, validated by writer",
        "hwdb55",
        WRITING,
        {
            "averaged weights, the default": ("--averaging", "0.99"),
            "without": ("--averaging", "0"),
            "without, batches of 128": _words("--averaging 0 --batch-size 128"),
            "without, batches of 128, rate 0.07": _words(
                "--averaging 0 --batch-size 128 --learning-rate 0.07 --optimizer muon"
            ),
        },
    ),
    "start": Question(
        "Normalisation and initial weights: hwdb55, width 8, 5 epochs, validated by writer",
        "hwdb55",
        ("--group-by", WRITER, *_words("--epochs 5 --augment writing --optimizer adamw --net-option width=8")),
        {
            "as it is": _words("--net compact"),
            "residuals that begin with their sum": _words("--net compact-whole"),
            "convolutions begin by Kaiming's rule": _words("--net compact-kaiming"),
            "no batch normalisation, rate 0.01": _words("--net compact-plain --learning-rate 0.01"),
            "no batch normalisation, rate 0.002": _words("--net compact-plain --learning-rate 0.002"),
        },
        plugin=NETS,
    ),
    "finetune": Question(
        "Crops and colour in `photo`: cats-vs-dogs, fine-tuned",
        "cats-vs-dogs",
        _words("--transfer finetune --augment photo"),
        {
            "without": _words("--crop 0 --saturation 0"),
            "crop 0.2, saturation 0.2": _words("--crop 0.2 --saturation 0.2"),
            "crop 0.2, saturation 0.2, hue 10": _words("--crop 0.2 --saturation 0.2 --hue 10"),
        },
    ),
    "scratch": Question(
        "Crops and colour in `photo`: cats-vs-dogs at 96×96 from scratch, width 16, 40 epochs",
        "cats-vs-dogs",
        _words("--transfer none --image-size 96 --net compact --net-option width=16 --epochs 40 --augment photo"),
        {
            "without": _words("--crop 0 --saturation 0"),
            "crop 0.2, saturation 0.2": _words("--crop 0.2 --saturation 0.2"),
            "crop 0.2, saturation 0.2, hue 10": _words("--crop 0.2 --saturation 0.2 --hue 10"),
        },
    ),
    "rates-hwdb55": Question(
        "The rate that is found: hwdb55, width 8, 5 epochs, validated by writer", "hwdb55", WRITING, RATES
    ),
    "rates-mnist": Question(
        "The rate that is found: MNIST, width 8, 3 epochs", "mnist", _words("--net-option width=8 --epochs 3"), RATES
    ),
    "rates-fashion-mnist": Question(
        "The rate that is found: Fashion-MNIST, width 8, 3 epochs",
        "fashion-mnist",
        _words("--net-option width=8 --epochs 3"),
        RATES,
    ),
    "rates-digits": Question(
        "The rate that is found: scikit-learn's digits, width 8, 20 epochs",
        "digits",
        _words("--net compact --net-option width=8 --epochs 20"),
        RATES,
    ),
    "small": Question(
        "Below 100,000 parameters: Fashion-MNIST, `small.toml` with other epochs and without its flips",
        "fashion-mnist",
        ("--recipe", str(SMALL)),
        {
            "20 epochs, flips": (),
            "20 epochs": ("--no-flip-horizontal",),
            "8 epochs, flips": ("--epochs", "8"),
            "8 epochs": ("--epochs", "8", "--no-flip-horizontal"),
        },
    ),
    "passes-fashion-mnist": Question("Width or passes: Fashion-MNIST", "fashion-mnist", (), PASSES, looks=("shifted",)),
    "passes-mnist": Question("Width or passes: MNIST", "mnist", (), PASSES, looks=("shifted",)),
    "passes-hwdb55": Question(
        "Width or passes: hwdb55, validated by writer", "hwdb55", ("--group-by", WRITER), PASSES, looks=("shifted",)
    ),
}
