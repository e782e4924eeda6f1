"""Writes grafana/*.json: `make docs` does it, and a test holds the files to `panels.py`."""

from __future__ import annotations

from dashboards.panels import FILES, texts

if __name__ == "__main__":
    for name, text in texts().items():
        (FILES / name).write_text(text, encoding="utf-8")
