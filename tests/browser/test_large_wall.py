"""A wall of 200,000 sections on the page."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.frames import slide
from tests.browser.test_page import figure
from tests.harness.waiting import wait_until
from tests.harness.walls import large_wall

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

pytestmark = pytest.mark.xdist_group("browser")

LONGEST_FRAME_MS = 1000 / 30


def test_two_hundred_thousand_sections_slide_at_thirty_frames_a_second(page: Page, site: Site):
    site.submit("large", large_wall(Random(1), 100, 2000), "&crews=4000")
    page.goto("/?wall=large")
    expect(figure(page, "Sections at work")).to_contain_text("of 200,000")
    expect(page.get_by_role("button", name="Zoom in")).to_be_enabled()
    # Whoever else uses the machine may take some frames: not those of every try.
    wait_until(lambda: slide(page, 120).p50 <= LONGEST_FRAME_MS, 60, "30 frames a second")


def test_one_looks_closer_until_there_are_bricks(page: Page, site: Site):
    site.submit("wide", large_wall(Random(2), 3, 1500))
    page.goto("/?wall=wide")
    expect(page.get_by_text("waiting; the darker, the lower")).to_be_visible()
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("img", name="The wall wide").hover()
    expect(page.locator(".pointed")).to_contain_text("of 30 ft")
    page.get_by_role("button", name="Whole wall").click()
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()
