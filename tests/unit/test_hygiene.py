"""Lint rules about who answers for a statement, until when, and how it is written."""

from datetime import timedelta

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.lint import Profile
from netpolicy.pipeline import Pipeline
from netpolicy.source import Source
from tests.errors.diagnose import CLUSTER, DAY, POLICY, linted

NODES = """\
policy: ./policy.netpol
nodes:
  a: {roles: [web], address: 10.0.0.1}
  b: {roles: [db], address: 10.0.0.2}
"""
HEAD = 'role web "w"\nrole db "d"\n'
KEPT = 'because "x" owner "y"'


def found(code: str, policy: str, cluster: str = NODES, profile: Profile = Profile.STANDARD) -> list[Diagnostic]:
    told = linted({CLUSTER: cluster, POLICY: HEAD + policy}, profile)
    assert "NP1" not in {one.code[:3] for one in told}
    return [one for one in told if one.code == code]


def strictly(code: str, policy: str) -> list[str]:
    """The blamed texts of a code in the profile `production`."""
    told = found(code, policy, profile=Profile.PRODUCTION)
    return [one.span.text for one in told if one.span is not None]


# Who answers for a statement.


@pytest.mark.parametrize(
    ("code", "policy", "count"),
    [
        ("NP512", "allow web -> db : tcp 1\n", 1),
        ("NP512", "allow web <-> db : tcp 1\n", 1),
        ("NP512", f"allow web -> db : tcp 1 {KEPT}\n", 0),
        ("NP512", "deny web -> db : tcp 1\nnever web -> db : tcp 2\n", 0),
        ("NP512", "param p = off\nwhen p {\n allow web -> db : tcp 1\n}\n", 0),  # it is not active
        ("NP513", 'allow web -> db : tcp 1 because "x"\n', 1),
        ("NP513", f"allow web -> db : tcp 1 {KEPT}\n", 0),
        ("NP522", "allow all -> db : tcp 1\ndeny web -> db : tcp 1\n", 1),
        ("NP522", "allow all -> db : tcp 1\ndeny web -> db : tcp 1 log\n", 0),
        ("NP523", f"allow web -> db : tcp 1 {KEPT} expires 2027-01-01\n", 1),
        ("NP523", f'allow web -> db : tcp 1 {KEPT} expires 2027-01-01 ticket "T"\n', 0),
        ("NP523", f"allow web -> db : tcp 1 {KEPT}\n", 0),
        ("NP520", "role spare\nallow web -> db : tcp 1\n", 1),
        ("NP520", 'label l ""\nnetwork n\ngroup g = web\nservice s = tcp 1\n', 2),
        ("NP521", "allow web -> db : tcp 1\n", 1),
        ("NP521", "never web -> db : tcp 2\n", 0),
        ("NP521", "allow web -> db : tcp 1\nexpect web -> db : tcp 1\n", 0),
        ("NP521", "param p = off\nwhen p {\n never web -> db : tcp 1\n}\n", 1),
    ],
)
def test_production_wants_somebody_to_answer(code: str, policy: str, count: int) -> None:
    assert len(strictly(code, policy)) == count
    assert found(code, policy) == []


def test_statements_without_reason_or_owner_stop_a_compile_in_production() -> None:
    for code in ("NP512", "NP513"):
        (one,) = found(code, "allow web -> db : tcp 1\n", profile=Profile.PRODUCTION)
        assert (one.severity.value, one.subject) == ("error", "web -> db : tcp 1")


@pytest.mark.parametrize("code", ["NP512", "NP513", "NP515", "NP519", "NP520", "NP522", "NP523"])
def test_shipped_policies_are_not_judged(code: str) -> None:
    """Nobody but the product can change them."""
    theirs = (
        "role web, db, spare\n"
        "allow 192.0.2.0/24 -> db : tcp 1-2 review 2020-01-01 expires 2030-01-01\n"
        "allow 192.0.2.0/24 -> db : tcp 3\nallow 192.0.2.0/24 -> web : tcp 1-2\n"
        'deny 192.0.2.0/24 -> web : tcp 2 because "x"\n'
    )
    texts = {CLUSTER: NODES, POLICY: 'include "als/base.netpol"\n', "als/base.netpol": theirs}
    codes = []
    for prefix in ("", "./"):
        texts[POLICY] = f'include "{prefix}als/base.netpol"\n'
        pipeline = Pipeline(
            CLUSTER, lambda place: Source(place.path, texts[place.path]), DAY, profile=Profile.PRODUCTION
        )
        codes.append(code in {one.code for one in pipeline.diagnostics})
    assert codes == [False, True]


# Until when.


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (-1, ""),  # it has expired, which is an error by itself
        (0, "this `allow` expires today"),
        (1, "this `allow` expires tomorrow"),
        (30, "this `allow` expires in 30 days"),
        (31, ""),
    ],
)
def test_what_expires_soon(days: int, message: str) -> None:
    expires = DAY + timedelta(days=days)
    told = found("NP514", f"allow web -> db : tcp 1 expires {expires}\n")
    assert [one.message for one in told] == [message] * bool(message)
    assert [one.subject for one in told] == ["web -> db : tcp 1"] * bool(message)


@pytest.mark.parametrize(("days", "count"), [(-1, 1), (0, 0), (1, 0)])
@pytest.mark.parametrize("verb", ["allow", "deny"])
def test_a_review_is_overdue_from_the_day_after(verb: str, days: int, count: int) -> None:
    review = DAY + timedelta(days=days)
    assert len(found("NP515", f"{verb} web -> db : tcp 1 review {review}\n")) == count


# How it is written.


@pytest.mark.parametrize(
    ("networks", "blamed"),
    [
        ("{north: [192.0.2.0/25], mid: [192.0.2.128/25]}", []),
        ("{north: [192.0.2.0/25], mid: [192.0.2.0/26]}", []),
        ("{north: [192.0.2.0/25], mid: [192.0.2.0/25]}", []),
        ("{north: [192.0.2.0/25], mid: [192.0.2.0/26, 198.51.100.1]}", ["mid | north"]),
        ("{north: ['2001:db8::/64', 198.51.100.1], mid: ['2001:db8::/65', 198.51.100.2]}", ["mid | north"]),
        (
            "{north: [192.0.2.0/24], other: [192.0.2.7, 10.0.0.7], mid: [192.0.2.7, 10.0.0.8]}",
            ["mid | north", "mid | other", "other | north"],
        ),
    ],
)
def test_networks_that_overlap_in_part(networks: str, blamed: list[str]) -> None:
    policy = "network north, mid, other\nallow north, mid, other -> db : tcp 22\n"
    told = found("NP518", policy, NODES.replace("nodes:", f"networks: {networks}\nnodes:"))
    assert sorted(" | ".join(label.span.text for label in one.labels) for one in told) == blamed


def test_a_short_network_does_not_hide_the_long_one_before_it() -> None:
    networks = "networks: {north: [10.1.0.0/16, 10.9.0.1], mid: [10.1.0.7], other: [10.1.9.0/24, 10.9.0.2]}\nnodes:"
    (one,) = found(
        "NP518",
        "network north, mid, other\nallow north, mid, other -> db : tcp 22\n",
        NODES.replace("nodes:", networks),
    )
    assert (one.subject, one.message) == (
        "network north and other",
        "`other` and `north` share addresses, such as `10.1.9.0`",
    )


THRICE = "allow {0} -> db : {1}\nallow {0}, web -> db : {2}\nnever {0} -> web : {3}\n"


@pytest.mark.parametrize(
    ("policy", "blamed"),
    [
        (THRICE.format("192.0.2.0/24", "tcp 1", "tcp 2", "tcp 3"), ["192.0.2.0/24"]),
        (THRICE.format("192.0.2.7", "tcp 1", "tcp 2", "tcp 3"), ["192.0.2.7"]),
        (THRICE.format("2001:db8:7::/64", "tcp 1", "tcp 2", "udp 3"), ["2001:db8:7::/64"]),
        ("allow 192.0.2.7 -> db : tcp 1\nallow 192.0.2.7 -> db : tcp 2\n", []),
        ("allow 192.0.2.7, 192.0.2.7 -> db : tcp 1\nallow 192.0.2.7 -> db : tcp 2\n", []),
        (THRICE.format("web", "tcp 1-2", "tcp 1-2", "tcp 1-2").replace("never web", "allow db"), ["tcp 1-2"]),
        ("allow web -> db : tcp 1, 5\nallow db -> web : tcp 5, 1\nallow all -> web : tcp 1, tcp 5\n", ["tcp 1, 5"]),
        ("allow web -> db : tcp 1\nallow db -> web : tcp 1\nallow all -> web : tcp 1\n", []),
        ("service s = tcp 1-2\nallow web -> db : s\nallow db -> web : s\nallow all -> web : s\n", []),
    ],
)
def test_what_is_written_again_and_again(policy: str, blamed: list[str]) -> None:
    told = found("NP519", policy)
    assert [one.subject for one in told] == blamed
    assert [len(one.labels) for one in told] == [3] * len(blamed)
    kinds = ["service" if text.startswith("tcp") else "network" for text in blamed]
    assert [one.hint for one in told] == [f"give it a name as a `{kind}`" for kind in kinds]
