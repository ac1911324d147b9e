"""One line of rules by others as the rules that it stands for; what it cannot mean becomes a diagnostic at its word."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.targets.iptables import values
from netpolicy.targets.iptables.admits import GOES_ON
from netpolicy.targets.iptables.foreign import (
    DECIDED_ELSEWHERE,
    ELSEWHERE,
    EXTENSIONS,
    LOG_LEVELS,
    NEEDS_PROTOCOL,
    PORT_MODULES,
    SHORT_ANSWERS,
)
from netpolicy.targets.iptables.normal import normal, normal_rate, rate_period
from netpolicy.targets.iptables.options import REJECT_WITH
from netpolicy.targets.iptables.protocols import TCP
from netpolicy.targets.iptables.read_match import Setting, opaque, read_own, read_part, target_text
from netpolicy.targets.iptables.read_rule import NO_INTERFACE, RuleText
from netpolicy.targets.iptables.rules import (
    Accept,
    Drop,
    Goto,
    Jump,
    Limit,
    Log,
    Mark,
    Match,
    Opaque,
    Reject,
    Return,
    Rule,
    Target,
)
from netpolicy.targets.iptables.sets import Alternatives
from netpolicy.targets.iptables.split_rule import Part, RuleWords, protocol_of, split_rule
from netpolicy.targets.iptables.tokens import Line, Token
from netpolicy.targets.iptables.values import MisreadError

_LIMIT_RATE = "3/hour"
_LIMIT_BURST = 5
_SIMPLE: dict[str, Target] = {"ACCEPT": Accept(), "DROP": Drop(), "RETURN": Return()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands: what its words may mean, the chains declared so far, and whether the table filters."""

    setting: Setting
    chains: Collection[str]
    filters: bool


def read_foreign_rule(
    line: Line, chain: Token, words: list[Token], place: Place, problems: list[Diagnostic]
) -> RuleText | None:
    """The rules of a line behind its `-A CHAIN`; None when it is for the other family only."""
    before = len(problems)
    found = split_rule(chain, words, place.setting.family, problems)
    if found.only not in (None, place.setting.family):
        return None
    if len(problems) == before:
        # A word that was not understood would be reported again as one that is missing.
        problems.extend(_lacking(chain, found))
    rules: tuple[Rule, ...] = ()
    goes_to = None
    try:
        target = _target(found, place)
        goes_to = found.target.word if found.target and isinstance(target, Jump | Goto) else None
        if len(problems) == before:
            rules = _rules(line.number, found, target, place)
    except MisreadError as misread:
        problems.append(misread.diagnostic)
    return RuleText(chain, line.span, rules[0] if rules else None, goes_to, (), rules[1:])


def _lacking(chain: Token, found: RuleWords) -> list[Diagnostic]:
    """What the rule needs and does not have, or has and must not."""
    lacking = []
    for given in found.own.options:
        if (chain.text, given.name) in NO_INTERFACE:
            hint = f"no packet there {NO_INTERFACE[chain.text, given.name]} by one"
            text = f"`{given.word.text}` in `{chain.text}` is refused"
            lacking.append(error("NP601", text, given.word.span, hint=hint))
    for part in found.matches:
        if part.name in NEEDS_PROTOCOL and protocol_of(found.own) not in NEEDS_PROTOCOL[part.name]:
            text = f"`{part.name}` without its protocol"
            lacking.append(error("NP601", text, part.word.span, hint="write `-p` with it, not negated"))
    return lacking


def _target(found: RuleWords, place: Place) -> Target | None:
    """What the rule does; None for a target whose verdict nobody knows."""
    part = found.target
    if part is None:
        return Mark()
    name = part.name
    if found.goes == "-g":
        return Goto(name)
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name in place.chains:
        return Jump(name)
    if name == "LOG":
        return _log(part)
    if name == "REJECT":
        return Reject(_answer(part, found, place))
    if name in GOES_ON:
        return Mark()
    # A chain takes no options, so what has some is a target, if an unknown one.
    known = not place.filters if name in ELSEWHERE else name in EXTENSIONS or bool(part.options)
    return None if known else Jump(name)


def _log(part: Part) -> Log:
    level, prefix = part.option("--log-level"), part.option("--log-prefix")
    if level and level.value.text.lower() not in LOG_LEVELS:
        hint = did_you_mean(level.value.text, LOG_LEVELS) or "write a number from 0 to 7"
        raise MisreadError(level.value, f"unknown log level `{level.value.text}`", hint)
    return Log(prefix.value.text if prefix else "")


def _answer(part: Part, found: RuleWords, place: Place) -> str:
    given = part.option("--reject-with")
    family = place.setting.family
    if given is None:
        return REJECT_WITH[family][0]
    text = SHORT_ANSWERS[family].get(given.value.text.lower(), given.value.text.lower())
    if text not in REJECT_WITH[family]:
        hint = did_you_mean(text, REJECT_WITH[family]) or f"known are {', '.join(REJECT_WITH[family])}"
        raise MisreadError(given.value, f"unknown answer `{given.value.text}`", hint)
    if text == "tcp-reset" and protocol_of(found.own) != TCP:
        raise MisreadError(given.value, "`tcp-reset` without `-p tcp`", "the kernel refuses it")
    return text


def _rules(number: int, found: RuleWords, target: Target | None, place: Place) -> tuple[Rule, ...]:
    ways: Alternatives = read_own(found.own, place.setting)
    comment = "; ".join(part.options[0].value.text for part in found.matches if part.name == "comment" and part.options)
    twice = _asked_twice(found)
    for part in found.matches:
        if part.name == "limit":
            one: Alternatives = [(_limit(part, target),)]
        elif twice and part.name in PORT_MODULES:
            one = [(opaque(part),)]
        else:
            one = read_part(part, place.setting)
        ways = [(*before, *after) for before, after in product(ways, one)] if one != [()] else ways
    return tuple(
        Rule(normal(way), does, comment, number) for matches in ways for way, does in _ends(matches, target, found)
    )


def _ends(
    matches: tuple[Match, ...], target: Target | None, found: RuleWords
) -> list[tuple[tuple[Match, ...], Target]]:
    """The matches with the target; a verdict that nobody knows is asked as a match, once for each verdict.

    A packet that goes to a program passes or is dropped; what a target does that is not known at all may also go on.
    """
    if target is not None:
        return [(matches, target)]
    if found.target is None:
        raise AssertionError
    text = target_text(found.target)
    passing = ((*matches, Opaque(f"{text} accepts")), Accept())
    if found.target.name in DECIDED_ELSEWHERE:
        return [passing, (matches, Drop())]
    return [passing, ((*matches, Opaque(f"{text} drops")), Drop())]


def _asked_twice(found: RuleWords) -> bool:
    """True for a rule with two of one port option: iptables-nft keeps the last, iptables-legacy both."""
    asked = [given.name for part in found.matches if part.name in PORT_MODULES for given in part.options]
    return len(set(asked)) < len(asked)


def _limit(part: Part, target: Target | None) -> Match:
    """The limit beside a rule that logs, where it decides nothing; else its text, spelled as the save tools do."""
    rate, burst = part.option("--limit"), part.option("--limit-burst")
    text = rate.value.text if rate else _LIMIT_RATE
    text = text if "/" in text else f"{text}/sec"
    if rate_period(text) is None:
        return opaque(part)
    many = values.number(burst.value, 1, 10_000, "burst") if burst else _LIMIT_BURST
    if isinstance(target, Log):
        return Limit(text, many)
    return Opaque(f"limit --limit {normal_rate(text)}{'' if many == _LIMIT_BURST else f' --limit-burst {many}'}")
