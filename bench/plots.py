"""Draws the plots of a report: `plots.py DIRECTORY`, in an environment that has matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def bars(path: Path, names: list[str], values: list[float], unit: str) -> None:
    """A bar a row, on a logarithmic axis: the slowest and the fastest are far apart."""
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(names) + 1))
    drawn = axes.barh(names, values, color="#4477aa")
    axes.bar_label(drawn, [f"{value:,.0f}" for value in values], padding=3)
    axes.set_xscale("log")
    axes.set_xlim(right=max(values) * 3)
    axes.set_xlabel(unit)
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def line(path: Path, x: list[float], y: list[float], labels: tuple[str, str]) -> None:
    """A line through a few points."""
    figure, axes = plt.subplots(figsize=(7, 3.5))
    axes.plot(x, y, marker="o", color="#4477aa")
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [str(value) for value in x])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Draw what the report has so far."""
    output = Path(sys.argv[1])
    parts = json.loads((output / "report.json").read_text())["parts"]
    for title, label, unit in (
        ("Throughput", "engine", "sections/s, median"),
        ("Recovery", "store", "rows/s, median"),
    ):
        if title in parts:
            rows = parts[title]
            path = output / f"{title.lower()}.png"
            bars(path, [row[label] for row in rows], [row["median"] for row in rows], unit)
    if "Partitions" in parts:
        rows = parts["Partitions"]
        line(
            output / "partitions.png",
            [row["partitions"] for row in rows],
            [row["sections/s"] for row in rows],
            ("partitions", "sections/s"),
        )


if __name__ == "__main__":
    main()
