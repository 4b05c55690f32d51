"""Take docs/pictures/external.png, what a report says of external pictures, in Chromium.

Needs Chromium and a page about such a set, so that it is no part of ``python -m docs.make``:

python -m docs.make.external runs/digits/report-scanner.html
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "pictures" / "external.png"
TALL = 1420


def main(report: Path) -> None:
    """Take the picture of one page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1100, "height": 1700}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.wait_for_timeout(500)
        box = page.locator("#external").bounding_box()
        clip = {"x": box["x"] - 20, "y": box["y"] + 30, "width": box["width"] + 40, "height": TALL}
        page.screenshot(path=PICTURE, full_page=True, clip=clip)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
