"""A difference between the kernel and what it must hold, told to a person: which rule, what it does, whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netpolicy.diagnostic import Diagnostic, Label, Severity, error
from netpolicy.node.bundle import StatementText
from netpolicy.targets.iptables.consequence import Consequence
from netpolicy.targets.iptables.drift import Difference, Kind, generation_of
from netpolicy.targets.iptables.hits import NOT_STATEMENTS, statements_of
from netpolicy.targets.iptables.render import rule_text
from netpolicy.targets.iptables.rules import Goto, Jump

CODES = {
    Kind.RULE_MISSING: "NP801",
    Kind.RULE_EXTRA: "NP802",
    Kind.RULE_EDITED: "NP803",
    Kind.RULE_MOVED: "NP804",
    Kind.CHAIN_MISSING: "NP805",
    Kind.CHAIN_EMPTY: "NP805",
    Kind.NOT_LOADED: "NP805",
    Kind.JUMP_MISSING: "NP806",
    Kind.JUMP_EDITED: "NP807",
    Kind.JUMP_EXTRA: "NP807",
    Kind.ADMITTED_BEFORE: "NP808",
    Kind.OTHER_GENERATION: "NP809",
    Kind.SET_MISSING: "NP810",
    Kind.SET_MEMBERS: "NP811",
    Kind.SET_TYPE: "NP812",
    Kind.ENTERED: "NP813",
    Kind.CHAIN_LEFT: "NP814",
    Kind.SET_LEFT: "NP814",
    Kind.OTHER_BACKEND: "NP815",
    Kind.RULE_UNREADABLE: "NP816",
    Kind.POLICY: "NP817",
    Kind.REFUSED: "NP819",
}
_FIRST = "`netpolicy apply-rules apply` puts our jump first"
_APPLY = "`netpolicy apply-rules apply` puts it right; find out first who changed it"
_HINTS = {
    Kind.ADMITTED_BEFORE: f"{_FIRST}; what that rule admits belongs in the policy",
    Kind.OTHER_GENERATION: "`netpolicy apply-rules preview` tells what differs; or compare with what was applied",
    Kind.ENTERED: "remove that rule: only our own jumps lead into our chains",
    Kind.CHAIN_LEFT: "the next `netpolicy apply-rules apply` removes it",
    Kind.SET_LEFT: "the next `netpolicy apply-rules apply` removes it",
    Kind.OTHER_BACKEND: "a packet passes both: remove the rules that are not meant, then apply again",
    Kind.REFUSED: "our chains refuse by themselves: take that rule away, or put ahead of it what admits the same",
    Kind.POLICY: "no policy is ours, and our chains refuse by themselves: with our jump, `-P {name} ACCEPT` is safe",
}
_MOST_ADDRESSES, _MOST_STATEMENTS = 6, 6


def finding(one: Difference, texts: Mapping[str, StatementText]) -> Diagnostic:
    """The difference as a diagnostic: an error, or less where our rules are in force all the same."""
    hint = _HINTS.get(one.kind, _APPLY).format(name=one.name)
    places = [Label(one.live[1].span, _LABELS.get(one.kind, ""))] if one.live else []
    message, notes = _message(one, texts), tuple(_notes(one, texts))
    told = error(CODES[one.kind], message, *places, hint=hint, notes=notes)
    return replace(told, severity=severity(one))


def severity(one: Difference) -> Severity:
    """A notice for leftovers, and a warning for what others refuse: our rules are in force, and nothing is opened."""
    return _LIGHTER.get(one.kind, Severity.ERROR)


_LIGHTER = {
    Kind.CHAIN_LEFT: Severity.NOTICE,
    Kind.SET_LEFT: Severity.NOTICE,
    Kind.POLICY: Severity.WARNING,
    Kind.REFUSED: Severity.WARNING,
}


def statements(one: Difference) -> tuple[str, ...]:
    """The ids of the statements of its rules, wanted and live, and of those that ask for its set."""
    comments = [*([one.wanted[1].comment] if one.wanted else []), *one.comments]
    if one.live and one.live[1].rule is not None:
        comments.append(one.live[1].rule.comment)
    return tuple(dict.fromkeys(name for comment in comments for name in statements_of(comment)))


_LABELS = {
    Kind.RULE_EXTRA: "not among ours",
    Kind.RULE_EDITED: "stands in its place",
    Kind.RULE_MOVED: "stands here",
    Kind.RULE_UNREADABLE: "not understood",
    Kind.JUMP_EDITED: "stands in place of our jump",
    Kind.JUMP_EXTRA: "leads into our chains too",
    Kind.ADMITTED_BEFORE: "may admit",
    Kind.OTHER_GENERATION: "leads to another generation",
    Kind.ENTERED: "leads into our chains",
    Kind.REFUSED: "refuses all",
}


def _message(one: Difference, texts: Mapping[str, StatementText]) -> str:
    family = f"IPv{one.family.value}: " if one.family else ""
    return family + _what(one) + _does(one, texts)


def _does(one: Difference, texts: Mapping[str, StatementText]) -> str:
    if one.kind in _SAYS_ALL:
        return ""
    if one.kind is Kind.POLICY and one.consequence is Consequence.NOTHING:
        return f"; {one.found[1]}"
    if one.kind is Kind.REFUSED:
        return f", and so what the policy admits{'; ' + one.found[0] if one.found else ''}"
    whose = _whose(one, texts)
    return f", which {one.consequence.value}{whose}" if whose else _AT_LARGE[one.consequence]


_SAYS_ALL = (
    Kind.ADMITTED_BEFORE,
    Kind.CHAIN_LEFT,
    Kind.SET_LEFT,
    Kind.OTHER_GENERATION,
    Kind.OTHER_BACKEND,
    Kind.NOT_LOADED,
)
_AT_LARGE = {
    Consequence.OPENS: ", which can let packets pass that the policy refuses",
    Consequence.CLOSES: ", which can stop packets that the policy admits",
    Consequence.EITHER: ", which can let packets pass that the policy refuses, or stop those that it admits",
    Consequence.NOTHING: ", which changes no verdict",
}
_OF_NO_STATEMENT = {"baseline": "what is always open, or always refused", "default": "what no statement admits"}


def _whose(one: Difference, texts: Mapping[str, StatementText]) -> str:
    """The flow that a wanted rule decides: of its first statement."""
    if one.wanted is None or one.consequence is Consequence.NOTHING or isinstance(one.wanted[1].target, Jump | Goto):
        return ""
    names = statements_of(one.wanted[1].comment)
    if not names:
        return ""
    text = f"`{texts[names[0]].flow}`" if names[0] in texts else _OF_NO_STATEMENT.get(names[0], "")
    return f" {text}" + (f" and {len(names) - 1} more" if len(names) > 1 else "") if text else ""


def _what(one: Difference) -> str:
    due = one.wanted[0] if one.wanted else 0
    live = one.live[0] if one.live else 0
    match one.kind:
        case Kind.RULE_MISSING:
            return f"rule {due} of `{one.name}` is missing"
        case Kind.RULE_EXTRA:
            return f"rule {live} of `{one.name}` is not one of ours"
        case Kind.RULE_EDITED:
            return f"rule {due} of `{one.name}` was edited{_only_comment(one)}"
        case Kind.RULE_MOVED:
            return f"rule {due} of `{one.name}` was moved and is rule {live}"
        case Kind.RULE_UNREADABLE:
            place = f", in place of rule {due}" if due else ""
            return f"rule {live} of `{one.name}` is not understood{place}"
        case _:
            return _what_of_chain(one)


def _what_of_chain(one: Difference) -> str:
    match one.kind:
        case Kind.CHAIN_MISSING:
            return f"chain `{one.name}` is missing"
        case Kind.CHAIN_EMPTY:
            return f"chain `{one.name}` is empty"
        case Kind.NOT_LOADED:
            return "no chain of ours is loaded: nothing is filtered by this policy"
        case Kind.JUMP_MISSING:
            return f"`{one.name}` does not lead to our chains: they are never asked"
        case Kind.JUMP_EDITED:
            return f"the jump of `{one.name}` to our chains was edited{_only_comment(one)}"
        case Kind.JUMP_EXTRA:
            return f"`{one.name}` leads into our chains a second time"
        case Kind.ADMITTED_BEFORE:
            return f"a rule of `{one.name}` ahead of our jump may admit packets that our rules never see"
        case Kind.OTHER_GENERATION if one.lacking:
            return f"another generation is in force: {one.found[0]}, not {one.lacking[0]}"
        case Kind.OTHER_GENERATION:
            due = generation_of(getattr(one.wanted[1].target, "chain", "")) if one.wanted else ""
            return f"`{one.name}` leads to generation {one.found[0]}, not to {due}"
        case Kind.ENTERED:
            return f"chain `{one.name}`, which is not ours, leads into our chains"
        case Kind.CHAIN_LEFT:
            return f"chain `{one.name}` is of no use any more"
        case Kind.POLICY:
            return f"the policy of `{one.name}` is {one.found[0]}"
        case Kind.REFUSED:
            return f"rule {one.live[0] if one.live else 0} of `{one.name}`, of others, refuses all that comes to it"
        case _:
            return _what_of_set(one)


def _what_of_set(one: Difference) -> str:
    match one.kind:
        case Kind.SET_MISSING:
            return f"set `{one.name}` is missing"
        case Kind.SET_MEMBERS:
            sides = (("has more members", one.found), ("lacks members", one.lacking))
            return f"set `{one.name}` " + " and ".join(f"{text}: {_list(names)}" for text, names in sides if names)
        case Kind.SET_TYPE:
            is_what = f"is {one.found[0]}" if one.found else "is not as we make it"
            return f"set `{one.name}` {is_what}"
        case Kind.SET_LEFT:
            return f"set `{one.name}` is of no use any more"
        case _:
            ours = ", chains of ours among them" if "ours" in one.found else ""
            return f"{one.name} holds {one.found[0]} rules or policies{ours}; a packet passes both backends"


def _only_comment(one: Difference) -> str:
    rule = one.live[1].rule if one.live else None
    same = rule is not None and one.wanted is not None and replace(rule, comment=one.wanted[1].comment) == one.wanted[1]
    if not same:
        return ""
    return " in its comment" + (", so that hits are told of another statement" if one.kind is Kind.RULE_EDITED else "")


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_ADDRESSES} more" if len(names) > _MOST_ADDRESSES else ""
    return ", ".join(names[:_MOST_ADDRESSES]) + more


def wanted_text(one: Difference) -> str:
    """The wanted rule as a line of rules; empty for a difference of no rule."""
    if one.wanted is None or one.family is None:
        return ""
    return f"-A {one.name}{rule_text(one.wanted[1], one.family)}"


def _notes(one: Difference, texts: Mapping[str, StatementText]) -> list[str]:
    notes = [f"wanted: {text}"] if (text := wanted_text(one)) else []
    if one.why is not None:
        notes.append(one.why.message)
    names = [name for name in statements(one) if name not in NOT_STATEMENTS]
    for name in names[:_MOST_STATEMENTS]:
        known = texts.get(name)
        place = f" ({known.place})" if known and known.place else ""
        notes.append(f"statement {name}: {known.flow}{place}" if known else f"statement {name} is not of this policy")
    more = len(names) - _MOST_STATEMENTS
    return [*notes, f"and {more} more statements"] if more > 0 else notes
