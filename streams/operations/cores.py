"""How many cores this process may use: those that it may run on, and its quota of time."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = CGROUPS, own_group: Path = OWN_GROUP) -> int:
    """Whole cores that the process may use, at least 1; part of a core counts as one.

    Args:
        cgroups: Where control groups are mounted.
        own_group: The file that names the process's own.
    """
    allowed = len(os.sched_getaffinity(0))
    quotas = [q for group in _groups(cgroups, own_group) if (q := _quota(group)) is not None]
    return max(1, min(allowed, math.ceil(min(quotas, default=allowed))))


def _groups(cgroups: Path, own_group: Path) -> list[Path]:
    """The process's group and those that it is in: each may have a quota.

    In a container the root of what is mounted is its own group.
    """
    try:
        lines = own_group.read_text(encoding="utf-8").splitlines()
    except OSError:
        return [cgroups]
    # Version 2 has one hierarchy, without a number and names: `0::/path`.
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    group = cgroups / own.lstrip("/")
    return [group, *(parent for parent in group.parents if parent.is_relative_to(cgroups))]


def _quota(group: Path) -> float | None:
    """Cores that a group may use; None if that is not limited."""
    try:
        allowed, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:  # version 1
        allowed = (group / "cpu/cpu.cfs_quota_us").read_text(encoding="utf-8")
        period = (group / "cpu/cpu.cfs_period_us").read_text(encoding="utf-8")
        return int(allowed) / int(period) if int(allowed) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
