"""What could not be processed, on the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from playwright.sync_api import expect

from streams.contract.clients import broker_config
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.browser.site import Site

# One site for all of them, and so one process.
pytestmark = pytest.mark.xdist_group("browser")

SCRIPT = "<img src=x onerror='window.pwned=1'>"


def send_raw(site: Site, key: str, value: bytes, header: str = "") -> None:
    """Send bytes as any client can."""
    producer = Producer(
        {
            **broker_config(site.settings),
            "partitioner": "murmur2_random",
        }
    )
    headers = [("note", header.encode())]
    producer.produce(f"{site.settings.topic_prefix}.profiles", value, key, headers=headers)
    assert producer.flush(30) == 0


def test_a_dead_letter_is_inspected_and_resubmitted(page: Page, site: Site):
    page.goto("/?tab=deadletters")
    send_raw(site, "letters/1", b"no Avro at all")
    letter = page.locator(".letters > li").filter(has_text="letters/1").last
    expect(letter).to_contain_text("the value starts with byte 0x6e")
    letter.get_by_role("button", name="Inspect").click()
    expect(letter).to_contain_text("no Avro at all")
    letter.get_by_role("button", name="Resubmit").click()
    expect(letter.get_by_role("status")).to_contain_text("resubmitted:")
    # It is as bad as before, and comes back; it says of what it is a resubmission.
    expect(page.locator(".letters > li").filter(has_text="resubmission of")).to_have_count(1)


def test_a_dead_letter_that_comes_before_the_page_follows_is_shown(page: Page, site: Site):
    streams: list[Route] = []
    page.route("**/api/stream*", lambda route: streams.append(route))
    page.goto("/?tab=deadletters")
    listed = page.get_by_role("tabpanel", name="Dead letters")
    expect(listed).to_contain_text(re.compile("No dead letters|Inspect"))
    send_raw(site, "early/1", b"no Avro at all")

    def is_known() -> bool:
        answer = page.request.get("/api/deadletters")
        return any(letter["key"] == "early/1" for letter in answer.json()["dead_letters"])

    wait_until(is_known, 30, "the dead letter")
    expect(listed).not_to_contain_text("early/1")
    for stream in streams:
        stream.continue_()
    expect(listed).to_contain_text("early/1")


def test_what_others_wrote_is_shown_as_text(page: Page, site: Site):
    send_raw(site, f"{SCRIPT}/1", SCRIPT.encode(), SCRIPT)
    page.goto("/?tab=deadletters")
    letter = page.locator(".letters > li").filter(has_text=f"key {SCRIPT}").first
    expect(letter).to_be_visible()
    letter.get_by_role("button", name="Inspect").click()
    expect(letter.locator("code", has_text=SCRIPT)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.pwned") is None


def test_what_one_types_is_shown_as_text(page: Page, refusals: set[int]):
    refusals.update({400, 404, 422})
    page.goto("/?tab=submit")
    page.get_by_label("Profiles, a line each").fill(SCRIPT)
    expect(page.locator("#verdict")).to_contain_text("<img")
    for field in page.locator("form.submit").locator("input[type=text]").all():
        field.fill(SCRIPT)
    expect(page.locator("#verdict")).to_contain_text("crews")
    # In a text field, a slash is a slash.
    page.locator("form.submit").locator("input[type=text]").last.blur()
    page.keyboard.press("/")
    page.get_by_label("Find a wall").fill(SCRIPT)
    expect(page.get_by_text("No wall of that name.")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.pwned") is None


def test_what_an_address_says_is_shown_as_text(page: Page, refusals: set[int]):
    refusals.update({400, 404})
    for query in ("wall", "crew", "tab", "show", "day", "profile", "crews"):
        page.goto(f"/?tab=events&{query}={SCRIPT}")
        expect(page.get_by_role("tab", name="Events")).to_be_visible()
    page.goto(f"/?show=topic:{SCRIPT}")
    expect(page.get_by_role("dialog")).to_contain_text("<img")
    page.goto(f"/?show=way:{SCRIPT}/0/0")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.pwned") is None
