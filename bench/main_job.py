"""How long the main job takes on one worker: `python bench/main_job.py`, with the stack up.

Prints one JSON object: the time from submitting the exercise's wall to its rows being readable
(milliseconds; median and worst of several), and sections per second for a wall of 100 profiles
of 2,000 sections, from submitting to the last row being readable.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median

from domain.config import parse_profiles
from domain.settings import settings_for
from domain.wall import Wall
from streams.client import Client
from streams.settings import load_settings

ROUNDS = 15


def timed(client: Client, wall: Wall) -> float:
    """Seconds from submitting a wall to its rows being readable."""
    begun = time.perf_counter()
    client.submit(wall)
    client.wait_until_built(wall, 300, lambda *_: None)
    return time.perf_counter() - begun


def main() -> None:
    name = f"bench{os.getpid()}"
    settings = load_settings(app_id=name, topic_prefix=name, web_port=16066)
    environment = os.environ | {
        "THEWALL_APP_ID": name,
        "THEWALL_TOPIC_PREFIX": name,
        "THEWALL_WEB_PORT": "16066",
        "THEWALL_LOG_LEVEL": "ERROR",
    }
    exercise = parse_profiles(Path("docs/exercise.conf").read_text())
    random = Random(1)
    large = {n: bytes(random.randrange(31) for _ in range(2000)) for n in range(1, 101)}
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "streams", "worker", "--processes", "1"]
        worker = subprocess.Popen(command, env=environment | {"THEWALL_DATA_DIR": data})
        try:
            client = Client(settings)
            timed(client, Wall("warm", settings_for(), exercise))
            latencies = [
                timed(client, Wall(f"e{n}", settings_for(), exercise)) for n in range(ROUNDS)
            ]
            rates = {}
            for label, crews in (("pool_of_20", 20), ("crew_per_section", None)):
                wall = Wall(f"large-{label}", settings_for(crews), large)
                rates[label] = round(200_000 / timed(client, wall))
        finally:
            worker.terminate()
            worker.wait(60)
    print(
        json.dumps(
            {
                "exercise_ms_median": round(1000 * median(latencies)),
                "exercise_ms_worst": round(1000 * max(latencies)),
                "sections_per_s": rates,
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "partitions": settings.partitions,
            }
        )
    )


if __name__ == "__main__":
    main()
