"""Rules, sets and tables of others, and what is left of them.

`lookalikes/` holds look-alikes of what Docker, fail2ban, Kubernetes, Calico, ufw and libvirt write. None of them
decides a packet of the clusters here, unless a scene bans an address.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.kernel.lab import TABLE_OF, Lab, Namespace

HERE = Path(__file__).parent / "lookalikes"
BANNED = ("203.0.113.66", "2001:db8:bad::66")
"""Addresses that `f2b-sshd` bans from port 22."""
_OURS = r"(?:NETPOLICY|NP)-\S+"
_MINE = re.compile(rf"^:{_OURS} .*\n|^-A {_OURS} .*\n|^-A \S+ (?:.* )?-[jg] {_OURS}\n", re.MULTILINE)
_PASSING = re.compile(r"^#.*\n|(?<=^)\[\d+:\d+\] | \[\d+:\d+\]$", re.MULTILINE)
_OUR_SET = re.compile(r"^(?:create|add) np[46][-_]\S+ ")
# The tables of iptables-nft, which only its own save tool shows as they are.
_XTABLES = {(family, name) for family in ("ip", "ip6") for name in ("filter", "nat", "mangle", "raw", "security")}


def seed(lab: Lab, space: Namespace, backend: str, *, native: bool = True) -> None:
    """The look-alikes are in force, beside whatever the namespace holds; `native` means nft tables, too."""
    lab.restore(space, "ipset restore", (HERE / "sets.ipset").read_text(encoding="utf-8"))
    for name, table in TABLE_OF.items():
        text = (HERE / name).read_text(encoding="utf-8")
        lab.restore(space, f"{table}-{backend}-restore", text, "-w", "--noflush")
    if native:
        lab.restore(space, "nft -f -", (HERE / "tables.nft").read_text(encoding="utf-8"))


def outline(lab: Lab, space: Namespace, backend: str) -> str:
    """Everything of others: rules of all tables with policies and order, sets, nft tables; no counters, none of ours.

    Handles of nft rules are in it: a rule that was deleted and made again is another.
    """
    parts = [_rules(_said(lab, space, f"{table}-{backend}-save")) for table in TABLE_OF.values()]
    parts.append(_sets(_said(lab, space, "ipset", "save")))
    tables = json.loads(_said(lab, space, "nft", "-j", "list", "tables"))["nftables"]
    for one in (each["table"] for each in tables if "table" in each):
        if (one["family"], one["name"]) not in _XTABLES and not one["name"].startswith("netpolicy"):
            listed = _said(lab, space, "nft", "-a", "list", "table", one["family"], one["name"])
            parts.append(re.sub(r"counter packets \d+ bytes \d+", "counter", listed))
    return "\n".join(parts)


def _rules(saved: str) -> str:
    return _MINE.sub("", _PASSING.sub("", saved))


def _sets(saved: str) -> str:
    lines = [line for line in saved.splitlines(keepends=True) if not _OUR_SET.match(line)]
    # A ban's seconds pass.
    return "".join(sorted(re.sub(r"^(add .*) timeout [1-9]\d*$", r"\1 timeout", line, flags=re.M) for line in lines))


def _said(lab: Lab, space: Namespace, *command: str) -> str:
    done = space.run(*command, lock=lab.lock)
    assert done.returncode == 0, f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr}"
    assert "incompatible" not in done.stdout, f"`{' '.join(command)}` does not show all: {done.stdout}"
    return done.stdout
