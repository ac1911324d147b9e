"""A disagreement as a text that people read, and that is tried again: `name: words` lines, then the two files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from netpolicy.node.backend import Backend
from tests.differential.case import Case
from tests.differential.trial import Disagreement

FOLDER = Path(__file__).parents[1] / "kernel" / "disagreements"
_HEAD = re.compile(r"^== (.+) ==\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a text holds: the case, the backends, and the packets by their words."""

    case: Case
    backends: tuple[Backend, ...]
    packets: tuple[str, ...]


def written(case: Case, found: Disagreement) -> str:
    """The text of a disagreement."""
    lines = [str(found), f"sets: {'inline' if case.inline else 'ipset'}"]
    lines.append("again: put this into tests/kernel/disagreements/, then `pytest tests/kernel/test_differential.py`")
    files = [f"== {name} ==\n{text}" for name, text in case.texts.items()]
    return "\n".join([*lines, "", "".join(files)])


def parsed(text: str) -> Saved:
    """What the text says; a ValueError where it lacks a part."""
    head, *parts = _HEAD.split(text)
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    pairs = [line.split(": ", 1) for line in head.splitlines() if ": " in line]
    told = {name: [words for of, words in pairs if of == name] for name, _ in pairs}
    if not {"packet", "tool"} & set(told):
        raise ValueError("the text names neither a packet nor a tool")
    try:
        case = Case(files["policy.netpol"], files["cluster.yaml"], told["sets"] == ["inline"])
        return Saved(case, tuple(Backend(one) for one in told["backend"]), tuple(told.get("packet", ())))
    except KeyError as lacking:
        raise ValueError(f"the text has no part {lacking}") from None


def save(text: str, folder: Path) -> Path:
    """The text is in the folder, by a name of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"found-{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
    path.write_text(text, encoding="utf-8")
    return path
