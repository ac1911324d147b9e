"""Rules about a node, edge by edge: what is found in a state, how much it weighs, and what the hint says."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.node.addresses import who, wrong_node
from netpolicy.node.checks import node_rules
from netpolicy.node.machine import check, document, right_words, which
from netpolicy.node.stopped import StoppedError
from netpolicy.packet.addresses import Family
from netpolicy.policy.cluster import Address, AddressesAre, Interface
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import NodeState
from netpolicy.policy.nodestatejson import as_dict, from_dict

MBUS = "10.0.0.1"


def at(text: str) -> Address:
    address = ip_address(text)
    return Family(address.version), int(address)


def node(name: str, *addresses: str, are: AddressesAre = AddressesAre.STATIC, card: str = "eth0") -> Identity:
    return Identity("c", name, (), (), (Interface(card, tuple(map(at, addresses))),), are, at(MBUS))


CORE = node("core", MBUS)
DEA = node("dea", "10.0.0.2")
SQL = node("sql", "10.0.0.3", "2001:db8::3")
NODES = (CORE, DEA, SQL)


def state(*addresses: Any, card: str = "eth0", link: dict[str, Any] | None = None, **more: Any) -> NodeState:
    """A machine whose interface holds the addresses; `more` is of the JSON of a state."""
    lo = {"name": "lo", "addresses": [{"address": "127.0.0.1/8", "scope": "host"}]}
    return from_dict({"links": [lo, {"name": card, "addresses": list(addresses)} | (link or {})], **more})


def found(seen: NodeState, identity: Identity, *others: Identity) -> list[Diagnostic]:
    return list(check((identity, *others), seen, identity.node).found)


def told(seen: NodeState, identity: Identity, *others: Identity) -> list[tuple[str, str]]:
    """Codes and severities."""
    return [(one.code, one.severity.value) for one in found(seen, identity, *others)]


def configured(*entries: tuple[list[str], bool], file: str = "/etc/network/interfaces") -> dict[str, Any]:
    listed = [{"interface": "eth0", "file": file, "addresses": texts, "leases": leases} for texts, leases in entries]
    return {"configured": listed}


def named(identity: Identity) -> Identity:
    """The node of a cluster that has names."""
    return replace(identity, core_name="als.example.com", api_name="api.als.example.com")


def answers(**given: Any) -> dict[str, Any]:
    """The core's, the API's and any application's name, each its addresses, or why it does not resolve."""
    full = {
        "core": "als.example.com",
        "api": "api.als.example.com",
        "wildcard": "any-application.als.example.com",
    }
    listed = [
        {"name": full[name], **({"failure": value} if isinstance(value, str) else {"addresses": value})}
        for name, value in given.items()
    ]
    return {"names": {"answers": listed}}


def test_every_rule_has_a_code_of_its_own() -> None:
    codes = [rule.code for rule in node_rules()]
    assert codes == sorted(set(codes))
    assert len(codes) >= 17


# Which node it is.


def test_the_node_whose_address_is_here_is_this_one() -> None:
    assert which(NODES, state("10.0.0.2/24")) == (DEA, [])
    assert which(NODES, state("10.0.0.2/24", card="ens3")) == (DEA, [])  # NP703 tells the rest


def test_one_of_two_addresses_is_enough_to_know_the_node() -> None:
    assert which(NODES, state("2001:db8::3/64")) == (SQL, [])
    assert told(state("2001:db8::3/64"), SQL) == [("NP705", "error")]


def test_a_machine_that_is_no_node_is_told_what_it_holds() -> None:
    identity, (one,) = which(NODES, state("10.9.9.9/24"))
    assert identity is None
    assert one.code == "NP701"
    assert "`eth0` holds 10.9.9.9/24" in one.notes


def test_a_machine_without_an_address_is_no_node() -> None:
    identity, (one,) = which(NODES, from_dict({"links": []}))
    assert (identity, one.notes) == (None, ("this machine holds no address",))


def test_the_nodes_that_are_close_are_named_with_what_they_lack() -> None:
    """By distance, not by name; a node of another site is not close."""
    far = (node("a", "10.9.0.9"), node("b", "10.0.0.40", "2001:db8::40"), node("c", "2001:db8::3:0"))
    _, (one,) = which((*far, *NODES), state("10.0.0.9/24"))
    assert one.notes[-3:] == (
        "close by: `sql` lacks 10.0.0.3 on `eth0`, 2001:db8::3 on `eth0`",
        "close by: `dea` lacks 10.0.0.2 on `eth0`",
        "close by: `core` lacks 10.0.0.1 on `eth0`",
    )
    _, (one,) = which((*far, *NODES), state("10.0.0.200/24"))
    assert one.notes[-3].startswith("close by: `b` ")
    _, (one,) = which((*far, *NODES), state("10.9.0.8/24", "fe80::1/64"))
    assert one.notes[-1] == "close by: `a` lacks 10.9.0.9 on `eth0`"
    _, (one,) = which((*far, *NODES), state("192.0.2.1/24"))
    assert one.notes[-1] == "`eth0` holds 192.0.2.1/24"


def test_of_two_nodes_each_is_told_what_it_lacks() -> None:
    both = (node("x", "10.0.0.2", "10.0.0.5"), node("w", "10.0.0.3", card="eth1"), CORE)
    _, (one,) = which(both, state("10.0.0.2/24", "10.0.0.3/24"))
    assert one.notes[-2:] == (
        "here: `w` lacks 10.0.0.3 on `eth1` (`eth0` holds it)",
        "here: `x` lacks 10.0.0.5 on `eth0`",
    )
    _, (one,) = which(NODES, state("10.0.0.1/24", "10.0.0.2/24"))
    assert one.notes[-2:] == ("here: `core` lacks nothing", "here: `dea` lacks nothing")


def test_a_machine_that_is_two_nodes_is_neither() -> None:
    identity, (one,) = which(NODES, state("10.0.0.2/24", "10.0.0.1/24"))
    assert identity is None
    assert one.code == "NP702"
    assert "`core` and `dea`" in one.message


def test_the_node_that_is_wholly_here_is_taken_and_the_other_address_is_told() -> None:
    seen = state("10.0.0.2/24", "10.0.0.3/24")
    assert which(NODES, seen)[0] == DEA
    assert told(seen, DEA, SQL) == [("NP702", "error")]


def test_a_node_that_is_known_alone_is_judged() -> None:
    assert which((CORE,), state("10.9.9.9/24")) == (CORE, [])


def test_the_mbus_address_on_another_node_is_told_even_where_the_core_is_not_known() -> None:
    (one,) = found(state("10.0.0.2/24", "10.0.0.1/24"), DEA)
    assert one.code == "NP702"
    assert "the address of the core" in one.message


def test_who_of_apply_is_stricter_than_which() -> None:
    holding = {"ens3": frozenset([at("10.0.0.2")])}
    with pytest.raises(StoppedError):
        who(NODES, holding)
    assert wrong_node(DEA, holding)


# Interfaces and addresses.


def test_a_healthy_node_has_no_findings() -> None:
    assert told(state("10.0.0.1/24"), CORE, DEA) == []


def test_a_missing_interface_is_told_with_the_one_that_holds_its_address() -> None:
    (one,) = found(state("10.0.0.2/24", card="ens3"), DEA)
    assert one.code == "NP703"
    assert "10.0.0.2 is on `ens3`" in one.message
    assert "`ens3`" in one.hint


@pytest.mark.parametrize(
    ("link", "word"),
    [({"up": False, "carrier": False}, "down"), ({"carrier": False, "operstate": "LOWERLAYERDOWN"}, "no carrier")],
)
def test_an_interface_that_carries_nothing(link: dict[str, Any], word: str) -> None:
    (one,) = found(state("10.0.0.2/24", link=link), DEA)
    assert one.code == "NP704"
    assert word in one.message


def test_an_address_on_another_interface() -> None:
    seen = from_dict({"links": [{"name": "eth0"}, {"name": "eth1", "addresses": ["10.0.0.2/24"]}]})
    (one,) = found(seen, DEA)
    assert one.code == "NP705"
    assert "is on `eth1`" in one.message


def test_secondary_and_label_addresses_are_held() -> None:
    second = {"address": "10.0.0.2/24", "secondary": True, "label": "eth0:1"}
    assert told(state("10.0.0.7/24", second), DEA) == []


def test_a_missing_mbus_address_tells_both_remedies() -> None:
    (one,) = found(state("10.0.0.9/24"), CORE)
    assert (one.code, one.severity.value) == ("NP706", "error")
    assert "kato op static_ip" in one.hint
    assert "kato node migrate" in one.hint
    assert "kato node attach" in one.hint
    assert "compile again" in one.hint
    assert one.notes == ("this machine holds 10.0.0.9/24 (eth0)",)


def test_the_mbus_address_on_another_interface() -> None:
    seen = from_dict({"links": [{"name": "eth0"}, {"name": "eth1", "addresses": ["10.0.0.1/24"]}]})
    (one,) = found(seen, CORE)
    assert one.code == "NP706"
    assert "`eth1` holds it" in one.message


# Leases.

LEASED = {"address": "10.0.0.1/24", "valid": 600, "preferred": 300}


@pytest.mark.parametrize(
    ("are", "severities"),
    [
        (AddressesAre.STATIC, [("NP707", "error")]),
        (AddressesAre.LEASED, [("NP707", "error")]),
        (AddressesAre.PERSISTENT, []),
    ],
)
def test_a_leased_mbus_address_is_an_error_unless_it_persists(
    are: AddressesAre, severities: list[tuple[str, str]]
) -> None:
    assert told(state(LEASED), node("core", MBUS, are=are)) == severities


def test_a_lease_of_no_time_left_is_a_lease() -> None:
    assert told(state(LEASED | {"valid": 0}), CORE) == [("NP707", "error")]


@pytest.mark.parametrize("are", list(AddressesAre))
def test_a_leased_address_elsewhere_is_a_notice_where_it_is_called_static(are: AddressesAre) -> None:
    seen = state(LEASED | {"address": "10.0.0.2/24"})
    expected = [("NP707", "notice")] if are is AddressesAre.STATIC else []
    assert told(seen, node("dea", "10.0.0.2", are=are)) == expected


def test_another_address_of_the_core_may_be_leased() -> None:
    seen = state("10.0.0.1/24", LEASED | {"address": "10.0.1.1/24"})
    assert told(seen, node("core", MBUS, "10.0.1.1")) == [("NP707", "notice")]


def test_the_rest_of_a_lease_is_in_a_note_and_not_in_the_message() -> None:
    first, second = (found(state(LEASED | {"valid": left}), CORE)[0] for left in (600, 599))
    assert first.message == second.message
    assert "600 s" in first.notes[0]


def test_a_failed_or_unfinished_test_of_an_address() -> None:
    one = {"address": "10.0.0.2/24", "tentative": True}
    assert told(state(one), DEA) == [("NP708", "warning")]
    assert told(state(one | {"duplicate": True}), DEA) == [("NP708", "error")]


# What the system's files say.


def test_a_file_that_says_the_same_is_right() -> None:
    assert told(state("10.0.0.1/24", **configured(([MBUS], False))), CORE) == []


def test_a_file_that_takes_the_mbus_address_away_is_an_error() -> None:
    seen = state("10.0.0.1/24", **configured((["10.0.0.7"], False)))
    assert told(seen, CORE) == [("NP709", "warning"), ("NP709", "error")]
    assert told(seen, node("core", MBUS, are=AddressesAre.PERSISTENT))[1] == ("NP709", "warning")


def test_a_file_of_a_static_address_that_is_not_live_yet() -> None:
    both = found(state("10.0.0.9/24", **configured(([MBUS], False))), CORE)
    assert [one.code for one in both] == ["NP706", "NP709"]
    assert "restart networking" in both[1].hint


def test_a_file_without_addresses_of_the_family_says_nothing() -> None:
    assert told(state("10.0.0.2/24", "2001:db8::9/64", **configured((["2001:db8::9"], False))), DEA) == []


def test_a_file_of_another_interface_says_nothing() -> None:
    entry = {"interface": "eth1", "file": "/f", "addresses": ["10.0.0.7"], "leases": True}
    assert told(state("10.0.0.1/24", configured=[entry]), CORE) == []


def test_dhcp_alone_for_the_mbus_address_is_an_error() -> None:
    assert told(state("10.0.0.1/24", **configured(([], True))), CORE) == [("NP710", "error")]


def test_dhcp_beside_the_static_mbus_address_is_a_warning() -> None:
    assert told(state("10.0.0.1/24", **configured(([MBUS], True))), CORE) == [("NP710", "warning")]


@pytest.mark.parametrize("are", list(AddressesAre))
def test_dhcp_elsewhere_is_a_warning_where_addresses_are_static(are: AddressesAre) -> None:
    expected = [("NP710", "warning")] if are is AddressesAre.STATIC else []
    assert told(state("10.0.0.2/24", **configured(([], True))), node("dea", "10.0.0.2", are=are)) == expected


# Duplicates and routes.


def duplicate(address: str, **more: Any) -> dict[str, Any]:
    return {"duplicates": [{"address": address, "interface": "eth0", "machine": "02:00:00:00:00:07", **more}]}


def test_a_duplicate_of_a_declared_address_is_an_error() -> None:
    (one,) = found(state("10.0.0.2/24", **duplicate("10.0.0.2", probed=True)), DEA)
    assert (one.code, one.severity.value) == ("NP711", "error")
    assert one.message.startswith("02:00:00:00:00:07 on `eth0` has 10.0.0.2")
    assert told(state("10.0.0.2/24", "10.7.7.7/24", **duplicate("10.7.7.7")), DEA) == [("NP711", "warning")]


V4_ROUTE = {"family": 4, "interface": "eth0", "gateway": "10.0.0.254"}
V6_ROUTE = {"family": 6, "interface": "eth0"}


def test_each_family_of_the_node_needs_a_default_route() -> None:
    held = ("10.0.0.3/24", "2001:db8::3/64")
    assert told(state(*held, routes=[V4_ROUTE, V6_ROUTE]), SQL) == []
    (one,) = found(state(*held, routes=[V4_ROUTE]), SQL)
    assert (one.code, "IPv6" in one.message) == ("NP712", True)
    assert len(found(state(*held, routes=[]), SQL)) == 2
    assert told(state("10.0.0.2/24", routes=[V4_ROUTE]), DEA) == []


def test_no_way_to_the_mbus_address() -> None:
    failure = {"target": MBUS, "failure": "network is unreachable"}
    assert told(state("10.0.0.2/24", path=failure), DEA) == [("NP713", "error")]
    assert told(state("10.0.0.9/24", path=failure), CORE) == [("NP706", "error")]


def test_a_source_that_the_core_does_not_know() -> None:
    wrong = {"target": MBUS, "source": "10.0.0.7", "interface": "eth0"}
    (one,) = found(state("10.0.0.2/24", "10.0.0.7/24", path=wrong), DEA)
    assert one.code == "NP714"
    assert "from 10.0.0.7, which is no address of `dea`" in one.message
    assert told(state("10.0.0.2/24", path=wrong | {"source": "10.0.0.2"}), DEA) == []


def test_a_node_that_took_the_mbus_address_talks_to_itself() -> None:
    itself = {"target": MBUS, "source": MBUS, "interface": "lo"}
    assert told(state("10.0.0.2/24", "10.0.0.1/24", path=itself), DEA) == [("NP702", "error")]


# Names.


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ([MBUS], []),
        (["127.0.1.1"], ["NP715"]),
        (["10.0.0.9"], ["NP715"]),
        ([MBUS, "127.0.1.1"], ["NP715"]),
        ([MBUS, "203.0.113.1"], []),
        ([MBUS, "::1"], ["NP715"]),
        ("name or service not known", ["NP715"]),
    ],
)
def test_the_core_name_must_be_the_mbus_address(given: Any, codes: list[str]) -> None:
    assert [code for code, _ in told(state("10.0.0.2/24", **answers(core=given)), named(DEA))] == codes


def test_the_line_of_hosts_that_misleads_is_named() -> None:
    names = answers(core=["127.0.1.1"])["names"]
    names["hosts"] = [{"number": 2, "address": "127.0.1.1", "names": ["ALS.example.com", "als"]}]
    (one,) = found(state("10.0.0.2/24", names=names), named(DEA))
    assert one.notes == ("/etc/hosts:2 gives it 127.0.1.1",)


@pytest.mark.parametrize(
    ("given", "codes"),
    [(["203.0.113.20"], []), ([MBUS], []), (["127.0.0.1"], ["NP716"]), ("no answer within 2 s", ["NP716"])],
)
def test_the_name_of_the_api_must_lead_somewhere(given: Any, codes: list[str]) -> None:
    assert [code for code, _ in told(state("10.0.0.2/24", **answers(api=given)), named(DEA))] == codes


@pytest.mark.parametrize(
    ("declared", "live", "right"),
    [
        ("als.example.com", "als.example.com", True),
        ("als.example.com", "als", True),
        ("als", "als.example.com", True),
        ("ALS.example.com", "als.example.com.", True),
        ("als.example.com", "als.example.org", False),
        ("als.example.com", "micro", False),
        ("", "micro", True),
    ],
)
def test_the_hostname_is_the_one_of_the_node(declared: str, live: str, right: bool) -> None:
    one = replace(DEA, hostname=declared)
    codes = [code for code, _ in told(state("10.0.0.2/24", names={"hostname": live}), one)]
    assert codes == ([] if right else ["NP717"])


def test_the_core_has_the_hostname_of_the_cluster() -> None:
    assert told(state("10.0.0.1/24", names={"hostname": "micro"}), named(CORE)) == [("NP717", "warning")]
    (one,) = found(state("10.0.0.1/24", names={"hostname": "micro"}), named(CORE))
    assert one.message == "the hostname of this machine is `micro`, and that of `core` must be `als.example.com`"
    assert told(state("10.0.0.2/24", names={"hostname": "micro"}), named(DEA)) == []


def test_a_missing_wildcard_record_is_a_notice() -> None:
    assert told(state("10.0.0.2/24", **answers(wildcard="no")), named(DEA)) == [("NP718", "notice")]
    assert told(state("10.0.0.2/24", **answers(wildcard=["203.0.113.1"])), named(DEA)) == []


# All of it.


def test_all_findings_of_a_run_come_at_once_and_by_code() -> None:
    seen = state(
        "10.0.0.7/24",
        link={"up": False},
        **(configured((["10.0.0.8"], True)) | duplicate("10.0.0.7") | {"routes": []}),
    )
    codes = [code for code, _ in told(seen, CORE, DEA)]
    assert codes == ["NP704", "NP706", "NP709", "NP710", "NP711", "NP712"]


def test_what_was_not_looked_at_gives_no_finding() -> None:
    seen = state("10.0.0.1/24")
    assert (seen.routes, seen.path, seen.names, seen.configured) == (None, None, None, None)
    assert told(seen, named(CORE)) == []


def test_a_state_as_json_is_the_same_state() -> None:
    full = state(
        LEASED,
        "2001:db8::1/64",
        routes=[V4_ROUTE, V6_ROUTE],
        path={"target": MBUS, "source": MBUS, "interface": "lo"},
        names={"hostname": "als", **answers(core=[MBUS], api="no")["names"]},
        **(configured(([MBUS], True)) | duplicate(MBUS)),
    )
    assert from_dict(as_dict(full)) == full
    empty = state(routes=[], configured=[])
    assert from_dict(as_dict(empty)) == empty


@pytest.mark.parametrize(
    "tree",
    [
        {},
        [],
        {"links": [{}]},
        {"links": [{"name": "eth0", "addresses": ["10.0.0.1/33"]}]},
        {"links": [{"name": "eth0", "addresses": [1]}]},
        {"links": [], "format_version": 2},
    ],
)
def test_what_is_no_state_is_refused(tree: Any) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        from_dict(tree)


def test_the_document_and_the_words() -> None:
    seen = state("10.0.0.1/24", routes=[V4_ROUTE], path={"target": MBUS, "source": MBUS, "interface": "lo"})
    one = check(NODES, seen)
    tree = document(one)
    assert (tree["node"], tree["in_order"], tree["findings"]) == ("core", True, [])
    assert right_words(CORE, seen) == [
        "eth0 up, 10.0.0.1/24 static",
        "MBUS here",
        "default route by 10.0.0.254 (eth0)",
    ]
    other = document(check(NODES, state(LEASED)))
    assert (other["in_order"], other["findings"][0]["code"]) == (False, "NP707")
