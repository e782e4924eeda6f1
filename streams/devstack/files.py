"""Small files that say what runs: whole after a power cut, or absent."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> None:
    """Write a file so that, whenever we are cut off, it is there as it was or as it is now.

    Raises:
        OSError: The disk is full, or the directory is not ours to write in.
    """
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except OSError as error:
        Path(partial).unlink(missing_ok=True)
        error.filename = str(path)  # that of a full disk has no name
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_state(path: Path) -> dict[str, Any]:
    """What a state file says; nothing if it is absent or broken, which is the same to us."""
    try:
        state = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}
