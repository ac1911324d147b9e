"""What a kernel holds, as the save tools print it: our chains as rules, and everything of others as it stands.

A host may have tens of thousands of rules that are not ours, so a line is taken apart only when somebody asks. Rules of
others are never understood, only copied; what must be known of them is whether they could admit a packet before ours
see it (`admits.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import Family
from netpolicy.source import Source, Span
from netpolicy.targets.iptables.read_rule import read_rule
from netpolicy.targets.iptables.read_sets import read_sets
from netpolicy.targets.iptables.rules import AddressList, Rule
from netpolicy.targets.iptables.tokens import Line, line_at

STABLE = {"INPUT": "NETPOLICY-IN", "FORWARD": "NETPOLICY-FWD", "OUTPUT": "NETPOLICY-OUT"}
"""The chain of ours that a built-in chain jumps to; its one rule leads to the generation in force."""
_CHAIN = re.compile(r"NETPOLICY-(IN|FWD|OUT)|NP-(IN|FWD|OUT)-[0-9a-f]{8}(-.*)?")
_SET = re.compile(r"np[46]-[a-z0-9_]+-[0-9a-f]{8}")
_COUNTERS = re.compile(r"\[(\d+):(\d+)\] ")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_INCOMPATIBLE = re.compile(r"# Table `filter' is incompatible.*")


def is_our_chain(name: str) -> bool:
    """True for the names that our chains bear, and no other program's."""
    return _CHAIN.fullmatch(name) is not None


def is_our_set(name: str) -> bool:
    """True for the names that our sets bear."""
    return _SET.fullmatch(name) is not None


@dataclass(frozen=True)
class LiveRule:
    """A rule as it was printed: `-A CHAIN …` without its counters. Packets and bytes are None where nobody counted."""

    text: str
    family: Family
    span: Span = field(compare=False, repr=False)
    packets: int | None = field(default=None, compare=False)
    octets: int | None = field(default=None, compare=False)

    @cached_property
    def line(self) -> Line | None:
        """Its words; None when a quote does not close."""
        number, _ = self.span.source.position(self.span.start)
        return line_at(self.span.source, number, self.span.start, self.text, [])

    @cached_property
    def read(self) -> tuple[Rule | None, list[Diagnostic]]:
        """The rule and no problem, or None and what is not understood."""
        found: list[Diagnostic] = []
        rule = read_rule(self.line, self.family, found) if self.line is not None else None
        return (rule.rule if rule is not None else None), found

    @property
    def rule(self) -> Rule | None:
        return self.read[0]

    @cached_property
    def target(self) -> tuple[str, bool]:
        """The name behind `-j` or `-g`, and whether it is `-g`; an empty name for a rule without a target."""
        words = [(token.text, token.quoted) for token in self.line.tokens] if self.line is not None else []
        for at, word in enumerate(words[:-1]):
            if word in (("-j", False), ("-g", False)):
                return words[at + 1][0], word[0] == "-g"
        return "", False

    @property
    def options(self) -> str:
        """The text behind `-A CHAIN` and a blank."""
        return self.text.partition(" ")[2].partition(" ")[2]


@dataclass(frozen=True, slots=True)
class LiveChain:
    """A chain of the kernel; `policy` is empty for a user chain."""

    name: str
    policy: str
    rules: tuple[LiveRule, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveTable:
    """The filter table of one family; without chains where the kernel has none."""

    family: Family
    chains: Mapping[str, LiveChain] = field(default_factory=dict)

    def chain(self, name: str) -> LiveChain | None:
        return self.chains.get(name)

    @property
    def ours(self) -> Iterator[LiveChain]:
        """The chains that bear a name of ours, in the order of printing."""
        return (chain for chain in self.chains.values() if is_our_chain(chain.name))


@dataclass(frozen=True, slots=True)
class Live:
    """What the kernel holds: the filter tables of both families, and our sets by name.

    A set that cannot be read as one of ours is in `strange`, with the reason.
    """

    v4: LiveTable
    v6: LiveTable
    sets: Mapping[str, AddressList] = field(default_factory=dict)
    strange: Mapping[str, Diagnostic] = field(default_factory=dict)

    def table(self, family: Family) -> LiveTable:
        return self.v4 if family is Family.V4 else self.v6


def read_table(source: Source, family: Family) -> tuple[LiveTable, list[Diagnostic]]:
    """The filter table of what `*-save` printed, other tables passed over; a text that is not whole is an error."""
    reader = _TableReader(source, family)
    start = 0
    for raw in source.text.split("\n"):
        if raw:
            reader.take(raw, start)
        start += len(raw) + 1
    return reader.end()


class _TableReader:
    def __init__(self, source: Source, family: Family) -> None:
        self.source, self.family = source, family
        self.table = ""
        self.opened = 0
        self.policies: dict[str, str] = {}
        self.rules: dict[str, list[LiveRule]] = {}
        self.found: list[Diagnostic] = []

    def take(self, raw: str, start: int) -> None:
        first = raw[0]
        if '"' in raw and ('"' in _QUOTED.sub("", raw) or first == ":"):
            # The next line may look like a rule, or like a comment of the tool, and is neither.
            hint = "remove the rule whose comment has a line break, or the chain with a quote in its name"
            self._refuse("a quote that is not closed on its line, or in a name", start, len(raw), hint)
        elif first == "#":
            if _INCOMPATIBLE.match(raw):
                hint = "read it with `nft list ruleset`; a table that iptables cannot print is changed by nft only"
                self._refuse("a table cannot be printed by iptables", start, len(raw), hint)
        elif first == "*":
            self._whole(start)
            self.table, self.opened = raw[1:].strip(), start
        elif raw.strip() == "COMMIT" and self.table:
            self.table = ""
        elif not self.table:
            self._refuse(
                "a line outside of a table", start, len(raw), "the text begins with `*filter`, or another table"
            )
        elif self.table == "filter":
            self._line(raw, start)

    def end(self) -> tuple[LiveTable, list[Diagnostic]]:
        self._whole(len(self.source.text))
        chains = {
            name: LiveChain(name, policy, tuple(self.rules.get(name, ()))) for name, policy in self.policies.items()
        }
        return LiveTable(self.family, chains), self.found

    def _line(self, raw: str, start: int) -> None:
        if raw[0] == ":":
            name, _, rest = raw[1:].partition(" ")
            policy = rest.split(" ", 1)[0]
            self.policies[name] = "" if policy == "-" else policy
            return
        counted = _COUNTERS.match(raw)
        text = raw[counted.end() :] if counted else raw
        at = start + (counted.end() if counted else 0)
        words = text.split(" ", 2)
        if words[0] != "-A" or len(words) < 2 or words[1] not in self.policies:
            self._refuse("a line that is no rule of a declared chain", start, len(raw), "was the text cut or edited?")
            return
        packets, octets = (int(counted[1]), int(counted[2])) if counted else (None, None)
        place = Span(self.source, at, at + len(text))
        self.rules.setdefault(words[1], []).append(LiveRule(text, self.family, place, packets, octets))

    def _whole(self, end: int) -> None:
        if self.table:
            hint = "without `COMMIT` the text was cut short, as on a full disk; save it again"
            self._refuse(f"table `{self.table}` is not whole", self.opened, 1 + len(self.table), hint)
        self.table = ""

    def _refuse(self, message: str, start: int, length: int, hint: str) -> None:
        self.found.append(error("NP766", message, Span(self.source, start, start + length), hint=hint))


def read_our_sets(source: Source) -> tuple[dict[str, AddressList], dict[str, Diagnostic]]:
    """Our sets in what `ipset save` printed, by name; and those with our names that are not as we make them."""
    texts: dict[str, list[str]] = {}
    for line in source.text.split("\n"):
        name = line.split(" ", 2)[1] if line.count(" ") > 1 else ""
        if is_our_set(name):
            texts.setdefault(name, []).append(line)
    known: dict[str, AddressList] = {}
    strange: dict[str, Diagnostic] = {}
    for name, lines in texts.items():
        found: list[Diagnostic] = []
        sets = read_sets(Source(source.name, "\n".join(lines) + "\n"), found)
        if found or len(sets) != 1:
            strange[name] = found[0] if found else error("NP766", f"set `{name}` has no `create` line")
        else:
            known[name] = sets[0]
    return known, strange
