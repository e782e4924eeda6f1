"""Takes the pictures of docs/, and measures how smoothly the page slides: `make screenshots`."""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, expect, sync_playwright

from streams.devstack import Stack
from streams.web.page import STATIC
from tests.browser.frames import slide
from tests.browser.site import Site, chromium, launch
from tests.browser.test_page import figure
from tests.harness.installations import settings_on
from tests.harness.processes import running_worker
from tests.harness.walls import EXERCISE_CONFIG, large_wall
from tests.harness.web import running_web

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

DOCS = Path(__file__).parents[2] / "docs"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
# JPEG where the picture is noise to PNG.
PICTURES = (
    ("page-dark.png", "/?wall=default&day=4&crews=4", DESKTOP, "dark"),
    ("page-light.png", "/?wall=castle-black&day=25&tab=crews", DESKTOP, "light"),
    ("page-phone.png", "/?wall=default&day=6", PHONE, "dark"),
    ("page-large.jpg", "/?wall=large&day=330", DESKTOP, "dark"),
)


def main() -> None:
    """Start everything, and take them."""
    path = chromium() or sys.exit("no Chromium is installed: `make browser` installs Debian's")
    with tempfile.TemporaryDirectory(prefix="thewall-screenshots-") as directory:
        stack = Stack(Path(directory) / "stack")
        stack.up()
        try:
            _take(stack, path, Path(directory))
        finally:
            stack.down()


def _take(stack: Stack, path: str, directory: Path) -> None:
    settings = settings_on(stack.addresses(), "wall", directory / "data")
    log = directory / "worker.log"
    with running_worker(settings, log) as worker, running_web(settings, directory / "web") as web:
        site = Site(settings, worker, web, log)
        site.submit("default", EXERCISE_CONFIG)
        site.submit("castle-black", large_wall(Random(5), 8, 12), "&crews=30")
        site.submit("large", large_wall(Random(6), 100, 2000), "&crews=4000")
        with sync_playwright() as playwright:
            browser = launch(playwright, path)
            _photograph(browser, site.url)
            _measure(browser, site.url)
            browser.close()


def _photograph(browser: Browser, url: str) -> None:
    for name, place, size, scheme in PICTURES:
        page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(url + place)
        expect(figure(page, "Finished")).to_contain_text("of the feet")
        expect(page.locator(".freshness")).to_contain_text("as of")
        expect(page.locator(".freshness")).not_to_contain_text("waiting", timeout=60_000)
        expect(page.get_by_text("Loading…")).to_have_count(0)
        options = {"quality": 70, "type": "jpeg"} if name.endswith("jpg") else {}
        page.screenshot(path=DOCS / name, **options)  # type: ignore[arg-type]
        print(f"{name}: {(DOCS / name).stat().st_size / 1024:.0f} KB")
        page.close()


def _measure(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESKTOP)
    page.goto(f"{url}/?wall=large")
    expect(figure(page, "Finished")).to_contain_text("of the feet")
    print(f"sliding through 200,000 sections, ms a frame: {slide(page, 600)}")
    files = [file for file in STATIC.rglob("*") if file.is_file()]
    size = sum(len(gzip.compress(file.read_bytes())) for file in files)
    print(f"the page: {size / 1024:.1f} KB gzipped in {len(files)} files")


if __name__ == "__main__":
    main()
