"""Counts in words."""

from __future__ import annotations


def many(count: int, one: str, several: str = "") -> str:
    """`1 node`, `5,000 nodes`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
