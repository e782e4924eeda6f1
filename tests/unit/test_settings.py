"""Settings and their environment variables."""

from __future__ import annotations

import json

from streams.settings import Settings

SETTINGS = Settings(bootstrap_servers="x", registry_url="x", app_version=2)


def test_settings_go_to_another_process_by_its_environment(monkeypatch):
    given = SETTINGS.model_copy(update={"read_until": {"wall.walls": [1, 2]}, "shadow": True})
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given
    assert json.loads(given.environment()["THEWALL_READ_UNTIL"]) == {"wall.walls": [1, 2]}
