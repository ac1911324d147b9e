"""What every voice says of a probe: `decide` and `admitted`, of what was meant and of what was read back, and the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.packetset import PacketSet
from netpolicy.packet.ports import Protocol
from netpolicy.source import Source
from netpolicy.targets.iptables.admitted import admitted
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.read_dump import read_dump
from netpolicy.targets.iptables.rules import Ruleset
from tests.crossing import places
from tests.crossing.probe import Probe, Way, Which
from tests.crossing.world import Seen, World


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


def read_back(world: World, sets: str) -> Ruleset:
    """The ruleset that the kernel holds, as our reader takes it from the save tools."""
    tables = []
    for family in FAMILIES:
        text = world.saved(family)
        dump, problems = read_dump(Source("saved", text), family, Source("sets", sets))
        if dump is None:
            raise MisreadError(f"{problems}\n{text}")
        tables.append(dump)
    v4, v6 = tables
    return Ruleset(v4.table, v6.table, (*v4.sets, *v6.sets))


def disagreements(
    world: World, texts: Mapping[Family, str], sets: str, meant: Ruleset, probes: Sequence[Probe]
) -> tuple[list[Disagreement], int]:
    """The probes of which some voice says what no other does, and how many pass. What is odd is asked again."""
    world.restore_sets(sets)
    seen = world.cross(texts, probes)
    ours, theirs = Voices(meant), Voices(read_back(world, world.sets()))
    passing = sum(one.arrived for one in seen)
    odd = list(_odd(world, ours, theirs, probes, seen))
    for _ in range(2):
        if not odd:
            break
        world.quiet = 0.1
        asked = [one.probe for one in odd]
        odd = list(_odd(world, ours, theirs, asked, world.cross(texts, asked)))
        world.quiet = 0.01
    return odd, passing


def _odd(
    world: World, ours: Voices, theirs: Voices, probes: Sequence[Probe], seen: Sequence[Seen]
) -> Iterator[Disagreement]:
    for probe, kernel in zip(probes, seen, strict=True):
        stops = probe.stops()
        verdicts = ours.decide(stops), theirs.decide(stops)
        sets = ours.admitted(stops), theirs.admitted(stops)
        passes = verdicts[0] is Verdict.ALLOW
        answered = _answered(ours, probe, stops, verdicts[0])
        agree = verdicts[0] is verdicts[1] and sets == (passes, passes) and kernel.arrived == passes
        if agree and (passes or answered is None or kernel.answered == answered):
            continue
        said = {
            "decide": verdicts[0].value,
            "decide, read back": verdicts[1].value,
            "admitted": _word(sets[0]),
            "admitted, read back": _word(sets[1]),
            "kernel": f"{_word(kernel.arrived)}{', answered' if kernel.answered else ''}",
            "answer expected": str(answered),
        }
        yield Disagreement(world.backend.value, probe, said)


def _word(passes: bool) -> str:
    return "passes" if passes else "stopped"


def _answered(ours: Voices, probe: Probe, stops: Sequence[Packet], verdict: Verdict) -> bool | None:
    """True if the sender must be told of the refusal, False if it must not, None where it may be or not."""
    if verdict is Verdict.ALLOW:
        return None
    if verdict is Verdict.DROP:
        return False
    return None
