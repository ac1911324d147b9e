"""The text that is to be written, as steps: a small part of what `iptables-restore --noflush` takes, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netpolicy.diagnostic import Diagnostic
from netpolicy.node.legacy.live import BUILT_IN, is_ours
from netpolicy.node.legacy.unavailable import WriteRefusedError
from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.read_rule import COUNTERS, read_rule
from netpolicy.targets.iptables.rules import Accept, Goto, Jump, Rule
from netpolicy.targets.iptables.tokens import Line, Token, lines

_NAME_LAST = 28
_HOOK_CHAINS = "NETPOLICY-"
_TAKEN = "taken are `*filter`, `:CHAIN - [0:0]`, `-A`, `-I CHAIN n`, `-D`, `-X CHAIN` and `COMMIT`"


class Act(Enum):
    """What a step does to a chain."""

    DECLARE = "declare"  # make it, or empty it
    APPEND = "append"
    INSERT = "insert"
    DELETE = "delete"  # the first equal rule
    REMOVE = "remove"  # the empty chain


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the text; `number` is the place of an insert, from 1."""

    act: Act
    chain: str
    text: str
    rule: Rule | None = None
    number: int = 0


def steps(text: str, family: Family) -> tuple[Step, ...]:
    """The lines in order; the first that may not be written is the WriteRefusedError."""
    problems: list[Diagnostic] = []
    found = list(lines(Source("the text to write", text), problems))
    _none(problems, "")
    shape = [line.span.text for line in found if line.span.text.startswith("*") or line.span.text == "COMMIT"]
    if shape != ["*filter", "COMMIT"] or found[0].span.text != shape[0] or found[-1].span.text != shape[1]:
        raise WriteRefusedError("the text is not one whole filter table", "it begins with `*filter` and ends `COMMIT`")
    return tuple(_step(line, family) for line in found[1:-1])


def _none(problems: list[Diagnostic], where: str) -> None:
    if problems:
        first = problems[0]
        raise WriteRefusedError(f"{first.message}{where}", first.hint)


def _refuse(line: Line, why: str, hint: str = _TAKEN) -> WriteRefusedError:
    return WriteRefusedError(f"line {line.number}, `{line.span.text}`: {why}", hint)


def _step(line: Line, family: Family) -> Step:
    text = line.span.text
    words = [token.text for token in line.tokens]
    if words[0].startswith(":"):
        name = words[0][1:]
        _own(line, name)
        if words[1:2] != ["-"] or len(words) > 3 or not all(COUNTERS.fullmatch(word) for word in words[2:]):
            raise _refuse(line, "a chain of ours has no policy")
        return Step(Act.DECLARE, name, text)
    match words:
        case ["-X", chain]:
            _own(line, chain)
            return Step(Act.REMOVE, chain, text)
        case ["-A", chain, *_]:
            return Step(Act.APPEND, chain, text, _rule(line, chain, line.tokens[2:], family))
        case ["-D", chain, *rest] if rest and not rest[0].isdigit():
            return Step(Act.DELETE, chain, text, _rule(line, chain, line.tokens[2:], family))
        case ["-I", chain, number, *_] if number.isascii() and number.isdigit() and int(number):
            return Step(Act.INSERT, chain, text, _rule(line, chain, line.tokens[3:], family), int(number))
        case _:
            raise _refuse(line, "it is no line that is taken")


def _own(line: Line, name: str) -> None:
    if not is_ours(name):
        raise _refuse(line, f"chain `{name}` is not ours", "only chains `NETPOLICY-…` and `NP-…` are written")
    if len(name.encode("utf-8", "surrogateescape")) > _NAME_LAST:
        raise _refuse(line, "the name of the chain is too long", f"it has at most {_NAME_LAST} characters")


def _rule(line: Line, chain: str, rest: list[Token], family: Family) -> Rule:
    append = Token("-A", line.tokens[0].span)
    problems: list[Diagnostic] = []
    found = read_rule(Line(line.number, line.span, [append, line.tokens[1], *rest]), family, problems)
    _none(problems, f", in line {line.number}, `{line.span.text}`")
    if found is None or found.rule is None:
        raise _refuse(line, "it is no rule")
    rule = found.rule
    if chain in BUILT_IN:
        if not (isinstance(rule.target, Jump) and rule.target.chain.startswith(_HOOK_CHAINS)):
            hint = f"in a built-in chain only rules `-j {_HOOK_CHAINS}…` are written"
            raise _refuse(line, f"`{chain}` is not ours", hint)
    else:
        _own(line, chain)
        if isinstance(rule.target, Jump | Goto) and not is_ours(rule.target.chain):
            raise _refuse(line, f"it leads to `{rule.target.chain}`, which is not ours", "our chains lead to our own")
        if isinstance(rule.target, Accept):
            raise _refuse(line, "it accepts, so that nobody else may deny", "what is admitted ends in `-j RETURN`")
    return rule
