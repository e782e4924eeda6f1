"""What a person does on the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.harness.walls import EXERCISE_CONFIG

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.site import Site

# One site for all of them, and so one process.
pytestmark = pytest.mark.xdist_group("browser")


def figure(page: Page, name: str) -> Locator:
    """One of the large numbers above the picture, with what stands beside it."""
    return page.locator(".figures > div").filter(has=page.get_by_text(name, exact=True))


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Day of the build")


def test_a_wall_that_is_submitted_is_built_before_ones_eyes(page: Page):
    page.goto("/?tab=submit")
    page.get_by_label("Wall", exact=True).fill("typed")
    page.get_by_label("Profiles, a line each").fill(EXERCISE_CONFIG)
    expect(page.get_by_text("3 profiles, 9 sections", exact=True)).to_be_visible()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("events on their topics")).to_be_visible()
    expect(page).to_have_url(re.compile("wall=typed"))
    expect(page.get_by_text("Complete")).to_be_visible()
    expect(figure(page, "Cost so far")).to_contain_text("32,233,500")


def test_rows_come_without_asking_when_somebody_else_submits(page: Page, site: Site):
    site.submit("shared", "29 29\n")
    page.goto("/?wall=shared")
    expect(figure(page, "Cost so far")).to_contain_text("741,000")
    site.submit("shared", "29 29\n28\n")
    expect(figure(page, "Cost so far")).to_contain_text("1,482,000")
    expect(page.locator("table.profiles tbody tr")).to_have_count(2)


def test_the_slider_shows_each_day_and_the_address_keeps_it(page: Page):
    page.goto("/?wall=default")
    expect(figure(page, "Day")).to_contain_text("of 13")
    slider(page).focus()
    page.keyboard.press("Home")
    expect(figure(page, "Day")).to_contain_text("0 of 13")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(figure(page, "Ice of the day")).to_contain_text("1,560")
    expect(figure(page, "Cost so far")).to_contain_text("9,633,000")
    expect(page).to_have_url(re.compile("day=3"))
    page.reload()
    expect(figure(page, "Day")).to_contain_text("3 of 13")


def test_the_day_is_told_in_words_to_those_who_do_not_see_the_picture(page: Page):
    page.goto("/?wall=default&day=3")
    words = "Day 3: 8 sections at work, 1 of 9 finished, 5,070 yd³ so far"
    expect(page.locator("#day-in-words")).to_have_text(words)
    expect(page.get_by_role("img", name="The wall default")).to_be_visible()


def test_play_goes_from_the_first_day_to_the_last(page: Page):
    page.goto("/?wall=default")
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    page.get_by_label("Speed").select_option("5")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(figure(page, "Day")).to_contain_text(re.compile(r"Day([2-9]|1[0-2]) of 13"))
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_space_plays_and_taking_the_slider_stops(page: Page):
    page.goto("/?wall=default&day=2")
    expect(figure(page, "Day")).to_contain_text("2 of 13")
    page.locator("body").press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    slider(page).focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_what_is_wrong_is_said_beside_its_line_while_one_types(page: Page, refusals: set[int]):
    refusals.add(422)
    page.goto("/?tab=submit")
    page.get_by_label("Profiles, a line each").fill("21 25\n17 31 x\n")
    expect(page.locator(".gutter .bad")).to_have_text(["2"])
    expect(page.get_by_role("button", name="line 2, column 4")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("heights are whole numbers 0..30")
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_disabled()
    page.get_by_role("button", name="line 2, column 4").click()
    selected = page.evaluate("getSelection().toString() || document.activeElement.id")
    assert selected in ("31", "config")
    page.keyboard.type("29")
    page.get_by_role("button", name="line 2, column 7").click()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()


def test_a_number_is_explained_down_to_the_event_that_was_submitted(page: Page):
    page.goto("/?wall=default&day=1")
    figure(page, "Cost so far").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("9 sections at work × 1 ft × 195 yd³ = 1,755 yd³")
    dialog.get_by_role("button", name="Profile 1: 3 sections").click()
    expect(dialog).to_contain_text("585 yd³ × 1,900 GD = 1,111,500 GD")
    expect(dialog).to_contain_text("1.1, 1.2, 1.3")
    dialog.get_by_role("button", name=re.compile("profiles partition")).click()
    way = page.get_by_role("dialog", name="The way of an event")
    expect(way).to_contain_text("It is built: the rows are those of this event.")
    expect(way.locator(".way li")).to_have_count(8)


def test_the_rows_are_proved_equal_to_the_domain(page: Page):
    page.goto("/?wall=default")
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("Equal: 39 rows")


def test_events_of_the_wall_come_newest_first_and_grow(page: Page, site: Site):
    site.submit("told", "29\n")
    page.goto("/?wall=told&tab=events")
    expect(page.locator(".log li").first).to_contain_text("Profile 1 is complete on day 1")
    site.submit("told", "29\n28\n")
    expect(page.locator(".log")).to_contain_text("Profile 2 is complete on day 2")


def test_a_pause_keeps_what_is_there_and_loses_nothing(page: Page, site: Site):
    site.submit("paused", "29\n")
    page.goto("/?wall=paused&tab=events")
    expect(page.locator(".log li")).to_have_count(2)
    page.get_by_role("button", name="Pause", exact=True).click()
    site.submit("paused", "29\n28\n")
    go_on = page.get_by_role("button", name="Go on (2 new events)")
    expect(go_on).to_be_visible()
    expect(page.locator(".log li")).to_have_count(2)
    go_on.click()
    expect(page.locator(".log li")).to_have_count(4)


def test_a_crew_shows_what_it_builds(page: Page, site: Site):
    site.submit("four", EXERCISE_CONFIG, "&crews=4")
    page.goto("/?wall=four&tab=crews")
    page.locator("table.crews").get_by_role("button", name="3", exact=True).click()
    expect(page.locator(".tasks li").first).to_contain_text("1.3 day 1–2")
    expect(page).to_have_url(re.compile("crew=3"))


def test_fewer_crews_are_a_ghost_beside_the_build(page: Page):
    page.goto("/?wall=default")
    page.get_by_label("What if there were a pool of").fill("4")
    page.keyboard.press("Enter")
    expect(page.locator(".what-if")).to_contain_text("Done on day 26, 13 days later")
    expect(page).to_have_url(re.compile("crews=4"))


def test_the_fewest_crews_for_a_day_are_found(page: Page):
    page.goto("/?wall=default")
    page.get_by_label("Fewest crews to be done by day").fill("18")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".what-if")).to_contain_text("7 crews, done on day 18")


def test_the_pipeline_shows_stages_topics_and_their_records(page: Page, site: Site):
    page.goto("/?tab=pipeline")
    picture = page.get_by_role("group", name="Stages and topics")
    for stage in ("intake", "planner", "crews", "ledger", "overview"):
        expect(picture.get_by_text(stage, exact=True).first).to_be_visible()
    profiles = f"{site.settings.topic_prefix}.profiles"
    picture.get_by_role("button", name=re.compile(re.escape(profiles))).click()
    dialog = page.get_by_role("dialog", name=profiles)
    dialog.get_by_label("Key").fill("default/1")
    expect(dialog.locator(".records li")).to_have_count(1)
    expect(dialog.locator(".records li")).to_contain_text("21, 25, 28")


def test_walls_are_found_by_a_key_and_a_few_letters(page: Page, site: Site):
    site.submit("castle-black", "29\n")
    page.goto("/?wall=default")
    expect(figure(page, "Day")).to_contain_text("13 of 13")
    page.locator("body").press("/")
    page.get_by_label("Find a wall").fill("castle")
    expect(page.locator("table.walls tbody tr")).to_have_count(1)
    page.get_by_role("button", name="castle-black").click()
    expect(page).to_have_url(re.compile("wall=castle-black"))
    page.go_back()
    page.go_back()
    expect(figure(page, "Day")).to_contain_text("13 of 13")


def test_a_wall_that_is_not_there_is_said_in_words(page: Page, refusals: set[int]):
    refusals.add(404)
    page.goto("/?wall=nowhere")
    expect(page.get_by_role("alert")).to_contain_text("there is no wall nowhere")


def test_a_wall_is_withdrawn_only_when_it_is_said_twice(page: Page, site: Site):
    site.submit("doomed", "29\n")
    page.goto("/?wall=doomed&tab=submit")
    page.get_by_role("button", name="Withdraw doomed…").click()
    page.get_by_role("button", name="Withdraw doomed and all of its profiles").click()
    expect(page).not_to_have_url(re.compile("doomed"))
    page.get_by_role("button", name=re.compile("default")).first.click()
    expect(page.get_by_role("dialog", name="Walls")).not_to_contain_text("doomed")


def test_a_wall_that_somebody_else_withdraws_is_said_to_be_gone_and_not_asked_for(
    page: Page, site: Site
):
    site.submit("doomed", "29\n")
    page.goto("/?wall=doomed")
    expect(page.locator("body")).to_contain_text("doomed")
    assert site.web.ask("DELETE", "/api/walls/doomed").status == 202
    expect(page.locator("body")).to_contain_text("there is no wall doomed")


def test_a_page_that_nobody_sees_does_not_listen(page: Page):
    with page.expect_request(re.compile("/api/stream")) as first:
        page.goto("/?wall=default")
    hide = """hidden => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: request == first.value):
        page.evaluate(hide, True)
    with page.expect_request(re.compile("/api/stream")):
        page.evaluate(hide, False)
