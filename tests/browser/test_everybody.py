"""The page for those who don't see it, on a phone, and on a screen of either kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.test_page import figure

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.site import Site

# One site for all of them, and so one process.
pytestmark = pytest.mark.xdist_group("browser")

PLACES = (
    "/?tab=profiles&day=3",
    "/?tab=events",
    "/?tab=crews&crew=1.1",
    "/?tab=deadletters",
    "/?tab=pipeline",
    "/?tab=submit",
    "/?show=walls",
    "/?show=explain&day=3&profile=1",
    "/?show=proof",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing(page: Page, place: str, scheme: str):
    page.emulate_media(color_scheme=scheme)
    page.goto(place)
    expect(figure(page, "Day")).to_contain_text("of 13")
    expect(page.get_by_text("Loading…")).to_have_count(0)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("place", PLACES)
def test_nothing_runs_over_a_phones_edge(page: Page, place: str):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(place)
    expect(figure(page, "Day")).to_contain_text("of 13")
    expect(page.get_by_text("Loading…")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_moves_in_steps_for_who_wants_no_motion(browser: Browser, site: Site):
    context = browser.new_context(base_url=site.url, reduced_motion="reduce")
    page = context.new_page()
    page.goto("/?wall=default")
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    page.get_by_role("button", name="Play").click()
    expect(figure(page, "Day")).to_contain_text(re.compile(r"Day\d of 13"))
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()


def test_the_chosen_colours_stay(page: Page):
    page.goto("/?wall=default")
    page.get_by_label("Colours").first.select_option("light")
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_tabs_are_moved_through_by_arrow_keys(page: Page):
    page.goto("/?wall=default")
    page.get_by_role("tab", name="Profiles").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Events")).to_be_focused()
    expect(page.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")
