"""What every voice says of a probe: `decide` and `admitted`, of a ruleset as meant and as read, and the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netpolicy.node.backend import Backend
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet, describe
from netpolicy.packet.packetset import PacketSet
from netpolicy.source import Source
from netpolicy.targets.iptables.admitted import admitted
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.read_dump import read_dump
from netpolicy.targets.iptables.rules import AddressList, PortIn, Ruleset, Table, TcpFlags
from tests.crossing.answers import told
from tests.crossing.probe import Probe, Way, Which
from tests.crossing.world import Seen, World

_READINGS = ("as meant", "read back", "as written")
_ASKED_AGAIN = 20
_PATIENT = 0.05
"""Seconds of silence before what is odd is believed."""


class MisreadError(Exception):
    """Our reader does not take what a save tool printed."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A probe of which the voices do not say the same."""

    backend: str
    probe: Probe
    said: Mapping[str, str]

    def __str__(self) -> str:
        packets = "; ".join(describe(packet) for packet in self.probe.stops())
        voices = "".join(f"\n  {voice}: {what}" for voice, what in self.said.items())
        return f"{self.backend}: {packets}\n  probe: {self.probe}{voices}"


@dataclass(slots=True)
class Voices:
    """A ruleset as two readers of it see it; sets of packets are worked out once."""

    ruleset: Ruleset
    admits: PacketSet = field(init=False)

    def __post_init__(self) -> None:
        self.admits = admitted(self.ruleset)

    def decide(self, stops: Sequence[Packet]) -> Verdict:
        """The verdict of the first hook that does not let the packet pass."""
        for packet in stops:
            verdict = decide(self.ruleset, packet).verdict
            if verdict is not Verdict.ALLOW:
                return verdict
        return Verdict.ALLOW

    def admitted(self, stops: Sequence[Packet]) -> bool:
        return all(packet in self.admits for packet in stops)


def disagreements(
    world: World, texts: Mapping[Family, str], sets: str, meant: Ruleset, probes: Sequence[Probe]
) -> tuple[list[Disagreement], int, int]:
    """The probes of which not all voices say the same, how many pass, and of how many. What is odd is asked again."""
    probes = [probe for probe in probes if not _is_unknown(world, meant, probe)]
    world.restore_sets(sets)
    seen = world.cross(texts, probes)
    ours, theirs = Voices(meant), [Voices(one) for one in _readings(world, texts, sets)]
    passing = sum(one.arrived for one in seen)
    odd = list(differing(world.backend, ours, theirs, probes, seen))
    if odd:
        asked = [one.probe for one in odd[:_ASKED_AGAIN]]
        odd = list(differing(world.backend, ours, theirs, asked, world.cross(texts, asked, _PATIENT)))
    return odd, passing, len(probes)


def _readings(world: World, texts: Mapping[Family, str], sets: str) -> list[Ruleset]:
    """What the kernel holds, as the save tools print it, and what was written, where that is another value."""
    held = read(*((family, world.saved(family)) for family in FAMILIES), sets=world.sets())
    written = read(*texts.items(), sets="".join(line for line in sets.splitlines(keepends=True) if "flush" not in line))
    same = (held.v4, held.v6, held.sets) == (written.v4, written.v6, written.sets)
    return [held] if same else [held, written]


def read(*texts: tuple[Family, str], sets: str) -> Ruleset:
    """The ruleset of these texts, as our reader takes rules of others."""
    tables: dict[Family, Table] = {}
    lists: list[AddressList] = []
    for family, text in texts:
        dump, problems = read_dump(Source("rules", text), family, Source("sets", sets))
        if dump is None:
            raise MisreadError(f"{problems}\n{text}")
        tables[family] = dump.table
        lists += dump.sets
    return Ruleset(tables[Family.V4], tables[Family.V6], tuple(lists))


def differing(
    backend: Backend, ours: Voices, theirs: Sequence[Voices], probes: Sequence[Probe], seen: Sequence[Seen]
) -> Iterator[Disagreement]:
    """The probes of which not all voices say the same: the ruleset as meant, others as read, and the kernel."""
    for probe, kernel in zip(probes, seen, strict=True):
        stops = probe.stops()
        verdicts = [one.decide(stops) for one in (ours, *theirs)]
        sets = [one.admitted(stops) for one in (ours, *theirs)]
        passes = verdicts[0] is Verdict.ALLOW
        answered = told(ours.ruleset, probe, stops)
        # A node that refuses what it sends to itself hears the refusal as it would hear the packet.
        deaf = probe.way is Way.LOOP and verdicts[0] is Verdict.REJECT
        agree = {*verdicts} == {verdicts[0]} and {*sets} == {passes} and (deaf or kernel.arrived == passes)
        if agree and (passes or answered is None or kernel.answered == answered):
            continue
        said = {"kernel": outcome(kernel), "kernel, if it tells the sender": _TOLD[answered]}
        for reading, verdict, inside in zip(_READINGS, verdicts, sets, strict=False):
            said |= {f"decide, {reading}": verdict.value, f"admitted, {reading}": _word(inside)}
        yield Disagreement(backend.value, probe, said)


def _is_unknown(world: World, meant: Ruleset, probe: Probe) -> bool:
    """True where iptables-nft looks for ports or flags in a fragment that has none.

    Where nothing of a namespace asks for connections, nobody puts fragments together. iptables-legacy, and multiport in
    both, then say that a later fragment has no ports; what iptables-nft 1.8.9 makes of `-m tcp` and the like reads the
    bytes that stand where ports would be (measured on Linux 6.18). Packets of our own rules are always tracked.
    """
    late = probe.which is Which.TAIL or (probe.which is Which.PARTS and probe.family is Family.V6)
    if world.backend is not Backend.NFT or not late:
        return False
    rules = (rule for chain in meant.table(probe.family).chains for rule in chain.rules)
    return any(isinstance(match, PortIn | TcpFlags) for rule in rules for match in rule.matches)


_TOLD = {True: "must", False: "must not", None: "may"}


def outcome(kernel: Seen) -> str:
    """What the kernel did, as people read it."""
    return "passes" if kernel.arrived else "refused" if kernel.answered else "dropped"


def _word(passes: bool) -> str:
    return "passes" if passes else "stopped"
