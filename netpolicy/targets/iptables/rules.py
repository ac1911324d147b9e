"""An iptables ruleset as a value: matches, targets, rules, chains, tables, sets.

Everything that this project can emit has a type here, which `read` understands; it refuses the rest. Other matches of
rules by others are `Opaque`, but for a few that sets of packets can tell. Both families take the same path:
a `Table` is the filter table of one family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Interval, Intervals


class Side(Enum):
    """Which end of a packet a match looks at."""

    SOURCE = "src"
    DESTINATION = "dst"


@dataclass(frozen=True, slots=True)
class Network:
    """`[!] -s|-d NETWORK/LENGTH`."""

    side: Side
    network: int
    length: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AddressRange:
    """`-m iprange [!] --src-range|--dst-range FIRST-LAST`."""

    side: Side
    first: int
    last: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InSet:
    """`-m set [!] --match-set NAME src|dst`."""

    side: Side
    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """`[!] -i|-o NAME`; `side` SOURCE is the incoming interface. A trailing `+` is a prefix."""

    side: Side
    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ProtocolIs:
    """`[!] -p PROTOCOL`."""

    number: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class PortIn:
    """`-m tcp|udp|sctp --sport|--dport A[:B]` (one interval) or `-m multiport --sports|--dports A,B:C` (several)."""

    side: Side
    ports: Intervals
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IcmpIs:
    """`-m icmp|icmp6 [!] --icmp-type|--icmpv6-type TYPE[/CODE]`; a code of None is any code."""

    type: int
    code: int | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class StateIn:
    """`-m conntrack [!] --ctstate A,B`: NEW ESTABLISHED RELATED INVALID UNTRACKED SNAT DNAT. A list is an *or*."""

    states: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OriginalPort:
    """`-m conntrack [!] --ctorigdstport A[:B]`: the destination port before address translation."""

    ports: Interval
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OriginalDestination:
    """`-m conntrack [!] --ctorigdst NETWORK[/LENGTH]`: the destination before address translation."""

    network: int
    length: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OriginalProtocol:
    """`-m conntrack [!] --ctproto NUMBER`: the protocol of the connection."""

    number: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """`-m limit --limit RATE --limit-burst N`; only ever beside LOG, where it decides nothing."""

    rate: str
    burst: int = 5


@dataclass(frozen=True, slots=True)
class TcpFlags:
    """`-m tcp [!] --tcp-flags MASK SET`: those in `set` are the raised ones of `mask`; bits as on the wire."""

    mask: int
    set: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class SourceMac:
    """`-m mac [!] --mac-source ADDRESS`, as an integer of 48 bits."""

    address: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Fragment:
    """`[!] -f`: a fragment that is not the first; IPv4 only."""

    negated: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """A match that is not modelled: holds for the packets that `text` holds for, whatever they are.

    The same text is the same question everywhere, so that a ruleset always equals itself.
    """

    text: str
    negated: bool = False


Foreign = TcpFlags | SourceMac | Fragment | Opaque
"""What only others write."""

Match = (
    Network
    | AddressRange
    | InSet
    | Interface
    | ProtocolIs
    | PortIn
    | IcmpIs
    | StateIn
    | OriginalPort
    | OriginalDestination
    | OriginalProtocol
    | Limit
    | Foreign
)


@dataclass(frozen=True, slots=True)
class Return:
    """`-j RETURN`."""


@dataclass(frozen=True, slots=True)
class Accept:
    """`-j ACCEPT`."""


@dataclass(frozen=True, slots=True)
class Drop:
    """`-j DROP`."""


@dataclass(frozen=True, slots=True)
class Reject:
    """`-j REJECT --reject-with HOW`."""

    how: str


@dataclass(frozen=True, slots=True)
class Jump:
    """`-j CHAIN`: a RETURN in there comes back to the next rule."""

    chain: str


@dataclass(frozen=True, slots=True)
class Goto:
    """`-g CHAIN`: a RETURN in there goes back to where this chain was jumped from."""

    chain: str


@dataclass(frozen=True, slots=True)
class Log:
    """`-j LOG --log-prefix PREFIX`; the packet goes on to the next rule."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Mark:
    """No target: the rule counts packets and carries a comment, and decides nothing."""


Target = Return | Accept | Drop | Reject | Jump | Goto | Log | Mark


@dataclass(frozen=True, slots=True)
class Rule:
    """Every match holds -> the target. `comment` is the text of `-m comment`, empty for none."""

    matches: tuple[Match, ...]
    target: Target
    comment: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order; `policy` is ACCEPT or DROP for a built-in chain and empty for a user chain."""

    name: str
    rules: tuple[Rule, ...]
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The filter table of one family; chains sorted as they are printed."""

    family: Family
    chains: tuple[Chain, ...]

    def chain(self, name: str) -> Chain | None:
        """The chain of that name, if the table has it."""
        return next((chain for chain in self.chains if chain.name == name), None)


@dataclass(frozen=True, slots=True)
class AddressList:
    """An ipset of type hash:ip (every member one address) or hash:net. Members are canonical intervals."""

    name: str
    family: Family
    kind: str
    members: Intervals


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What one class of nodes loads: `rules.v4`, `rules.v6`, `sets.ipset`."""

    v4: Table
    v6: Table
    sets: tuple[AddressList, ...] = ()

    def table(self, family: Family) -> Table:
        return self.v4 if family is Family.V4 else self.v6
