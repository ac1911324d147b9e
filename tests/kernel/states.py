"""What a host may hold before the first apply: rules of one backend, of the other, of both, or of none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace, inside

RULES = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 203.0.113.99 -j DROP\nCOMMIT\n"
RULES6 = RULES.replace("203.0.113.99", "2001:db8:bad::99")
POLICY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\nCOMMIT\n"
EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"


class Start(Enum):
    """A start state: pairs of a backend and the texts of IPv4 and IPv6 that the host has loaded by it."""

    NONE = ()
    LEGACY = (("legacy", RULES, RULES6),)
    NFT = (("nft", RULES, RULES6),)
    BOTH = (("legacy", RULES, RULES6), ("nft", RULES, RULES6))
    # Somebody once looked with a legacy tool: the tables stay, empty.
    LINGERING = (("legacy", EMPTY, EMPTY),)
    LINGERING_BESIDE_NFT = (("legacy", EMPTY, EMPTY), ("nft", RULES, RULES6))
    # No rule, and yet not empty.
    LEGACY_POLICY = (("legacy", POLICY, EMPTY),)
    NFT_POLICY = (("nft", EMPTY, POLICY),)
    NFT_AND_LEGACY_POLICY = (("legacy", EMPTY, POLICY), ("nft", RULES, RULES6))

    @property
    def holding(self) -> frozenset[str]:
        """The backends that hold a rule or a policy other than ACCEPT."""
        return frozenset(backend for backend, *texts in self.value if set(texts) != {EMPTY})


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a host from outside our program: names of legacy tables, and what the save tools print."""

    legacy_tables: tuple[str, ...]
    saved: dict[str, str]

    @property
    def holding(self) -> frozenset[str]:
        """The backends whose texts have a rule or a policy other than ACCEPT."""
        return frozenset(one for one, text in self.saved.items() if re.search(r"^-A|^:\S+ (?!ACCEPT|-)", text, re.M))


def make(lab: Lab, space: Namespace, start: Start) -> None:
    """The namespace is in the start state; it held nothing before."""
    for backend, *texts in start.value:
        for table, text in zip(TABLE_OF.values(), texts, strict=True):
            lab.restore(space, f"{table}-{backend}-restore", text, "-w")


def seen(lab: Lab, space: Namespace) -> Seen:
    """What the namespace holds; looking makes no table."""
    names = legacy_tables(space)
    saved = dict.fromkeys(BACKENDS, "")
    for backend in BACKENDS if names else ("nft",):
        for table in TABLE_OF.values():
            done = space.run(f"{table}-{backend}-save", lock=lab.lock)
            assert done.returncode == 0, done.stderr
            saved[backend] += re.sub(r"^#.*\n| \[\d+:\d+\]$", "", done.stdout, flags=re.M)
    return Seen(names, saved)


def legacy_tables(space: Namespace) -> tuple[str, ...]:
    """`4 filter`, and the like: the legacy tables that exist."""
    with inside(space):
        texts = {
            version: Path(f"/proc/thread-self/net/{name}_tables_names") for version, name in ((4, "ip"), (6, "ip6"))
        }
        return tuple(f"{version} {name}" for version, at in texts.items() for name in at.read_text().split())
