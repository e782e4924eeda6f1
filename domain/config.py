"""A wall in a text file: one line a profile, heights in feet between spaces, `#` for comments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.errors import InvalidWall, quoted
from domain.rules import FULL_HEIGHT_FT, MAX_PROFILE, MAX_SECTIONS
from domain.wall import checked_heights

_WORD = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad place in a config file; lines and columns count from 1."""

    line: int
    column: int
    text: str


class InvalidConfig(InvalidWall):
    """A config file has bad places; all of them are in `problems`."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        """Join the problems to a message, a line each, as `source:line:column: text`."""
        super().__init__("\n".join(f"{source}:{p.line}:{p.column}: {p.text}" for p in problems))
        self.problems = problems


def parse_profiles(text: str, source: str = "profiles.conf") -> dict[int, bytes]:
    """Profiles by number, from 1, as starting heights in feet, one byte a section.

    Args:
        text: What the file holds; a byte order mark and CRLF are fine.
        source: The file's name, for messages.

    Raises:
        InvalidConfig: Something is not as it must be.
    """
    problems: list[Problem] = []
    profiles: dict[int, bytes] = {}
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    while lines and not lines[-1].strip(" \t"):
        lines.pop()
    for number, line in enumerate(lines, start=1):
        words, hash_sign, _ = line.partition("#")
        if not words.strip(" \t"):
            if not hash_sign:
                # Skipped, it would renumber the profiles after it.
                what = "blank line; take it out, or write # for a comment"
                problems.append(Problem(number, 1, what))
            continue
        heights = _heights(words, number, problems)
        profiles[len(profiles) + 1] = heights
    if not profiles and not problems:
        problems.append(Problem(1, 1, "no profiles; write the heights of each on a line"))
    if len(profiles) > MAX_PROFILE:
        problems.append(Problem(len(lines), 1, f"more than {MAX_PROFILE:,} profiles"))
    if problems:
        raise InvalidConfig(source, problems)
    return profiles


def _heights(words: str, line: int, problems: list[Problem]) -> bytes:
    heights: list[int] = []
    before = len(problems)
    for count, word in enumerate(_WORD.finditer(words), start=1):
        column = word.start() + 1
        if count > MAX_SECTIONS:
            what = f"more than {MAX_SECTIONS:,} sections; a profile has 1 to {MAX_SECTIONS:,}"
            problems.append(Problem(line, column, what))
            break
        try:
            heights.append(_height(word[0]))
        except InvalidWall as error:
            problems.append(Problem(line, column, str(error)))
    return b"" if len(problems) > before else checked_heights(heights)


def _height(word: str) -> int:
    right = f"heights are whole numbers 0..{FULL_HEIGHT_FT}"
    if not (word.isascii() and word.isdecimal()):
        raise InvalidWall(f"{quoted(word)} is not a height; {right}")
    digits = word.lstrip("0") or "0"
    # Counted first: an integer of thousands of digits can't be read.
    if len(digits) > len(str(FULL_HEIGHT_FT)) or int(digits) > FULL_HEIGHT_FT:
        above = digits if len(digits) <= 20 else "of more than 20 digits"
        raise InvalidWall(f"height {above} is above the wall's {FULL_HEIGHT_FT} ft; {right}")
    return int(digits)
