"""The clock of a wall, on the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.test_page import figure, slider
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.site import Site

# One site for all of them, and so one process.
pytestmark = pytest.mark.xdist_group("browser")


def clock(page: Page) -> Locator:
    return page.get_by_role("region", name="Clock")


def press(page: Page, name: str) -> None:
    clock(page).get_by_role("button", name=name).click()


def day_shown(page: Page) -> int:
    found = re.match(r"Day(\d+) of", figure(page, "Day").inner_text().replace("\n", ""))
    assert found is not None
    return int(found[1])


def start_elsewhere(site: Site, wall: str, ms_per_day: int) -> None:
    """Somebody else starts the clock of a wall that they have submitted."""
    site.submit(wall, EXERCISE_CONFIG)
    path = f"/api/walls/{wall}/clock/start"
    assert site.web.send("POST", path, {"ms_per_day": ms_per_day}).status == 202


def test_a_clock_moves_the_day_by_itself_and_a_pause_keeps_it(page: Page, site: Site):
    site.submit("timed", EXERCISE_CONFIG)
    page.goto("/?wall=timed&day=9")
    clock(page).get_by_label("A day takes").select_option("200 ms")
    press(page, "Start the clock")
    expect(clock(page).get_by_role("status")).to_have_text("The clock runs: a day takes 200 ms.")
    expect(figure(page, "Day")).to_contain_text(re.compile(r"Day[3-9] of 13"))
    press(page, "Pause the clock")
    paused = clock(page).get_by_role("status")
    expect(paused).to_contain_text("The clock is paused after day")
    day = int(re.findall(r"\d+", paused.inner_text())[0])
    expect(figure(page, "Day")).to_contain_text(f"Day{day} of 13")
    page.reload()
    expect(paused).to_contain_text(f"paused after day {day}.")
    assert day_shown(page) == day
    press(page, "Resume the clock")
    expect(clock(page).get_by_role("status")).to_contain_text("come to the end of the build")
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    press(page, "Stop the clock")
    expect(clock(page).get_by_role("button", name="Start the clock")).to_be_visible()
    page.goto("/?wall=timed&tab=events")
    expect(page.locator(".log")).to_contain_text("Day 13 passed: 4 sections at work, 780 yd³")


def test_the_clock_that_somebody_else_starts_is_followed_until_one_takes_the_slider(
    page: Page, site: Site
):
    site.submit("watched", EXERCISE_CONFIG)
    page.goto("/?wall=watched")
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    start_elsewhere(site, "watched", 1_000)
    expect(figure(page, "Day")).to_contain_text(re.compile(r"Day[2-9] of 13"))
    slider(page).focus()
    page.keyboard.press("Home")
    expect(figure(page, "Day")).to_contain_text("0 of 13")
    follow = page.get_by_role("button", name="Follow the clock", pressed=False)
    expect(follow).to_be_visible()
    page.locator("body").press(" ")
    expect(page.get_by_role("button", name="Follow the clock", pressed=True)).to_be_visible()
    assert day_shown(page) > 0
    # The run is over, and the day at which it stopped stays.
    assert site.web.ask("POST", "/api/walls/watched/clock/stop").status == 202
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert 0 < day_shown(page) < 13


def test_a_clock_at_work_is_for_everybody(page: Page, site: Site):
    start_elsewhere(site, "everybody", 60_000)
    page.goto("/?wall=everybody")
    expect(clock(page).get_by_role("status")).to_contain_text("a day takes 1 min")
    for act in (None, "Pause the clock", "Stop the clock"):
        if act:
            press(page, act)
            expect(clock(page).get_by_role("button", name=act)).to_have_count(0)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        page.set_viewport_size({"width": 360, "height": 740})
        # Plots are drawn anew once the width has changed.
        wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 360, 10)
        page.set_viewport_size({"width": 1280, "height": 900})


def test_the_clock_moves_in_steps_for_who_wants_no_motion(browser: Browser, site: Site):
    context = browser.new_context(base_url=site.url, reduced_motion="reduce")
    page = context.new_page()
    start_elsewhere(site, "still", 500)
    page.goto("/?wall=still")
    expect(figure(page, "Day")).to_contain_text(re.compile(r"Day[3-9] of 13"))
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()
