"""Random clusters, and the names that a policy may use for them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.draws import pick, several

ROLES = ("dea", "mysql", "router", "load_balancer")
LABELS = ("public", "quarantined")
SPARE = "microcloud"
# Networks and literals meet the nodes' addresses in part, whole or not at all.
CIDRS = (
    *("10.0.0.0/30", "10.0.0.2/31", "10.0.0.0/24", "10.0.0.2", "10.0.0.4/30", "203.0.113.0/31", "203.0.113.0/24"),
    *("198.51.100.0/25", "198.51.100.7", "2001:db8::/126", "2001:db8::2/127", "2001:db8::/64", "2001:db8::3"),
    *("2001:db8:1::/127", "2001:db8:1::/64", "2001:db8:ad::/48"),
)
PREFIXES = {
    ("4", "eth0"): "10.0.0.",
    ("4", "eth1"): "203.0.113.",
    ("6", "eth0"): "2001:db8::",
    ("6", "eth1"): "2001:db8:1::",
}

Cards = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
"""Each interface and, a row a node, the addresses there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `nodes:`; a range stands for two nodes."""

    pattern: str
    names: tuple[str, ...]
    roles: tuple[str, ...]
    labels: tuple[str, ...]
    cards: Cards
    short: bool
    addresses_are: str

    @property
    def addresses(self) -> list[str]:
        return [address for _, rows in self.cards for row in rows for address in row]


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster, and what the policy for it declares."""

    entries: tuple[Entry, ...]
    roles: tuple[str, ...]
    spare: str
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    aliases: tuple[tuple[str, str], ...]
    mbus: str
    load_balancer_routers: tuple[str, ...]
    addresses_are: str
    flags: tuple[str, ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]
    port_params: tuple[str, ...]
    params: tuple[tuple[str, object], ...]
    services: tuple[str, ...]
    forwarded: tuple[str, ...]
    egress_enforced: bool
    declarations: tuple[str, ...]

    @property
    def node_names(self) -> list[str]:
        return [name for entry in self.entries for name in entry.names]

    @property
    def node_addresses(self) -> list[str]:
        return [address for entry in self.entries for address in entry.addresses]

    @property
    def card_names(self) -> list[str]:
        return list(dict.fromkeys(name for entry in self.entries for name, _ in entry.cards))

    @property
    def network_names(self) -> list[str]:
        return [name for name, _ in self.networks]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A cluster of two to five nodes, with the declarations of a policy for it."""
    roles = ROLES[: draw(st.integers(1, len(ROLES)))]
    labels = LABELS[: draw(st.integers(0, len(LABELS)))]
    entries = draw(_entries(roles, labels))
    networks = tuple(
        (name, tuple(several(draw, CIDRS, 1, 3))) for name in ("admins", "external_lb")[: draw(st.integers(0, 2))]
    )
    groups = ("data_services",) if draw(st.booleans()) else ()
    targets = [*roles, *labels, *groups, *(name for name, _ in networks)]
    aliases = tuple((text, pick(draw, targets)) for text in ("Old Name",)[: draw(st.integers(0, 1))])
    lines = [f'policy {pick(draw, ("random", "Random-Policy"))} "drawn at random"']
    lines += draw(_role_lines((*roles, SPARE)))
    lines += [f'label {name} "has it"' for name in labels] + [f"network {name}" for name, _ in networks]
    lines += [f'alias "{text}" = {target}' for text, target in aliases]
    if groups:
        quoted = [f'"{text}"' for text, target in aliases if target in roles]
        members = several(draw, (*roles, SPARE, *quoted), 1, 3)
        lines.append(f"group data_services = {', '.join(members)}")
    given, param_lines = draw(_params())
    addresses = [address for entry in entries for address in entry.addresses]
    return Scene(
        entries=entries,
        roles=roles,
        spare=SPARE,
        labels=labels,
        groups=groups,
        networks=networks,
        aliases=aliases,
        mbus=pick(draw, ("", addresses[0])),
        load_balancer_routers=pick(draw, ((), (), (addresses[-1],), (addresses[0], addresses[-1]))),
        addresses_are=pick(draw, ("", "", "leased", "static")),
        flags=("log_streaming",),
        choices=(("cni", ("canal", "cilium", "calico")),),
        port_params=("harbor_ports",),
        params=given,
        services=("ssh", "web", "Ping-It")[: draw(st.integers(0, 3))],
        forwarded=("apps",) if draw(st.integers(0, 2)) else (),
        egress_enforced=pick(draw, (False, False, False, True, True)),
        declarations=(*lines, *param_lines),
    )


@st.composite
def _role_lines(draw: st.DrawFn, roles: tuple[str, ...]) -> list[str]:
    if draw(st.booleans()):
        return ["role " + ", ".join(f'{role} "a {role}"' for role in roles)]
    return [f"role {role}" for role in roles]


@st.composite
def _entries(draw: st.DrawFn, roles: tuple[str, ...], labels: tuple[str, ...]) -> tuple[Entry, ...]:
    """Two or three entries of one or two nodes; hosts are numbered as they come."""
    written = (("core", ("core",)), ("dea[1-2]", ("dea1", "dea2")), ("lb", ("lb",)), ("web[09-10]", ("web09", "web10")))
    chosen = several(draw, written, 2, 3)
    used = dict.fromkeys(PREFIXES, 0)
    entries = []
    for pattern, names in chosen:
        cards = draw(_cards(len(names), used))
        entry = Entry(
            pattern=pattern,
            names=names,
            roles=tuple(several(draw, roles, 0, 2)),
            labels=tuple(several(draw, labels, 0, 1)),
            cards=cards,
            short=[card for card, _ in cards] == ["eth0"] and draw(st.booleans()),
            addresses_are=pick(draw, ("", "leased", "static", "persistent")),
        )
        entries.append(entry)
    return tuple(entries)


@st.composite
def _cards(draw: st.DrawFn, nodes: int, used: dict[tuple[str, str], int]) -> Cards:
    """The interfaces of an entry with, for each of its nodes, the next free addresses."""
    families = pick(draw, ("46", "46", "4", "6"))
    cards = []
    for card in pick(draw, (("eth0",), ("eth0",), ("eth0", "eth1"), ("eth1",))):
        held = pick(draw, (families, families, families[:1], families[-1:], families + families[:1]))
        rows: list[list[str]] = [[] for _ in range(nodes)]
        for family in held:
            for row in rows:
                used[family, card] += 1
                row.append(PREFIXES[family, card] + str(used[family, card]))
        cards.append((card, tuple(tuple(row) for row in rows)))
    return tuple(cards)


@st.composite
def _params(draw: st.DrawFn) -> tuple[tuple[tuple[str, object], ...], list[str]]:
    """What the cluster gives, and the lines that declare and set: a flag, a choice and ports."""
    given: list[tuple[str, object]] = []
    lines = []
    shapes: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[object, ...]], ...] = (
        ("log_streaming", (" = on", " = off", " : flag = off"), ("on", "off"), (True, False)),
        ("cni", (" = canal | cilium | calico",), ("canal", "cilium"), ("calico", "canal")),
        ("harbor_ports", (" = 8000-8010, 9000", " = 22", " : ports"), ("7000-7001",), ([443, "8005-8020"], 53)),
    )
    for name, declared, settable, giveable in shapes:
        line = f"param {name}{pick(draw, declared)}"
        lines.append(line + pick(draw, ("", ' "of the cluster"')))
        if line.endswith(": ports") or draw(st.integers(0, 2)) == 2:
            given.append((name, pick(draw, giveable)))
        if draw(st.integers(0, 2)) == 2:
            lines.append(f"set {name} = {pick(draw, settable)}")
    return tuple(given), lines


def cluster_text(scene: Scene) -> str:
    """The scene's cluster as people write it."""
    lines = ["cluster: random", "policy: ./policy.netpol"]
    lines += [f"mbus: {json.dumps(scene.mbus)}"] if scene.mbus else []
    told = scene.load_balancer_routers
    lines += [f"load_balancer_routers: {json.dumps(told)}"] if told else []
    lines += [f"addresses_are: {scene.addresses_are}"] if scene.addresses_are else []
    lines += [f"params: {json.dumps(dict(scene.params))}"] if scene.params else []
    lines += [f"networks: {json.dumps(dict(scene.networks))}"] if scene.networks else []
    lines.append("nodes:")
    for entry in scene.entries:
        lines.append(f"  {entry.pattern}:")
        lines += [f"    roles: {json.dumps(entry.roles)}"] if entry.roles else []
        lines += [f"    labels: {json.dumps(entry.labels)}"] if entry.labels else []
        lines += [f"    addresses_are: {entry.addresses_are}"] if entry.addresses_are else []
        cards = {card: [_ranged(column) for column in zip(*rows, strict=True)] for card, rows in entry.cards}
        lines.append(
            f"    address: {json.dumps(cards['eth0'])}" if entry.short else f"    interfaces: {json.dumps(cards)}"
        )
    return "\n".join(lines) + "\n"


def _ranged(addresses: tuple[str, ...]) -> str:
    """`10.0.0.[1-2]` for the addresses that the nodes of an entry hold in one place."""
    if len(addresses) == 1:
        return addresses[0]
    cut = max(addresses[0].rfind("."), addresses[0].rfind(":")) + 1
    return f"{addresses[0][:cut]}[{addresses[0][cut:]}-{addresses[-1][cut:]}]"
