"""NP408."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl.syntax import DemandKind, Verb
from netpolicy.lint import Context, LintRule, Profile, blamed
from netpolicy.packet.addresses import AddressSet
from netpolicy.packet.ports import PortSet, Protocol
from netpolicy.policy.model import Statement
from netpolicy.policy.selectors import address_set
from netpolicy.verify.exposure import Reach, degree_of, in_order, some_nodes, strangers
from netpolicy.verify.wellknown import WEB

_WEB = PortSet.ports(Protocol.TCP, [(one.port, one.port) for one in WEB])

PAGE = """\
# NP408: several public web nodes, and nothing in front of them

The world reaches several nodes on the ports of the web by the same statements, and no allow lets a load balancer, be it
a node or a network, reach them there. One that fails takes its share of the requests with it, and each needs
certificates and a public address. Put a load balancer or a virtual address in front; a policy that asks for several
(`require at least 2 ROLE`) has decided otherwise. Only the profile `production` asks.

## Bad

```netpol
policy shop "a shop"
role web "the shop"
option egress = enforced
allow world -> web : tcp 443 because "visitors" owner "ops"
never outside -> web : tcp 22
```
```yaml
policy: ./policy.netpol
nodes:
  web[1-2]: {roles: [web], address: "10.0.0.[1-2]"}
```

## Good

```netpol
policy shop "a shop"
role balancer "the entry"
role web "the shop"
option egress = enforced
allow world -> balancer : tcp 443 because "visitors" owner "ops"
allow balancer -> web   : tcp 80  because "their requests" owner "ops"
never outside -> web    : any
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a whom of several nodes; not where the world reaches all nodes, or comes by a virtual address."""
    by_whom: dict[str, list[Reach]] = {}
    reached = context.exposure().open_to_world(WEB)
    if any(one.virtual for one in reached):
        return
    for one in reached:
        by_whom.setdefault(one.whom, []).append(one)
    nodes = context.cluster.nodes
    of_one_kind = len({frozenset(role.text for role in node.roles) for node in nodes}) == 1
    for whom, its in by_whom.items():
        names = list(dict.fromkeys(name for one in its for name in one.node_class.members))
        several = len(names) > 1 and (len(names) < len(nodes) or of_one_kind)
        if several and not _behind(names, context) and not _wanted(names, context):
            yield _finding(whom, names, in_order(each for one in its for each in one.statements))


def _behind(names: Collection[str], context: Context) -> bool:
    """Whether something is in front of some of these nodes."""
    own = _addresses(names, context)
    return any(_in_front(one, own, context) for one in context.policy.of(Verb.ALLOW))


def _wanted(names: Collection[str], context: Context) -> bool:
    """Whether the policy asks for several of them."""
    own = _addresses(names, context)
    asking = (DemandKind.AT_LEAST, DemandKind.EXACTLY)
    demands = [one for one in context.policy.demands if one.kind in asking and one.number > 1]
    return any(one.selector.addresses.covers(own) for one in demands)


def _addresses(names: Collection[str], context: Context) -> AddressSet:
    wanted = set(names)
    return address_set([address for node in context.cluster.nodes if node.name in wanted for address in node.addresses])


def _in_front(one: Statement, own: AddressSet, context: Context) -> bool:
    """Whether an allow lets others, who are neither these nodes nor many strangers, reach them on the web's ports."""
    if not (one.who.addresses and one.ports.overlaps(_WEB) and one.whom.addresses.overlaps(own)):
        return False
    outside = strangers(one.who.addresses, context.policy)
    known = all(degree_of(outside.space().size(outside.of(family)), family) is None for family in outside.families())
    return known and not one.who.addresses.overlaps(own)


def _finding(whom: str, names: Sequence[str], statements: Sequence[Statement]) -> Diagnostic:
    message = f"nothing is in front of {some_nodes(names)}, which the world reaches on ports of the web"
    hint = "open a load balancer or a virtual address to the world, and let that reach them"
    return RULE.finding(message, *blamed(statements), hint=hint, about=f"world -> {whom} : web")


RULE = LintRule("NP408", Severity.NOTICE, PAGE, of_policy=check, profile=Profile.PRODUCTION)
