"""Laws of Ansible inventories: one says what a cluster file says, and its JSON is the tree that a YAML reader sees."""

import json
import string
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netpolicy.diagnostic import has_errors
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.jsontree import compose_json
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence, compose
from netpolicy.source import Source
from tests.clusters import Entry, Scene, cluster_text, scenes
from tests.errors.diagnose import CLUSTER
from tests.errors.test_fuzz import anything, mutated, told

few = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.text(
    alphabet=[*string.printable.replace("\x0b", "").replace("\x0c", ""), "é", "😀", "\\", '"', "\0"], max_size=8
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)
INVENTORY = json.dumps(
    {
        "_meta": {
            "hostvars": {
                "core": {
                    "netpolicy_policy": "./start.netpol",
                    "netpolicy_networks": {"admins": ["198.51.100.0/24"], "external_lb": ["203.0.113.7"]},
                    "netpolicy_mbus": "10.0.0.1",
                    "netpolicy_roles": ["primary", "controller", "router"],
                    "netpolicy_labels": {"__ansible_unsafe": "public"},
                    "netpolicy_interfaces": {"eth0": ["10.0.0.1"], "eth1": ["203.0.113.1"]},
                },
                "dea1": {
                    "netpolicy_roles": ["dea"],
                    "netpolicy_interfaces": ["eth0"],
                    "ansible_eth0": {
                        "device": {"__ansible_unsafe": "eth0"},
                        "ipv4": {"address": "10.0.0.11"},
                        "ipv6": [{"address": "2001:db8::11"}, {"address": "fe80::1"}],
                    },
                    "motd": [1, 2.5, None, {"a": "b"}],
                },
                "db": {"netpolicy_roles": ["mysql"], "netpolicy_interfaces": ["eth0"], "ansible_host": "10.0.0.21"},
                "watch": {"netpolicy_ignore": True},
            }
        },
        "all": {"children": ["ungrouped", "deas"]},
        "deas": {"hosts": ["dea1"]},
    },
    indent=1,
)
WORDS = sorted(
    {
        *string.punctuation,
        "\n",
        "\\u00e9",
        '"',
        "\ufeff",
        "{{ x }}",
        "null",
        "true",
        "1e9",
        '"netpolicy_roles"',
        '"_meta"',
    }
    | {
        '"hosts"',
        '"vars"',
        '"ansible_host"',
        '"10.0.0.5"',
        '"__ansible_vault"',
        '"netpolicy_x"',
        '"eth0"',
        '"netpolicy_address"',
    }
)


def bare(branch: Branch | None) -> Any:
    """A tree without its places."""
    match branch:
        case Scalar():
            return (branch.text, branch.plain)
        case Sequence():
            return [bare(item) for item in branch.items]
        case Mapping():
            return {key.text: bare(value) for key, value in branch.entries}
    return branch


@few
@given(VALUES, st.sampled_from((None, 2)), st.booleans())
@example({"a": {"b": {"c": {"d": 1}}}}, None, True)
def test_json_is_the_tree_that_a_yaml_reader_sees(value: Any, indent: int | None, ascii_only: bool) -> None:
    """With the same texts, and the same characters underlined."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if "\\ud83d" in text:  # YAML knows no pairs of surrogates
        text = json.dumps(value, indent=indent, ensure_ascii=False)
    tree, found = compose_json(Source("a.json", text), 3, lambda key, plain: True)
    slow, slow_found = compose(Source("a.json", text))
    assert found == slow_found == []
    assert bare(tree) == bare(slow)
    assert tree is not None and slow is not None
    assert spans(tree) == spans(slow) or shared(tree)


def spans(branch: Branch) -> list[tuple[int, int]]:
    """The places of a tree, in its order."""
    found = [(branch.span.start, branch.span.end)]
    for key, value in branch.entries if isinstance(branch, Mapping) else ():
        found += [(key.span.start, key.span.end), *spans(value)]
    for item in branch.items if isinstance(branch, Sequence) else ():
        found += spans(item)
    return found


def shared(branch: Branch) -> bool:
    """Equal members stand where the first of them does."""
    starts = [start for start, _ in spans(branch)]
    return starts != sorted(starts)


@few
@given(st.text(alphabet='{}[]:," \n\\ua1etrfalsn-.', max_size=12) | mutated(INVENTORY, WORDS))
@example('{"a": 1, "a": 2}')
@example('{"a":1,}')
@example("[1,]")
@example("")
def test_what_is_no_json_is_told(text: str) -> None:
    """A text has an error exactly where Python's own reader refuses it; keys that stand twice are errors as well."""
    text = text.removeprefix("\ufeff")
    try:
        json.loads(text)
    except ValueError:
        wrong = True
    else:
        wrong = False
    tree, found = compose_json(Source("a.json", text), 3, lambda key, plain: True)
    assert (tree is None) is wrong
    assert has_errors(found) or not wrong
    assert {one.code for one in found} <= {"NP201", "NP202"}


@few
@given(mutated(INVENTORY, WORDS) | anything(WORDS))
@example(INVENTORY)
@example('{"_meta": {"hostvars": [')
@example('{"_meta": {}, "policy": "a"}')
def test_no_inventory_makes_us_stumble(text: str) -> None:
    """Any text is a cluster, or there is an error, whose place is in the text."""
    cluster, found = read_cluster(Source(CLUSTER, text))
    assert cluster is not None or has_errors(found)
    told({CLUSTER: text})


def test_the_inventory_is_right() -> None:
    """The mutations begin from one without an error."""
    assert read_cluster(Source(CLUSTER, INVENTORY))[1] == []


@st.composite
def inventories(draw: st.DrawFn) -> tuple[Scene, str]:
    """A cluster, and an inventory that describes it in one of many ways."""
    scene = draw(scenes())
    whole: dict[str, Any] = {
        "netpolicy_cluster": "random",
        "netpolicy_policy": "./policy.netpol",
        "netpolicy_params": dict(scene.params),
        "netpolicy_networks": dict(scene.networks),
    }
    routers = list(scene.load_balancer_routers)
    whole |= {"netpolicy_mbus": scene.mbus} if scene.mbus else {}
    whole |= {"netpolicy_load_balancer_routers": routers} if routers else {}
    hosts: dict[str, dict[str, Any]] = {}
    for entry in scene.entries:
        for number, name in enumerate(entry.names):
            hosts[name] = dict(whole) if draw(st.booleans()) or not hosts else {}
            hosts[name] |= {"netpolicy_roles": entry.roles, "netpolicy_labels": entry.labels}
            origin = entry.addresses_are or scene.addresses_are
            hosts[name] |= {"netpolicy_addresses_are": origin} if origin else {}
            hosts[name] |= draw(_addresses(entry, number))
    if draw(st.booleans()):
        hosts["watch"] = {"netpolicy_ignore": True, "ansible_host": "10.0.0.1", **whole, "netpolicy_policy": "./x"}
    groups = {"all": {"children": ["ungrouped", "nodes"]}, "nodes": {"hosts": list(hosts)}}
    indent = draw(st.sampled_from((None, 4)))
    return scene, json.dumps({"_meta": {"hostvars": hosts, "profile": "inventory_legacy"}, **groups}, indent=indent)


@st.composite
def _addresses(draw: st.DrawFn, entry: Entry, number: int) -> dict[str, Any]:
    """Variables from which the addresses of a node can be seen."""
    wrapped = draw(st.booleans())
    cards = {
        card: [{"__ansible_unsafe": text} if wrapped else text for text in rows[number]] for card, rows in entry.cards
    }
    (first, held), *others = cards.items()
    ways: list[dict[str, Any]] = [
        {"netpolicy_interfaces": cards},
        {"netpolicy_interfaces": list(cards), **_facts(cards)},
    ]
    if not others:
        ways += [{"netpolicy_interfaces": [first], "netpolicy_address": held}, _facts(cards)]
        ways += [{"netpolicy_address": held}] if first == "eth0" else []
        ways += [{"netpolicy_interfaces": first, "ansible_host": held[0]}] if len(held) == 1 else []
    return draw(st.sampled_from(ways))


def _facts(cards: dict[str, list[Any]]) -> dict[str, Any]:
    """Facts that tell these addresses; the order of Ansible's facts is not that of a cluster file."""
    found: dict[str, Any] = {}
    for card, held in cards.items():
        listed = [{"address": address} for address in held]
        found[f"ansible_{card}"] = {"device": card, "ipv4": listed[0], "ipv4_secondaries": listed[1:]}
    return found | {"ansible_lo": {"device": "lo", "ipv4": {"address": "127.0.0.1"}}}


@few
@given(inventories())
def test_an_inventory_says_what_a_cluster_file_says(drawn: tuple[Scene, str]) -> None:
    """The same cluster comes from both, node by node."""
    scene, text = drawn
    native, native_found = read_cluster(Source(CLUSTER, cluster_text(scene)))
    inventory, found = read_cluster(Source(CLUSTER, text))
    assert native_found == found == []
    assert native == inventory
