"""`lint --fix` on any policy: every packet fares as before, now and later, and nothing more can go."""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpolicy.cli import main
from netpolicy.dsl.syntax import Flow, PolicyFile, Statement, Verb, When
from netpolicy.lint import inside
from netpolicy.policy.cluster import Cluster
from tests.draws import pick
from tests.specification import Specification
from tests.strategies import Case, cases, read

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
DAY = "2026-06-01"
MORE = (
    "allow all -> all : any",
    "deny all -> all : tcp 1000-65535",
    "allow all <-> all : tcp 1-65535  # wide",
    '# netpolicy: ignore[NP402] until 2099-01-01 "x"\nallow all -> all : tcp 22',
    'allow all -> all : tcp 22 {\n    because "x"  # why\n}',
    "role lone, other  # nobody\nservice idle = tcp 9",
    "deny all -> all : tcp 1 log",
    "allow all -> all : tcp 1-1000 expires 2098-01-01",
)


@st.composite
def untidy(draw: st.DrawFn) -> Case:
    """A case with more that is needless, and lines that end as they may."""
    case = draw(cases())
    more = "".join(f"{pick(draw, MORE)}\n" for _ in range(draw(st.integers(0, 3))))
    first = draw(st.booleans())
    text = more + case.policy_text if first else case.policy_text + more
    try:
        policy, cluster = read(text, case.cluster_text)
    except ValueError:
        text, (policy, cluster) = case.policy_text, (case.policy, case.cluster)
    return Case(text, case.cluster_text, case.packets, policy, cluster)


def lasting(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements that no day ends."""
    return tuple(
        replace(one, statements=lasting(one.statements)) if isinstance(one, When) else one
        for one in statements
        if not isinstance(one, Flow) or one.attributes.expires is None
    )


def fates(file: PolicyFile, cluster: Cluster, case: Case) -> list[bool]:
    """Of each packet, today and when all that expires has expired."""
    days = (file, replace(file, statements=lasting(file.statements)))
    specifications = [Specification([one], cluster) for one in days]
    return [one.admits(*packet) for one in specifications for packet in case.packets]


def promises(file: PolicyFile) -> list[Flow]:
    flows = [one for one in inside(file.statements) if isinstance(one, Flow)]
    return [one for one in flows if one.verb in (Verb.NEVER, Verb.EXPECT)]


@settings(max_examples=25, suppress_health_check=SLOW)
@given(untidy())
def test_every_packet_fares_as_before(case: Case) -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / "cluster.yaml").write_text(case.cluster_text, encoding="utf-8")
        (place / "policy.netpol").write_text(case.policy_text, encoding="utf-8")
        words = ["lint", str(place / "cluster.yaml"), "--fix", "--no-config", "--as-of", DAY]
        first = _quietly(words)
        after = (place / "policy.netpol").read_text(encoding="utf-8")
        assert _quietly(words) == first
        assert (place / "policy.netpol").read_text(encoding="utf-8") == after
    fixed, cluster = read(after, case.cluster_text)
    assert fates(case.policy, case.cluster, case) == fates(fixed, cluster, case), after
    before, kept = promises(case.policy), promises(fixed)  # what is promised twice is promised once
    assert all(one in before for one in kept)
    assert {one.verb for one in kept} == {one.verb for one in before}
    lines = set(case.policy_text.split("\n"))
    new = [line for line in after.split("\n") if line not in lines]
    assert all(line.startswith(("role", "label", "network")) for line in new), new
    assert ("netpolicy:" in after) <= ("allow all -> all : tcp 22" in after)


def _quietly(words: list[str]) -> int:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return main(words)
