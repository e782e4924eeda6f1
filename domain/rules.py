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

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""What the id of a wall, or of a run of its clock, looks like, as a whole."""

MIN_MS_PER_DAY = 50
"""Shortest day of a clock, in milliseconds: a person sees no shorter one."""

MAX_MS_PER_DAY = 86_400_000
"""Longest day of a clock, in milliseconds: a day in a day."""

MAX_DAY = 1_000_000
"""Last day of a clock: 2,700 years. All days that are due may have to be told at once."""

MAX_CLOCK_SKEW_MS = 5 * 60 * 1000
"""How far a clock's time may be from its record's timestamp, in milliseconds."""
