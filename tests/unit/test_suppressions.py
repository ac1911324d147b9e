"""What a suppression covers: never more than the statement, the block or the line that it stands at."""

import re

import pytest

from netpolicy.diagnostic import has_errors
from netpolicy.dsl.build import build
from netpolicy.dsl.parse import parse
from netpolicy.source import Source
from netpolicy.waivers.comment import Waiver, in_cluster, in_policy

MARK = '# netpolicy: ignore[NP402] until 2030-01-01 "x"'


def covered(text: str) -> str:
    """The text without what its suppression does not cover; MARK stands for the suppression."""
    source = Source("p.netpol", text.replace("MARK", MARK))
    tree, broken, found = parse(source)
    file, wrong = build(tree, source, broken)
    assert not has_errors([*found, *wrong])
    return _of(*in_policy(file)[0])


def covered_in_cluster(text: str) -> str:
    return _of(*in_cluster(Source("c.yaml", text.replace("MARK", MARK)))[0])


def _of(waiver: Waiver) -> str:
    assert waiver.scope is not None
    return re.sub(r"\s+", " ", waiver.scope.text.replace(MARK, "")).strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MARK\nallow a -> b : tcp 1\nallow c -> d : tcp 2\n", "allow a -> b : tcp 1"),
        ("MARK\n\n# more\n\nallow a -> b : tcp 1", "# more allow a -> b : tcp 1"),
        ("MARK\nallow a\n  -> b\n  : tcp 1\nallow c -> d : tcp 2\n", "allow a -> b : tcp 1"),
        (
            'allow a -> b : tcp 1 {\n  MARK\n  because "x"\n}\nallow c -> d : tcp 2',
            'allow a -> b : tcp 1 { because "x" }',
        ),
        ("allow a -> b\n  MARK\n  : tcp 1\nallow c -> d : tcp 2", "allow a -> b : tcp 1"),
        ('allow a -> b : tcp 1 {  MARK\n  because "x"\n}\nallow c -> d : tcp 2', "allow a -> b : tcp 1 {"),
        (
            'allow a -> b : tcp 1 {\n  because "x"\n}  MARK\nallow c -> d : tcp 2',
            'allow a -> b : tcp 1 { because "x" }',
        ),
        ("allow a -> b : tcp 1\nallow c -> d : tcp 2  MARK\nallow e -> f : tcp 3", "allow c -> d : tcp 2"),
        (
            "MARK\nwhen exists a {\n  allow a -> b : tcp 1\n}\nallow c -> d : tcp 2",
            "when exists a { allow a -> b : tcp 1 }",
        ),
        ("when exists a {\n  allow a -> b : tcp 1\n  MARK\n}\nallow c -> d : tcp 2", ""),
        (
            "when exists a {\n  when exists b {\n    allow a -> b : tcp 1\n    MARK\n  }\n  allow c -> d : tcp 2\n}",
            "",
        ),
        (
            "when exists a {\n  when exists b {\n    allow a -> b : tcp 1\n  }\n  MARK\n  allow c -> d : tcp 2\n}",
            "allow c -> d : tcp 2",
        ),
        ("when exists a {  MARK\n  allow a -> b : tcp 1\n}", "when exists a {"),
        ("when exists a {\n  allow a -> b : tcp 1\n}  MARK\nallow c -> d : tcp 2", "}"),
        ("MARK\nrole a, b,\n     c  # last\nrole d", "role a, b, c"),
        ("role a,\n  MARK\n  b,\n  c\nrole d", "b, c"),
        ("role a,  MARK\n  b", "role a,"),
        ("allow a -> b : tcp 1\nMARK", ""),
        ('policy e "ü"\r\nMARK\r\nallow a -> b : tcp 1\r\nallow c -> d : tcp 2\r\n', "allow a -> b : tcp 1"),
        (
            '#\tnetpolicy\t: ignore[NP402] until 2030-01-01 "x"\nrole a',
            '# netpolicy : ignore[NP402] until 2030-01-01 "x" role a',
        ),
    ],
)
def test_what_a_comment_of_a_policy_covers(text: str, expected: str) -> None:
    assert covered(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nodes:\n  MARK\n  a:\n    roles: [x]\n  b: {}\n", "a: roles: [x]"),
        ("nodes:\n  a: {}  MARK\n  b: {}\n", "a: {}"),
        ("nodes:\n  a:\n    roles: [x]\n    MARK\nnetworks: {n: [10.0.0.0/8]}\n", ""),
        ("MARK\nclouds:\n- aws\n- neutron\nnodes: {}\n", "clouds: - aws - neutron"),
        ("clouds:\n- aws\nMARK\n- neutron\n- x\n", "- neutron"),
        ("nodes:\n# é\nMARK\n\n  a: {roles: [x]}\n\n  b: {}\n", "a: {roles: [x]}"),
        ("nodes:\r\n  MARK\r\n  a:\r\n    roles: [x]\r\n  b: {}\r\n", "a: roles: [x]"),
    ],
)
def test_what_a_comment_of_a_cluster_covers(text: str, expected: str) -> None:
    assert covered_in_cluster(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'cluster: "é MARK"',
        "cluster: |\n  é\n  MARK\n",
        '{"_meta":\t{"hostvars": {}}, "motd": "\n # netpolicy: x"}',
        "a: 'it''s\n  MARK'\n",
    ],
)
def test_a_value_that_looks_like_a_suppression_is_none(text: str) -> None:
    assert in_cluster(Source("c.yaml", text.replace("MARK", MARK.replace('"', "")))) == ([], [])


def test_many_suppressions_are_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of thousands of lines is not scanned anew for each of its comments."""
    scans = list[str]()

    def scan(text: str, **_: object) -> list[object]:
        scans.append(text)
        return []

    monkeypatch.setattr("netpolicy.waivers.comment.yaml.scan", scan)
    in_cluster(Source("c.yaml", f"a: 1\n{MARK}\n" * 50))
    assert len(scans) == 1
