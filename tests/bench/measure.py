"""Runs a whole process and tells what it used."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of CPU and wall, peak MiB, of one run or the median of several; `runs` is how many."""

    cpu: float
    wall: float
    memory: float
    runs: int = 1


class FailedError(Exception):
    """A measured command did not end well."""


def run(command: list[str], fine: tuple[int, ...] = (0,)) -> Figures:
    """Runs a command whose output is thrown away. CPU is that of the process and its children."""
    begun = time.monotonic()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1), (os.POSIX_SPAWN_DUP2, nothing.fileno(), 2)]
        child = os.posix_spawn(command[0], command, dict(os.environ), file_actions=actions)
        _, status, used = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) not in fine:
        raise FailedError(" ".join(command))
    return Figures(used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024)


def median(command: list[str], runs: int, fine: tuple[int, ...] = (0,)) -> Figures:
    """The medians of some runs, after one that warms the file cache when there are several."""
    if runs > 1:
        run(command, fine)
    figures = [run(command, fine) for _ in range(runs)]
    cpu, wall, memory = (statistics.median(getattr(one, key) for one in figures) for key in ("cpu", "wall", "memory"))
    return Figures(cpu, wall, memory, runs)
