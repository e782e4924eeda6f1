"""The simulation modes: one module each, found by being here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from domain.errors import InvalidWall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.plan import Mode


@cache
def modes() -> Mapping[str, Mode]:
    """All modes by name."""
    found = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {module.NAME: cast("Mode", module) for module in found}


def mode_named(name: str) -> Mode:
    """The mode of that name.

    Raises:
        InvalidWall: There is none.
    """
    try:
        return modes()[name]
    except KeyError:
        known = ", ".join(sorted(modes()))
        raise InvalidWall(f"mode {name[:40]!r} is unknown; there is {known}") from None
