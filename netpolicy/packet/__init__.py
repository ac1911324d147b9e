"""Sets of packets as mathematics: intervals, addresses, ports and their products; no I/O and no vendor."""
