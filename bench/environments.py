"""What the peers run in: environments of their own, in the user's cache, made when first used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

PEERS = Path(__file__).parent / "peers"


def cache() -> Path:
    """Where the bench keeps what it fetched and built."""
    path = user_cache_path("thewall") / "bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


def python_with(requirements: Path) -> Path:
    """A Python that has exactly what a requirements file pins."""
    content = requirements.read_bytes() + sys.version.encode()
    home = cache() / sha256(content).hexdigest()[:16]
    with FileLock(home.with_suffix(".lock")):
        if not (home / "installed").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            pip = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", requirements], check=True, stdout=sys.stderr)
            (home / "installed").touch()
    return home / "bin" / "python"
