"""The security groups of a cluster: what they are called, who carries them, and what cannot be said."""

import json
import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.packet.addresses import Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.intervals import canonical
from netpolicy.packet.ports import PORT_SPACE_LAST
from netpolicy.pipeline import Pipeline, clouds
from netpolicy.securitygroups.fit import fit
from netpolicy.securitygroups.inventory import Inventory, inventory
from netpolicy.securitygroups.model import Direction, Form, Network, Rule, Service
from netpolicy.securitygroups.prune import prune
from netpolicy.securitygroups.services import services
from netpolicy.securitygroups.words import description, group_name, head_of
from netpolicy.source import Source
from netpolicy.targets import Cloud
from tests.compiling import compiled

CLOUDS: dict[str, Cloud] = {cloud.name: cloud for cloud in clouds()}
CLUSTER = """\
cluster: shop
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  core: {roles: [app, web, cache, queue, mail], labels: [public], address: 10.0.0.1}
  web[1-2]: {roles: [web], labels: [public], interfaces: {eth0: ["10.0.1.[1-2]"], eth1: ["203.0.113.[1-2]"]}}
  db: {roles: [db], interfaces: {eth0: [10.0.2.1, "2001:db8::1"]}}
"""
NAMES = """\
role app, web, cache, queue, mail, db
label public
network admins
group fronts = app, web
"""
LEGAL = re.compile(r"[A-Za-z0-9 ._:/()#,@+=;!*-]{1,255}")


def shop(policy: str, cluster: str = CLUSTER) -> Pipeline:
    return compiled({"cluster.yaml": cluster, "policy.netpol": NAMES + policy})


def form_of(pipeline: Pipeline) -> Form:
    form, found = pipeline.form
    assert form is not None, found
    return form


def said(pipeline: Pipeline) -> list[str]:
    """The rules as short texts, without those of open egress."""
    return [short(rule) for rule in form_of(pipeline).rules if rule.statements]


def short(rule: Rule) -> str:
    peer = rule.peer.text if isinstance(rule.peer, Network) else rule.peer.removeprefix("np:shop:")
    service = "/".join(str(part) for part in (rule.service.protocol, rule.service.first, rule.service.last))
    return f"{rule.group.removeprefix('np:shop:')} {rule.direction.value} {rule.family.value} {service} {peer}"


def refused(pipeline: Pipeline, *names: str) -> list[tuple[str, str]]:
    """Codes of what these clouds cannot say, each with the text that it is blamed on."""
    files, found = pipeline.cloud_files([CLOUDS[name] for name in names])
    assert has_errors(found)
    assert files == []
    return [(one.code, one.span.text if one.span is not None else "") for one in found]


# What rules look like.


def test_all_to_all_is_one_rule_a_family_that_refers_to_its_own_group() -> None:
    assert said(shop("allow all -> all : tcp 22")) == ["all ingress 4 6/22/22 all", "all ingress 6 6/22/22 all"]


def test_roles_are_referred_to_by_group_and_networks_by_prefix() -> None:
    rules = said(shop("allow app, web -> db : tcp 3306\nallow admins -> db : tcp 22"))
    assert rules == [
        "db ingress 4 6/22/22 198.51.100.0/24",
        "db ingress 4 6/3306/3306 app",
        "db ingress 4 6/3306/3306 web",
    ]


def test_a_group_of_the_language_is_the_groups_of_its_roles() -> None:
    assert said(shop("allow fronts -> db : tcp 3306")) == ["db ingress 4 6/3306/3306 web"], "all app are web here"


def test_world_is_one_network_though_nodes_are_in_it() -> None:
    assert said(shop("allow world -> web : tcp 443")) == [
        "web ingress 4 6/443/443 0.0.0.0/0",
    ]


def test_a_network_that_holds_nodes_is_one_rule() -> None:
    assert said(shop("allow 10.0.0.0/8 -> db : tcp 22")) == ["db ingress 4 6/22/22 10.0.0.0/8"]


def test_nodes_beside_a_network_are_still_referred_to_by_group() -> None:
    rules = said(shop("allow admins, app -> db : tcp 22"))
    assert rules == ["db ingress 4 6/22/22 app", "db ingress 4 6/22/22 198.51.100.0/24"]


def test_a_type_of_icmp_covers_its_codes() -> None:
    rules = said(shop("allow app -> db : icmpv4 3/1\nallow app -> db : icmpv4 3\nallow web -> db : icmpv4 3/1"))
    assert rules == ["db ingress 4 1/3/-1 app", "db ingress 4 1/3/1 web"]


def test_what_is_no_name_has_a_group_of_its_own() -> None:
    form = form_of(shop("allow world -> web & public : tcp 443\nallow admins -> node web1 : tcp 22"))
    heads = {group.name.removeprefix("np:shop:"): group.description for group in form.groups}
    own = {head: text for head, text in heads.items() if head != "all"}
    assert own == {head_of("public & web"): "shop: public and web", head_of("node web1"): "shop: node web1"}
    carried = {node: one.groups for one in form.attachments for node in one.nodes if one.interface == "eth1"}
    assert group_name("shop", head_of("node web1")) in carried["web1"]
    assert group_name("shop", head_of("node web1")) not in carried["web2"]


def test_a_deny_is_the_absence_of_an_allow() -> None:
    rules = said(shop("allow all -> db : tcp 3306\ndeny cache -> db : any"))
    (rule,) = (one for one in rules if " 4 " in one)
    assert rule == f"db ingress 4 6/3306/3306 {head_of('all without cache')}"
    form = form_of(shop("allow all -> db : tcp 3306\ndeny cache -> db : any"))
    carried = {one.nodes for one in form.attachments if group_name("shop", head_of("all without cache")) in one.groups}
    assert {node for nodes in carried for node in nodes} == {"db", "web1", "web2"}


TWINS = """\
cluster: shop
policy: ./policy.netpol
nodes:
  web[1-3]: {roles: [web], address: "10.0.1.[1-3]"}
  old: {roles: [web], labels: [public], address: 10.0.1.9}
"""


def test_what_denies_leave_of_twins_does_not_share_a_group() -> None:
    """Nodes that only a statement tells apart, `web2` and the others here, are the same in words."""
    form = form_of(shop("option egress = enforced\nallow web -> web : esp\ndeny public <-> node web2 : any\n", TWINS))
    held = {
        group.name: {node for one in form.attachments if group.name in one.groups for node in one.nodes}
        for group in form.groups
    }
    nodes = ("web1", "web2", "web3", "old")
    admitted = {(one, other) for one in nodes for other in nodes} - {("old", "web2"), ("web2", "old")}
    for way in Direction:
        pairs = {
            (near, far)
            for rule in form.rules
            if rule.direction is way and isinstance(rule.peer, str)
            for near in held[rule.group]
            for far in held[rule.peer]
        }
        assert pairs == admitted


def test_a_new_deny_elsewhere_renames_no_group() -> None:
    """`all` loses something to each of the denies; what it is called depends on the one that takes it."""
    before, after = (
        form_of(shop("allow all -> db : tcp 3306\ndeny cache -> db : any\n" + more))
        for more in ("", "allow all -> node web1 : tcp 1\ndeny db -> node web1 : any\n")
    )
    assert {rule.id for rule in before.rules} < {rule.id for rule in after.rules}
    heads = {group.name.removeprefix("np:shop:") for group in after.groups}
    assert {head_of(f"all without {taken}") for taken in ("cache", "db")} < heads


def test_a_new_node_changes_no_rule_and_no_group_that_was_there() -> None:
    """Here all but `db` hold `web`; the group of what is left is none of `web`, which the new node would not be in."""
    policy = "allow all -> db : tcp 1\ndeny db -> db : tcp 1\nallow fronts -> mail : tcp 2\n"
    before, same, other = (
        form_of(shop(policy, CLUSTER + more))
        for more in (
            "",
            "  web9: {roles: [web], labels: [public], interfaces: {eth0: 10.0.1.9, eth1: 203.0.113.9}}\n",
            "  bare: {address: 10.0.9.9}\n",
        )
    )
    for after in (same, other):
        assert {rule.id for rule in before.rules} <= {rule.id for rule in after.rules}
        assert set(before.groups) <= set(after.groups)


def test_open_egress_is_stated() -> None:
    form = form_of(shop("allow app -> db : tcp 1"))
    stated = [short(rule) for rule in form.rules if rule.direction is Direction.EGRESS]
    assert stated == ["all egress 4 -1/-1/-1 0.0.0.0/0", "all egress 6 -1/-1/-1 ::/0"]


def test_enforced_egress_is_what_the_policy_says() -> None:
    rules = said(shop("option egress = enforced\nallow app -> db : tcp 1\nallow db -> admins : udp 53\n"))
    assert rules == ["app egress 4 6/1/1 db", "db egress 4 17/53/53 198.51.100.0/24", "db ingress 4 6/1/1 app"]


def test_a_rule_that_a_wider_one_covers_gives_its_statements_away() -> None:
    pipeline = shop("allow all -> all : tcp 1-100\nallow app -> db : tcp 22\nallow app -> db : tcp 200")
    rules = [rule for rule in form_of(pipeline).rules if rule.family is Family.V4 and rule.statements]
    assert [short(rule) for rule in rules] == ["all ingress 4 6/1/100 all", "db ingress 4 6/200/200 app"]
    assert [len(rule.statements) for rule in rules] == [2, 1]


def test_a_new_statement_changes_no_rule_and_no_group_that_was_there() -> None:
    before, after = (
        form_of(shop(policy))
        for policy in ("allow app -> db : tcp 1\n", "allow world -> web & public : tcp 80\nallow app -> db : tcp 1\n")
    )
    assert {rule.id for rule in before.rules} < {rule.id for rule in after.rules}
    assert set(before.groups) < set(after.groups)
    assert len({rule.id for rule in after.rules}) == len(after.rules)


def test_a_rule_is_the_same_whatever_asks_for_it() -> None:
    one = Rule("a", Direction.INGRESS, Family.V4, Service(6, 1, 2), "b", ("11111111",), "x")
    assert one.id == Rule("a", Direction.INGRESS, Family.V4, Service(6, 1, 2), "b").id
    assert one.id != Rule("a", Direction.INGRESS, Family.V4, Service(6, 1, 3), "b").id
    assert one.id != Rule("a", Direction.EGRESS, Family.V4, Service(6, 1, 2), "b").id


def test_icmp_is_told_by_family_type_and_code() -> None:
    rules = said(shop("allow db -> db : icmp echo-request, icmpv4 3/1"))
    assert rules == ["db ingress 4 1/3/1 db", "db ingress 4 1/8/-1 db", "db ingress 6 58/128/-1 db"]


@given(st.lists(st.tuples(st.integers(0, PORT_SPACE_LAST), st.integers(0, 300)), max_size=4))
def test_services_are_exactly_their_keys(pairs: Sequence[tuple[int, int]]) -> None:
    keys = canonical((first, min(first + more, PORT_SPACE_LAST)) for first, more in pairs)
    # A protocol without ports is in a set whole or not at all.
    keys = canonical(
        (first, last) for first, last in keys if first >> 16 == last >> 16 and first >> 16 in (1, 6, 17, 132)
    )
    again: list[tuple[int, int]] = []
    for one in services(Family.V4, keys):
        start = one.protocol << 16
        if one.protocol == 1 and one.first != -1:
            codes = (0, 255) if one.last == -1 else (one.last, one.last)
            again.append((start | one.first << 8 | codes[0], start | one.first << 8 | codes[1]))
        else:
            again.append((start, start | 65535) if one.first == -1 else (start | one.first, start | one.last))
    assert canonical(again) == keys


# Names.


def test_names_are_legal_and_different() -> None:
    pairs = [("a", "b"), ("a", "all"), ("A-b", "c"), ("sg-1", "default"), ("c" * 253, "d" * 63), ("c" * 253, "d" * 62)]
    names = [group_name(cluster, head) for cluster, head in pairs]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert LEGAL.fullmatch(name)
        assert not name.startswith(("sg-", "default"))


@given(st.lists(st.text("0123456789abcdef", min_size=8, max_size=8), max_size=60), st.text(max_size=400))
def test_descriptions_are_legal_whatever_they_are_about(ids: list[str], text: str) -> None:
    shown = description(ids, text)
    assert LEGAL.fullmatch(shown)
    listed = re.findall(r"[0-9a-f]{8}(?=[, ]|$)", shown.split(" ")[0])
    assert listed == ids[: len(listed)]
    assert len(listed) == len(ids) or f",+{len(ids) - len(listed)}" in shown


# An interface carries only so many groups.

CROWDED = """\
allow all -> all : tcp 22
allow world -> public : tcp 80
allow web -> app : tcp 1
allow app -> cache : tcp 2
allow cache -> queue : tcp 3
allow queue -> mail : tcp 4
allow mail -> web : tcp 5
allow app, mail -> db : tcp 6
"""


def passing(cloud: Cloud, ruleset: object, addresses: Inventory) -> Mapping[tuple[str, str], tuple[FlowSet, FlowSet]]:
    listed = cloud.admitted(ruleset, addresses)
    return {
        (node, one.attachment.interface): (one.ingress, one.egress) for one in listed for node in one.attachment.nodes
    }


@pytest.mark.parametrize("most", [2, 3, 5])
def test_merged_groups_admit_the_same(most: int) -> None:
    pipeline = shop(CROWDED)
    form = form_of(pipeline)
    assert pipeline.cluster is not None
    assert max(len(one.groups) for one in form.attachments) == 7
    fitted = fit(form, most)
    assert max(len(one.groups) for one in fitted.attachments) <= most
    addresses = inventory(pipeline.cluster)
    neutron = CLOUDS["neutron"]
    before, after = (passing(neutron, neutron.lower(one, addresses)[0], addresses) for one in (form, fitted))
    assert before == after


def test_aws_carries_five_groups_an_interface_and_neutron_all() -> None:
    files, _ = shop(CROWDED).cloud_files(clouds())
    texts = {one.name: json.loads(one.text) for one in files}
    assert [len(one["Groups"]) for one in texts["aws"]["interfaces"] if "core" in one["nodes"]] == [2]
    assert max(len(one["Groups"]) for one in texts["aws"]["interfaces"]) <= 5
    assert max(len(one["security_groups"]) for one in texts["neutron"]["ports"]) == 7


def test_what_needs_no_merge_is_left_alone() -> None:
    form = form_of(shop(CROWDED))
    assert fit(form, 7) is form


def test_aws_names_a_group_once_for_both_families() -> None:
    cluster = CLUSTER.replace("address: 10.0.0.1", 'interfaces: {eth0: [10.0.0.1, "2001:db8::2"]}')
    files, _ = shop("allow app -> db : tcp 1\n", cluster).cloud_files([CLOUDS["aws"]])
    aws = next(json.loads(one.text) for one in files if one.name == "aws")
    (rules,) = aws["ingress"]
    assert len(rules["IpPermissions"]) == 1


def test_aws_takes_addresses_where_a_group_would_let_in_the_other_family() -> None:
    cluster = CLUSTER.replace("address: 10.0.0.1", 'interfaces: {eth0: [10.0.0.1, "2001:db8::2"]}')
    files, _ = shop("allow 10.0.0.1 -> db : tcp 1\n", cluster).cloud_files([CLOUDS["aws"]])
    aws = next(json.loads(one.text) for one in files if one.name == "aws")
    (rules,) = aws["ingress"]
    assert [one.get("IpRanges", [{}])[0].get("CidrIp") for one in rules["IpPermissions"]] == ["10.0.0.1/32"]


BOTH = CLUSTER.replace("address: 10.0.0.1", 'interfaces: {eth0: [10.0.0.1, "2001:db8::2"]}')


def peers_on_aws(policy: str) -> list[str]:
    files, _ = shop(policy, BOTH).cloud_files([CLOUDS["aws"]])
    aws = next(json.loads(one.text) for one in files if one.name == "aws")
    keys = {"UserIdGroupPairs": "GroupId", "IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6"}
    return [
        peer[keys[kind]]
        for rules in aws["ingress"]
        for one in rules["IpPermissions"]
        for kind in keys
        for peer in one.get(kind, ())
    ]


def test_aws_refers_to_a_group_though_the_other_family_is_open_to_all() -> None:
    policy = "allow app -> db : tcp 1\nallow 0.0.0.0/0 -> db : tcp 1\n"
    assert peers_on_aws(policy) == ["0.0.0.0/0", "np:shop:app"]


def test_aws_says_an_address_once_though_it_stands_for_a_group_and_for_itself() -> None:
    """A group of one family is told by addresses, and a list with strangers names one of them."""
    policy = (
        "allow node core & 10.0.0.0/8 -> db : tcp 1\nallow 10.0.0.0/31 -> db : tcp 1\nallow 10.0.0.1 -> db : tcp 1\n"
    )
    peers = peers_on_aws(policy)
    assert len(set(peers)) == len(peers)


# What cannot be said is an error, at its place.

NUMBERED = set(range(1, 256)) - {1, 6, 17, 43, 44, 47, 50, 51, 58, 60, 132}
FEW = ", ".join(
    ["tcp any", "udp any", "sctp any", "icmp any", "esp", "ah", "gre", *(f"proto {one}" for one in sorted(NUMBERED))]
)  # denied, it leaves ICMP of the other family and headers that no rule can name
PART = "role two\nlabel old\nallow app -> 10.0.3.1 : tcp 1\n"
TWO = CLUSTER + "  two: {roles: [two], labels: [old], interfaces: {eth0: [10.0.3.1, 10.0.3.2]}}\n"


@pytest.mark.parametrize(
    ("policy", "cluster", "cloud", "code", "blamed"),
    [
        ("allow app -> db@224.0.0.251 : udp 5353\n", CLUSTER, "aws", "NP605", "allow app -> db@224.0.0.251 : udp 5353"),
        (PART, TWO, "neutron", "NP605", "10.0.3.1"),
        ("allow app -> db : any\ndeny app -> db : tcp 22\n", CLUSTER, "aws", "NP605", "allow app -> db : any"),
        (f"allow app -> db : any\ndeny app -> db : {FEW}\n", CLUSTER, "aws", "NP605", "allow app -> db : any"),
        ("allow app -> db : tcp 0-22\n", CLUSTER, "neutron", "NP608", "allow app -> db : tcp 0-22"),
        ("allow app -> db : udp 1-65535\n", CLUSTER, "neutron", "NP608", "allow app -> db : udp 1-65535"),
        ("allow app -> db : proto 41\n", CLUSTER, "neutron", "NP608", "allow app -> db : proto 41"),
        ("allow app -> db : sctp 36412\n", CLUSTER, "aws", "NP609", "allow app -> db : sctp 36412"),
    ],
)
def test_what_cannot_be_said_is_an_error(policy: str, cluster: str, cloud: str, code: str, blamed: str) -> None:
    assert (code, blamed) in refused(shop(policy, cluster), cloud)


@pytest.mark.parametrize(
    ("policy", "cloud"),
    [
        ("allow app -> db : tcp 0-22\n", "aws"),
        ("allow app -> db : tcp 1-65535\n", "aws"),
        ("allow app -> db : tcp 1-65534\n", "neutron"),
        ("allow app -> db : proto 41\n", "aws"),
        ("allow app -> db : tcp any\n", "neutron"),
        ("allow app -> db : sctp 36412\n", "neutron"),
        ("allow app -> db : sctp any\n", "aws"),
        ("allow app -> db : esp\n", "aws"),
        ("allow app -> db : any\n", "aws"),
    ],
)
def test_what_one_cloud_cannot_say_another_can(policy: str, cloud: str) -> None:
    files, found = shop(policy).cloud_files([CLOUDS[cloud]])
    assert found == []
    assert [one.name for one in files] == ["groups", cloud]


def test_a_part_of_an_interface_can_send() -> None:
    policy = "role two\nlabel old\nallow 10.0.3.1 -> app : tcp 1\n"
    assert said(shop(policy, TWO)) == ["app ingress 4 6/1/1 10.0.3.1/32"]


# Files are read back strictly.


def written(name: str) -> str:
    files, _ = shop(CROWDED + "allow db -> db : icmp echo-request, esp\n").cloud_files([CLOUDS[name]])
    return next(one.text for one in files if one.name == name)


@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_a_file_is_read_back_as_it_was(name: str) -> None:
    cloud = CLOUDS[name]
    ruleset, found = cloud.read(Source("x", written(name)))
    assert found == []
    assert cloud.render(ruleset) == written(name)


def broken(name: str, old: str, new: str) -> list[Diagnostic]:
    text = written(name)
    assert old in text
    ruleset, found = CLOUDS[name].read(Source("x", text.replace(old, new, 1)))
    assert ruleset is None
    return found


BAD: list[tuple[str, str, str, str]] = [
    ("neutron", '"port_range_min": 80', '"port_range_min": 0', "0 is not between 1 and 65535"),
    ("neutron", '"port_range_min": 80', '"port_range_min": 90', "the range 90-80 runs backwards"),
    ("neutron", '"port_range_max": 80', '"port_range_max": 65536', "65536 is not between 1 and 65535"),
    ("neutron", '"port_range_max": 80,', "", "a range of ports has two ends; an ICMP code stands with its type"),
    ("neutron", '"port_range_min": 80', '"port_range_min": "80"', "a number is expected here"),
    ("neutron", '"direction": "ingress"', '"direction": "in"', "`in` is not known here"),
    ("neutron", '"ethertype": "IPv4"', '"ethertype": "IPv5"', "`IPv5` is not known here"),
    ("neutron", '"protocol": "tcp"', '"protocol": "TCP"', "`TCP` is no protocol here"),
    ("neutron", '"protocol": "tcp"', '"protocol": "50"', "this protocol has no ports"),
    ("neutron", '"protocol": "ipv6-icmp"', '"protocol": "icmp"', "`icmp` is no protocol of IPv6"),
    ("neutron", '"remote_ip_prefix": "0.0.0.0/0"', '"remote_ip_prefix": "10.0.0.1/8"', "`10.0.0.1/8` is no network"),
    ("neutron", '"remote_ip_prefix": "0.0.0.0/0"', '"remote_ip_prefix": "::/0"', "`::/0` is no network of IPv4"),
    (
        "neutron",
        '"remote_group_id": "np:shop:all"',
        '"remote_group_id": "np:shop:al"',
        "there is no group `np:shop:al`",
    ),
    ("neutron", '"stateful": true', '"stateful": false', "a group without state would need rules for replies"),
    ("neutron", '"description": "np:', '"descr": "np:', "unknown key `descr`"),
    ("neutron", '"format_version": 1', '"format_version": 2', "2 is not between 1 and 1"),
    ("neutron", '"format": "netpolicy-neutron"', '"format": "x"', "`x` is not known here"),
    ("neutron", '"port_range_min": 80', '"port_range_min": ²', "a number is expected here"),
    ("neutron", '"protocol": "50"', '"protocol": "²"', "`²` is no protocol here"),
    ("neutron", '"protocol": "50"', '"protocol": "41"', "`41` is no protocol of IPv4"),
    (
        "neutron",
        '"port_range_min": 80,\n     "port_range_max": 80,',
        '"port_range_min": 1,\n     "port_range_max": 65535,',
        "Neutron takes the range 1-65535 for all ports, with port 0",
    ),
    ("aws", '"IpProtocol": "50"', '"IpProtocol": "²"', "`²` is no protocol here"),
    ("aws", '"FromPort": 80', '"FromPort": 90', "the range 90-80 runs backwards"),
    ("aws", '"ToPort": 80', '"ToPort": 65536', "65536 is not between 0 and 65535"),
    ("aws", '"IpProtocol": "tcp"', '"IpProtocol": "foo"', "`foo` is no protocol here"),
    ("aws", '"IpProtocol": "tcp"', '"IpProtocol": "132"', "EC2 does not look at the ports of this protocol"),
    ("aws", '"IpProtocol": "tcp"', '"IpProtocol": "6"', "`6` is no protocol here"),
    ("aws", '"FromPort": 80,', "", "tcp needs `FromPort` and `ToPort`"),
    ("aws", '"CidrIp": "0.0.0.0/0"', '"CidrIp": "10.0.0.1/8"', "`10.0.0.1/8` is no network"),
    ("aws", '"CidrIp": "0.0.0.0/0"', '"CidrIp": "10.0.0.1"', "`10.0.0.1` is no IPv4 network with its length"),
    ("aws", '"CidrIp": "0.0.0.0/0"', '"CidrIp": "fd00::/8"', "`fd00::/8` is no IPv4 network with its length"),
    (
        "aws",
        "all to all : tcp 22",
        "all -> all : tcp 22",
        "a description has 255 characters at most, of `A-Za-z0-9 ._:/()#,@+=;!*-`",
    ),
    ("aws", '"GroupName": "np:shop:all"', '"GroupName": "sg-1"', "`sg-1` is no name of a group"),
    ("aws", '"Description": "shop: every node"', '"Description": ""', "a group needs a description"),
    (
        "aws",
        '"GroupName": "np:shop:db"',
        '"GroupName": "np:shop:ALL"',
        "names of groups differ in more than case, and none is `default`",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), BAD, ids=[f"{row[0]} {row[2][:40]}" for row in BAD])
def test_a_file_that_the_service_would_not_take_is_not_read(name: str, old: str, new: str, message: str) -> None:
    (found,) = broken(name, old, new)
    assert (found.code, found.message) == ("NP607", message)
    assert (found.span is not None and found.span.line > 1) or "group" in message


RULE = '{"security_group_id": "a", "direction": "egress", "ethertype": "IPv4", "description": "%s"}'
GROUP = '{"security_group": {"name": "%s", "description": "", "stateful": true}, "security_group_rules": [%s]}'


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([GROUP % ("a", ""), GROUP % ("a", "")], "names of groups differ, and none is `default`"),
        ([GROUP % ("Default", "")], "names of groups differ, and none is `default`"),
        ([GROUP % ("", "")], "names of groups differ, and none is `default`"),
        ([GROUP % ("a", f"{RULE % 1}, {RULE % 2}")], "this rule stands twice"),
    ],
)
def test_what_neutron_knows_already_is_not_read(groups: list[str], message: str) -> None:
    text = '{"format": "netpolicy-neutron", "format_version": 1, "cluster": "c", "groups": [%s], "ports": []}'
    ruleset, found = CLOUDS["neutron"].read(Source("x", text % ", ".join(groups)))
    assert ruleset is None
    assert [one.message for one in found] == [message]


def test_what_ec2_knows_already_is_not_read() -> None:
    whole = json.loads(written("aws"))
    permission = whole["ingress"][0]["IpPermissions"][0]
    whole["ingress"][0]["IpPermissions"] += [permission]
    ruleset, found = CLOUDS["aws"].read(Source("x", json.dumps(whole)))
    assert ruleset is None
    assert [one.message for one in found] == ["this permission stands twice"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"a": 1, "a": 2}'])
@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_what_is_no_such_file_at_all_is_not_read(name: str, text: str) -> None:
    ruleset, found = CLOUDS[name].read(Source("x", text))
    assert ruleset is None
    assert has_errors(found)


def test_covering_rules_pass_statements_on_to_the_widest() -> None:
    def rule(first: int, last: int, peer: Network | str, statement: str) -> Rule:
        return Rule("g", Direction.INGRESS, Family.V4, Service(6, first, last), peer, (statement,))

    world, ten = Network(Family.V4, 0, 0), Network(Family.V4, 10 << 24, 8)
    kept = prune(
        [rule(1, 1, "a", "1"), rule(1, 2, ten, "2"), rule(1, 3, "every", "3"), rule(1, 9, world, "4")], "every"
    )
    assert [(one.peer, one.statements) for one in kept] == [(world, ("1", "2", "3", "4"))]


def test_more_rules_than_aws_takes_are_an_error() -> None:
    """Each node has another mixture of many roles: the group that stands for them names all others for each role."""
    roles = [f"r{number}" for number in range(40)]
    pairs = enumerate(zip(roles, [*roles[1:], roles[0]], strict=True))
    flows = [f"allow {one} -> {other} : tcp {1000 + number}\n" for number, (one, other) in pairs]
    lines = ["policy: ./policy.netpol", "nodes:"]
    for number, missing in enumerate(roles):
        held = ", ".join(one for one in roles if one != missing)
        lines.append(f"  n{number}: {{roles: [{held}], address: 10.0.0.{number + 1}}}")
    texts = {"cluster.yaml": "\n".join(lines) + "\n", "policy.netpol": f"role {', '.join(roles)}\n" + "".join(flows)}
    pipeline = compiled(texts)
    files, found = pipeline.cloud_files([CLOUDS["aws"]])
    assert ([one.code for one in found], files) == (["NP611"], [])
    files, found = pipeline.security_groups()
    assert ([one.code for one in found], [one.name for one in files]) == (["NP611"], ["groups", "neutron"])
    assert not has_errors(found)
