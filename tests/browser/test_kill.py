"""The page while a worker is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import figure

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.site import Site

# One site for all of them, and so one process.
pytestmark = pytest.mark.xdist_group("browser")


def test_the_page_answers_while_the_worker_is_dead_and_follows_it_back(page: Page, site: Site):
    site.submit("killed", "29\n")
    page.goto("/?wall=killed")
    expect(figure(page, "Cost so far")).to_contain_text("370,500")
    site.worker.kill()
    assert site.web.config("killed", "29\n29\n").status == 202
    expect(page.locator(".freshness")).to_contain_text("waiting")
    expect(page.locator(".freshness")).to_contain_text("as of")
    expect(figure(page, "Cost so far")).to_contain_text("370,500")
    site.start_worker()
    expect(figure(page, "Cost so far")).to_contain_text("741,000", timeout=60_000)
    expect(page.get_by_text("Complete")).to_be_visible()
