"""NP518."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import LintRule
from netpolicy.packet.addresses import FAMILIES, address_text
from netpolicy.policy.cluster import Cluster

PAGE = """\
# NP518: two networks overlap in part

Each of these networks holds addresses of the other, and neither holds all of the other. A peer with such an address is
let in by what is said of either, and a deny about one takes a part of the other: seldom is that what the names say. A
network within another is not meant. Correct the addresses, or name the common part.

## Bad

```netpol
network office, partners
allow office, partners -> all : tcp 22
```
```yaml
policy: ./policy.netpol
networks: {office: [192.0.2.0/25, 198.51.100.7], partners: [192.0.2.64/26, 203.0.113.7]}
nodes:
  core: {address: 10.0.0.1}
```

## Good

```netpol
network office, partners
allow office, partners -> all : tcp 22
```
```yaml
policy: ./policy.netpol
networks: {office: [192.0.2.0/25, 198.51.100.7], partners: [192.0.2.128/26, 203.0.113.7]}
nodes:
  core: {address: 10.0.0.1}
```
"""


def check(cluster: Cluster) -> Iterator[Diagnostic]:
    """Found once for two networks, at the later one."""
    for earlier, later in sorted(_meeting(cluster)):
        one, other = cluster.networks[earlier], cluster.networks[later]
        if one.addresses.covers(other.addresses) or other.addresses.covers(one.addresses):
            continue
        common = (one.addresses & other.addresses).witness()
        assert common is not None
        message = f"`{other.name.text}` and `{one.name.text}` share addresses, such as `{address_text(*common)}`"
        hint = "correct one of them, or name what they share"
        about = f"network {' and '.join(sorted((one.name.text, other.name.text)))}"
        yield RULE.finding(message, other.name.span, Label(one.name.span, "the other"), hint=hint, about=about)


def _meeting(cluster: Cluster) -> set[tuple[int, int]]:
    """Places of networks with a common address, in order: a sweep over where each begins."""
    found: set[tuple[int, int]] = set()
    for family in FAMILIES:
        spans = sorted(
            (first, last, at) for at, one in enumerate(cluster.networks) for first, last in one.addresses.of(family)
        )
        running: list[tuple[int, int]] = []
        for first, last, at in spans:
            running = [one for one in running if one[0] >= first]
            found.update((min(at, other), max(at, other)) for _, other in running)
            running.append((last, at))
    return found


RULE = LintRule("NP518", Severity.NOTICE, PAGE, of_cluster=check)
