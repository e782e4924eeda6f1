"""How smoothly the page slides."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Moves the slider once a frame, through the whole build, and tells how long each frame took.
SLIDE = """async frames => {
    const slider = document.querySelector("input[type=range]");
    const days = Number(slider.max);
    const took = [];
    let before = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < frames; frame++) {
        slider.value = Math.round((days * frame) / frames);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        const now = await new Promise(requestAnimationFrame);
        took.push(now - before);
        before = now;
    }
    return took;
}"""


class Frames(NamedTuple):
    """How long frames took while somebody slid, in milliseconds."""

    p50: float
    p95: float
    longest: float


def slide(page: Page, frames: int = 240) -> Frames:
    """Slide through the build of the wall that is shown."""
    took = page.evaluate(SLIDE, frames)
    cuts = quantiles(took, n=100)
    return Frames(round(cuts[49], 1), round(cuts[94], 1), round(max(took), 1))
