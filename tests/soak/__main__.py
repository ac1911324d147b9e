"""`make soak`: random cases put to the kernel, on every backend, by two processes.

`python -m tests.soak --minutes 10 --seed 7` does so for ten minutes. A disagreement is saved as text among those that
the tests replay, and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.differential.saved import save
from tests.differential.tally import Tally
from tests.soak.worker import Text, Told, work

PROCESSES = 2
APART = 1 << 20
"""How far the seeds of two processes are apart."""


def main() -> int:
    """0 when all voices agreed about all that was asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(APART))
    parser.add_argument("--folder", type=Path, help="where to save disagreements, not where tests replay them")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", file=sys.stderr, flush=True)
    began = time.monotonic()
    total, broken = _soak(chosen.seed, began, began + 60 * chosen.minutes, chosen.folder)
    print(f"{total} in {time.monotonic() - began:.0f} s", flush=True)
    return 1 if broken or total.disagreements or not total.packets else 0


def _soak(first_seed: int, began: float, until: float, folder: Path | None) -> tuple[Tally, bool]:
    context = multiprocessing.get_context("spawn")
    said: multiprocessing.Queue[Told] = context.Queue()
    workers = [context.Process(target=work, args=(first_seed + APART * one, until, said)) for one in range(PROCESSES)]
    for one in workers:
        one.start()
    total, broken, at_work, shown = Tally(), False, len(workers), began
    while at_work:
        try:
            told = said.get(timeout=1.0)
        except queue.Empty:
            told = Tally()
            if not any(one.is_alive() for one in workers):
                broken, at_work = True, 0
        match told:
            case Tally():
                total += told
            case Text(words, home):
                total = replace(total, disagreements=total.disagreements + 1)
                print(f"\n{words}\nsaved as {save(words, folder or home)}", file=sys.stderr, flush=True)
            case Exception():
                print(f"\n{told}", file=sys.stderr, flush=True)
                broken = True
            case None:
                at_work -= 1
        if time.monotonic() - shown >= _pause():
            shown = time.monotonic()
            _progress(f"{shown - began:.0f} s: {total}")
    for one in workers:
        one.join()
    return total, broken


def _pause() -> float:
    """Seconds between two lines of progress; where nobody looks, few will do."""
    return 1.0 if sys.stderr.isatty() else 30.0


def _progress(line: str) -> None:
    print(
        f"\r{line} " if sys.stderr.isatty() else line,
        end="" if sys.stderr.isatty() else "\n",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
