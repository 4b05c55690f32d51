"""``python -m benchmarks.report_page runs/photos``: how big a run's page is, and how soon Chromium shows it."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tellapart.report import write_report
from tellapart.run import Run

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def opened(browser: Browser, page_file: Path) -> tuple[float, float]:
    """Open the page in a fresh context; return the seconds to its first paint and until its script has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 844})
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_timeout(500)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    context.close()
    return paint / 1000, ready / 1000


def spread(values: list[float]) -> str:
    """Return the median and the range of some seconds."""
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Write the page anew, open it several times, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("--rounds", type=int, default=5, help="how often it is opened (%(default)s)")
    options = parser.parse_args()
    run = Run.open(options.run)
    started = time.perf_counter()
    page_file = write_report(run)
    written = time.perf_counter() - started
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        times = [opened(browser, page_file) for _ in range(options.rounds)]
        version = browser.version
        browser.close()
    print(f"writing the page: {written:.2f} s")
    print(f"the page's size: {page_file.stat().st_size / 1e6:.1f} MB")
    print(f"first contentful paint: {spread([paint for paint, _ in times])}")
    print(f"loaded, its script done: {spread([ready for _, ready in times])}")
    print(f"{options.rounds} openings, Chromium {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
