"""In the child: the part of an open table that is ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netpolicy.node.legacy.decode import decoded, entries, leads_to
from netpolicy.node.legacy.live import BUILT_IN, LegacyChain, LegacyRule, LegacyTable, is_ours
from netpolicy.packet.addresses import Family


def our_table(iptc: Any, table: Any, family: Family, prefixes: tuple[str, ...]) -> LegacyTable:
    """The built-in chains with the rules that lead to ours, and our chains whole."""
    names = chain_names(table)
    ours = sorted(name for name in names if name not in BUILT_IN and is_ours(name, prefixes))
    chosen = [*(name for name in BUILT_IN if name in names), *ours]
    return LegacyTable(
        family,
        tuple(
            LegacyChain(name, policy(table, name), tuple(_rules(iptc, table, family, name, prefixes)))
            for name in chosen
        ),
    )


def chain_names(table: Any) -> list[str]:
    """Every chain of the table."""
    return [chain.name for chain in table.chains]


def policy(table: Any, name: str) -> str:
    """The policy of a built-in chain; empty for another."""
    found, _ = table.get_policy(name)
    return str(found.name) if found else ""


def _rules(iptc: Any, table: Any, family: Family, name: str, prefixes: tuple[str, ...]) -> Iterator[LegacyRule]:
    for number, entry in enumerate(entries(table, name), 1):
        if name in BUILT_IN and not is_ours(leads_to(table, entry), prefixes):
            continue
        rule = decoded(iptc, table, name, entry, family)
        yield LegacyRule(number, rule, entry.counters.pcnt, entry.counters.bcnt)
