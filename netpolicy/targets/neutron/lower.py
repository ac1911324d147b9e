"""Turns the neutral form into Neutron's security groups."""

from __future__ import annotations

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.packet.addresses import Family
from netpolicy.securitygroups.model import Form, Rule, Service
from netpolicy.securitygroups.words import description
from netpolicy.targets.neutron.rules import (
    IPV6_HEADERS,
    LAST_PORT,
    NAMED_PROTOCOLS,
    PORTED,
    GroupRule,
    Ruleset,
    SecurityGroup,
)


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
    """What Neutron refuses, or takes for more than it says."""
    service: Service = rule.service
    number = service.protocol
    if rule.family is Family.V4 and number in IPV6_HEADERS:
        hint = "leave Neutron out: `--cloud aws`, or say `any` if every protocol is meant"
        return [error("NP608", f"Neutron takes protocol {number} for one of IPv6 alone", rule.span, hint=hint)]
    if number not in PORTED:
        return []
    if (service.first, service.last) == (1, LAST_PORT):
        hint = "name all ports as `any` if port 0 may come, too, or leave Neutron out: `--cloud aws`"
        message = f"Neutron takes ports 1-{LAST_PORT} of protocol {number} for all ports, and would open port 0"
        return [error("NP608", message, rule.span, hint=hint)]
    if service.first == 0:
        hint = "begin at port 1, name all ports as `any`, or leave Neutron out: `--cloud aws`"
        return [error("NP608", f"Neutron cannot say port 0 of protocol {number}", rule.span, hint=hint)]
    return []
