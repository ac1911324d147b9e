"""NP503."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import Context, LintRule, Opened, Range, range_text
from netpolicy.packet.addresses import AddressSet
from netpolicy.policy.model import Statement

Pair = tuple[tuple[Opened, Range], tuple[Opened, Range]]
_SHOWN = 3
"""Services that are shown beside the one that they overlap."""

PAGE = """\
# NP503: port ranges overlap

Two services are opened to the same nodes from the same sources, and a range of one holds ports of the other. To close
the one leaves those ports open by the other, and two programs may want the same port. Give them ranges of their own,
or one service for both. Of each two services one overlap is shown, those of a service with several others together;
ranges that are equal are not.

## Bad

```netpol
role dea, redis
service instances = tcp 5000-15000
service internal  = tcp 5454
allow dea -> redis : instances
allow all -> redis : internal
```

## Good

```netpol
role dea, redis
service instances = tcp 6000-15000
service internal  = tcp 5454
allow dea -> redis : instances
allow all -> redis : internal
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once for two services: at the one that overlaps most others, else at the one whose range begins first."""
    opened: dict[tuple[str, Range], dict[tuple[str, str], Opened]] = {}
    for one in context.opened():
        sides = (one.statement.who.text, one.statement.whom.text)  # equal text, equal addresses
        for ports in one.ranges:
            opened.setdefault((one.name, ports), {}).setdefault(sides, one)
    found: dict[frozenset[str], Pair] = {}
    for (name, ports), (other_name, other) in overlaps(opened):
        services = frozenset((name, other_name))
        if services not in found:
            met = _meeting(opened[name, ports].values(), opened[other_name, other].values(), context.policy.nodes)
            if met is not None:
                found[services] = ((met[0], ports), (met[1], other))
    yield from map(_finding, _grouped(found.values()))


def overlaps(opened: Iterable[tuple[str, Range]]) -> Iterator[tuple[tuple[str, Range], tuple[str, Range]]]:
    """Pairs of different names with ranges of one protocol that overlap and are not equal, the earlier range first."""
    running: list[tuple[str, Range]] = []
    for name, ports in sorted(opened, key=lambda one: (one[1], one[0])):
        number, first, _ = ports
        running = [one for one in running if one[1][0] == number and one[1][2] >= first]
        yield from ((one, (name, ports)) for one in running if one[1] != ports and one[0] != name)
        running.append((name, ports))


def _meeting(some: Iterable[Opened], others: Collection[Opened], nodes: AddressSet) -> tuple[Opened, Opened] | None:
    """The first two that open some node to the same source."""
    return next(
        ((one, other) for one in some for other in others if _meet(one.statement, other.statement, nodes)), None
    )


def _meet(one: Statement, other: Statement, nodes: AddressSet) -> bool:
    whom, who = one.whom.addresses & other.whom.addresses & nodes, one.who.addresses & other.who.addresses
    return any(who.of(family) for family in whom.families())


def _grouped(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Every pair once, those of a service together and it first in each; who has most pairs takes its own first."""
    of_service: dict[str, list[Pair]] = {}
    for pair in pairs:
        for opened, _ in pair:
            of_service.setdefault(opened.name, []).append(pair)
    told: set[frozenset[str]] = set()
    for name, its in sorted(of_service.items(), key=lambda one: -len(one[1])):
        left = [pair for pair in its if _services(pair) not in told]
        told.update(map(_services, left))
        if len(left) > 1:
            yield [pair if pair[0][0].name == name else pair[::-1] for pair in left]
        elif left:
            yield left


def _services(pair: Pair) -> frozenset[str]:
    return frozenset(opened.name for opened, _ in pair)


def _finding(pairs: list[Pair]) -> Diagnostic:
    """What is told of a service and all those that it overlaps."""
    shown, more = [pairs[0][0], *(other for _, other in pairs[:_SHOWN])], len(pairs) - _SHOWN
    first, *others = (f"`{opened.name}`" for opened, _ in shown)
    if len(pairs) == 1:
        message = f"{first} and {others[0]} overlap, and the same nodes are open to both"
    else:
        last = f"{more} more" if more > 0 else others.pop()
        message = f"{first} overlaps {', '.join(others)} and {last}, and the same nodes are open to them"
    labels = (Label(opened.span, range_text(ports)) for opened, ports in shown)
    hint = "closing one leaves their common ports open; keep the ranges apart, or open them as one service"
    names = sorted({opened.name for pair in pairs for opened, _ in pair})
    return RULE.finding(message, *labels, hint=hint, about=" and ".join(names))


RULE = LintRule("NP503", Severity.NOTICE, PAGE, of_policy=check)
