"""How many flows become chains: what is split, where, under which names, and what is joined."""

from __future__ import annotations

from netpolicy.flow.minimise import MOST_STATEMENTS
from netpolicy.flow.model import Effect, Flow
from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.targets.iptables.dispatch import LONGEST, Body, Chains, dispatch
from netpolicy.targets.iptables.rules import (
    Drop,
    Goto,
    InSet,
    Limit,
    Log,
    Match,
    PortIn,
    ProtocolIs,
    Return,
    Rule,
    Side,
)

TCP, UDP, AH = ProtocolIs(Protocol.TCP), ProtocolIs(Protocol.UDP), ProtocolIs(Protocol.AH)
REST = Rule((), Drop(), "np:default")


def flow(number: int, ports: PortSet, effect: Effect = Effect.ALLOW, log: str = "") -> Flow:
    """A flow from an address of its own."""
    one = ((number, number),)
    return Flow(effect, AddressSet(one, one), EVERYWHERE, ports, (f"s{number:02}",), log, head=f"r{number}")


def source(one: Flow) -> InSet:
    return InSet(Side.SOURCE, one.head)


def port(number: int, protocol: int = Protocol.TCP) -> PortSet:
    return PortSet.ports(protocol, [(number, number)])


def made(flows: list[Flow], family: Family = Family.V4) -> tuple[list[Rule], Chains]:
    """The rules of the flows, where a set is named as its flow; destinations need no match."""
    body = Body(family, Drop(), lambda one: ([(source(one),)], [()]))
    return dispatch(body, flows, lambda suffix: f"C{suffix}")


def rule(one: Flow, *matches: Match) -> Rule:
    return Rule((source(one), *matches), Return(), f"np:{','.join(one.statements)}")


def to(chain: str, *matches: Match) -> Rule:
    return Rule(matches, Goto(chain), "np:default")


def dports(first: int, last: int) -> PortIn:
    return PortIn(Side.DESTINATION, ((first, last),))


def test_as_many_rules_as_fit_stay_in_one_chain() -> None:
    flows = [flow(at, port(at)) for at in range(LONGEST - 1)]
    rules, chains = made(flows)
    assert chains == {}
    assert rules == [*(rule(one, TCP, dports(at, at)) for at, one in enumerate(flows)), REST]


def test_a_flow_of_all_keys_but_one_is_matched_by_each() -> None:
    zero = PortSet(((0, 0),), ((0, 0),))
    assert made([flow(1, ANY_PORT)]) == ([rule(flow(1, ANY_PORT)), REST], {})
    rules, chains = made([flow(1, ANY_PORT - zero)])
    assert rules[0] == to("C-t0", TCP)
    assert chains["C-t0"] == [rule(flow(1, ANY_PORT)), REST]
    assert ProtocolIs(0) not in {match for one in rules if len(one.matches) == 2 for match in one.matches}


def test_one_more_is_split_by_protocol_and_halved_by_port() -> None:
    flows = [flow(at, port(at)) for at in range(LONGEST)]
    narrow = [rule(one, TCP, dports(at, at)) for at, one in enumerate(flows)]
    rules, chains = made(flows)
    assert rules == [to("C-t0", TCP), to("C-u3", UDP), REST]
    half = LONGEST // 2 + 1  # the first key begins the range, so it is no place to cut
    assert chains == {
        "C-t0": [to("C-t1", TCP, dports(0, half - 1)), to("C-t2")],
        "C-t1": [*narrow[:half], REST],
        "C-t2": [*narrow[half:], REST],
        "C-u3": [REST],
    }


def test_the_last_key_of_a_half_is_matched_by_none() -> None:
    """A flow that has all keys of a chain needs no match of the port."""
    half = PortSet.ports(Protocol.TCP, [(1000, 65535)])
    flows = [*(flow(at, port(at)) for at in range(LONGEST)), flow(99, half)]
    chains = made(flows)[1]
    assert rule(flows[-1], TCP, dports(1000, 65535)) in chains["C-t2"]
    whole = [flow(at, PortSet.protocol(Protocol.UDP)) for at in range(3)] + flows
    assert made(whole)[1]["C-u3"] == [*(rule(one) for one in whole[:3]), REST]


def test_other_protocols_stand_behind_the_split() -> None:
    flows = [*(flow(at, port(at)) for at in range(LONGEST)), flow(70, port(9, Protocol.SCTP)), flow(71, ANY_PORT)]
    rules, chains = made(flows)
    sctp = ProtocolIs(Protocol.SCTP)
    assert rules == [
        to("C-t0", TCP),
        to("C-u3", UDP),
        rule(flows[-2], sctp, dports(9, 9)),
        rule(flows[-1]),
        REST,
    ]
    assert rule(flows[-1]) in chains["C-t1"]
    assert chains["C-u3"] == [rule(flows[-1]), REST]


def test_in_ipv6_ah_is_judged_first() -> None:
    deny = flow(80, PortSet.protocol(Protocol.AH), Effect.DENY)
    allow = flow(81, ANY_PORT)
    flows = [deny, allow, *(flow(at, port(at)) for at in range(LONGEST))]
    refused = Rule((source(deny), AH), Drop(), "np:s80")
    assert made(flows, Family.V6)[0][:3] == [refused, rule(allow, AH), to("C-t0", TCP)]
    assert made(flows)[0][:2] == [to("C-t0", TCP), to("C-u3", UDP)]


def test_flows_that_differ_in_their_sources_only_share_rules() -> None:
    flows = [flow(at, port(22)) for at in range(LONGEST + 5)]
    rules, chains = made(flows)
    assert rules == [to("C-t0", TCP), to("C-u5", UDP), REST]
    groups = [flows[at : at + MOST_STATEMENTS] for at in range(0, len(flows), MOST_STATEMENTS)]
    comments = ["np:" + ",".join(name for one in group for name in one.statements) for group in groups]
    joined = [
        Rule((InSet(Side.SOURCE, f"{group[0].head}_and_more"),), Return(), comment)
        for group, comment in zip(groups, comments, strict=True)
    ]
    assert chains == {
        "C-t0": [to("C-t1", TCP, dports(0, 22)), to("C-t4")],
        "C-t1": [to("C-t2", TCP, dports(0, 21)), to("C-t3")],
        "C-t2": [REST],
        "C-t3": [*joined, REST],
        "C-t4": [REST],
        "C-u5": [REST],
    }


def test_joined_sources_are_those_of_all() -> None:
    seen: list[Flow] = []

    def sides(one: Flow) -> tuple[list[tuple[Match, ...]], list[tuple[Match, ...]]]:
        seen.append(one)
        return [(source(one),)], [()]

    flows = [flow(2 * at, port(22)) for at in range(LONGEST + 5)]
    dispatch(Body(Family.V4, Drop(), sides), flows, str)
    joined = [one for one in seen if one.head.endswith("_and_more")]
    assert joined[0].sources.v4 == tuple((2 * at, 2 * at) for at in range(MOST_STATEMENTS))
    assert joined[0].ports.v4 == port(22).v4


def test_what_logs_or_differs_is_not_joined() -> None:
    logged = flow(90, port(22), log="5/sec")
    deny = flow(91, port(22), Effect.DENY)
    other = Flow(Effect.ALLOW, EVERYWHERE, AddressSet(((7, 7),)), port(22), ("s92",), head="other")
    flows = [deny, logged, other, *(flow(at, port(22)) for at in range(LONGEST))]
    rules = made(flows)[1]["C-t3"]
    assert rules[:4] == [
        Rule((source(deny),), Drop(), "np:s91"),
        Rule((source(logged), Limit("5/sec")), Log("np:s90 "), "np:s90"),
        rule(logged),
        rule(other),
    ]
    assert len(rules) == 4 + LONGEST // MOST_STATEMENTS + 1
