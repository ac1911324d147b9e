"""Every code has a page, and what the page shows is true."""

import json
import re
from pathlib import Path

import pytest

import netpolicy
from netpolicy.diagnostic import Diagnostic, has_errors
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.dsl.syntax import Declaration, DeclarationKind
from netpolicy.lint import Profile, rules
from netpolicy.node.drift import of_texts
from netpolicy.node.findings import finding
from netpolicy.node.listening import listening_findings
from netpolicy.node.machine import check
from netpolicy.node.overruled import overruled
from netpolicy.pages import codes, page, title
from netpolicy.policy.citation import of_policy
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.identity import identity_of
from netpolicy.policy.nodestatejson import from_dict as state_from_dict
from netpolicy.policy.sockets import from_dict
from netpolicy.source import Source
from netpolicy.targets.iptables.drift import differences
from netpolicy.targets.iptables.read import read
from tests.compiling import compiled, rulesets
from tests.errors.diagnose import CLUSTER, POLICY, diagnose, limits, linted

PACKAGE = Path(netpolicy.__file__).parent
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
EMITTED = {code for text in SOURCES.values() for code in re.findall(r"\bNP[0-9]{3}\b", text)}
OF_RULES = {rule.code: rule for rule in rules()}
OF_SUPPRESSIONS = ("NP510", "NP511")
OF_FILES = (
    *(f"NP{number}" for number in (*range(311, 319), *range(321, 326))),
    "NP604",
    "NP607",
    "NP611",
    "NP719",
    "NP720",
    *(f"NP{number}" for number in range(751, 768)),
    "NP815",
    "NP818",
    "NP901",
    "NP902",
    "NP903",
    "NP904",
    "NP905",
    "NP906",
    "NP907",
    "NP530",
)  # examples of output and of commands: nothing to read
OF_SOCKETS = ("NP730", "NP731", "NP732")  # a policy and the sockets of the first node that it names
OF_NODES = re.compile(r"NP7[01][0-9]")  # a cluster, and the state of its first node, or of one that nobody knows
UNNAMED = ("NP701", "NP702")
PAGE = re.compile(
    r"# (?P<code>NP\d{3}): (?P<title>[^\n]+[^\n.])\n\n(?P<text>[^#]+?\.)\n\n"
    r"## Bad\n\n(?P<bad>```.+?```)\n\n## Good\n\n(?P<good>```.+?```)\n",
    re.DOTALL,
)
BLOCK = re.compile(r"```(netpol|yaml|text|json)\n(.+?)\n```(?:\n|$)", re.DOTALL)
OURS = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:NETPOLICY-IN -\n-A INPUT -j NETPOLICY-IN\nCOMMIT\n"
COMPLETE = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"


def blocks(code: str, section: str) -> dict[str, str]:
    """The examples of a section by their kind."""
    parts = PAGE.fullmatch(page(code) or "")
    assert parts is not None, "the page has not the form of a page"
    found = {kind: f"{text}\n" for kind, text in BLOCK.findall(parts[section])}
    assert BLOCK.sub("", parts[section]).strip() == ""
    return found


def fitting_cluster(policy: str) -> str:
    """A cluster in which every role, label and network of the policy has an address."""
    source = Source(POLICY, policy)
    tree, broken, _ = parse(source)
    declared = [one for one in build(tree, source, broken)[0].statements if isinstance(one, Declaration)]
    lines = ["policy: ./policy.netpol", "networks:", "  {"]
    lines[-1] += ", ".join(
        f"{one.name.text}: 192.0.2.{n}" for n, one in enumerate(declared) if one.kind is DeclarationKind.NETWORK
    )
    lines[-1] += "}"
    lines += ["nodes:", "  spare: {address: 10.9.9.9}"]
    for number, one in enumerate(declared, start=1):
        if one.kind is not DeclarationKind.NETWORK:
            addresses = f"[10.0.0.{number}, '2001:db8:1::{number}']"
            lines.append(f"  node{number}: {{{one.kind.value}s: [{one.name.text}], address: {addresses}}}")
    return "\n".join(lines) + "\n"


def listened(policy: str, sockets: str) -> list[Diagnostic]:
    """What is found between a policy and the sockets of its first node."""
    pipeline = compiled({CLUSTER: fitting_cluster(policy), POLICY: policy})
    assert pipeline.policy is not None
    (node,) = [one for one in pipeline.policy.cluster.nodes if one.name == "node1"]
    identity = identity_of(pipeline.policy.cluster, node)
    listed = [from_dict(one) for one in json.loads(sockets)]
    return listening_findings(rulesets(pipeline)[node.name], of_policy(pipeline.policy), listed, identity)


def stood(code: str, cluster: str, state: str) -> list[Diagnostic]:
    """What is found about a machine that is said to be the first node, or of which nothing is said."""
    read_in, problems = read_cluster(Source(CLUSTER, cluster))
    assert read_in is not None and not problems
    nodes = [identity_of(read_in, node) for node in read_in.nodes]
    return list(check(nodes, state_from_dict(json.loads(state)), "" if code in UNNAMED else nodes[0].node).found)


def listed(code: str, section: str) -> dict[str, Source]:
    """The files of an example: IPv4 rules as `iptables -S` prints them, behind the lines of their sets."""
    lines = blocks(code, section)["text"].splitlines()
    sets = [line for line in lines if line.startswith(("create", "add"))]
    policies = dict.fromkeys(("INPUT", "FORWARD", "OUTPUT"), "ACCEPT")
    policies |= {line.split()[1]: line.split()[2] for line in lines if line.startswith("-P")}
    heads = [f":{name} {policy} [0:0]" for name, policy in policies.items()]
    heads += [f":{line.split()[1]} - [0:0]" for line in lines if line.startswith("-N")]
    rules = "\n".join(["*filter", *heads, *(line for line in lines if line.startswith("-A")), "COMMIT", ""])
    texts = {"rules.v4": rules, "rules.v6": OURS, "sets.ipset": "".join(f"{line}\n" for line in sets)}
    return {name: Source(name, text) for name, text in texts.items()}


def drifted(code: str, section: str) -> list[Diagnostic]:
    """How a kernel that holds the example differs from one that holds the good example."""
    wanted, found = read(listed(code, "good"))
    held, problems = of_texts(*listed(code, section).values())
    assert wanted is not None
    assert not found + problems
    return [*(finding(one, {}) for one in differences(held.live, wanted)), *overruled(held.live, wanted)]


def told(code: str, section: str, before: str = "") -> list[Diagnostic]:
    """All that is found in an example of a page; by lint rules, and by clouds, only in the pages of their codes.

    What a lint rule judges may have lines before it.
    """
    example = blocks(code, section)
    if OF_NODES.fullmatch(code):
        return stood(code, example["yaml"], example["json"])
    if code in OF_SOCKETS:
        return listened(example["netpol"], example["json"])
    if code in OF_RULES or code in OF_SUPPRESSIONS:
        policy = example.get("netpol", "")
        files = {CLUSTER: before + (example.get("yaml") or fitting_cluster(policy)), POLICY: before + policy}
        return linted(files, profile=OF_RULES[code].profile if code in OF_RULES else Profile.STANDARD)
    if code.startswith("NP8"):
        return drifted(code, section)
    if "text" in example:
        return read({"rules.v4": Source("rules.v4", example["text"]), "rules.v6": Source("rules.v6", COMPLETE)})[1]
    if "netpol" not in example:
        return read_cluster(Source(CLUSTER, example["yaml"]))[1]
    cluster = example.get("yaml") or fitting_cluster(example["netpol"])
    files = {CLUSTER: cluster, POLICY: example["netpol"], "rules.netpol": ""}
    return [*diagnose(files), *(limits(files) if code.startswith("NP6") else [])]


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """`netpolicy explain` knows exactly the codes that can be told."""
    assert set(codes()) == EMITTED


@pytest.mark.parametrize("code", codes())
def test_a_page_has_the_form_of_a_page(code: str) -> None:
    """Heading, a paragraph of two to five sentences, a bad and a good example, within 12 to 35 lines."""
    text = page(code) or ""
    parts = PAGE.fullmatch(text)
    assert parts is not None
    assert (parts["code"], parts["title"]) == (code, title(code))
    assert 12 <= text.count("\n") <= 35
    assert all(len(line) <= 140 for line in text.splitlines())
    assert blocks(code, "bad")
    assert blocks(code, "good")


@pytest.mark.parametrize("code", [code for code in codes() if code not in OF_FILES])
def test_the_bad_example_gives_the_code(code: str) -> None:
    """The bad example is told with the code of its page and with no other error."""
    found = told(code, "bad")
    assert code in {one.code for one in found}
    assert {one.code for one in found if has_errors([one])} <= {code}


@pytest.mark.parametrize("code", [code for code in codes() if code not in OF_FILES])
def test_of_the_good_example_nothing_is_told(code: str) -> None:
    """The good example is right in every respect."""
    assert told(code, "good") == []


@pytest.mark.parametrize("code", ["NP801", "NP805", "NP808", "NP809", "NP810", "NP815"])
def test_a_page_of_drift_says_what_to_do(code: str) -> None:
    """Its paragraph names the command that mends it, or that waits until it is mended."""
    parts = PAGE.fullmatch(page(code) or "")
    assert parts is not None
    assert "`netpolicy apply-rules " in parts["text"]


def test_an_unknown_code_has_no_page() -> None:
    """Nor has anything that only looks like a path."""
    assert page("NP999") is None
    assert page("../pages/NP101") is None
    assert title("NP999") == ""
