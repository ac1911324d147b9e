"""What one word of restore text means: addresses, ports, protocols, types, states, rates.

Each function returns the value or raises `MisreadError`, which never leaves the reader of the line.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Interval, Intervals, canonical
from netpolicy.targets.iptables.normal import rate_period
from netpolicy.targets.iptables.protocols import ANY, NUMBERS
from netpolicy.targets.iptables.tokens import Token

STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT")
PORT_LAST = 65535
MULTIPORT_SLOTS = 15
# No leading zero: the tools would read the number as octal.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")


class MisreadError(Exception):
    """A word that is not understood; the line's reader turns it into its diagnostic and reads on."""

    def __init__(self, token: Token, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.diagnostic: Diagnostic = error("NP601", message, token.span, hint=hint)


def number(token: Token, first: int, last: int, what: str) -> int:
    """The word as a number from `first` to `last`."""
    if not _NUMBER.fullmatch(token.text) or not first <= int(token.text) <= last:
        raise MisreadError(token, f"`{token.text}` is no {what}", f"give a number from {first} to {last}")
    return int(token.text)


def address(token: Token, family: Family) -> int:
    """The address as an integer; a name or an address of the other family is misread."""
    try:
        if "%" in token.text:
            raise AddressValueError("a zone")
        return int(IPv4Address(token.text) if family is Family.V4 else IPv6Address(token.text))
    except AddressValueError:
        raise MisreadError(
            token, f"`{token.text}` is no IPv{family.value} address", "write the address in full"
        ) from None


def network(token: Token, family: Family) -> tuple[int, int]:
    """First address and prefix length; without `/` a host. Bits behind the prefix are cut, as the kernel cuts them."""
    base, *masks = token.pieces("/")
    start = address(base, family)
    if not masks:
        return start, family.bits
    if len(masks) > 1:
        raise MisreadError(token, f"`{token.text}` is no network", "write one `/`")
    length = _prefix(masks[0], family)
    return start >> (family.bits - length) << (family.bits - length), length


def _prefix(token: Token, family: Family) -> int:
    if not ({".", ":"} & set(token.text)):
        return number(token, 0, family.bits, "prefix length")
    ones = f"{address(token, family):0{family.bits}b}".rstrip("0")
    if "0" in ones:
        raise MisreadError(token, f"`{token.text}` is a mask with a gap", "only masks that are a prefix are understood")
    return len(ones)


def address_range(token: Token, family: Family) -> Interval:
    """First and last address of `FIRST-LAST`; one address is a range of its own."""
    ends = [address(piece, family) for piece in token.pieces("-")]
    if len(ends) > 2 or ends[0] > ends[-1]:
        raise MisreadError(
            token, f"`{token.text}` is no range of addresses", "write the lower address first: `FIRST-LAST`"
        )
    return ends[0], ends[-1]


def port(token: Token) -> int:
    """The port; service names are misread, since their meaning depends on the machine."""
    return number(token, 0, PORT_LAST, "port number")


def port_range(token: Token) -> Interval:
    """First and last port of `A`, `A:B`, `A:` or `:B`."""
    ends = token.pieces(":")
    if len(ends) == 1:
        return port(token), port(token)
    first = port(ends[0]) if ends[0].text else 0
    last = port(ends[-1]) if ends[-1].text else PORT_LAST
    if len(ends) > 2 or token.text == ":" or first > last:
        raise MisreadError(token, f"`{token.text}` is no range of ports", "write the lower port first: `FIRST:LAST`")
    return first, last


def port_list(token: Token) -> Intervals:
    """The ports of `A,B:C`, at most as many as multiport has slots; a range takes two."""
    pieces = token.pieces(",")
    ranges = []
    for piece in pieces:
        if piece.text.startswith(":") or piece.text.endswith(":"):
            raise MisreadError(piece, f"`{piece.text}` is no range of ports", "multiport wants both ends of a range")
        ranges.append(port_range(piece))
    slots = sum(2 if ":" in piece.text else 1 for piece in pieces)
    if slots > MULTIPORT_SLOTS:
        hint = f"multiport holds {MULTIPORT_SLOTS}; a range counts as two"
        raise MisreadError(token, f"{slots} ports are too many for one match", hint)
    return canonical(ranges)


def protocol(token: Token) -> int:
    """The protocol number; 0 is any."""
    if token.text in NUMBERS:
        return NUMBERS[token.text]
    if _NUMBER.fullmatch(token.text) and int(token.text) <= 255:
        return int(token.text)
    raise MisreadError(
        token, f"unknown protocol `{token.text}`", did_you_mean(token.text, NUMBERS) or "give its number"
    )


def one_protocol(token: Token) -> int:
    """The protocol number, of one protocol."""
    found = protocol(token)
    if found == ANY:
        raise MisreadError(token, f"`{token.text}` is any protocol, not one", "give one protocol")
    return found


def icmp_type(token: Token, family: Family) -> tuple[int, int | None]:
    """Type and code of `TYPE[/CODE]`; names are misread."""
    pieces = token.pieces("/")
    if len(pieces) > 2:
        raise MisreadError(token, f"`{token.text}` is no icmp type", "write `TYPE` or `TYPE/CODE`")
    # xt_icmp takes type 255 for any type; the tools print it back as `any`.
    kind = number(pieces[0], 0, 254 if family is Family.V4 else 255, "icmp type")
    return kind, number(pieces[1], 0, 255, "icmp code") if len(pieces) == 2 else None


def states(token: Token) -> frozenset[str]:
    """The connection states of a list."""
    for piece in token.pieces(","):
        if piece.text not in STATES:
            raise MisreadError(piece, f"unknown connection state `{piece.text}`", f"known are {', '.join(STATES)}")
    return frozenset(token.text.split(","))


def rate(token: Token) -> str:
    """The rate of a limit, such as `5/sec`."""
    if rate_period(token.text) is None:
        raise MisreadError(token, f"`{token.text}` is no rate", "write a number and a unit: `5/second`, `10/minute`")
    return token.text
