"""Take docs/pictures/table.png, the first screen of an experiment table's page, in Chromium.

Needs Chromium and a finished table, so that it is no part of ``python -m docs.make``:

python -m docs.make.table runs/experiment-table/digits
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "pictures" / "table.png"


def main(folder: Path) -> None:
    """Take the picture of one table's page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1400, "height": 1250}, color_scheme="light")
        page.goto((folder.resolve() / "table.html").as_uri())
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
