"""Sets of flows: packets by source address, destination address and port alone, of both families."""

from dataclasses import dataclass

from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.family import FAMILIES
from netpolicy.packet.familyset import LINE, FamilySet
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.packets import Packet
from netpolicy.packet.ports import ANY_PORT, VALUE_BITS, VALUE_LAST, PortSet
from netpolicy.packet.product import Cells, Product
from netpolicy.packet.space import Space

Points = Cells[Cells[Intervals]]
"""Sources, then destinations, then keys of the port space."""

SPACE = Product(Product(LINE))


@dataclass(frozen=True, slots=True)
class FlowSet(FamilySet[Points]):
    """A set of packets, judged by addresses and key only: what flows say. Equal members are an equal value."""

    v4: Points = ()
    v6: Points = ()

    @staticmethod
    def space() -> Space[Points]:
        """The algebra of three dimensions."""
        return SPACE

    @staticmethod
    def whole(family: Family) -> Points:
        """All packets of the family."""
        return SPACE.box((EVERYWHERE.of(family), EVERYWHERE.of(family), ANY_PORT.of(family)))

    @classmethod
    def box(cls, sources: AddressSet, destinations: AddressSet, ports: PortSet) -> "FlowSet":
        """The packets from any of the sources to any of the destinations of the same family, on any of the ports."""
        v4, v6 = (SPACE.box((sources.of(family), destinations.of(family), ports.of(family))) for family in FAMILIES)
        return cls(v4, v6)

    def __contains__(self, packet: Packet) -> bool:
        return SPACE.contains(self.of(packet.family), (packet.source, packet.destination, packet.key))

    def boxes(self) -> list[tuple[Family, Intervals, Intervals, Intervals]]:
        """Disjoint boxes (family, sources, destinations, keys) whose union is the set, in its canonical order."""
        return [
            (family, sources, destinations, keys)
            for family in FAMILIES
            for sources, destinations, keys in SPACE.boxes(self.of(family))
        ]

    def witness(self) -> Packet | None:
        """A member, from the first address of the first box, or None if there is none."""
        for family in self.families():
            sources, destinations, keys = next(SPACE.boxes(self.of(family)))
            key = keys[0][0]
            return Packet(family, sources[0][0], destinations[0][0], key >> VALUE_BITS, key & VALUE_LAST)
        return None


EMPTY = FlowSet()
EVERYTHING = ~EMPTY
