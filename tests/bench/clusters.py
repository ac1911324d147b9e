"""Cluster files to measure with: many nodes in few classes, and nodes that are each a class of their own."""

from __future__ import annotations

import random
from pathlib import Path

DISTINCT_POLICY = Path(__file__).with_name("distinct.netpol")
# The proportions of the 20-node cluster: one core and one load balancer, the rest shared out like this.
SHARES = (
    ("controller", "controller", 1),
    ("router", "router", 2),
    ("files", "filesystem", 1),
    ("sql", "postgresql, mysql", 1),
    ("data", "mongodb, redis, rabbit, memcached", 1),
    ("dea", "dea", 12),
)
# Nodes with one of the closed roles may not be public: the policy promises so.
OPEN_ROLES = ("controller", "router", "dea", "mongodb", "harbor")
CLOSED_ROLES = ("mysql", "postgresql", "rabbit", "redis", "memcached", "filesystem")
LABELS = ("public", "monitored", "archived")
HEAD = (
    *("mbus: 10.0.0.10", "params: {log_streaming: true}"),
    *("networks: {admins: [198.51.100.0/24], nas: [172.16.0.9]}", "nodes:"),
)


def cluster(nodes: int) -> str:
    """A cluster file with this many nodes, each written out, in the proportions of the 20-node cluster."""
    lines = ["cluster: bench", "policy: als/seed.netpol", *HEAD]
    lines += [*_node("core", "primary, controller, router", 0), *_node("lb", "load_balancer", 1, "public")]
    left, weight = nodes - 2, sum(share for _, _, share in SHARES)
    counts = [left * share // weight for _, _, share in SHARES]
    counts[-1] += left - sum(counts)
    at = 2
    for (name, roles, _), count in zip(SHARES, counts, strict=True):
        for number in range(count):
            lines += _node(f"{name}{number + 1}", roles, at)
            at += 1
    return "\n".join(lines) + "\n"


def distinct(nodes: int) -> str:
    """A cluster file in which no two nodes have the same roles and labels; it needs `DISTINCT_POLICY` beside it."""
    chance = random.Random(1)
    lines = ["cluster: distinct", f"policy: ./{DISTINCT_POLICY.name}", *HEAD]
    lines += [*_node("core", "primary, controller, router", 0), *_node("lb", "load_balancer", 1, "public")]
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    while len(seen) < nodes - 2:
        roles = tuple(role for role in (*OPEN_ROLES, *CLOSED_ROLES) if chance.random() < 0.4)
        labels = tuple(label for label in LABELS if chance.random() < 0.3)
        if roles and (roles, labels) not in seen and not ("public" in labels and set(roles) & set(CLOSED_ROLES)):
            seen.add((roles, labels))
            at = len(seen) + 1
            lines += _node(f"n{at}", ", ".join(roles), at, ", ".join(labels))
    return "\n".join(lines) + "\n"


def _node(name: str, roles: str, at: int, labels: str = "") -> list[str]:
    number = 3 * at + 10  # not neighbours, so that sets do not shrink to ranges
    lines = [f"  {name}:", f"    roles: [{roles}]"]
    lines.append(f"    address: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    return [*lines, f"    labels: [{labels}]"] if labels else lines
