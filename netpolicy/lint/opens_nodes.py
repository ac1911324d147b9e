"""NP506."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.dsl import syntax as s
from netpolicy.lint import Context, LintRule
from netpolicy.packet.addresses import NOWHERE, AddressSet

PAGE = """\
# NP506: a network as whom opens nodes

A network or a CIDR as whom of an `allow` means every address in it, and addresses of nodes are among them: the rule
opens those nodes, whatever their role. Where nodes are meant, name them by role, label or `node`. Where they are not,
give the network the addresses of its peers alone, or write `NETWORK except all`.

## Bad

```netpol
role dea
allow dea -> 10.0.0.0/24 : tcp 3306
```

## Good

```netpol
role dea
allow dea -> 10.0.0.0/24 except all : tcp 3306
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found for each network that is declared, and each CIDR, in a whom; one address alone is plainly meant."""
    networks = {one.name: one.addresses for one in context.policy.networks if one.name in context.names.selectors}
    targets = {text: alias.target.text for text, alias in context.names.aliases.items()}
    for flow, statement in context.active():
        if flow.verb is not s.Verb.ALLOW:
            continue
        side = flow.whom if statement.whom.span == flow.whom.span else flow.who
        for part in side.parts if isinstance(side, s.AnyOf) else (side,):
            opened = _addresses(part, networks, targets) & context.policy.nodes
            if opened:
                message = f"`{part.span.text}` as whom opens {_nodes(opened, context)}"
                hint = "name nodes by role, label or `node`, or leave them out by `except all`"
                yield RULE.finding(message, part.span, hint=hint, about=statement.text)


def _addresses(part: s.Selector, networks: dict[str, AddressSet], targets: dict[str, str]) -> AddressSet:
    """What a network or CIDR holds; nothing of any other selector."""
    match part:
        case s.Named(name=name):
            return networks.get(name, NOWHERE)
        case s.Quoted(text=text):
            return networks.get(targets[text], NOWHERE)
        case s.Literal(family=family, first=first, last=last) if first < last:
            return AddressSet(**{f"v{family.value}": ((first, last),)})
        case _:
            return NOWHERE


def _nodes(opened: AddressSet, context: Context) -> str:
    """`node `core``, or how many and one of them."""
    held = [node for node in context.cluster.nodes if any(address in opened for address in node.addresses)]
    if len(held) == 1:
        return f"node `{held[0].name}`"
    return f"{len(held):,} nodes, such as `{held[0].name}`"


RULE = LintRule("NP506", Severity.NOTICE, PAGE, of_policy=check)
