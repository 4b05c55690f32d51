"""Draw the pictures of docs/evaluation.md: the page's own classifier, as the notebook figures show it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tellapart.evaluation import Predictions, evaluate, fit_temperature
from tellapart.report import confusion_figure, reliability_figure

PICTURES = Path(__file__).parents[1] / "pictures"


def predicted() -> tuple[Predictions, Predictions]:
    """Return what logistic regression, trained on the first 900 digits, says of the next 300 and of the last 597."""
    digits = load_digits()
    pixels, labels = digits.data / 16, digits.target
    model = LogisticRegression(C=0.1, max_iter=300).fit(pixels[:900], labels[:900])
    parts = (np.arange(900, 1200), np.arange(1200, 1797))
    names = tuple("0123456789")
    validation, test = (
        Predictions(part.astype(str), model.decision_function(pixels[part]), labels[part], names) for part in parts
    )
    return validation, test


def main() -> None:
    """Draw them."""
    validation, test = predicted()
    temperature = fit_temperature(validation).temperature
    plain, scaled = (drawn(reliability_figure(test, temperature=one)) for one in (1.0, temperature))
    both = Image.new("RGB", (plain.width + scaled.width, plain.height), "white")
    both.paste(plain, (0, 0))
    both.paste(scaled, (plain.width, 0))
    both.save(PICTURES / "evaluation-reliability.png", optimize=True)
    drawn(confusion_figure(evaluate(test))).save(PICTURES / "evaluation-confusions.png", optimize=True)


def drawn(figure: Figure) -> Image.Image:
    """Return a figure as a picture."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=80)
    return Image.open(memory).convert("RGB")


if __name__ == "__main__":
    main()
