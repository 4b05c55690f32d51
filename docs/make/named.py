"""Write the table of docs/published-nets.md: what EfficientNet-Lite0 sees in scikit-image's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tellapart.workflow import classify_pictures

PAGE = Path(__file__).parents[1] / "published-nets.md"
BEGIN, END = "<!-- named.py: begin -->\n", "<!-- named.py: end -->\n"


class Shown(NamedTuple):
    """What a picture shows, and which of ImageNet's classes name it; none where it has no class for that."""

    what: str
    classes: tuple[str, ...] = ()


PICTURES = {
    "chelsea": Shown("a cat", ("tabby", "tiger cat", "Egyptian cat")),
    "coffee": Shown("a cup of espresso", ("espresso", "cup", "coffee mug")),
    "rocket": Shown("a rocket at its start", ("missile", "projectile")),
    "camera": Shown("a man with a camera on a tripod", ("tripod", "reflex camera")),
    "clock": Shown("a clock, blurred by motion", ("analog clock", "wall clock")),
    "stereo_motorcycle": Shown("a motorcycle in a workshop", ("moped", "motor scooter")),
    "horse": Shown("a horse's silhouette", ("sorrel",)),
    "brick": Shown("bricks", ("stone wall",)),
    "astronaut": Shown("a woman in a space suit"),
    "coins": Shown("coins"),
    "moon": Shown("the moon's surface"),
    "hubble_deep_field": Shown("galaxies"),
    "page": Shown("a printed page"),
    "text": Shown("written words"),
    "grass": Shown("grass"),
    "gravel": Shown("gravel"),
    "logo": Shown("scikit-image's logo"),
    "cell": Shown("a cell"),
    "immunohistochemistry": Shown("stained tissue"),
    "microaneurysms": Shown("a piece of a retina"),
    "retina": Shown("a retina"),
}
"""All that need no download; ``cat`` is ``chelsea``."""

MISSED = ("horse", "brick")
"""Those whose right name is not among the first three."""


def rows() -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Yield each picture's name with the first three names and their probabilities."""
    for _, found in classify_pictures(list(PICTURES), offline=True):
        yield found.file, list(found.answer.ranking) if found.answer else []


def table() -> str:
    """Return the table."""
    lines = ["| picture | shows | first | second | third | named |", "|---|---|---|---|---|---|"]
    for name, ranking in rows():
        shown = PICTURES[name]
        found = [label for label, _ in ranking if label in shown.classes]
        named = (found or ["no"])[0] if shown.classes else "ImageNet has no class for it"
        answers = " | ".join(f"{label} {share:.0%}" for label, share in ranking)
        lines.append(f"| {name} | {shown.what} | {answers} | {named} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Put the table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
