"""A dump of rules by others, as text of iptables-save, ip6tables-save or one of the restore tools.

Unlike `read`, which refuses what we do not print, it takes what the tools take: every table, any spelling, matches and
targets that are not modelled. It skips nothing either: what no tool could load is an error at its own word (NP601), and
so are a name that leads nowhere (NP602) and a table that is not whole (NP603). Only the filter table is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import Family
from netpolicy.source import Source, Span
from netpolicy.targets.iptables.dump import Coverage, Dump
from netpolicy.targets.iptables.foreign import SPELLINGS
from netpolicy.targets.iptables.normal import BUILT_IN, in_order
from netpolicy.targets.iptables.read_foreign_rule import Place, read_foreign_rule
from netpolicy.targets.iptables.read_match import Setting
from netpolicy.targets.iptables.read_rule import COUNTERS
from netpolicy.targets.iptables.read_sets import readable_sets
from netpolicy.targets.iptables.references import ChainText, astray
from netpolicy.targets.iptables.rules import Chain, Log, Mark, Opaque, Rule, Table
from netpolicy.targets.iptables.tokens import Line, Token, lines

_INCOMPATIBLE = re.compile(r"^# Table `(\w+)' is incompatible[^\r\n]*", re.MULTILINE)
_FORWARDED = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "filter": BUILT_IN,
        "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
        "mangle": _FORWARDED,
        "raw": ("PREROUTING", "OUTPUT"),
        "security": BUILT_IN,
    }
)
"""The tables, and the chains that the kernel enters by itself."""


def read_dump(source: Source, family: Family, sets: Source | None = None) -> tuple[Dump | None, list[Diagnostic]]:
    """The dump, or None and all of its errors.

    `sets` is what `ipset save` printed beside it; a set that is not in there, or not a plain list of addresses of one
    family, is opaque. A built-in chain that the text does not declare accepts, as in a kernel that nobody configured.
    """
    problems: list[Diagnostic] = []
    known = tuple(one for one in readable_sets(sets, problems) if one.family is family) if sets else ()
    problems += _unprinted(source)
    reader = _DumpReader(source, Setting(family, frozenset(one.name for one in known)), problems)
    for line in lines(source, problems, windows=True):
        reader.take(line)
    reader.end()
    if problems:
        return None, problems
    found = reader.tables.get("filter", {})
    declared = [*found.values(), *(_built_in(reader.place, name) for name in BUILT_IN if name not in found)]
    table = Table(family, in_order(Chain(one.name.text, tuple(_rules(one)), one.policy) for one in declared))
    return Dump(family, table, known, _coverage(table)), []


def _unprinted(source: Source) -> Iterator[Diagnostic]:
    """One error for each table of which iptables-nft-save says, in a comment, that it cannot print it."""
    for said in _INCOMPATIBLE.finditer(source.text):
        hint = "such a table is changed by nft; `nft list ruleset` prints it"
        place = Span(source, said.start(), said.end())
        yield error("NP603", f"table `{said[1]}` is not in the text, since iptables cannot print it", place, hint=hint)


def _built_in(span: Span, name: str) -> ChainText:
    return ChainText(Token(name, span), "ACCEPT")


def _rules(chain: ChainText) -> Iterator[Rule]:
    for text in chain.rules:
        if text.rule is not None:
            yield from (text.rule, *text.further)


def _coverage(table: Table) -> Coverage:
    numbers: set[int] = set()
    asked: dict[int, set[str]] = {}
    for rule in (rule for chain in table.chains for rule in chain.rules):
        numbers.add(rule.line)
        texts = {match.text for match in rule.matches if isinstance(match, Opaque)}
        if texts and not isinstance(rule.target, Log | Mark):
            asked.setdefault(rule.line, set()).update(texts)
    counted = Counter(text for texts in asked.values() for text in texts)
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return Coverage(len(numbers), len(asked), tuple(ordered))


class _DumpReader:
    """Takes the lines of a text in order and gathers the chains of its tables."""

    def __init__(self, source: Source, setting: Setting, problems: list[Diagnostic]) -> None:
        self.setting, self.problems = setting, problems
        self.place = Span(source, 0, 0)
        self.tables: dict[str, dict[str, ChainText]] = {}
        self.opened: Token | None = None
        self.chains: dict[str, ChainText] = {}  # of the table that is open

    def take(self, line: Line) -> None:
        """The line has its place in a table, or is reported."""
        word = line.tokens[0]
        if word.text.startswith("*"):
            self._open(word, line)
        elif self.opened is None:
            self._refuse("NP603", line.span, "a line outside of a table", "a table is `*filter` … `COMMIT`")
        elif word.text == "COMMIT":
            self._alone(line)
            self.opened = None
        elif word.text.startswith(":"):
            name = Token(word.text[1:], Span(word.span.source, word.span.start + 1, word.span.end))
            self._declare(name, line.tokens[1:])
        else:
            self._command(line)

    def end(self) -> None:
        """The text is known to be whole, or what it lacks is reported."""
        if self.opened:
            self._not_committed(self.opened)
        if not self.tables and not self.problems:
            self._refuse("NP603", self.place, "the text has no table", "it begins with `*filter`, or another table")
        for chains in self.tables.values():
            self.problems.extend(astray(chains))

    def _refuse(self, code: str, span: Span, message: str, hint: str) -> None:
        self.problems.append(error(code, message, span, hint=hint))

    def _not_committed(self, table: Token) -> None:
        hint = "write `COMMIT` on a line of its own after its last rule; without it nothing is loaded"
        self._refuse("NP603", table.span, f"table `{table.text}` is not committed", hint)

    def _alone(self, line: Line) -> None:
        for word in line.tokens[1:]:
            self._refuse("NP601", word.span, f"`{word.text}` is not understood", "nothing follows on this line")

    def _open(self, word: Token, line: Line) -> None:
        if self.opened:
            self._not_committed(self.opened)
        self.opened = word
        self._alone(line)
        name = word.text[1:]
        if name in self.tables:
            self._refuse("NP603", word.span, f"a second table `{name}`", "a text has one; read two dumps one by one")
        elif name not in TABLES:
            self._refuse("NP601", word.span, f"table `{word.text}` is not understood", f"known are {', '.join(TABLES)}")
        self.chains = {}
        self.tables.setdefault(name, self.chains)

    @property
    def _built_in(self) -> tuple[str, ...]:
        return TABLES.get(self.opened.text[1:], ()) if self.opened else ()

    def _declare(self, name: Token, words: list[Token]) -> None:
        """`:NAME POLICY [PACKETS:BYTES]`."""
        if not name.text or name.text[0] in "-!":
            self._refuse("NP601", name.span, f"`{name.text}` is no name for a chain", "write it behind the `:`")
            return
        for extra in words[1:]:
            if extra is not words[1] or not COUNTERS.fullmatch(extra.text):
                self._refuse("NP601", extra.span, f"`{extra.text}` is not understood", "counters are `[0:0]`")
        allowed = ("ACCEPT", "DROP", "-") if name.text in self._built_in else ("-",)
        policy = words[0] if words else None
        if policy is None or policy.text not in allowed:
            hint = f"write {' or '.join(f'`{one}`' for one in allowed)}"
            self._refuse("NP601", (policy or name).span, f"`{name.text}` has no such policy", hint)
        if name.text in self.chains:
            self._refuse("NP603", name.span, f"chain `{name.text}` is declared twice", "remove one of them")
            return
        text = policy.text if policy and policy.text in ("ACCEPT", "DROP") else "ACCEPT"
        self.chains[name.text] = ChainText(name, text if name.text in self._built_in else "")

    def _command(self, line: Line) -> None:
        """`[PACKETS:BYTES] -A CHAIN …`, or another command that fills a table."""
        words = line.tokens[1:] if COUNTERS.fullmatch(line.tokens[0].text) else line.tokens
        if words and SPELLINGS.get(words[0].text, words[0].text) in ("-4", "-6"):
            words = [*words[1:3], words[0], *words[3:]]  # they may stand anywhere
        name = SPELLINGS.get(words[0].text, words[0].text) if words else ""
        if len(words) < 2 or words[0].quoted or name not in ("-A", "-I", "-N", "-P"):
            first = words[0] if words else line.tokens[0]
            hint = "a rule is `-A CHAIN …`, or `-I CHAIN …` in front of the others"
            self._refuse("NP601", first.span, f"`{first.text}` is no rule of a chain", hint)
        elif name in ("-A", "-I"):
            self._rule(line, words[1], words[2:], at_front=name == "-I")
        elif name == "-N":
            self._declare(words[1], [Token("-", words[1].span), *words[2:]])
        else:
            self.chains.pop(words[1].text, None)
            self._declare(words[1], words[2:])

    def _rule(self, line: Line, name: Token, words: list[Token], *, at_front: bool) -> None:
        at: int | None = None
        if at_front:
            numbered = bool(words) and words[0].text.isascii() and words[0].text.isdigit()
            at, words = (int(words[0].text) - 1, words[1:]) if numbered else (0, words)
        filters = self.opened is not None and self.opened.text == "*filter"
        rule = read_foreign_rule(line, name, words, Place(self.setting, self.chains, filters), self.problems)
        chain = self.chains.get(name.text)
        if chain is None and name.text in self._built_in:
            chain = self.chains[name.text] = _built_in(name.span, name.text)
        if chain is None:
            hint = f"write `:{name.text} - [0:0]` before it"
            self._refuse("NP603", name.span, f"chain `{name.text}` is not declared", hint)
        elif rule is not None and at is None:
            chain.rules.append(rule)
        elif rule is not None and at is not None:
            if not 0 <= at <= len(chain.rules):
                self._refuse("NP601", name.span, f"`{name.text}` has no rule {at + 1}", "number it from 1")
            chain.rules.insert(at, rule)
