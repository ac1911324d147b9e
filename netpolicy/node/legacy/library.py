"""python-iptables in this process: loaded once, opening no table but the one that is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from netpolicy.node.legacy.unavailable import BackendUnavailableError, not_loaded, not_opened
from netpolicy.packet.addresses import Family

FILTER = "filter"
NAMES = {Family.V4: Path("/proc/net/ip_tables_names"), Family.V6: Path("/proc/net/ip6_tables_names")}
"""The legacy tables that this network namespace has; reading the file makes none."""


def load() -> Any:
    """The package, which from then on opens no table by itself; no table is open."""
    try:
        iptc = importlib.import_module("iptc")
        for kind in (iptc.Table, iptc.Table6):
            # To know a chain by its name, it would look through every table, and so create nat, raw and the others.
            kind.existing_table_names.update({name: name == FILTER for name in kind.ALL})
    except Exception as error:  # it fails with whatever ctypes meets first
        raise not_loaded(error) from None
    return iptc


def must_exist(family: Family) -> None:
    """The namespace has a legacy filter table, so opening it does not create it; else it is unavailable."""
    try:
        names = NAMES[family].read_text(encoding="ascii").split()
    except FileNotFoundError:
        reason = f"this kernel has no legacy tables for IPv{family.value} loaded"
        raise BackendUnavailableError(reason, "rules of iptables-nft are read by `iptables-nft-save`") from None
    except OSError as error:
        reason = f"`{NAMES[family]}` cannot be read: {error.strerror}"
        raise BackendUnavailableError(reason, "run it as root") from None
    if FILTER not in names:
        reason = f"there is no legacy filter table for IPv{family.value} in this network namespace"
        hint = "rules of iptables-nft are read by `iptables-nft-save`; reading must not create a legacy table"
        raise BackendUnavailableError(reason, hint)


def opened(iptc: Any, family: Family) -> Any:
    """The filter table as it is at this moment, with nothing committed behind our back; opening creates it."""
    kind = iptc.Table if family is Family.V4 else iptc.Table6
    try:
        table = kind(FILTER, autocommit=False)
        table.refresh()
    except Exception as error:
        raise not_opened(error) from None
    return table
