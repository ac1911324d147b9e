"""The matrix of who may reach what for people: ends that share a service share a line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tabulate import tabulate

from netpolicy.report.matrix import natural, service
from netpolicy.verify.reachability import Row

HEADER = ("from", "to", "service")


def as_table(rows: Sequence[Row], possible: Collection[tuple[str, str]], by: str, width: int) -> str:
    """A line for each service between the same ends; `every role` stands for all that could be there."""
    columns = [width // 3, width // 3, width // 4]
    return tabulate(lines(rows, possible, by), HEADER, tablefmt="simple", maxcolwidths=columns) + "\n"


def as_markdown(rows: Sequence[Row], possible: Collection[tuple[str, str]], by: str) -> str:
    """The lines of the table in Markdown."""
    return tabulate(lines(rows, possible, by), HEADER, tablefmt="github") + "\n"


def services(texts: Iterable[str]) -> str:
    """Services in one text; a protocol is written once: `tcp 22, 80, udp 53`."""
    written: list[str] = []
    before = ""
    for text in texts:
        protocol, _, port = text.partition(" ")
        written.append(port if port and protocol == before else text)
        before = protocol
    return ", ".join(written)


def lines(rows: Sequence[Row], possible: Collection[tuple[str, str]], by: str) -> list[list[str]]:
    """(from, to, service) lines: wide ones first, ends that share a service together."""
    held: dict[str, set[tuple[str, str]]] = {}
    order: dict[str, tuple[str, int]] = {}
    for row in rows:
        held.setdefault(service(row), set()).add((row.source, row.destination))
        order[service(row)] = (row.protocol, row.first or 0)
    found: dict[tuple[str, str], list[str]] = {}
    for text in sorted(held, key=lambda text: order[text]):
        for ends in _ends(held[text], set(possible), f"every {by}"):
            found.setdefault(ends, []).append(text)
    listed = [[source, destination, services(texts)] for (source, destination), texts in found.items()]
    return sorted(listed, key=lambda line: (not line[0].startswith("every"), not line[1].startswith("every"), line))


def _ends(pairs: set[tuple[str, str]], possible: set[tuple[str, str]], every: str) -> list[tuple[str, str]]:
    """The (from, to) texts that cover the pairs of one service."""
    found: list[tuple[str, str]] = []
    if len(possible) > 1 and pairs >= possible:
        found.append((every, every))
        pairs = pairs - possible
    names = {name for pair in possible for name in pair}
    shared: dict[tuple[str, ...], list[str]] = {}
    for destination in sorted({pair[1] for pair in pairs}, key=natural):
        sources = {source for source, to in pairs if to == destination}
        could = {source for source, to in possible if to == destination}
        if len(could) > 1 and sources >= could:
            sources = (sources - could) | {every}
        shared.setdefault(
            tuple(sorted(sources, key=lambda name: (name != every, name not in names, natural(name)))), []
        ).append(destination)
    return found + [(", ".join(sources), ", ".join(destinations)) for sources, destinations in shared.items()]
