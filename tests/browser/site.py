"""A pipeline with its page, and walls to look at."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.harness.processes import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Playwright

    from streams.settings import Settings
    from tests.harness.web import WebProcess

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@dataclass
class Site:
    """What runs."""

    settings: Settings
    worker: Worker
    web: WebProcess
    log: Path

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.web.port}"

    def submit(self, wall: str, config: str, query: str = "") -> None:
        """Submit a wall, and wait until it is built."""
        answer = self.web.config(wall, config, f"?wait=30{query}")
        assert answer.status == 200, answer.body

    def start_worker(self) -> None:
        """Start the worker again, after it was killed."""
        self.worker = Worker(self.settings, self.log)
        self.worker.wait_until_ready()


def chromium() -> str | None:
    """Where a Chromium is; None if there is none."""
    found = (shutil.which(name) for name in CHROMIUM)
    return os.environ.get("THEWALL_CHROMIUM") or next(filter(None, found), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start the browser."""
    # Chromium's sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=arguments)
