"""One packet, as the first of a flow or with the state that connection tracking gave it."""

from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.ports import VALUE_BITS, Protocol

ICMP_OF = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}
SYN = 0x02
PROTOCOL_NAMES = {int(protocol): protocol.name.lower() for protocol in Protocol}


class State(Enum):
    """What connection tracking says of a packet."""

    NEW = "NEW"
    ESTABLISHED = "ESTABLISHED"
    RELATED = "RELATED"
    INVALID = "INVALID"
    UNTRACKED = "UNTRACKED"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet; addresses are integers of its family, ports are 0 where the protocol has none.

    `port` is the destination port, or `type << 8 | code` of an ICMP packet. `dnat` says that the destination was
    translated on this node; the original destination and port are then what the sender wrote. `flags` are those of TCP
    as on the wire (a first packet has SYN alone), `mac` is the Ethernet source, if it has one. `holds` are the texts of
    the matches that are not modelled and hold for it. `original_protocol` is that of the connection which an ICMP error
    is about; None is its own. `snat` says that the source of its connection is translated on this node, which is known
    from the second packet on.
    """

    family: Family
    source: int
    destination: int
    protocol: int
    port: int = 0
    source_port: int = 0
    in_interface: str = ""
    out_interface: str = ""
    state: State = State.NEW
    dnat: bool = False
    original_destination: int | None = None
    original_port: int | None = None
    flags: int = SYN
    mac: int | None = None
    fragment: bool = False
    holds: frozenset[str] = frozenset()
    original_protocol: int | None = None
    snat: bool = False

    @property
    def key(self) -> int:
        """The packet's place in the port space."""
        return self.protocol << VALUE_BITS | self.port


def connection_protocol(packet: Packet) -> int:
    """The protocol of the packet's connection: of an ICMP error in state RELATED it is that of another packet."""
    is_error = packet.state is State.RELATED and packet.protocol == ICMP_OF[packet.family]
    return packet.original_protocol if is_error and packet.original_protocol is not None else packet.protocol


def describe(packet: Packet) -> str:
    """The packet on one line: `tcp 10.0.0.1:40000 -> 10.0.0.2:22 in eth0, new`."""
    words = [_name(packet.protocol)]
    if packet.protocol == ICMP_OF[packet.family]:
        words += [_endpoint(packet.family, packet.source, 0), "->", _endpoint(packet.family, packet.destination, 0)]
        words.append(f"type {packet.port >> 8} code {packet.port & 255}")
    else:
        words.append(_endpoint(packet.family, packet.source, packet.source_port))
        words += ["->", _endpoint(packet.family, packet.destination, packet.port)]
    words += ["in", packet.in_interface] if packet.in_interface else []
    words += ["out", packet.out_interface] if packet.out_interface else []
    return f"{' '.join(words)}, {packet.state.value.lower()}{_translation(packet)}{_more(packet)}"


def _name(protocol: int) -> str:
    return PROTOCOL_NAMES.get(protocol, f"proto {protocol}")


def _endpoint(family: Family, address: int, port: int) -> str:
    text = address_text(family, address)
    if not port:
        return text
    return f"[{text}]:{port}" if family == Family.V6 else f"{text}:{port}"


def _more(packet: Packet) -> str:
    """What is unusual about the packet, and the matches that are not modelled and hold for it."""
    flags = [f"flags {packet.flags:#04x}"] if packet.protocol == Protocol.TCP and packet.flags != SYN else []
    mac = [f"from {packet.mac.to_bytes(6, 'big').hex(':')}"] if packet.mac is not None else []
    fragment = ["a later fragment"] if packet.fragment else []
    about = connection_protocol(packet)
    unlike = [f"about {_name(about)}"] if about != packet.protocol else []
    source = ["snat"] if packet.snat else []
    unmodelled = (f"where `{one}`" for one in sorted(packet.holds))
    return "".join(f", {one}" for one in (*flags, *mac, *fragment, *unlike, *source, *unmodelled))


def _translation(packet: Packet) -> str:
    address, port = packet.original_destination, packet.original_port
    if address is None and port is None:
        return ", dnat" if packet.dnat else ""
    sent = f"port {port}" if address is None else _endpoint(packet.family, address, port or 0)
    return f", dnat from {sent}" if packet.dnat else f", first sent to {sent}"
