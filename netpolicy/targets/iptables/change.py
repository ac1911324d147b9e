"""What changes a kernel from what it holds to what it must hold, and back: restore texts, one transaction each.

A generation is loaded into chains that nothing refers to. Then one small text a family *flips*: it redeclares our
stable chains with a jump to the new generation, and puts the jumps of the built-in chains right. Nobody else's rule is
named in any of these texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.live import Live, LiveRule, LiveTable, is_our_chain
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.render import rule_text, set_text
from netpolicy.targets.iptables.rules import AddressList, Chain, Ruleset
from netpolicy.targets.iptables.standing import FamilyStanding, Jump, Standing


@dataclass(frozen=True, slots=True)
class Change:
    """Restore texts for `--noflush`; an empty one has nothing to do. `sweep` removes chains that are of no use."""

    family: Family
    load: str
    flip: str
    sweep: str


@dataclass(frozen=True, slots=True)
class SetChange:
    """`create` is text for `ipset restore`, before any rule; `created` and `left` are names of sets.

    The created are destroyed again where no rule came of them, and what is left when no rule of ours needs it any more.
    """

    create: str
    created: tuple[str, ...]
    left: tuple[str, ...]


def change(one: FamilyStanding) -> Change:
    """The texts for a family; all empty when it is in force and clean."""
    jumped = [line for jump in one.jumps if not jump.stands for line in _jumped(jump, one.family)]
    return Change(
        one.family,
        _text(_declared(one.stale, one.family)),
        _text([*_declared(one.unflipped, one.family), *jumped]),
        _text(_removed(chain.name for chain in one.left)),
    )


def revert(now: LiveTable, before: LiveTable) -> str:
    """The text that makes our part of a table what it was; empty when it is. Works from any state between the two."""
    names = {chain.name for table in (now, before) for chain in table.ours}
    differ = [name for name in sorted(names) if now.chain(name) != before.chain(name)]
    were = [chain for name in differ if (chain := before.chain(name)) is not None]
    jumps = [line for built_in in BUILT_IN for line in _jumped_back(_jumps(now, built_in), _jumps(before, built_in))]
    return _text(
        [
            *(f":{name} - [0:0]" for name in differ),
            *jumps,
            *(rule.text for chain in were for rule in chain.rules),
            *(f"-X {name}" for name in differ if before.chain(name) is None),
        ]
    )


def set_change(live: Live, one: Standing, wanted: Ruleset) -> SetChange:
    """The texts for the sets. One whose members were changed is filled under another name and changes places."""
    sets = {each.name: each for each in wanted.sets}
    created = "".join(set_text(sets[name]) for name in one.absent)
    return SetChange(created + "".join(_swapped(sets[name]) for name in one.changed), one.absent, one.left)


def _text(lines: Iterable[str]) -> str:
    listed = list(lines)
    return "\n".join(["*filter", *listed, "COMMIT"]) + "\n" if listed else ""


def _declared(chains: Iterable[Chain], family: Family) -> list[str]:
    """Lines that make the chains, or empty them, and fill them."""
    listed = list(chains)
    heads = [f":{chain.name} - [0:0]" for chain in listed]
    return heads + [f"-A {chain.name}{rule_text(rule, family)}" for chain in listed for rule in chain.rules]


def _removed(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [*(f":{name} - [0:0]" for name in listed), *(f"-X {name}" for name in listed)]


def _jumped(jump: Jump, family: Family) -> list[str]:
    """Lines that leave one jump, the first rule of its built-in chain."""
    gone = [f"-D {rule.text.removeprefix('-A ')}" for _, rule in jump.found]
    return [*gone, f"-I {jump.built_in} 1{rule_text(jump.wanted, family)}"]


def _jumps(table: LiveTable, built_in: str) -> list[tuple[int, LiveRule]]:
    """The rules of a built-in chain that lead to our chains, with their numbers from 1."""
    chain = table.chain(built_in)
    return [] if chain is None else [(at, one) for at, one in enumerate(chain.rules, 1) if is_our_chain(one.target[0])]


def _jumped_back(now: list[tuple[int, LiveRule]], before: list[tuple[int, LiveRule]]) -> list[str]:
    """Lines after which the rules that were there stand in their places again."""
    if now == before:
        return []
    gone = [f"-D {rule.text.removeprefix('-A ')}" for _, rule in now]
    return [*gone, *(f"-I {rule.text.split(' ')[1]} {at}{_spaced(rule.options)}" for at, rule in before)]


def _spaced(options: str) -> str:
    return f" {options}" if options else ""


def _swapped(one: AddressList) -> str:
    """Lines that give a set that is in use the right members in one step."""
    spare = spare_name(one.name)
    create, _, members = set_text(AddressList(spare, one.family, one.kind, one.members)).partition("\n")
    return f"{create}\nflush {spare}\n{members}swap {spare} {one.name}\ndestroy {spare}\n"


def spare_name(name: str) -> str:
    """A name for the time of a swap, ours by its form and no set's own: a killed run's spare is swept by the next."""
    return f"{name[:4]}_spare-{name[-8:]}"
