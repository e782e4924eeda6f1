"""The numbers of the exercise, and the bounds of what is taken."""

from __future__ import annotations

import re

FULL_HEIGHT_FT = 30
"""Height of a finished section, in feet. Source: the exercise."""

FEET_PER_DAY = 1
"""What a crew adds to a section in a day, in feet. Source: the exercise."""

MAX_SECTIONS = 2_000
"""Sections in a profile. Source: the exercise."""

MAX_PROFILE = 1_000_000
"""Highest profile number: far above any wall, low enough for 32 bits everywhere."""

MAX_CREWS = 1_000_000
"""Largest pool of crews: far above any wall, low enough for 32 bits everywhere."""

DEFAULT_WALL = "default"
"""The wall that is meant where none is named."""

WALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""What a wall id looks like, as a whole."""
