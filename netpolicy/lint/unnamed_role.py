"""NP502."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule
from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.ports import PortSet, Protocol
from netpolicy.policy.names import Names

_TCP = PortSet.ports(Protocol.TCP, [(1, 0xFFFF)])

PAGE = """\
# NP502: nothing is opened to a role

Nodes hold this role, and no active `allow` or `deny` names it, nor a group it is in: it gets what every node gets, and
what its nodes have for other roles. A service that other nodes use cannot be reached that way. Add the `allow` that it
needs. A role that needs none of its own is tied to those that stand for it by `require ROLE with OTHER`.

## Bad

```netpol
role dea, mysql, redis
allow all -> all   : tcp 22
allow dea -> mysql : tcp 3306
```
```yaml
policy: ./policy.netpol
nodes:
  data: {roles: [mysql, redis], address: 10.0.0.1}
  dea: {roles: [dea], address: 10.0.0.2}
```

## Good

```netpol
role dea, mysql, redis
allow all -> all   : tcp 22
allow dea -> mysql : tcp 3306
allow dea -> redis : tcp 6379
```
```yaml
policy: ./policy.netpol
nodes:
  data: {roles: [mysql, redis], address: 10.0.0.1}
  dea: {roles: [dea], address: 10.0.0.2}
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a role, at the first node that holds it; nothing in a policy that opens all nodes to each other."""
    named, opened = frozenset(_named(context)), _opened_otherwise(context)
    addresses = {one.name: one.addresses for one in context.policy.roles}
    if named.isdisjoint(addresses) or _is_flat(context):
        return
    held: dict[str, s.Name] = {}
    for node in context.cluster.nodes:
        for role in node.roles:
            held.setdefault(role.text, role)
    for text, role in held.items():
        if text not in named and not addresses[text].overlaps(opened):
            hint = f"add the allow that it needs, or say `require {text} with …` and the roles that stand for it"
            message = f"no allow opens anything to the role `{text}` in particular"
            yield RULE.finding(message, role.span, hint=hint, about=f"role {text}")


def _named(context: Context) -> Iterator[str]:
    """Roles that an active allow or deny names on a side, and roles that may stand only with others."""
    for flow, _ in context.active():
        if flow.verb in (s.Verb.ALLOW, s.Verb.DENY):
            yield from _roles(flow.who, context.names)
            yield from _roles(flow.whom, context.names)
    bound = {one.span for one in context.policy.demands if one.binding and one.kind is s.DemandKind.WITH}
    for statement in context.statements():
        if isinstance(statement, s.Requirement) and statement.span in bound:
            yield from _roles(statement.selector, context.names)


def _is_flat(context: Context) -> bool:
    """True when every node may use all of TCP on every other; then roles are not what tells nodes apart."""
    nodes = context.policy.nodes
    return any(
        one.ports.covers(_TCP) and one.who.addresses.covers(nodes) and one.whom.addresses.covers(nodes)
        for one in context.policy.of(s.Verb.ALLOW)
    )


def _opened_otherwise(context: Context) -> AddressSet:
    """Addresses of nodes that an active allow opens by label, node, network or address, if not those of all nodes."""
    roles = {one.name for one in context.policy.roles}
    opened = []
    for flow, statement in context.active():
        side = flow.whom if statement.whom.span == flow.whom.span else flow.who
        everywhere = statement.whom.addresses.covers(context.policy.nodes)
        if flow.verb is s.Verb.ALLOW and not everywhere and roles.isdisjoint(_roles(side, context.names)):
            opened.append(statement.whom.addresses & context.policy.nodes)
    return AddressSet.union_all(opened)


def _roles(selector: s.Selector, names: Names) -> Iterator[str]:
    """Names in the selector, by themselves, by an alias or as members of a group; not those that it leaves out."""
    match selector:
        case s.AnyOf() | s.AllOf():
            for part in selector.parts:
                yield from _roles(part, names)
        case s.Except() | s.OnInterface() | s.AtAddress():
            yield from _roles(selector.base, names)
        case s.Quoted():
            yield from _members(names.aliases[selector.text].target.text, names)
        case s.Named():
            yield from _members(selector.name, names)
        case _:
            pass


def _members(name: str, names: Names) -> Iterator[str]:
    yield name
    declared = names.selectors.get(name)
    for member in declared.members if isinstance(declared, s.Group) else ():
        yield from _roles(member, names)


RULE = LintRule("NP502", Severity.NOTICE, PAGE, of_policy=check)
