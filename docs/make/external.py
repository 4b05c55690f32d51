"""Take docs/pictures/external.png, what a report says of an external test set, in Chromium.

Needs Chromium and the run of ``tellapart train digits``, so that it is no part of ``python -m docs.make``:

python -m docs.make.external runs/digits
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import sync_playwright

from tellapart.images import open_dataset
from tellapart.run import Run
from tellapart.workflow import evaluate_external

PICTURE = Path(__file__).parents[1] / "pictures" / "external.png"
COPIES = 12


def scan_digits(run: Run, folder: Path) -> None:
    """Write the digits that the run was not trained on as a bad scanner would, and copies of some that it was."""
    digits, splits = open_dataset("digits"), run.load("splits")
    position = {one: at for at, one in enumerate(digits.ids.tolist())}
    noise = np.random.default_rng(0)
    for number, one in enumerate([*splits["validation"], *splits["test"], *splits["train"][:COPIES]]):
        picture = digits.images.load(position[one]).image
        if number < len(splits["validation"]) + len(splits["test"]):
            picture = picture.resize((24, 24), Image.Resampling.BICUBIC)
            picture = picture.filter(ImageFilter.MaxFilter(5)) if number % 2 else picture  # light ink: thicker strokes
            darker = 0.6 * np.asarray(picture, dtype=np.float64) + noise.normal(0, 6, (24, 24))
            picture = Image.fromarray(np.clip(darker, 0, 255).astype(np.uint8))
        place = folder / digits.class_names[digits.labels[position[one]]]
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{number}.png")


def main(path: Path) -> None:
    """Make the set, measure the run on it, and take the picture of its page."""
    run = Run.open(path)
    with tempfile.TemporaryDirectory() as folder:
        scan_digits(run, Path(folder, "scanner"))
        name = evaluate_external(run, Path(folder, "scanner")).name
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1100, "height": 1700}, color_scheme="light")
        page.goto((run.path.resolve() / f"report-{name}.html").as_uri())
        page.wait_for_timeout(500)
        box, below = page.locator("#external").bounding_box(), page.locator("#external h4").first.bounding_box()
        top = box["y"] + 30
        clip = {"x": box["x"] - 20, "y": top, "width": box["width"] + 40, "height": below["y"] - top - 10}
        page.screenshot(path=PICTURE, full_page=True, clip=clip)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
