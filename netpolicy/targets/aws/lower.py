"""Turns the neutral form into EC2's security groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet, Family, networks
from netpolicy.packet.ports import Protocol
from netpolicy.securitygroups.fit import fit, fullest
from netpolicy.securitygroups.inventory import Inventory, members
from netpolicy.securitygroups.model import EVERY_NODE, Direction, Form, Network, Rule, Service
from netpolicy.securitygroups.prune import joined, shelves, wider
from netpolicy.securitygroups.words import description, group_name
from netpolicy.targets.aws.rules import MOST_GROUPS, MOST_RULES, NAMED_PROTOCOLS, Permission, Ruleset, SecurityGroup

_TOO_MANY = f"give nodes fewer roles at once, since AWS takes {MOST_GROUPS} groups an interface, or leave AWS out"
_PORTED = (Protocol.TCP, Protocol.UDP)
_ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}


def lower(form: Form, inventory: Inventory) -> tuple[Ruleset, list[Diagnostic]]:
    """The ruleset, and what EC2 cannot say: with an error it must not be used."""
    needed = fullest(form, MOST_GROUPS)
    if needed > MOST_RULES:
        message = f"AWS takes {MOST_RULES:,} rules an interface, and one here would need {needed:,}"
        return Ruleset(form.cluster, (), ()), [error("NP611", message, hint=_TOO_MANY)]
    fitted = fit(form, MOST_GROUPS)
    held = members(fitted.attachments, inventory)
    found = [told for rule in fitted.rules for told in _unsayable(rule)]
    permissions: dict[tuple[str, Direction], list[Permission]] = {}
    every_node = group_name(form.cluster, EVERY_NODE)
    for rule in joined(_of_both_families(fitted.rules, held, every_node)):
        permissions.setdefault((rule.group, rule.direction), []).append(_permission(rule))
    groups = (
        SecurityGroup(
            group.name,
            group.description,
            *(tuple(permissions.get((group.name, way), ())) for way in (Direction.INGRESS, Direction.EGRESS)),
        )
        for group in fitted.groups
    )
    return Ruleset(fitted.cluster, tuple(groups), fitted.attachments), found


def _of_both_families(rules: Sequence[Rule], held: Mapping[str, AddressSet], every_node: str) -> Iterator[Rule]:
    """A rule from a group once for both families; by address where it is of one and the groups have both.

    EC2 reads ICMP of IPv4 and ICMPv6 by their protocol, and a group as its members' addresses of either family. Where
    a wider rule covers the other family the twin is pruned, but what it says holds.
    """
    listed = {rule: rule for rule in rules}
    by_place = shelves(rules)
    for rule in rules:
        other = next(family for family in FAMILIES if family is not rule.family)
        wanted = replace(rule, family=other)
        twin = listed.get(wanted)
        if not isinstance(rule.peer, str) or rule.service.protocol == _ICMP[rule.family]:
            yield rule
        elif twin is not None:
            if rule.family is Family.V4:
                yield replace(rule, statements=tuple(sorted({*rule.statements, *twin.statements})))
        elif any(wider(wanted, by_place, every_node)) or not _meets(rule, held, other):
            yield rule
        else:
            for first, length in networks(rule.family, held[rule.peer].of(rule.family)):
                yield replace(rule, peer=Network(rule.family, first, length))


def _meets(rule: Rule, held: Mapping[str, AddressSet], family: Family) -> bool:
    """True when the rule's group and the one it names have both addresses of the family."""
    return all(held.get(name, NOWHERE).of(family) for name in (rule.group, rule.peer) if isinstance(name, str))


def _permission(rule: Rule) -> Permission:
    first, last = _ports(rule.service)
    network = None if isinstance(rule.peer, str) else rule.peer.text
    return Permission(
        protocol=NAMED_PROTOCOLS.get(rule.service.protocol, str(rule.service.protocol)),
        first=first,
        last=last,
        group=rule.peer if isinstance(rule.peer, str) else None,
        network=network,
        description=description(rule.statements, rule.text),
    )


def _ports(service: Service) -> tuple[int | None, int | None]:
    if service.protocol in _PORTED:
        return (0, 65535) if service.first == -1 else (service.first, service.last)
    if service.protocol in _ICMP.values():
        return service.first, service.last
    return None, None


def _unsayable(rule: Rule) -> list[Diagnostic]:
    """Ports of a protocol whose ports EC2 does not look at: it would open them all."""
    service = rule.service
    if service.first == -1 or service.protocol in (*_PORTED, *_ICMP.values()):
        return []
    hint = "open the whole protocol if that is meant, or leave AWS out: `--cloud neutron`"
    message = f"AWS cannot say ports of protocol {service.protocol}: it would open them all"
    return [error("NP609", message, rule.span, hint=hint)]
