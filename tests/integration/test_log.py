"""The log of a worker that starts, builds, meets garbage, and stops: what happened, and no more."""

from __future__ import annotations

import json
from random import Random

from pydantic import SecretStr

from streams.client.kafka import ANY_PARTITION, produce
from tests.harness.pipeline import submit_walls, wait_until_idle
from tests.harness.processes import running_worker


def test_the_log_says_what_happened_and_no_more(settings, client, tmp_path):
    token = "a token that nobody may see"  # noqa: S105
    settings = settings.model_copy(update={"log_format": "json", "api_token": SecretStr(token)})
    log = tmp_path / "worker.log"
    with running_worker(settings, log) as worker:
        submit_walls(client, Random(3), 3)
        produce(settings, [(client.topics.profiles.name, "w/1", b"garbage", ANY_PARTITION)])
        wait_until_idle(client)
        assert worker.stop() == 0
    text = log.read_text()
    assert token not in text
    lines = [json.loads(line) for line in text.splitlines()]
    messages = [line["message"] for line in lines]
    assert messages[0].startswith("worker starts: version ")
    assert f'"app_id": "{settings.app_id}"' in messages[0]
    assert any(m.startswith("ready: ") and "changelog messages recovered" in m for m in messages)
    assert any("events change its plan" in m for m in messages)
    (letter,) = [m for m in messages if "is a dead letter" in m]
    assert "(schema)" in letter
    assert len(lines) < 30, text
