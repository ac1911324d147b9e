"""NP504."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.lint import Context, LintRule, Range, range_text

FIRST, LAST = 32768, 60999
"""Ports that Linux gives to outgoing connections, unless told otherwise (`ip_local_port_range`)."""

PAGE = """\
# NP504: a range of ports that outgoing connections use

Linux gives the ports 32768 to 60999 to outgoing connections. A program of this service that starts late may find its
port taken by such a connection, and while the range is open, packets reach whatever happens to have one of its ports.
Reserve the range on the nodes (`net.ipv4.ip_local_reserved_ports`), or take ports below 32768. A `forwarded service` is
not meant: its ports are translated before they reach a program.

## Bad

```netpol
role dea, rabbit
service instances = tcp 35001-40000
allow dea -> rabbit : instances
```

## Good

```netpol
role dea, rabbit
service instances = tcp 25001-30000
allow dea -> rabbit : instances
```
"""


def check(context: Context) -> Iterator[Diagnostic]:
    """Found once a service that an active allow opens on nodes; single ports are not ranges."""
    for one in context.opened():
        met = [ports for ports in one.ranges if _meets(ports)]
        if met and one.statement.whom.addresses.overlaps(context.policy.nodes):
            shown = ", ".join(range_text(ports) for ports in met)
            message = f"`{shown}` reaches into `{FIRST}-{LAST}`, ports of outgoing connections"
            hint = "reserve it on the nodes by `net.ipv4.ip_local_reserved_ports`, or use lower ports"
            yield RULE.finding(message, one.span, hint=hint, about=one.name)


def _meets(ports: Range) -> bool:
    _, first, last = ports
    return first < last and first <= LAST and last >= FIRST


RULE = LintRule("NP504", Severity.NOTICE, PAGE, of_policy=check)
