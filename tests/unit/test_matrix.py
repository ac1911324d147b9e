"""The matrix: which rows stand, what is in them, and how they are written."""

import csv
import io
import json

import pytest

from netpolicy.report.matrix import KEYS, as_csv, as_json
from netpolicy.report.table import as_markdown, as_table
from netpolicy.verify.reachability import By, Row, possible, rows
from tests.compiling import compiled

CLUSTER = """\
cluster: c
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24], lan: [10.0.0.0/28]}
nodes:
  web[1-2]: {roles: [web], interfaces: {eth0: ["10.0.0.[1-2]", "2001:db8::[1-2]"], eth1: ["203.0.113.[1-2]"]}}
  db: {roles: [db, store], interfaces: {eth0: [10.0.0.9, "2001:db8::9"]}}
  six: {roles: [six], interfaces: {eth0: ["2001:db8::20"]}}
  bare: {address: 10.0.0.30}
"""
DECLARED = "role web, db, store, six\nnetwork admins, lan\n"


def found(policy: str, by: By = By.ROLE) -> list[Row]:
    """The rows of a policy for the cluster above."""
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": DECLARED + policy})
    assert pipeline.policy is not None
    return rows(pipeline.policy, pipeline.plans, by)


def shown(policy: str, by: By = By.ROLE) -> list[str]:
    """The rows without their statements, such as `web -> db tcp 22-22`."""
    return [f"{row.source} -> {row.destination} {row.protocol} {row.first}-{row.last}" for row in found(policy, by)]


# Which rows stand.


def test_a_row_is_about_another_node() -> None:
    assert shown("allow web -> web : tcp 22\nallow db -> db : tcp 22\n") == ["web -> web tcp 22-22"]
    assert shown("allow web -> web : tcp 22\nallow db -> db : tcp 22\n", By.NODE) == [
        "web1 -> web2 tcp 22-22",
        "web2 -> web1 tcp 22-22",
    ]
    assert shown("allow node web1 -> node web1 : tcp 22\n") == []
    assert shown("allow node web1 -> node web2 : tcp 22\n", By.NODE) == ["web1 -> web2 tcp 22-22"]
    assert shown("allow db -> store : tcp 22\n") == []


def test_a_row_stands_whichever_role_admits_it() -> None:
    assert shown("allow web -> db : tcp 3306\n") == ["web -> db tcp 3306-3306", "web -> store tcp 3306-3306"]


def test_a_row_stands_for_some_node_and_some_address() -> None:
    assert shown("allow 10.0.0.2 -> 2001:db8::9, 10.0.0.9 : tcp 80\n", By.NODE) == ["web2 -> db tcp 80-80"]
    assert shown("allow web@eth1 -> six : tcp 80\n") == []  # no address pair of one family


def test_nodes_without_a_role_appear() -> None:
    assert shown("allow node bare -> web : tcp 22\n") == ["(no role) -> web tcp 22-22"]


def test_by_network() -> None:
    assert shown("allow web -> db : tcp 22\n", By.NETWORK) == [
        "(no network) -> (no network) tcp 22-22",
        "(no network) -> lan tcp 22-22",
        "lan -> lan tcp 22-22",
    ]


def test_peers_appear_as_they_are_named() -> None:
    policy = "allow world, admins -> web@eth1 : tcp 443\nallow outside, 192.0.2.0/24, 2001:db8:9::1 -> six : tcp 80\n"
    assert shown(policy) == [
        "(no role) -> web tcp 443-443",
        "2001:db8:9::1 -> six tcp 80-80",
        "admins -> web tcp 443-443",
        "db -> web tcp 443-443",
        "outside -> six tcp 80-80",
        "store -> web tcp 443-443",
        "web -> web tcp 443-443",
        "world -> web tcp 443-443",
    ]


def test_peers_as_destinations() -> None:
    policy = "allow db -> admins, 192.0.2.0/24 : tcp 25\nallow db -> lan : tcp 22\n"
    for option in ("", "option egress = enforced\n"):
        assert shown(option + policy) == [
            "db -> 192.0.2.0/24 tcp 25-25",
            "db -> admins tcp 25-25",
            "db -> lan tcp 22-22",
            "db -> web tcp 22-22",
            "store -> 192.0.2.0/24 tcp 25-25",
            "store -> admins tcp 25-25",
            "store -> lan tcp 22-22",
            "store -> web tcp 22-22",
        ]


def test_virtual_addresses_and_self() -> None:
    assert shown("allow db -> web@10.0.0.100 : udp 5353\nallow web -> self : tcp 99\n") == [
        "db -> 10.0.0.100 udp 5353-5353",
        "store -> 10.0.0.100 udp 5353-5353",
        "web -> self tcp 99-99",
    ]
    opened = "allow admins -> web@10.0.0.100 : udp 5353\n"
    assert shown(opened) == ["admins -> 10.0.0.100 udp 5353-5353"]
    assert shown(opened + 'deny admins -> web@10.0.0.100 : any because "so"\n') == []


def test_a_virtual_address_in_a_network_keeps_its_own_row() -> None:
    assert shown("allow db -> web@10.0.0.10, lan : udp 5353\n", By.NODE) == [
        "db -> 10.0.0.10 udp 5353-5353",
        "db -> lan udp 5353-5353",
        "db -> web1 udp 5353-5353",
        "db -> web2 udp 5353-5353",
    ]


def test_a_virtual_address_is_denied_where_it_is_received() -> None:
    opened = "allow db -> web@10.0.0.100 : udp 5353\n"
    assert shown(opened + "deny db -> node bare@10.0.0.100 : any\n", By.NODE) == ["db -> 10.0.0.100 udp 5353-5353"]
    assert shown(opened + "deny db -> web@10.0.0.100 : any\n") == []
    assert shown("allow db -> db@10.0.0.100 : udp 5353\n") == []  # only itself receives it


def test_a_virtual_address_is_denied_where_egress_is_enforced() -> None:
    enforced = "option egress = enforced\n"
    for who in ("admins", "db"):
        opened = f"{enforced}allow {who} -> web@10.0.0.100 : udp 5353-5354\n"
        closing = f'deny {who} -> 10.0.0.96/28 : udp 5353 because "so"\n'
        assert {line.rpartition(" ")[2] for line in shown(opened)} == {"5353-5354"}
        assert {line.rpartition(" ")[2] for line in shown(opened + closing)} == {"5354-5354"}
    # What db may not send to a virtual address of others, it sends to none there.
    closing = "deny db -> node bare@10.0.0.100 : udp 5353\n"
    sent = "allow db -> web@10.0.0.100 : udp 5353-5354\n"
    assert shown(sent + closing, By.NODE) == ["db -> 10.0.0.100 udp 5353-5354"]
    assert shown(enforced + sent + closing, By.NODE) == ["db -> 10.0.0.100 udp 5354-5354"]


def test_the_baseline_is_in_no_row() -> None:
    assert shown("") == []


# What a deny takes away.


def test_a_deny_takes_rows_away() -> None:
    allowed = "allow web -> db : tcp 20-30\n"
    assert shown(allowed + "deny web -> db : tcp 20-30\n") == []
    assert shown(allowed + "deny web -> db : tcp 22\n", By.NODE) == [
        f"{web} -> db tcp {ports}" for web in ("web1", "web2") for ports in ("20-21", "23-30")
    ]
    assert shown(allowed + "deny node web1 -> db : any\n", By.NODE) == ["web2 -> db tcp 20-30"]
    assert shown(allowed + 'deny 10.0.0.0/8 -> db : any because "so"\n')[0] == "web -> db tcp 20-30"  # IPv6 is left


def test_a_deny_takes_peers_away() -> None:
    allowed = "allow admins -> web : tcp 22\n"
    assert shown(allowed + 'deny admins -> web : tcp 22 because "so"\n') == []
    assert shown(allowed + "deny world -> web : any\n") == []
    part = 'deny 198.51.100.0/25 -> web : any because "so"\n'
    rest = 'deny 198.51.100.128/25 -> web : any because "so"\n'
    assert shown(allowed + part) == ["admins -> web tcp 22-22"]
    assert shown(allowed + part + rest) == []
    enforced = "option egress = enforced\nallow db -> admins : tcp 25\n"
    assert shown(enforced + 'deny db -> admins : tcp 25 because "so"\n') == []


# Protocols and ports.


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("tcp 22, 23", ["tcp 22-23"]),
        ("tcp 22, 80-90, 24", ["tcp 22-22", "tcp 24-24", "tcp 80-90"]),
        ("tcp+udp 53", ["tcp 53-53", "udp 53-53"]),
        ("tcp any", ["tcp 0-65535"]),
        ("sctp 3868", ["sctp 3868-3868"]),
        ("esp, ah, gre, proto 89", ["89 None-None", "ah None-None", "esp None-None", "gre None-None"]),
        ("icmp echo-request", ["icmpv4 8-8", "icmpv6 128-128"]),
        ("icmpv4 3/1, icmpv4 3/3, icmpv4 4", ["icmpv4 3-3", "icmpv4 4-4"]),
        ("icmpv6 any", ["icmpv6 None-None"]),
        ("any", ["any None-None"]),
        ("any, tcp 22", ["any None-None"]),
    ],
)
def test_protocols(what: str, told: list[str]) -> None:
    assert shown(f"allow node web1 -> node db : {what}\n", By.NODE) == [f"web1 -> db {one}" for one in told]


def test_icmp_of_the_other_family_is_no_icmp() -> None:
    told = shown("allow web -> six : any\ndeny web -> six : tcp 22, icmpv6 any\n")
    assert [one for one in told if "icmp" in one] == []
    assert "web -> six 1 None-None" in told  # protocol 1 over IPv6
    assert "web -> six tcp 0-21" in told


# Statements.


def test_rows_lead_to_every_statement_that_opens_them() -> None:
    policy = "allow web -> db : tcp 22\nallow all -> db : tcp 20-30\nallow web -> db : udp 22\n"
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": DECLARED + policy})
    assert pipeline.policy is not None
    ids = {one.what + one.who.text: one.id for one in pipeline.policy.statements}
    told = {row.protocol: row for row in rows(pipeline.policy, pipeline.plans, By.ROLE) if row.source == "web"}
    assert set(told["tcp"].statements) == {ids["tcp 22web"], ids["tcp 20-30all"]} or told["tcp"].statements == (
        ids["tcp 20-30all"],
    )
    assert told["udp"].statements == (ids["udp 22web"],)


# How they are written.

ROWS = found("allow web -> db : tcp 22\nallow admins -> web : icmp echo-request\nallow web -> web : esp\n")


def test_json_is_a_list_of_objects() -> None:
    text = as_json(ROWS)
    parsed = json.loads(text)
    assert [tuple(one) for one in parsed] == [KEYS] * len(ROWS)
    assert KEYS == ("source", "destination", "protocol", "first", "last", "statements")
    assert [Row(**{**one, "statements": tuple(one["statements"])}) for one in parsed] == ROWS
    (esp,) = (one for one in parsed if one["protocol"] == "esp")
    assert (esp["first"], esp["last"]) == (None, None)
    assert as_json([]) == "[]\n"


def test_csv_has_a_line_a_row() -> None:
    header, *lines = csv.reader(io.StringIO(as_csv(ROWS)))
    assert tuple(header) == KEYS
    assert lines == [
        [
            one.source,
            one.destination,
            one.protocol,
            *("" if end is None else str(end) for end in (one.first, one.last)),
            " ".join(one.statements),
        ]
        for one in ROWS
    ]


def drawn(policy: str, by: By = By.ROLE) -> list[list[str]]:
    """The cells of the Markdown table."""
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": DECLARED + policy})
    assert pipeline.policy is not None
    text = as_markdown(rows(pipeline.policy, pipeline.plans, by), possible(pipeline.policy, by), by.value)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_a_table_says_every_where_it_is_every() -> None:
    policy = "allow all -> all : tcp 22, 80\nallow all -> db : tcp 3306\nallow admins -> web : tcp 443\n"
    assert drawn(policy) == [
        ["every role", "every role", "tcp 22, 80"],
        ["every role", "db, store", "tcp 3306"],
        ["admins", "web", "tcp 443"],
    ]


def test_ends_with_the_same_services_share_a_line() -> None:
    policy = "allow web, six -> db : tcp 22, udp 53, icmp echo-request, esp\nallow web, six -> db : tcp 80-90\n"
    assert drawn(policy, By.NODE) == [
        ["six, web1, web2", "db", "esp, icmpv6 128, tcp 22, 80-90, udp 53"],
        ["web1, web2", "db", "icmpv4 8"],
    ]


def test_a_table_keeps_to_its_width() -> None:
    names = ", ".join(f"10.9.{number}.0/24" for number in range(30))
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": DECLARED + f"allow {names} -> web : tcp 22\n"})
    assert pipeline.policy is not None
    text = as_table(rows(pipeline.policy, pipeline.plans, By.ROLE), possible(pipeline.policy, By.ROLE), "role", 80)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.splitlines()[0].split() == ["from", "to", "service"]
    assert all(f"10.9.{number}.0/24" in text for number in range(30))
