"""Which statements are to be thanked for what a ruleset lets pass, by the comments of its rules."""

from __future__ import annotations

from netpolicy.netfilter import BASELINE, COMMENT_PREFIX, DEFAULT
from netpolicy.packet.diagram import FALSE, Node, difference, intersection, union
from netpolicy.packet.family import Family
from netpolicy.packet.packetset import PacketSet
from netpolicy.targets.iptables.admitted import HOOKS, Grids, Walk
from netpolicy.targets.iptables.rules import Accept, Chain, Goto, Jump, Log, Mark, Return, Rule, Ruleset

Thanks = list[tuple[tuple[str, ...], Node]]
"""Statements, and the packets that a rule of theirs lets pass, whatever other rules also let these pass."""


def thanks(ruleset: Ruleset, family: Family, hook: str, grids: Grids) -> Thanks:
    """All rules of a hook that let packets pass for statements; those that refuse come before them and count."""
    walk = _Thanking(Walk(ruleset, family, grids[family]))
    chain = ruleset.table(family).chain(hook)
    assert chain is not None, "a table has every built-in chain"
    walk.through(chain, PacketSet.where(family, HOOKS[hook]).of(family))
    return walk.found


def statements_of(comment: str) -> tuple[str, ...]:
    """The ids in the comment of a rule; none for the baseline, the last refusal and rules by others."""
    if not comment.startswith(COMMENT_PREFIX) or comment in (BASELINE, DEFAULT) or " " in comment:
        return ()
    return tuple(comment.removeprefix(COMMENT_PREFIX).split(","))


class _Thanking:
    """A walk through the chains of a table on which nothing that passes is taken out of the way of later rules."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.found: Thanks = []

    def through(self, chain: Chain, held: Node) -> Node:
        """What comes back from a chain of the packets that enter it."""
        back = FALSE
        for rule in chain.rules:
            inside = FALSE if isinstance(rule.target, Log | Mark) else intersection(held, self.walk.region(rule))
            if inside is FALSE:
                continue
            match rule.target:
                case Return() | Accept():
                    back = union(back, inside)
                    self._thank(rule, inside)
                case Jump(name):
                    held = union(difference(held, inside), self.through(self._chain(name), inside))
                case Goto(name):
                    held = difference(held, inside)
                    back = union(back, self.through(self._chain(name), inside))
                case _:
                    held = difference(held, inside)
        return union(back, held)

    def _thank(self, rule: Rule, inside: Node) -> None:
        if statements := statements_of(rule.comment):
            self.found.append((statements, inside))

    def _chain(self, name: str) -> Chain:
        chain = self.walk.ruleset.table(self.walk.family).chain(name)
        assert chain is not None, "a rule leads to a chain that is there"
        return chain
