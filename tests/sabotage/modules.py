"""The modules that are broken on purpose, and the tests that must notice: the quickest first."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

_IPTABLES = "netpolicy.targets.iptables"
PARTS: dict[str, tuple[str, ...]] = {
    "printer": (f"{_IPTABLES}.render",),
    "planner": (
        *("netpolicy.flow.plan", "netpolicy.flow.classes"),
        *(f"{_IPTABLES}.{name}" for name in ("lower", "dispatch", "matches", "sets")),
    ),
    "reader": tuple(
        f"{_IPTABLES}.{name}" for name in ("read", "read_rule", "read_sets", "options", "values", "tokens")
    ),
    "minimiser": ("netpolicy.flow.minimise", "netpolicy.flow.holders"),
    "sets": tuple(
        f"netpolicy.packet.{name}" for name in ("intervals", "product", "addresses", "ports", "familyset", "flowset")
    ),
    "diagrams": tuple(f"netpolicy.packet.{name}" for name in ("diagram", "grid", "packetset")),
}
"""Modules by what they do."""

_UNITS, _LAWS = "tests/unit", "tests/properties"
PROOF = "tests/sabotage/proof.py"
"""What every compile does by itself; it comes first, so that it is seen how much it notices alone."""
_WHOLE = (f"{_LAWS}/test_specification.py", "tests/golden")
QUICK: dict[str, tuple[str, ...]] = {
    "printer": (PROOF, f"{_UNITS}/test_render.py", *_WHOLE, f"{_UNITS}/test_change.py"),
    "planner": (
        PROOF,
        *(f"{_UNITS}/test_{name}.py" for name in ("matches", "plan", "chains")),
        *_WHOLE,
        f"{_UNITS}/test_matrix.py",
    ),
    "reader": (
        *(f"{_UNITS}/test_{name}.py" for name in ("read", "read_edges", "decide", "live")),
        f"{_LAWS}/test_specification.py",
    ),
    "minimiser": (PROOF, f"{_LAWS}/test_minimise.py", *_WHOLE),
    "sets": (
        f"{_UNITS}/test_packet_sets.py",
        f"{_LAWS}/test_packet_values.py",
        f"{_LAWS}/test_packet_laws.py",
        *_WHOLE,
    ),
    "diagrams": (
        f"{_UNITS}/test_diagrams.py",
        f"{_LAWS}/test_packet_sets.py",
        PROOF,
        f"{_LAWS}/test_admitted.py",
    ),
}
"""By part, what pytest is to run; each only if all before it noticed nothing."""

_SLOW: dict[str, tuple[str, ...]] = {
    "printer": ("shape", "deletion", "meaning"),
    "planner": ("shape", "deletion", "order", "meaning"),
    "reader": ("drift", "deletion", "meaning"),
    "minimiser": ("order", "meaning"),
    "sets": ("minimise", "meaning"),
    "diagrams": ("proof",),
}
_MORE = {"printer": ("dispatch",), "planner": ("dispatch",), "minimiser": ("dispatch",), "reader": ("drift",)}
JUDGES: dict[str, tuple[str, ...]] = {
    part: (
        *quick,
        *(f"{_UNITS}/test_{name}.py" for name in _MORE.get(part, ())),
        *(f"{_LAWS}/test_{name}.py" for name in _SLOW[part]),
    )
    for part, quick in QUICK.items()
}
"""The quick ones, and then those that take long."""


def part_of(module: str) -> str:
    """The part that a module belongs to."""
    return next(part for part, names in PARTS.items() if module in names)


def source_path(module: str) -> Path:
    """The file of a module, found without importing it."""
    return (ROOT / module.replace(".", "/")).with_suffix(".py")


def all_modules() -> tuple[str, ...]:
    """Every module that is broken, in order."""
    return tuple(name for names in PARTS.values() for name in names)
