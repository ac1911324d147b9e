"""Turns the neutral form into Neutron's security groups."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.packets import ICMP_OF
from netpolicy.packet.ports import Protocol
from netpolicy.securitygroups.model import Form, Rule, Service
from netpolicy.securitygroups.words import description
from netpolicy.targets.neutron.rules import NAMED_PROTOCOLS, GroupRule, Ruleset, SecurityGroup

_PORTED = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


def lower(form: Form) -> tuple[Ruleset, list[Diagnostic]]:
    """The ruleset, and what Neutron cannot say: with an error it must not be used."""
    rules: dict[str, list[GroupRule]] = {group.name: [] for group in form.groups}
    found: list[Diagnostic] = []
    for rule in form.rules:
        rules[rule.group].append(_rule(rule))
        found += _unsayable(rule)
    groups = tuple(SecurityGroup(group.name, group.description, tuple(rules[group.name])) for group in form.groups)
    return Ruleset(form.cluster, groups, form.attachments), found


def _rule(rule: Rule) -> GroupRule:
    service = rule.service
    peer = rule.peer
    network = None if isinstance(peer, str) else peer.text
    return GroupRule(
        direction=rule.direction.value,
        ethertype=f"IPv{rule.family.value}",
        protocol=None if service.protocol == -1 else NAMED_PROTOCOLS.get(service.protocol, str(service.protocol)),
        port_range_min=None if service.first == -1 else service.first,
        port_range_max=None if service.last == -1 else service.last,
        remote_group=peer if isinstance(peer, str) else None,
        remote_ip_prefix=network,
        description=description(rule.statements, rule.text),
    )


def _unsayable(rule: Rule) -> list[Diagnostic]:
    """Port 0: Neutron refuses it, and a range from 1 would not be the same."""
    service: Service = rule.service
    ported = service.protocol in _PORTED and service.protocol not in ICMP_OF.values()
    if not ported or service.first != 0:
        return []
    hint = "begin at port 1, name all ports as `any`, or leave Neutron out: `--cloud aws`"
    return [error("NP608", f"Neutron cannot say port 0 of protocol {service.protocol}", rule.span, hint=hint)]
