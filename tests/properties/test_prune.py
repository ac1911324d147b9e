"""What is pruned from the rules of security groups: the quick way, and its slow twin that compares each with all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.packet.addresses import Family
from netpolicy.securitygroups.model import Direction, Network, Rule, Service
from netpolicy.securitygroups.prune import prune

EVERY = "every"
SERVICES = st.one_of(
    st.just(Service()),
    st.builds(Service, st.sampled_from((1, 6, 17, 50))),
    st.tuples(st.sampled_from((6, 17)), st.integers(0, 6), st.integers(0, 6)).map(
        lambda drawn: Service(drawn[0], min(drawn[1:]), max(drawn[1:]))
    ),
    st.builds(Service, st.just(1), st.integers(0, 2), st.integers(-1, 2)),
)
PEERS = st.one_of(
    st.sampled_from(("a", "b", EVERY)),
    st.sampled_from((0, 8, 16)).map(lambda length: Network(Family.V4, (10 << 24) if length else 0, length)),
)


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Different rules, each with a statement of its own."""
    keys = draw(st.lists(st.tuples(st.sampled_from(("a", "b", EVERY)), SERVICES, PEERS), max_size=14, unique=True))
    return [
        Rule(group, Direction.INGRESS, Family.V4, service, peer, (f"{number:08x}",))
        for number, (group, service, peer) in enumerate(keys)
    ]


def holds(wide: Service, narrow: Service) -> bool:
    if wide.protocol in (-1, narrow.protocol) and wide.first == -1:
        return True
    if wide.protocol != narrow.protocol or narrow.first == -1:
        return False
    if wide.protocol == 1:
        return wide.first == narrow.first and wide.last in (-1, narrow.last)
    return wide.first <= narrow.first and narrow.last <= wide.last


def covers(wide: Rule, narrow: Rule) -> bool:
    if wide.group not in (narrow.group, EVERY) or not holds(wide.service, narrow.service):
        return False
    if isinstance(wide.peer, str):
        return isinstance(narrow.peer, str) and wide.peer in (narrow.peer, EVERY)
    if isinstance(narrow.peer, str):
        return wide.peer.length == 0
    shift = 32 - wide.peer.length
    return narrow.peer.length >= wide.peer.length and narrow.peer.first >> shift == wide.peer.first >> shift


@settings(max_examples=300)
@given(rules())
def test_what_remains_is_what_no_other_rule_covers(listed: list[Rule]) -> None:
    kept = prune(listed, EVERY)
    assert set(kept) == {rule for rule in listed if not any(covers(one, rule) for one in listed if one != rule)}
    assert sorted(one for rule in kept for one in rule.statements) == sorted(
        one for rule in listed for one in rule.statements
    )
    for rule in kept:
        taken = [one for one in listed if one.statements[0] in rule.statements]
        assert all(covers(rule, one) for one in taken)
