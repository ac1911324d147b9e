"""Random policies and clusters, as texts that are valid, and packets to ask about.

Texts go through the real parser and reader. Everything is small, so that what a failure shrinks to can be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from netpolicy.diagnostic import Diagnostic
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.packet.packets import Packet
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.clusters import Scene, cluster_text, scenes
from tests.draws import pick, several
from tests.probes import Ground, probes
from tests.selectors import Phrase, Reach, selectors, virtual_whoms, whats

PACKETS = 40
EXPIRY = "expires 2099-12-31"


@dataclass(frozen=True, slots=True)
class Case:
    """A policy, a cluster, and packets with the nodes that judge them."""

    policy_text: str
    cluster_text: str
    packets: tuple[tuple[str, Packet], ...]
    policy: PolicyFile = field(compare=False)
    cluster: Cluster = field(compare=False)

    def __repr__(self) -> str:
        return f"Case(\n# policy.netpol\n{self.policy_text}\n# cluster.yaml\n{self.cluster_text}\n)"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """Reports of Hypothesis show the texts, too; by itself it prints every field of the tree."""
        printer.text(repr(self))


@st.composite
def cases(draw: st.DrawFn, promises: bool = False, count: int = PACKETS) -> Case:
    """A case whose policy compiles; with `promises` it also promises what may be broken, which stops a compile."""
    scene = draw(scenes())
    policy_text = draw(policy_texts(scene, promises))
    written = cluster_text(scene)
    policy, cluster = read(policy_text, written)
    ground = Ground(policy, cluster)
    packets = tuple(draw(probes(ground)) for _ in range(count))
    return Case(policy_text, written, packets, policy, cluster)


def read(policy_text: str, cluster_text: str) -> tuple[PolicyFile, Cluster]:
    """What the texts say; an error in them is a ValueError."""
    source = Source("policy.netpol", policy_text)
    tree, broken, found = parse(source)
    policy, also_found = build(tree, source, broken)
    cluster, in_cluster = read_cluster(Source("cluster.yaml", cluster_text))
    told: list[Diagnostic] = [*found, *also_found, *in_cluster]
    if told or cluster is None:
        raise ValueError("\n".join([*(f"{one.code} {one.message}" for one in told), policy_text, cluster_text]))
    return policy, cluster


@st.composite
def policy_texts(draw: st.DrawFn, scene: Scene, promises: bool) -> str:
    """A policy about the scene, its statements in any order."""
    statements = [*scene.declarations]
    statements += draw(_services(scene))
    statements += ["option egress = enforced"] if scene.egress_enforced else pick(draw, ([], ["option egress = open"]))
    statements += pick(draw, ([], [], ["option refuse = reject"], ["option refuse = drop"]))
    statements += [draw(allows(scene)) for _ in range(draw(st.integers(1, 4)))]
    statements += [draw(denies(scene)) for _ in range(pick(draw, (0, 0, 1, 1, 2)))]
    statements += [draw(harmless(scene)) for _ in range(draw(st.integers(0, 2)))]
    statements += [draw(blocks(scene, depth=0)) for _ in range(draw(st.integers(0, 2)))]
    statements += [draw(breakable(scene)) for _ in range(draw(st.integers(1, 3)))] if promises else []
    if draw(st.integers(0, 3)) == 3:
        statements = draw(st.permutations(statements))
    return "\n".join(statements) + "\n"


@st.composite
def _services(draw: st.DrawFn, scene: Scene) -> list[str]:
    """The scene's services; each may name those before it."""
    lines = []
    for place, name in enumerate(scene.services):
        described = pick(draw, ("", f' "what {name} is"'))
        what = draw(whats(scene, known=scene.services[:place]))
        lines.append(f"service {name} = {what}{described}")
    for name in scene.forwarded:
        lines.append(f"forwarded service {name} = {draw(whats(scene, known=(), only_ported=True))}")
    return lines


@st.composite
def attributes(draw: st.DrawFn, own: tuple[str, ...], needed: tuple[str, ...] = ()) -> str:
    """Attributes on the line or in braces; `own` are those that only this kind of statement may have."""
    if not needed and draw(st.integers(0, 1)) == 0:
        return ""
    free = ('because "why \\"so\\""', 'source "S45", "S46"', 'owner "platform"', 'ticket "NET-1"', "review 2098-01-31")
    chosen = several(draw, (*free, 'tag seed, "x y"', *own), 0, 3)
    words = list({word.split()[0]: word for word in (*chosen, *needed)}.values())
    if not words or draw(st.booleans()):
        return "".join(f" {word}" for word in words)
    return " {\n    " + "\n    ".join(words) + "\n}"


@st.composite
def allows(draw: st.DrawFn, scene: Scene) -> str:
    """An `allow`; `world` and `self` stand only where they may."""
    kind = pick(draw, ("to", "to", "to", "to", "both ways", "virtual", "virtual", "to self"))
    what = draw(whats(scene, known=(*scene.services, *scene.forwarded)))
    notes = draw(attributes((EXPIRY, "log", "log 5/second")))
    if kind == "both ways":
        who, whom = draw(selectors(scene, Reach.ADDRESSES)), draw(selectors(scene, Reach.ADDRESSES))
        return f"allow {who.text} <-> {whom.text} : {what}{notes}"
    who = draw(selectors(scene, Reach.WORLD))
    whom = Phrase.word("self") if kind == "to self" else draw(selectors(scene, Reach.ADDRESSES))
    if kind == "virtual":
        whom = draw(virtual_whoms(scene, whom))
    return f"allow {who.text} -> {whom.text} : {what}{notes}"


@st.composite
def denies(draw: st.DrawFn, scene: Scene) -> str:
    """A `deny`; while egress is open its whom is of nodes alone, and `<->` has a whom on both sides."""
    whom_reach = Reach.WORLD if scene.egress_enforced else Reach.NODES
    both = draw(st.integers(0, 4)) == 4
    who = draw(selectors(scene, whom_reach if both else Reach.WORLD))
    whom = draw(selectors(scene, whom_reach))
    if not both and draw(st.integers(0, 4)) == 4:
        whom = draw(virtual_whoms(scene, whom))
    # Who blocks one family alone has to say that it is meant.
    needed = ('because "meant"',) if who.has_literals or (both and whom.has_literals) else ()
    what = draw(whats(scene, known=(*scene.services, *scene.forwarded), at_most=2))
    notes = draw(attributes(("log", "log 5/second"), needed))
    return f"deny {who.text} {'<->' if both else '->'} {whom.text} : {what}{notes}"


@st.composite
def harmless(draw: st.DrawFn, scene: Scene) -> str:
    """A promise that holds in every cluster, or a wish."""
    role = pick(draw, scene.roles)
    words = (
        "require exists all",
        "require at least 1 all",
        f"require exactly {len(scene.node_names)} all",
        f"require no {scene.spare}",
        f"require {scene.spare} alone",
        f"require {role} with all",
        f"never {scene.spare} -> all : any",
        f"never all <-> {scene.spare} : tcp 22",
        f"expect {scene.spare} -> all : tcp 22",
        f"advise no {role}",
        f"advise exactly 1 {role}",
        f"advise at least 9 (all & {role})",
        f"advise {role} alone",
        f"advise exists {role}",
        f"advise {role} with {scene.spare}",
    )
    return pick(draw, words) + draw(attributes(()))


@st.composite
def breakable(draw: st.DrawFn, scene: Scene) -> str:
    """A promise that may well be broken."""
    who, whom = draw(selectors(scene, Reach.WORLD)), draw(selectors(scene, Reach.NODES))
    what = draw(whats(scene, known=scene.services))
    role = pick(draw, scene.roles)
    words = (
        f"never {who.text} -> {whom.text} : {what}",
        f"expect {who.text} -> {whom.text} : {what}",
        f"require exactly 1 {role}",
        f"require no {role}",
        f"require {role} alone",
    )
    return pick(draw, words) + draw(attributes(()))


@st.composite
def blocks(draw: st.DrawFn, scene: Scene, depth: int) -> str:
    """A `when`, perhaps with another in it."""
    inner = [draw(st.one_of(allows(scene), allows(scene), denies(scene), harmless(scene)))]
    if draw(st.booleans()):
        inner.append(draw(allows(scene)) if depth or draw(st.booleans()) else draw(blocks(scene, depth + 1)))
    body = "\n".join(inner).replace("\n", "\n    ")
    return f"when {draw(conditions(scene))} {{\n    {body}\n}}"


@st.composite
def conditions(draw: st.DrawFn, scene: Scene, depth: int = 0) -> str:
    """A condition over params and the cluster."""
    twice = ("choice", "ports", "count")
    plain = ("flag", "flag is", *twice, *twice, "exists", "exists role", "count")
    match pick(draw, (*plain, "not", "and", "or") if depth < 2 else plain):
        case "and" | "or" as word:
            return f"({draw(conditions(scene, depth + 1))}) {word} {draw(conditions(scene, 2))}"
        case "not":
            return f"not ({draw(conditions(scene, depth + 1))})"
        case "flag":
            return pick(draw, scene.flags)
        case "flag is":
            return f"{pick(draw, scene.flags)} == {pick(draw, ('on', 'off'))}"
        case "choice":
            name, choices = pick(draw, scene.choices)
            return f"{name} {pick(draw, ('==', '!='))} {pick(draw, choices)}"
        case "ports":
            ports = pick(draw, ("22", "53", "443", "7000-7001", "8000-8010"))
            return f"{pick(draw, scene.port_params)} {pick(draw, ('==', '!='))} {ports}"
        case "exists":
            return f"exists ({draw(selectors(scene, Reach.ADDRESSES)).text})"
        case "exists role":
            return f"exists {pick(draw, (*scene.roles, *scene.labels, scene.spare))}"
        case _:
            sign = pick(draw, ("==", "!=", "<", "<=", ">", ">="))
            return f"count({draw(selectors(scene, Reach.ADDRESSES)).text}) {sign} {draw(st.integers(0, 3))}"
