"""A browser for each module, a page for each test; one site for all of them.

A fixture of our own instead of pytest-playwright's: that one keeps an event loop for the session,
and asyncio's tests after it fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.site import Site, chromium, launch
from tests.harness.installations import settings_on
from tests.harness.processes import running_worker
from tests.harness.walls import EXERCISE_CONFIG
from tests.harness.web import running_web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

    from tests.harness.clusters import Cluster

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed: `make browser` installs Debian's")
    return path


@pytest.fixture(scope="session")
def site(
    chromium_path: str, stack: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A worker, the web process, and the exercise's wall."""
    directory = tmp_path_factory.mktemp("site")
    settings = settings_on(stack.addresses(), f"b{uuid4().hex[:8]}", directory / "data")
    log = directory / "worker.log"
    with (
        running_worker(settings, log) as worker,
        running_web(settings, directory / "web.log") as web,
    ):
        site = Site(settings, worker, web, log)
        site.submit("default", EXERCISE_CONFIG)
        yield site
        site.worker.kill()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium_path)
        yield browser
        browser.close()


@pytest.fixture
def refusals() -> set[int]:
    """Statuses that a test provokes: of each, Chromium writes an error to the console."""
    return set()


@pytest.fixture
def page(browser: Browser, site: Site, refusals: set[int]) -> Iterator[Page]:
    """A page of its own; an error on its console, or a request that fails, fails the test."""
    context = browser.new_context(
        base_url=site.url, viewport={"width": 1280, "height": 900}, color_scheme="dark"
    )
    page = context.new_page()
    troubles = watch(page, refusals)
    yield page
    context.close()
    assert troubles == []


def watch(page: Page, refusals: set[int]) -> list[str]:
    """Collect what goes wrong on a page."""
    troubles: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        provoked = any(f"a status of {status} " in message.text for status in refusals)
        if message.type in ("error", "warning") and not provoked:
            troubles.append(f"{message.type}: {message.text}")

    def on_failure(request: Request) -> None:
        # The page gives up questions whose answers nobody wants any more.
        if request.failure != "net::ERR_ABORTED":
            troubles.append(f"{request.url}: {request.failure}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))
    page.on("requestfailed", on_failure)
    return troubles
