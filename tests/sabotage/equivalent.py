"""Mutants that no test can notice, and why: `equivalent.txt`, where an entry is a key and a reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.sabotage.mutate import Key

FILE = Path(__file__).with_name("equivalent.txt")


def explained(text: str) -> dict[Key, str]:
    """The reasons by key. An entry is `MODULE FUNCTION OPERATOR`, the change and `# REASON`, each on a line."""
    found: dict[Key, str] = {}
    for block in text.split("\n\n"):
        entry = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not entry:
            continue
        head, change, reason = entry
        module, function, operator = head.split()
        key = Key(module, function, operator, change.strip())
        assert reason.strip().startswith("# "), f"no reason for {key}"
        assert key not in found, f"twice: {key}"
        found[key] = reason.strip().removeprefix("# ")
    return found


def load() -> dict[Key, str]:
    """The reasons of the file beside this module."""
    return explained(FILE.read_text(encoding="utf-8"))


def stale(entries: Iterable[Key], known: Iterable[Key]) -> list[Key]:
    """Entries that no mutant has any more."""
    there = set(known)
    return [key for key in entries if key not in there]
