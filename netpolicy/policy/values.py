"""Values of a cluster file: names, addresses, ports. Each reader notes what is wrong, and then gives nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl.literals import Problem, address_literal, port_range
from netpolicy.dsl.syntax import Name, Value, normal
from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address, AddressesAre
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence
from netpolicy.source import Source, Span

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_NUMBERED = re.compile(r"-?[0-9]")
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")

_UNFIT = {
    Family.V4: (
        ("multicast", 0xE000_0000, 0xEFFF_FFFF),
        ("loopback", 0x7F00_0000, 0x7FFF_FFFF),
        ("unspecified", 0, 0),
        ("broadcast", Family.V4.last, Family.V4.last),
    ),
    Family.V6: (
        ("multicast", 0xFF << 120, Family.V6.last),
        ("loopback", 1, 1),
        ("unspecified", 0, 0),
        ("IPv4-mapped", 0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF),
    ),
}
"""Addresses that no interface can hold: why, the first, the last."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The values of a mapping by key. `misspelt` are known keys that an unknown one was probably meant to be."""

    values: dict[str, Branch]
    misspelt: frozenset[str] = frozenset()

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Branch:
        return self.values[key]

    def read(self, key: str, reader: Callable[[Branch], T], default: T) -> T:
        """What the reader makes of the value; the default where there is none."""
        return reader(self.values[key]) if key in self.values else default


class Values:
    """Reads the values of one file; `found` is what is wrong with them."""

    def __init__(self, source: Source, found: list[Diagnostic]) -> None:
        self.source = source
        self.found = found

    def fail(self, code: str, message: str, place: Span, hint: str = "") -> None:
        self.found.append(error(code, message, place, hint=hint))

    # The shape of a value.

    def mapping(self, branch: Branch, what: str) -> Mapping | None:
        if isinstance(branch, Mapping):
            return branch
        if isinstance(branch, Scalar) and branch.plain and branch.text == "":
            self.fail("NP203", f"{what} is empty", branch.span, "give it entries, or remove the key")
        else:
            self.fail("NP203", f"{what} must be a mapping", branch.span, "`key: value` lines, or `{key: value}`")
        return None

    def entries(self, mapping: Mapping, known: tuple[str, ...], what: str) -> Entries:
        """Values by key; keys that nobody knows are errors."""
        values: dict[str, Branch] = {}
        misspelt: set[str] = set()
        for key, value in mapping.entries:
            chosen = normal(key.text)
            if chosen not in known:
                near = _key_hint(chosen, known)
                misspelt |= {one for one in known if f"`{one}`" in near or f"`{one}: " in near}
                hint = near or f"the keys are {', '.join(known)}"
                self.fail("NP208", f"unknown key `{key.text}` of {what}", key.span, hint)
            elif chosen in values:
                self.fail("NP202", f"the key `{key.text}` stands twice", key.span, "`-` and `_` are alike; remove one")
            else:
                values[chosen] = value
        return Entries(values, frozenset(misspelt))

    def items(self, branch: Branch, what: str) -> tuple[Branch, ...]:
        """The items of a list; a lone text is a list of one."""
        if isinstance(branch, Sequence):
            return branch.items
        if isinstance(branch, Scalar) and branch.text:
            return (branch,)
        self.fail("NP203", f"{what} must be a list", branch.span, "such as `[a, b]`")
        return ()

    def text(self, branch: Branch, what: str) -> str | None:
        if not isinstance(branch, Scalar):
            self.fail("NP203", f"{what} must be a text", branch.span, "one value, no list and no mapping")
        elif not branch.text.strip():
            self.fail("NP203", f"{what} is missing here", branch.span, "give it a value, or remove the key")
        elif branch.trap():
            told = f"YAML reads `{branch.text}` as {branch.trap()}, where {what} is meant"
            number = what.endswith("address") and not branch.text[:1].isdigit()
            hint = "write the address" if number else f'quote it: `"{branch.text}"`'
            self.fail("NP204", told, branch.span, hint)
        elif branch.text[0] in "“”„‘’«»":
            told = f"`{branch.text[0]}` is no quote to YAML, but a letter of the text"
            self.fail("NP204", told, branch.span, 'write straight quotes: `"`')
        else:
            return branch.text
        return None

    # Names.

    def name(self, branch: Branch, what: str) -> Name | None:
        text = self.text(branch, what)
        if text is None:
            return None
        if not _NAME.fullmatch(text):
            hint = "letters, digits, single `_` or `-`, beginning with a letter"
            listed = [one for one in re.split(r"[\s,;|]+", text) if one]
            if len(listed) > 1 and all(_NAME.fullmatch(one) for one in listed):
                hint = f"a list is written `[{', '.join(listed)}]`"
            elif _NAME.fullmatch(text.partition("=")[0]):
                hint = f"write `{text.replace('=', ': ', 1)}`"
            self.fail("NP205", f"`{text}` is no name of {what}", branch.span, hint)
            return None
        return Name(normal(text), branch.span)

    def names(self, branch: Branch, what: str, of: str = "of a node") -> tuple[Name, ...]:
        """The roles or labels of a node, or the clouds of a cluster, none twice; an empty list is none."""
        if isinstance(branch, Sequence) and not branch.items:
            return ()
        found: dict[str, Name] = {}
        for item in self.items(branch, f"the {what}s {of}"):
            name = self.name(item, f"a {what}")
            if name is not None and name.text in found:
                self.fail("NP206", f"{what} `{name.text}` stands twice", item.span, "remove one")
            elif name is not None:
                found[name.text] = name
        return tuple(found.values())

    def host(self, branch: Branch, what: str) -> str:
        text = self.text(branch, f"the {what}") or ""
        if text and not is_host(text):
            hint = "labels of letters, digits and `-`, joined by dots"
            self.fail("NP205", f"`{text}` is no {what}", branch.span, hint)
        return text.lower()

    def hostname(self, branch: Branch) -> str:
        return self.host(branch, "hostname")

    def interface(self, branch: Branch) -> str:
        text = self.text(branch, "an interface name") or ""
        if text and not _INTERFACE.fullmatch(text):
            self.fail("NP205", f"`{text}` is no interface name", branch.span, "15 characters at most, such as `eth0`")
        return text

    def origin(self, branch: Branch) -> AddressesAre:
        text = self.text(branch, "how addresses are given") or ""
        known = [one.value for one in AddressesAre]
        if text in known:
            return AddressesAre(text)
        if text:
            hint = did_you_mean(text, known) or f"one of {', '.join(known)}"
            hint = "write `leased`" if text.lower() in ("dhcp", "dynamic", "auto") else hint
            self.fail("NP203", f"addresses are not `{text}`", branch.span, hint)
        return AddressesAre.STATIC

    # Addresses.

    def literal(self, text: str, place: Span) -> tuple[Family, int, int] | None:
        """Family, first and last address of an address or CIDR."""
        outcome = address_literal(text)
        if text.lower() in ("dhcp", "auto", "dynamic"):
            hint = "write the address that it leases, and `addresses_are: leased`"
            outcome = Problem("NP116", f"`{text}` is no address", hint)
        elif text.startswith("[") and text.endswith("]"):
            outcome = Problem("NP116", f"`{text}` is no address", "remove the brackets, and keep the quotes")
        if isinstance(outcome, Problem):
            self.fail("NP207", outcome.message, place, outcome.hint)
            return None
        return outcome

    def unicast(self, text: str, place: Span) -> Address | None:
        """One address that a node can hold."""
        literal = self.literal(text, place)
        if literal is None:
            return None
        family, first, last = literal
        if first != last or "/" in text:
            hint = "write the address without the prefix length"
            self.fail("NP207", f"`{text}` is a network, not an address", place, hint)
            return None
        unfit = _unfit(family, first)
        if unfit:
            hint = "give the address that the interface holds"
            self.fail("NP207", f"`{text}` ({unfit}) is no address of a node", place, hint)
            return None
        return family, first

    def address(self, branch: Branch) -> Address | None:
        text = self.text(branch, "an address")
        return self.unicast(text, branch.span) if text is not None else None

    def addresses(self, branch: Branch) -> tuple[Address, ...]:
        found = (self.address(item) for item in self.items(branch, "a list of addresses"))
        return tuple(address for address in found if address is not None)

    # Values of params.

    def param(self, branch: Branch) -> Value | None:
        """A flag (true, false, on, off), ports (22, 80-90, lists of these) or a choice."""
        if isinstance(branch, Scalar) and branch.text.lower() in ("true", "false", "on", "off"):
            return Value(flag=branch.text.lower() in ("true", "on"), span=branch.span)
        if isinstance(branch, Scalar) and branch.plain and branch.text.lower() in ("yes", "no", "y", "n"):
            hint = f'write `true` or `false` for a flag, `"{branch.text}"` for a choice'
            self.fail("NP204", f"YAML reads `{branch.text}` as a truth value", branch.span, hint)
            return None
        if isinstance(branch, Sequence) or (isinstance(branch, Scalar) and _NUMBERED.match(branch.text)):
            return self._ports(branch)
        name = self.name(branch, "the value of a param")
        return Value(choices=(name.text,), span=branch.span) if name is not None else None

    def _ports(self, branch: Scalar | Sequence) -> Value | None:
        """The ports of a number, a range or a list of these."""
        listed = branch.items if isinstance(branch, Sequence) else (branch,)
        pairs = [self._port(one) for one in listed]
        if not pairs:
            self.fail("NP210", "this list of ports is empty", branch.span, "such as `[80, 443, 8000-8100]`")
        right = tuple(pair for pair in pairs if pair is not None)
        return Value(ports=right, span=branch.span) if right and len(right) == len(pairs) else None

    def _port(self, branch: Branch) -> tuple[int, int] | None:
        text = branch.text if isinstance(branch, Scalar) else ""
        if not text[:1].isdigit():
            shown = f"`{text}` is" if text else "this is"
            self.fail("NP210", f"{shown} no port", branch.span, "ports are such as `[80, 443, 8000-8100]`")
            return None
        outcome = port_range(text)
        if not isinstance(outcome, Problem):
            return outcome
        if ":" in text and isinstance(branch, Scalar) and branch.plain:
            message = f"YAML may read `{text}` as a number to base 60, and it is no port"
            self.fail("NP204", message, branch.span, "a range is written `first-last`")
        else:
            listed = re.fullmatch(r"[0-9-]+([,;\s]+[0-9-]+)+", text)
            ranged = re.fullmatch(r"([0-9]+)(?::|\.\.+|–)([0-9]+)", text)
            hint = f"a range is written `{ranged[1]}-{ranged[2]}`" if ranged else outcome.hint
            hint = "write a list, such as `[80, 443]`" if listed else hint
            self.fail("NP210", outcome.message, branch.span, hint)
        return None


# Keys of other formats, and what to write here.
_FOREIGN_KEYS = {
    "name": "cluster",
    **dict.fromkeys(("hosts", "servers", "machines", "instances", "vms"), "nodes"),
    **dict.fromkeys(("ip", "ips", "ipv4", "ipv6", "addr", "private_ip"), "address"),
    **dict.fromkeys(("nics", "nic", "networks", "ports"), "interfaces"),
    **dict.fromkeys(("tags", "groups"), "labels"),
    **dict.fromkeys(("vars", "variables", "parameters", "settings"), "params"),
    **dict.fromkeys(("rules", "include"), "policy"),
    **dict.fromkeys(("fqdn", "dns_name"), "hostname"),
}


def _key_hint(key: str, known: tuple[str, ...]) -> str:
    """The known key that was meant, or where the key goes; "" for one that is near nothing."""
    begun = next((one for one in known if key.startswith(f"{one}:")), "")
    if begun:
        return f"put a blank behind the `:` of `{begun}: `"
    if not key.isprintable():
        return "it holds a character that cannot be seen; retype it and the blanks before it"
    if _FOREIGN_KEYS.get(key) in known:
        return f"write `{_FOREIGN_KEYS[key]}`"
    if key in ("roles", "labels", "interfaces", "address"):
        return f"`{key}:` belongs to a node, below `nodes:`" if "nodes" in known else ""
    return did_you_mean(key, known)


def is_host(text: str) -> bool:
    """True for a DNS name."""
    return _HOST.fullmatch(text) is not None


def _unfit(family: Family, address: int) -> str:
    """Why no interface can hold the address; empty where one can."""
    return next((kind for kind, first, last in _UNFIT[family] if first <= address <= last), "")
