"""Restore and save text of iptables, ip6tables and ipset as a `Ruleset`.

It shares nothing with the printer. Nothing is skipped: what is not understood is an error at its own word (NP601), what
leads nowhere or would admit by accident another (NP602), and so is a table that is not whole (NP603).
"""

from __future__ import annotations

from collections.abc import Mapping

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import Family
from netpolicy.source import Source, Span
from netpolicy.targets.iptables.normal import BUILT_IN, normal_table
from netpolicy.targets.iptables.read_rule import COUNTERS, TARGETS, read_rule
from netpolicy.targets.iptables.read_sets import read_sets
from netpolicy.targets.iptables.references import ChainText, unsound
from netpolicy.targets.iptables.rules import AddressList, Chain, Ruleset, Table
from netpolicy.targets.iptables.tokens import Line, Token, lines

RULES = {Family.V4: "rules.v4", Family.V6: "rules.v6"}
SETS = "sets.ipset"
POLICIES = ("ACCEPT", "DROP")
_CHAIN_NAME_LAST = 28


def read(files: Mapping[str, Source]) -> tuple[Ruleset | None, list[Diagnostic]]:
    """The ruleset of `rules.v4`, `rules.v6` and, if there, `sets.ipset`; None if there is any error."""
    problems = [
        error("NP601", f"`{name}` is no file of a ruleset", Span(source, 0, 0), hint=f"known are {', '.join(_names())}")
        for name, source in files.items()
        if name not in _names()
    ]
    sets = read_sets(files[SETS], problems) if SETS in files else ()
    tables = {family: _read_table(files, family, sets, problems) for family in RULES}
    if problems:
        return None, problems
    return Ruleset(tables[Family.V4], tables[Family.V6], sets), []


def _names() -> tuple[str, ...]:
    return (*RULES.values(), SETS)


def _read_table(
    files: Mapping[str, Source], family: Family, sets: tuple[AddressList, ...], problems: list[Diagnostic]
) -> Table:
    source = files.get(RULES[family])
    if source is None:
        hint = "a ruleset has rules for both families"
        problems.append(error("NP603", f"`{RULES[family]}` is missing", hint=hint))
        return Table(family, ())
    reader = _TableReader(source, family, problems)
    for line in lines(source, problems):
        reader.take(line)
    reader.end()
    problems.extend(unsound(reader.chains, family, {one.name: one for one in sets}))
    return normal_table(Table(family, tuple(_chain(chain) for chain in reader.chains.values())))


def _chain(text: ChainText) -> Chain:
    return Chain(text.name.text, tuple(rule.rule for rule in text.rules if rule.rule), text.policy)


class _TableReader:
    """Takes the lines of a file in order and gathers the chains of its filter table."""

    def __init__(self, source: Source, family: Family, problems: list[Diagnostic]) -> None:
        self.source, self.family, self.problems = source, family, problems
        self.chains: dict[str, ChainText] = {}
        self.table: Token | None = None  # the one that is open
        self.filter: Token | None = None

    def take(self, line: Line) -> None:
        """The line has its place in the table, or is reported."""
        word = line.tokens[0]
        if word.text.startswith("*"):
            self._open(word, line)
        elif self.table is None:
            self._refuse("NP603", line.span, "a line outside of a table", "a table is `*filter` … `COMMIT`")
        elif word.text == "COMMIT":
            self._alone(line)
            self.table = None
        elif self.table.text != "*filter":
            return  # reported as a whole, where its table begins
        elif word.text.startswith(":"):
            self._declare(line)
        else:
            self._rule(line)

    def end(self) -> None:
        """The file is known to be whole, or what it lacks is reported."""
        if self.table:
            self._not_committed(self.table)
        if self.filter is None:
            place = Span(self.source, 0, 0)
            self._refuse("NP603", place, "the file has no filter table", "it begins with `*filter`")
            return
        for name in BUILT_IN:
            if name not in self.chains:
                hint = f"write `:{name} ACCEPT [0:0]`"
                self._refuse("NP603", self.filter.span, f"the table does not declare `{name}`", hint)

    def _refuse(self, code: str, span: Span, message: str, hint: str) -> None:
        self.problems.append(error(code, message, span, hint=hint))

    def _not_committed(self, table: Token) -> None:
        hint = "write `COMMIT` on a line of its own after its last rule; without it nothing is loaded"
        self._refuse("NP603", table.span, f"table `{table.text}` is not committed", hint)

    def _alone(self, line: Line) -> None:
        for word in line.tokens[1:]:
            self._refuse("NP601", word.span, f"`{word.text}` is not understood", "nothing follows on this line")

    def _open(self, word: Token, line: Line) -> None:
        if self.table:
            self._not_committed(self.table)
        self.table = word
        self._alone(line)
        if word.text != "*filter":
            self._refuse("NP601", word.span, f"table `{word.text}` is not understood", "only `*filter` is read")
        elif self.filter:
            self._refuse("NP603", word.span, "a second filter table", "a file has one")
        else:
            self.filter = word

    def _declare(self, line: Line) -> None:
        word = line.tokens[0]
        name = Token(word.text[1:], Span(word.span.source, word.span.start + 1, word.span.end))
        policy = line.tokens[1] if len(line.tokens) > 1 else None
        for extra in line.tokens[2:]:
            if extra is not line.tokens[2] or not COUNTERS.fullmatch(extra.text):
                self._refuse("NP601", extra.span, f"`{extra.text}` is not understood", "counters are `[0:0]`")
        if not name.text or len(name.text) > _CHAIN_NAME_LAST or name.text[0] in "-!" or name.text in TARGETS:
            hint = f"a name has 1 to {_CHAIN_NAME_LAST} characters and is not the name of a target"
            self._refuse("NP601", word.span, f"`{name.text}` is no name for a chain", hint)
        allowed = POLICIES if name.text in BUILT_IN else ("-",)
        if policy is None or policy.text not in allowed:
            place = policy or word
            hint = f"write {' or '.join(f'`{one}`' for one in allowed)}"
            self._refuse("NP601", place.span, f"`{name.text}` has no such policy", hint)
        if name.text in self.chains:
            self._refuse("NP603", word.span, f"chain `{name.text}` is declared twice", "remove one of them")
            return
        text = policy.text if policy and policy.text in POLICIES else ""
        self.chains[name.text] = ChainText(name, text)

    def _rule(self, line: Line) -> None:
        rule = read_rule(line, self.family, self.problems)
        if rule is None:
            return
        chain = self.chains.get(rule.chain.text)
        if chain is None:
            hint = f"write `:{rule.chain.text} - [0:0]` before it"
            self._refuse("NP603", rule.chain.span, f"chain `{rule.chain.text}` is not declared", hint)
            return
        chain.rules.append(rule)
