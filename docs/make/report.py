"""Take docs/pictures/report.png, the first screen of a run's report, in Chromium; or confusion.png, another section's.

Needs Chromium and a finished run, so that it is no part of ``python -m docs.make``:

python -m docs.make.report runs/fashion-mnist
python -m docs.make.report runs/fashion-mnist confusion
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parents[1] / "pictures"


def main(run: Path, section: str | None = None) -> None:
    """Take the picture of one run's report, from its top or from a section."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto((run.resolve() / "report.html").as_uri())
        if section is not None:
            page.evaluate("id => document.getElementById(id).scrollIntoView()", section)
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / f"{section or 'report'}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
