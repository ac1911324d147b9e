"""Random selectors and lists of protocols and ports, as texts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hypothesis import strategies as st

from tests.clusters import CIDRS, Scene
from tests.draws import pick, several

VIRTUAL = ("224.0.0.251", "ff02::fb", "10.0.0.200", "2001:db8::c8", "255.255.255.255")
PORTED = (
    *("tcp 22", "tcp 80, 443", "tcp 80-90", "udp 53", "tcp+udp 53", "tcp 1024-65535", "sctp 3868", "udp 0-65535"),
    *("tcp 85-95, 20-25", "tcp+udp+sctp 65535", "udp 0", "tcp $harbor_ports", "udp 60, $harbor-ports", "tcp any"),
)
PORTLESS = (
    *("icmp echo-request", "icmp any", "icmpv4 8/0", "icmpv4 3, 13", "icmpv6 128", "icmpv6 any", "icmpv4 any"),
    *("icmp port-unreachable", "esp", "ah", "gre", "proto 89", "proto 6"),
)


class Reach(Enum):
    """Which addresses a selector may hold."""

    NODES = "of nodes alone"
    ADDRESSES = "any, but not written as `world`"
    WORLD = "any"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A selector's text; one that is a word needs no parentheses. Literals and networks may be of one family."""

    text: str
    is_word: bool
    has_literals: bool

    @classmethod
    def word(cls, text: str, has_literals: bool = False) -> Phrase:
        return cls(text, True, has_literals)

    @classmethod
    def of(cls, text: str, *parts: Phrase) -> Phrase:
        """A compound of these parts."""
        return cls(text, False, any(part.has_literals for part in parts))

    @property
    def closed(self) -> str:
        return self.text if self.is_word else f"({self.text})"


@st.composite
def selectors(draw: st.DrawFn, scene: Scene, reach: Reach, depth: int = 0) -> Phrase:
    """A selector that holds no more than its reach."""
    plain = ("word",) * 5
    kind = pick(draw, (*plain, "or", "and", "except", "at") if depth < 2 else plain)
    if kind == "word":
        return pick(draw, _words(scene, reach))
    first = draw(selectors(scene, reach, depth + 1))
    match kind:
        case "or":
            second = draw(selectors(scene, reach, depth + 1))
            return Phrase.of(f"{first.closed}, {second.closed}", first, second)
        case "and":
            second = draw(selectors(scene, Reach.ADDRESSES, depth + 1))
            return Phrase.of(f"{first.closed} & {second.closed}", first, second)
        case "except":
            second = draw(selectors(scene, Reach.ADDRESSES, depth + 1))
            return Phrase.of(f"{first.closed} except {second.closed}", first, second)
        case _:
            return Phrase(f"{first.closed}@{pick(draw, scene.card_names)}", True, first.has_literals)


def _words(scene: Scene, reach: Reach) -> list[Phrase]:
    nets = scene.network_names
    own = ["all", "all", *scene.roles, *scene.roles, *scene.labels, *scene.groups]
    own += [name.replace("_", "-").title() for name in (*scene.roles, *scene.groups) if "_" in name]
    own += [f"node {entry.pattern}" for entry in scene.entries] + [f"node {scene.node_names[-1]}"]
    words = [Phrase.word(text) for text in own]
    words += [Phrase.word(f'"{text}"') for text, target in scene.aliases if target not in nets]
    words += [Phrase.word(address, True) for address in (scene.node_addresses[0], scene.node_addresses[-1])]
    words += [Phrase.word("mbus", True)] if scene.mbus else []
    if reach is not Reach.NODES:
        words += [Phrase.word("load_balancer_routers", True)] if scene.load_balancer_routers else []
        words += [Phrase.word(text, True) for text in (*nets, *nets, *CIDRS)] + [Phrase.word("outside")] * 2
        words += [Phrase.word(f'"{text}"', True) for text, target in scene.aliases if target in nets]
    if reach is Reach.WORLD:
        words += [Phrase.word("world")] * 6 + [Phrase.word("0.0.0.0/0", True), Phrase.word("::/0", True)] * 3
    return words


@st.composite
def virtual_whoms(draw: st.DrawFn, scene: Scene, beside: Phrase) -> Phrase:
    """`x@ADDRESS` for an address that no node declares, alone or in a list."""
    who = draw(selectors(scene, Reach.NODES, depth=1))
    at = f"{who.closed}@{pick(draw, VIRTUAL)}"
    if draw(st.integers(0, 2)) < 2:
        return Phrase.of(at, who)
    return Phrase.of(pick(draw, (f"{at}, {beside.closed}", f"{beside.closed}, {at}")), who, beside)


@st.composite
def whats(draw: st.DrawFn, scene: Scene, known: tuple[str, ...], at_most: int = 3, only_ported: bool = False) -> str:
    """A list of protocols and ports and of services among the known."""
    ported = [text for text in PORTED if scene.port_params or "$" not in text]
    if only_ported:
        return ", ".join(several(draw, ported, 1, 2))
    words = [*ported, *PORTLESS, *known * 8]
    if draw(st.integers(0, 9)) == 9:
        return "any"
    return ", ".join(several(draw, words, 1, at_most))
