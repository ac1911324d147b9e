"""How often each statement was met, for people."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

HEADER = ("packets", "bytes", "statement", "flow")


def as_table(rows: Sequence[tuple[int, int, str, str]], width: int) -> str:
    """A line for each (packets, bytes, statement, flow), in the order given; large numbers are grouped."""
    lines = [(f"{packets:,}", f"{octets:,}", statement, flow) for packets, octets, statement, flow in rows]
    columns = [None, None, max(12, width // 5), max(20, width // 2)]
    return (
        tabulate(
            lines,
            HEADER,
            tablefmt="simple",
            colalign=("right", "right", "left", "left"),
            maxcolwidths=columns,
            disable_numparse=True,
        )
        + "\n"
    )
