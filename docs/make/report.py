"""Take docs/pictures/report.png, the first screen of a run's report, in Chromium.

Needs Chromium and a finished run, so that it is no part of ``python -m docs.make``:

python -m docs.make.report runs/digits
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "pictures" / "report.png"


def main(run: Path) -> None:
    """Take the picture of one run's report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto((run.resolve() / "report.html").as_uri())
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
