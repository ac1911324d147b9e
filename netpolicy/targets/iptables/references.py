"""Whether the names in a table lead somewhere, and whether what is entered by `-g` ends in a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, Label, did_you_mean, error
from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.read_rule import TARGETS, RuleText
from netpolicy.targets.iptables.rules import AddressList, Drop, Goto, Reject
from netpolicy.targets.iptables.tokens import Token


@dataclass(slots=True)
class ChainText:
    """A chain with the places of its name and its rules."""

    name: Token
    policy: str
    rules: list[RuleText] = field(default_factory=list)


Chains = Mapping[str, ChainText]


def unsound(chains: Chains, family: Family, sets: Mapping[str, AddressList]) -> Iterator[Diagnostic]:
    """One error for each name that leads nowhere, each loop, and each `-g` into a chain that can run out."""
    for chain in chains.values():
        for rule in chain.rules:
            yield from _unknown_chain(rule, chains)
            yield from _unknown_sets(rule, family, sets)
    yield from _loops(chains)
    yield from _running_out(chains)


def astray(chains: Chains) -> Iterator[Diagnostic]:
    """One error for each target that no table may have: a name that leads nowhere, or a way back."""
    for chain in chains.values():
        for rule in chain.rules:
            yield from _unknown_chain(rule, chains)
    yield from _loops(chains)


def _unknown_chain(rule: RuleText, chains: Chains) -> Iterator[Diagnostic]:
    word = rule.goes_to
    chain = chains.get(word.text) if word else None
    if word and (word.text in BUILT_IN or (chain and chain.policy)):
        hint = "only the kernel enters a built-in chain"
        yield error("NP602", f"built-in chain `{word.text}` as a target", word.span, hint=hint)
    elif word and chain is None:
        hint = did_you_mean(word.text, [*chains, *TARGETS]) or f"declare it with `:{word.text} - [0:0]`"
        yield error("NP602", f"`{word.text}` is neither a declared chain nor a known target", word.span, hint=hint)


def _unknown_sets(rule: RuleText, family: Family, sets: Mapping[str, AddressList]) -> Iterator[Diagnostic]:
    for word in rule.sets:
        one = sets.get(word.text)
        if one is None:
            hint = did_you_mean(word.text, sets) or "create it in sets.ipset"
            yield error("NP602", f"set `{word.text}` is not declared", word.span, hint=hint)
        elif one.family != family:
            text = f"set `{word.text}` holds IPv{one.family.value} addresses"
            yield error("NP602", text, word.span, hint=f"this table is for IPv{family.value}")


def _loops(chains: Chains) -> Iterator[Diagnostic]:
    """One error for each target that leads back into a chain on the way to it."""
    finished: set[str] = set()
    for start in chains:
        path: list[str] = []
        ways: list[Iterator[Token]] = []
        if start not in finished:
            path, ways = [start], [_leads(chains[start], chains)]
        while ways:
            word = next(ways[-1], None)
            if word is None:
                finished.add(path.pop())
                ways.pop()
            elif word.text in path:
                round_trip = " -> ".join([*path[path.index(word.text) :], word.text])
                yield error("NP602", f"chain loop: {round_trip}", word.span, hint="the kernel refuses a loop")
            elif word.text not in finished:
                path.append(word.text)
                ways.append(_leads(chains[word.text], chains))


def _leads(chain: ChainText, chains: Chains) -> Iterator[Token]:
    return (rule.goes_to for rule in chain.rules if rule.goes_to and rule.goes_to.text in chains)


def _running_out(chains: Chains) -> Iterator[Diagnostic]:
    """One error for each chain that some `-g` enters and whose last rule lets a packet through to its end.

    Running out there goes back past the rule with the `-g`, and in the end admits the packet. A chain that ends in
    `-g` is safe if the chain it enters is, and that one is looked at too.
    """
    entered: dict[str, Token] = {}
    for chain in chains.values():
        for rule in chain.rules:
            if rule.goes_to and rule.rule and isinstance(rule.rule.target, Goto) and rule.goes_to.text in chains:
                entered.setdefault(rule.goes_to.text, rule.goes_to)
    for name, word in entered.items():
        chain = chains[name]
        last = chain.rules[-1] if chain.rules else None
        if name in BUILT_IN or (last and _final(last)):
            continue
        end = Label(last.span if last else chain.name.span, "the chain can run out here")
        hint = "end it with a `-j DROP`, `-j REJECT` or `-g CHAIN` that has no match"
        text = f"`-g {name}` enters a chain that can run out"
        yield error("NP602", text, end, Label(word.span, "entered here"), hint=hint)


def _final(text: RuleText) -> bool:
    if text.rule is None:
        # It is reported already as not understood.
        return True
    return not text.rule.matches and isinstance(text.rule.target, Drop | Reject | Goto)
