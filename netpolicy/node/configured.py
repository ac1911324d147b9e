"""What the system's files give its interfaces at the next start of networking: ifupdown, systemd-networkd, netplan.

Only plain forms are read; what is not understood is left out, and nothing is found there.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address
from netpolicy.policy.nodestate import Configured

_YES = ("yes", "true", "on", "1", "ipv4", "ipv6", "both")


def read_configured(interfaces: Iterable[str], root: Path = Path("/")) -> tuple[Configured, ...]:
    """An entry for each file and each of these interfaces that it names."""
    names = tuple(interfaces)
    ifupdown = [root / "etc/network/interfaces", *_files(root / "etc/network/interfaces.d", "*")]
    found = [entry for path in ifupdown for entry in _ifupdown(path, names)]
    found += [entry for path in _files(root / "etc/systemd/network", "*.network") for entry in _networkd(path, names)]
    found += [entry for path in _files(root / "etc/netplan", "*.yaml") for entry in _netplan(path, names)]
    return tuple(
        Configured(name, f"/{file.relative_to(root)}", addresses, leases) for name, file, addresses, leases in found
    )


Entry = tuple[str, Path, tuple[Address, ...], bool]


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _addresses(texts: Iterable[Any]) -> tuple[Address, ...]:
    found = set()
    for text in texts:
        try:
            address = ip_interface(str(text)).ip
        except ValueError:
            continue
        found.add((Family(address.version), int(address)))
    return tuple(sorted(found))


def _ifupdown(path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    """`iface eth0 inet static` and the `address` lines below it; `eth0:1` is an address of eth0."""
    texts: dict[str, list[str]] = {}
    leased: set[str] = set()
    current = ""
    for line in _text(path).splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "iface" and len(words) >= 4:
            current = words[1].partition(":")[0]
            texts.setdefault(current, [])
            if words[3] in ("dhcp", "auto"):
                leased.add(current)
        elif words[0] in ("auto", "mapping", "source", "source-directory") or words[0].startswith("allow-"):
            current = ""
        elif words[0] == "address" and current and len(words) > 1:
            texts[current].append(words[1])
    for name in names:
        if name in texts:
            yield name, path, _addresses(texts[name]), name in leased


class _Repeated(dict[str, Any]):
    """Sections and keys of a networkd file may stand several times: all values are kept."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


class _Networkd(configparser.RawConfigParser):
    """Its keys keep their case."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _networkd(path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    parser = _Networkd(
        strict=False, dict_type=_Repeated, allow_no_value=True, empty_lines_in_values=False, delimiters=("=",)
    )
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return

    def values(section: str, key: str) -> list[str]:
        return (parser.get(section, key, fallback="") or "").split("\n")

    patterns = " ".join(values("Match", "Name")).split()
    texts = [text.strip() for section in ("Network", "Address") for text in values(section, "Address")]
    leases = any(text.strip().lower() in _YES for text in values("Network", "DHCP"))
    for name in names:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            yield name, path, _addresses(texts), leases


def _netplan(path: Path, names: tuple[str, ...]) -> Iterator[Entry]:
    import yaml

    try:
        tree = yaml.safe_load(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    network = tree.get("network") if isinstance(tree, dict) else None
    for kind in network.values() if isinstance(network, dict) else ():
        for key, entry in kind.items() if isinstance(kind, dict) else ():
            name = entry.get("set-name", key) if isinstance(entry, dict) else None
            if name in names:
                listed = entry.get("addresses")
                several = listed if isinstance(listed, list) else ()
                flat = [next(iter(one), "") if isinstance(one, dict) else one for one in several]
                yield str(name), path, _addresses(flat), bool(entry.get("dhcp4") or entry.get("dhcp6"))
