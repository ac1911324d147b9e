"""Merges groups where an interface would carry more of them than a cloud allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from netpolicy.securitygroups.model import EVERY_NODE, Form, Group, Peer, Rule
from netpolicy.securitygroups.prune import joined, prune
from netpolicy.securitygroups.words import group_name, head_of, legal


def fit(form: Form, most: int) -> Form:
    """The same admissions with at most `most` groups an interface (two or more): the others become one.

    An interface with too many carries the group of every node and one of its own, which holds the rules of all the
    groups that it stands for; rules that name one of those as a peer name it, too.
    """
    crowded = _crowded(form, most)
    if not crowded:
        return form
    every_node = group_name(form.cluster, EVERY_NODE)
    attachments = [
        replace(one, groups=tuple(sorted((every_node, crowded[one.groups].name)))) if one.groups in crowded else one
        for one in form.attachments
    ]
    carried = {name for one in attachments for name in one.groups}
    standing = _standing(form, crowded, carried)
    groups = [group for group in form.groups if group.name in carried] + list(crowded.values())
    rules = prune(joined(copy for rule in form.rules for copy in standing.copies(rule)), every_node)
    return Form(
        form.cluster,
        tuple(sorted({group.name: group for group in groups}.values(), key=lambda group: group.name)),
        tuple(sorted(rules, key=lambda rule: rule.key)),
        tuple(sorted(attachments, key=lambda one: (one.interface, one.groups, one.nodes))),
    )


def fullest(form: Form, most: int) -> int:
    """Rules that the fullest of the merged groups would hold, before any of them is pruned; 0 where none is merged."""
    crowded = _crowded(form, most)
    standing = _standing(form, crowded, {name for one in form.attachments for name in one.groups})
    held: Counter[str] = Counter()
    for rule in form.rules if crowded else ():
        peers = len(standing.names(rule.peer)) if isinstance(rule.peer, str) else 1
        held.update(dict.fromkeys(standing.merged[rule.group], peers))
    return max(held.values(), default=0)


def _crowded(form: Form, most: int) -> dict[tuple[str, ...], Group]:
    """The group that takes the place of each list of too many."""
    return {one.groups: _merged(form, one.groups) for one in form.attachments if len(one.groups) > most}


def _standing(form: Form, crowded: dict[tuple[str, ...], Group], carried: set[str]) -> _Standing:
    merged: dict[str, list[str]] = {group.name: [] for group in form.groups}
    for groups, group in crowded.items():
        for name in groups:
            merged[name].append(group.name)
    return _Standing(merged, carried, group_name(form.cluster, EVERY_NODE))


def _merged(form: Form, groups: tuple[str, ...]) -> Group:
    """The group that stands for several; its name depends on theirs alone."""
    prefix = group_name(form.cluster, "")
    heads = [name.removeprefix(prefix) for name in groups if name != group_name(form.cluster, EVERY_NODE)]
    text = legal(f"{form.cluster}: {' + '.join(heads)}")[:255]
    return Group(group_name(form.cluster, head_of(" ".join(heads))), text)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Which merged groups stand for a group, and which groups are still carried."""

    merged: dict[str, list[str]]
    carried: set[str]
    every_node: str

    def names(self, name: str) -> list[str]:
        if name == self.every_node:
            return [name]
        return [*([name] if name in self.carried else []), *self.merged[name]]

    def copies(self, rule: Rule) -> Iterable[Rule]:
        """The rule for each group that stands for its own, from each that stands for its peer."""
        peers: list[Peer] = [*self.names(rule.peer)] if isinstance(rule.peer, str) else [rule.peer]
        for group in self.names(rule.group):
            yield from (replace(rule, group=group, peer=peer) for peer in peers)
