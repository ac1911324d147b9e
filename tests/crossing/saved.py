"""A disagreement as text that can be tried again: the ruleset, the packet, and what each voice said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netpolicy.node.backend import Backend
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.targets.iptables.rules import Ruleset
from tests.crossing.probe import Probe, read_probe
from tests.crossing.voices import read

FOLDER = Path(__file__).parents[1] / "kernel" / "rulesets"
_WORLDS = {True: "tracked", False: "untracked"}
_FILES = {family: f"rules.v{family.value}" for family in FAMILIES}
_SETS = "sets.ipset"


@dataclass(frozen=True, slots=True)
class Saved:
    """A probe of which voices once differed; `kernel` is what the kernel did with it."""

    tracked: bool
    backend: Backend
    probe: Probe
    kernel: str
    rules: Mapping[Family, str]
    sets: str

    def text(self, words: str) -> str:
        """The text of it; `words` say what differed."""
        head = "".join(f"# {line}\n" for line in words.splitlines())
        head += f"world: {_WORLDS[self.tracked]}\nbackend: {self.backend.value}\nkernel: {self.kernel}\n"
        parts = {**{_FILES[family]: text for family, text in self.rules.items()}, _SETS: self.sets}
        return f"{head}probe: {self.probe}\n" + "".join(f"\n--- {name}\n{text}" for name, text in parts.items())

    @property
    def ruleset(self) -> Ruleset:
        """What the texts mean."""
        sets = "".join(line for line in self.sets.splitlines(keepends=True) if not line.startswith("flush "))
        return read(*self.rules.items(), sets=sets)


def read_saved(text: str) -> Saved:
    """The disagreement of a text."""
    head, *parts = text.split("\n--- ")
    words = dict(line.split(": ", 1) for line in head.splitlines() if line and not line.startswith("#"))
    files = dict(part.split("\n", 1) for part in parts)
    files = {name: body if body.endswith("\n") else f"{body}\n" for name, body in files.items()}
    return Saved(
        words["world"] == _WORLDS[True],
        Backend(words["backend"]),
        read_probe(words["probe"]),
        words["kernel"],
        {family: files[name] for family, name in _FILES.items()},
        files[_SETS],
    )
