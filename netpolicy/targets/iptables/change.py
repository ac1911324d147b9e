"""What changes a kernel from what it holds to what it must hold, and back: restore texts, one transaction each.

A generation is loaded into chains that nothing refers to. Then one small text a family *flips*: it redeclares our
stable chains with a jump to the new generation, and puts the jumps of the built-in chains right. Nobody else's rule is
named in any of these texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.live import Live, LiveTable
from netpolicy.targets.iptables.render import rule_text, set_text
from netpolicy.targets.iptables.rules import AddressList, Chain, Ruleset
from netpolicy.targets.iptables.standing import FamilyStanding, Jump, Standing


@dataclass(frozen=True, slots=True)
class Change:
    """Restore texts for `--noflush`; an empty one has nothing to do.

    `back` undoes `load` and `flip` after both, `unload` undoes `load` alone; `sweep` removes what is of no use.
    """

    family: Family
    load: str
    unload: str
    flip: str
    back: str
    sweep: str


@dataclass(frozen=True, slots=True)
class SetChange:
    """`create` is text for `ipset restore`, before any rule; `withdraw` and `sweep` are names of sets to destroy.

    `withdraw` undoes `create` where no rule came of it; `sweep` are sets that no rule of ours needs any more.
    """

    create: str
    withdraw: tuple[str, ...]
    sweep: tuple[str, ...]


def change(live: LiveTable, one: FamilyStanding) -> Change:
    """The texts for a family; all empty when it is in force and clean."""
    edited = [jump for jump in one.jumps if not jump.stands]
    jumped = [line for jump in edited for line in _jumped(jump, one.family)]
    stale, unflipped = ([chain.name for chain in chains] for chains in (one.stale, one.unflipped))
    return Change(
        one.family,
        _text(_declared(one.stale, one.family)),
        _text(_restored(live, stale)),
        _text([*_declared(one.unflipped, one.family), *jumped]),
        _text(_restored(live, [*stale, *unflipped], _jumped_back(edited, one.family))),
        _text(_removed(chain.name for chain in one.left)),
    )


def set_change(live: Live, one: Standing, wanted: Ruleset) -> SetChange:
    """The texts for the sets. One whose members were changed is filled under another name and changes places."""
    sets = {each.name: each for each in wanted.sets}
    created = [set_text(sets[name]) for name in one.absent]
    return SetChange("".join([*created, *(_swapped(sets[name]) for name in one.changed)]), one.absent, one.left)


def _text(lines: Iterable[str]) -> str:
    listed = list(lines)
    return "\n".join(["*filter", *listed, "COMMIT"]) + "\n" if listed else ""


def _declared(chains: Iterable[Chain], family: Family) -> list[str]:
    """Lines that make the chains, or empty them, and fill them."""
    listed = list(chains)
    heads = [f":{chain.name} - [0:0]" for chain in listed]
    return heads + [f"-A {chain.name}{rule_text(rule, family)}" for chain in listed for rule in chain.rules]


def _restored(live: LiveTable, names: list[str], between: Iterable[str] = ()) -> list[str]:
    """Lines that make the chains as they were, and remove those that were not there."""
    were = [chain for name in names if (chain := live.chain(name)) is not None]
    new = [name for name in names if live.chain(name) is None]
    filled = [rule.text for chain in were for rule in chain.rules]
    return [*(f":{name} - [0:0]" for name in names), *between, *filled, *(f"-X {name}" for name in new)]


def _removed(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [*(f":{name} - [0:0]" for name in listed), *(f"-X {name}" for name in listed)]


def _jumped(jump: Jump, family: Family) -> list[str]:
    """Lines that leave one jump, the first rule of its built-in chain."""
    gone = [f"-D {jump.built_in}{_spaced(rule.options)}" for _, rule in jump.found]
    return [*gone, f"-I {jump.built_in} 1{rule_text(jump.wanted, family)}"]


def _jumped_back(jumps: Iterable[Jump], family: Family) -> list[str]:
    """Lines that undo `_jumped`: the rules that were there stand in their places again."""
    lines = []
    for jump in jumps:
        lines.append(f"-D {jump.built_in}{rule_text(jump.wanted, family)}")
        lines += [f"-I {jump.built_in} {at}{_spaced(rule.options)}" for at, rule in jump.found]
    return lines


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
