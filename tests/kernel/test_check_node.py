"""`netpolicy check-node` in namespaces: real interfaces, addresses, routes, neighbours and events."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from netpolicy.node.addresses import held, who, wrong_node
from netpolicy.node.arp import probed
from netpolicy.node.machine import Checked, check, look
from netpolicy.node.netlink import read_state
from netpolicy.node.watch import Events
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.identity import identity_of
from netpolicy.source import Source
from tests.cli.running import Outcome, called
from tests.kernel.lab import Lab, Namespace, inside
from tests.unit.test_node_rules import at

pytestmark = pytest.mark.alone

CLUSTER = """\
cluster: small
policy: ./policy.netpol
mbus: 10.0.0.1
nodes:
  core: {roles: [web], address: [10.0.0.1, "fd00::1"]}
  dea: {roles: [web], address: 10.0.0.2}
"""
POLICY = "role web\nallow world -> web : tcp 80, tcp 443\n"
ENOUGH = 30.0
"""Seconds after which a watch that says nothing has failed."""


def nodes() -> list[Any]:
    cluster, found = read_cluster(Source("cluster.yaml", CLUSTER))
    assert cluster is not None and not found
    return [identity_of(cluster, one) for one in cluster.nodes]


NODES = nodes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cluster file and its build."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
    (folder / "policy.netpol").write_text(POLICY, encoding="utf-8")
    assert called("compile", str(folder / "cluster.yaml"), "-o", str(folder / "build"), "--quiet").status == 0
    return folder


@pytest.fixture
def pair(lab: Lab) -> tuple[Namespace, Namespace]:
    """The core and the dea on one wire, both in order."""
    core, dea = lab.space("core"), lab.space("dea")
    core.ip(
        f"link add eth0 type veth peer name eth0 netns {dea.name}",
        "link set eth0 up",
        "address add 10.0.0.1/24 dev eth0",
        "address add fd00::1/64 dev eth0 nodad",
        "route add default via 10.0.0.254",
        "route add default via fd00::254 dev eth0",
    )
    dea.ip("link set eth0 up", "address add 10.0.0.2/24 dev eth0", "route add default via 10.0.0.254")
    return core, dea


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes wait for answers as long as two namespaces need, whose answers come within the sending."""
    monkeypatch.setattr("netpolicy.node.arp.APART", 0.05)
    monkeypatch.setattr("netpolicy.node.arp.LISTEN", 0.2)


def seen(space: Namespace, name: str = "") -> Checked:
    with inside(space):
        return check(NODES, look(NODES, name, space.name), name)


def told(space: Namespace, name: str = "") -> list[tuple[str, str]]:
    return [(one.code, one.severity.value) for one in seen(space, name).found]


def run(files: Path, space: Namespace, *more: str, source: str = "build") -> Outcome:
    where = ("--build", str(files / "build")) if source == "build" else ("--cluster", str(files / "cluster.yaml"))
    return called("check-node", *where, "--netns", space.name, *more)


def test_each_machine_is_its_node_and_in_order(pair: tuple[Namespace, Namespace], files: Path) -> None:
    core, dea = pair
    assert told(core) == told(dea) == []
    assert run(files, core).out == (
        "core: eth0 up, 10.0.0.1/24 static; eth0 up, fd00::1/64 static; MBUS here; "
        "default route by 10.0.0.254 (eth0); default route by fd00::254 (eth0); as the cluster says\n"
    )
    ended = run(files, dea, source="cluster")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("dea: eth0 up, 10.0.0.2/24 static; MBUS 10.0.0.1 by eth0; ")


def test_without_privileges_in_its_own_namespace(pair: tuple[Namespace, Namespace], files: Path) -> None:
    """None is needed to look, but to enter a namespace and to probe."""
    core, _ = pair
    script = "import sys; from netpolicy.cli import main; sys.exit(main(sys.argv[1:]))"
    drop = ("setpriv", "--bounding-set=-net_admin,-net_raw,-sys_admin", "--inh-caps=-all")
    ask = (*drop, sys.executable, "-c", script, "check-node", "--build", str(files / "build"))
    done = core.run(*ask)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MBUS here" in done.stdout
    probing = core.run(*ask, "--duplicates")
    assert (probing.returncode, probing.stdout) == (2, "")
    assert "an ARP probe needs CAP_NET_RAW" in probing.stderr
    entering = core.run(*ask, "--netns", core.name)
    assert (entering.returncode, entering.stdout) == (2, "")
    assert f"network namespace `{core.name}` cannot be entered" in entering.stderr
    assert "only root may enter a namespace" in entering.stderr


def test_a_lease_is_an_error_on_the_core_and_a_notice_elsewhere(pair: tuple[Namespace, Namespace]) -> None:
    core, dea = pair
    core.ip("address change 10.0.0.1/24 dev eth0 valid_lft 600 preferred_lft 600")
    dea.ip("address change 10.0.0.2/24 dev eth0 valid_lft 600 preferred_lft 600")
    assert told(core) == [("NP707", "error")]
    assert told(dea) == [("NP707", "notice")]


def test_secondary_and_label_addresses_are_held(lab: Lab) -> None:
    space = lab.space("second")
    space.ip(
        "link add eth0 type veth peer name wire",
        "link set wire up",
        "link set eth0 up",
        "address add 10.0.0.77/24 dev eth0",
        "address add 10.0.0.2/24 dev eth0 label eth0:1",
        "route add default via 10.0.0.254 src 10.0.0.2",
    )
    found = seen(space)
    assert found.identity is not None and found.identity.node == "dea"
    live = found.state.links[-1].holding(found.identity.addresses[0])
    assert live is not None
    assert (live.label, live.secondary) == ("eth0:1", True)
    # The wire's own route has the first address as its source, and that is what the core would see.
    assert told(space) == [("NP714", "error")]
    space.ip("route change 10.0.0.0/24 dev eth0 src 10.0.0.2")
    assert told(space) == []


def test_an_address_on_another_interface_and_one_of_two_nodes(pair: tuple[Namespace, Namespace]) -> None:
    core, dea = pair
    core.ip(
        "link add eth1 type veth peer name wire1",
        "address del 10.0.0.1/24 dev eth0",
        "address add 10.0.0.1/32 dev eth1",
    )
    codes = [code for code, _ in told(core)]
    assert codes == ["NP706", "NP712"]
    assert "`eth1` holds it" in seen(core).found[0].message
    dea.ip("address add 10.0.0.1/32 dev eth0")
    assert told(dea) == [("NP702", "error")]
    assert ("NP702", "error") in told(dea, "dea")


def test_an_interface_that_is_gone_down_or_silent(pair: tuple[Namespace, Namespace]) -> None:
    core, dea = pair
    core.ip("link set eth0 down")
    assert ("NP704", "error") in told(dea)
    assert "no carrier" in seen(dea).found[0].message
    assert "is down" in seen(core, "core").found[0].message
    core.ip("link set eth0 name ens3")
    assert seen(core, "core").found[0].code == "NP703"


def test_a_way_over_ipv6_that_leads_nowhere(pair: tuple[Namespace, Namespace]) -> None:
    core, _ = pair
    core.ip("route add unreachable fd00:9::1/128", "route add prohibit fd00:9::2/128")
    with inside(core):
        ways = [read_state(at(text)).path for text in ("fd00::2", "fd00:9::1", "fd00:9::2")]
    assert [way.failure for way in ways if way is not None] == ["", "no route to host", "permission denied"]


def test_a_command_comes_back_from_the_namespace(pair: tuple[Namespace, Namespace], files: Path) -> None:
    """The fixture of all kernel tests looks where this process is when it ends."""
    outcome = called("check-node", "--build", str(files / "build"), "--netns", pair[1].name)
    assert outcome.status == 0


def test_routes(pair: tuple[Namespace, Namespace]) -> None:
    _, dea = pair
    dea.ip("route del default")
    assert told(dea) == [("NP712", "warning")]
    dea.ip("address del 10.0.0.2/24 dev eth0", "address add 10.0.0.2/32 dev eth0")
    assert told(dea) == [("NP712", "warning"), ("NP713", "error")]
    assert seen(dea).found[1].message.endswith("network is unreachable")
    dea.ip("route add unreachable 10.0.0.1/32")
    assert told(dea)[1] == ("NP713", "error")


@pytest.mark.usefixtures("quick")
def test_a_duplicate_answers_the_probe(pair: tuple[Namespace, Namespace], files: Path) -> None:
    core, dea = pair
    assert run(files, core, "--duplicates").status == 0
    dea.ip("address add 10.0.0.1/24 dev eth0")
    ended = run(files, core, "--duplicates", "--format", "json")
    (one,) = json.loads(ended.out)["findings"]
    machine = json.loads(dea.run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]
    assert ended.status == 1
    assert one["code"] == "NP711"
    assert one["message"] == f"{machine} on `eth0` has 10.0.0.1, the MBUS address too"
    assert one["notes"] == ["it answered an ARP probe"]


def test_what_others_ask_of_each_other_is_no_answer(pair: tuple[Namespace, Namespace]) -> None:
    """Requests of the dea, with its own address as their sender, come while the core listens."""
    core, dea = pair
    over = threading.Event()
    with inside(dea):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.setblocking(False)

    def ask() -> None:
        for last in itertools.cycle(range(10, 250)):
            with suppress(OSError):  # so many neighbours that wait for an answer may fill the kernel's table
                asking.sendto(b"", (f"10.0.0.{last}", 9))
            if over.wait(0.02):
                break

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        with inside(core):
            assert probed(look(NODES, "core", core.name), NODES[0].addresses) == ()
    finally:
        over.set()
        thread.join()
        asking.close()


@pytest.mark.usefixtures("quick")
def test_another_interface_of_ours_that_answers_is_no_other_machine(pair: tuple[Namespace, Namespace]) -> None:
    """Linux answers for all its addresses on every interface of the link, unless it is told not to (`arp_ignore`)."""
    core, dea = pair
    core.ip(f"link add eth1 type veth peer name eth1 netns {dea.name}", "link set eth1 up")
    core.set({"ipv4/conf/all/arp_ignore": "0"})
    dea.ip("link add br0 type bridge stp_state 0", "link set br0 up")
    dea.ip(*(f"link set {card} {what}" for card in ("eth0", "eth1") for what in ("master br0", "up")))
    end = time.monotonic() + ENOUGH
    while dea.run("bridge", "link").stdout.count("state forwarding") < 2 and time.monotonic() < end:
        time.sleep(0.05)
    with inside(core):
        state = look(NODES, "core", core.name)
        assert probed(state, NODES[0].addresses) == ()


@pytest.mark.usefixtures("quick")
def test_a_probe_changes_no_table_of_neighbours(pair: tuple[Namespace, Namespace]) -> None:
    core, dea = pair
    with inside(core):
        state = look(NODES, "core", core.name)
        assert probed(state, NODES[0].addresses) == ()
    assert dea.run("ip", "-4", "neigh").stdout == ""


def test_a_machine_that_the_kernel_has_met(pair: tuple[Namespace, Namespace]) -> None:
    """An entry of the neighbour table that gives our address to another machine."""
    core, _ = pair
    core.ip("neigh replace 10.0.0.1 lladdr 02:00:00:00:00:07 dev eth0 nud stale")
    (one,) = seen(core).found
    assert one.code == "NP711"
    assert one.message.startswith("02:00:00:00:00:07")
    core.ip("neigh replace 10.0.0.1 lladdr 02:00:00:00:00:07 dev eth0 nud permanent")
    assert told(core) == []  # what an administrator wrote has been met by nobody


def test_an_ipv6_address_that_failed_its_test(pair: tuple[Namespace, Namespace]) -> None:
    core, dea = pair
    dea.ip("address add fd00::1/64 dev eth0 nodad", "address del fd00::1/64 dev eth0")
    core.ip("address del fd00::1/64 dev eth0")
    dea.ip("address add fd00::1/64 dev eth0 nodad")
    core.set({"ipv6/conf/all/accept_dad": "1", "ipv6/conf/eth0/accept_dad": "1", "ipv6/conf/eth0/dad_transmits": "1"})
    core.ip("address add fd00::1/64 dev eth0")
    end = time.monotonic() + ENOUGH
    while ("NP708", "error") not in told(core) and time.monotonic() < end:
        time.sleep(0.1)
    assert ("NP708", "error") in told(core)


def test_the_hosts_file_of_a_namespace(
    pair: tuple[Namespace, Namespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, _ = pair
    (tmp_path / core.name).mkdir()
    (tmp_path / core.name / "hosts").write_text("127.0.1.1 als.test api.als.test any-application.als.test\n", "utf-8")
    monkeypatch.setattr("netpolicy.node.machine.OF_NAMESPACES", tmp_path)
    cluster, _ = read_cluster(Source("c", CLUSTER + "hostname: als.test\napi_name: api.als.test\n"))
    assert cluster is not None
    listed = [identity_of(cluster, one) for one in cluster.nodes]
    with inside(core):
        codes = [one.code for one in check(listed, look(listed, "core", core.name), "core").found]
    assert codes == ["NP715", "NP716", "NP717"]


def test_the_two_readers_of_addresses_agree(pair: tuple[Namespace, Namespace]) -> None:
    """What apply-rules looks at, and what check-node does."""
    pair[0].ip("address add 10.1.0.1 peer 10.1.0.2 dev eth0")
    for space, node in zip(pair, NODES, strict=True):
        with inside(space):
            holding = held()
            state = look(NODES, "", space.name)
        far = {address for each in holding.values() for address in each} & {at("10.1.0.1"), at("10.1.0.2")}
        assert far == ({at("10.1.0.1")} if node.node == "core" else set())  # the far end's is not ours
        assert holding == {link.name: frozenset(one.address for one in link.addresses) for link in state.links}
        assert who(NODES, holding) == check(NODES, state).identity == node
        assert wrong_node(node, holding) == []


def test_listening(pair: tuple[Namespace, Namespace], files: Path) -> None:
    core, _ = pair
    with inside(core), socket.create_server(("0.0.0.0", 80)), socket.create_server(("0.0.0.0", 9100)):
        for source in ("build", "cluster"):
            ended = run(files, core, "--listening", "--format", "json", source=source)
            found = {one["code"]: one for one in json.loads(ended.out)["findings"]}
            assert ended.status == 0
            assert sorted(found) == ["NP730", "NP731"]
            assert found["NP730"]["message"].startswith("nothing admits `tcp 9100`")
            assert found["NP731"]["message"].startswith("nothing listens on `tcp 443`")
        text = run(files, core, "--listening")
    assert "`world -> web : tcp 80, tcp 443` stands at " in text.err
    assert "policy.netpol:2\n" in text.err


# Watching.


class Watch:
    """A `check-node --watch` of its own process, and the lines that it has said."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.text = ""

    def wait_for(self, words: str) -> str:
        """What was said since, up to these words; a watch that does not say them in time has failed."""
        assert self.process.stdout is not None
        end = time.monotonic() + ENOUGH
        while words not in self.text:
            assert select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0], self.text
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"the watch has ended: {self.text}"
            self.text += more.decode()
        head, words, self.text = self.text.partition(words)
        return head + words

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(ENOUGH)


@contextmanager
def watching(files: Path, space: Namespace, *more: str) -> Iterator[Watch]:
    ask = ("check-node", "--build", str(files / "build"), "--netns", space.name, "--watch", *more)
    command = (sys.executable, "-m", "netpolicy", *ask)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield Watch(process)
        finally:
            process.kill()


def test_an_address_that_goes_and_comes_is_told(pair: tuple[Namespace, Namespace], files: Path) -> None:
    core, _ = pair
    with watching(files, core) as watch:
        watch.wait_for("as the cluster says\n")
        core.ip("address del 10.0.0.1/24 dev eth0")
        assert " found error[NP706]: `eth0` does not hold 10.0.0.1" in watch.wait_for("WRONG (1 error, 1 warning)\n")
        core.ip("address add 10.0.0.1/24 dev eth0")
        watch.wait_for(" gone error[NP706]: ")
        core.ip("address change 10.0.0.1/24 dev eth0 valid_lft 600 preferred_lft 600")
        watch.wait_for(" found error[NP707]: ")
        core.ip("link set eth0 down")
        watch.wait_for(" found error[NP704]: interface `eth0` is down")
        assert watch.end(signal.SIGTERM) == 1
        assert watch.process.stderr is not None
        assert watch.process.stderr.read() == b""


def test_a_watch_that_ends_in_order_ends_with_zero(pair: tuple[Namespace, Namespace], files: Path) -> None:
    core, dea = pair
    with watching(files, dea, "--format", "json") as watch:
        first = json.loads(watch.wait_for("\n"))
        assert (first["format_version"], first["node"], first["in_order"]) == (1, "dea", True)
        assert (first["change"], first["findings"], first["summary"][:9]) == ("state", [], "dea: eth0")
        assert first["state"]["links"][-1]["addresses"][0]["address"] == "10.0.0.2/24"
        dea.ip("address del 10.0.0.2/24 dev eth0")
        told = watch.wait_for('"change": "state"') + watch.wait_for("\n")
        *lines, last = [json.loads(line) for line in told.splitlines()]
        assert {"NP705"} <= {one["code"] for one in lines}
        assert last.keys() == {"at", "change", "node", "in_order", "summary"} < first.keys()
        dea.ip("address add 10.0.0.2/24 dev eth0", "route replace default via 10.0.0.254")
        watch.wait_for('"in_order": true')
        core.ip("link set eth0 down")
        watch.wait_for('"in_order": false')
        core.ip("link set eth0 up")
        watch.wait_for('"in_order": true')
        assert watch.end(signal.SIGINT) == 0


def test_a_watch_waits_for_a_machine_that_is_no_node_yet(pair: tuple[Namespace, Namespace], files: Path) -> None:
    """As at a start before DHCP has answered; with the sockets, which are looked at once it is known."""
    _, dea = pair
    dea.ip("address del 10.0.0.2/24 dev eth0")
    with watching(files, dea, "--listening") as watch:
        watch.wait_for("no node of the cluster: WRONG (1 error)\n")
        dea.ip("address add 10.0.0.2/24 dev eth0", "route add default via 10.0.0.254")
        watch.wait_for(" gone error[NP701]: ")
        watch.wait_for(" found notice[NP731]: ")
        watch.wait_for("as the cluster says (1 notice)\n")
        assert watch.end(signal.SIGTERM) == 0


def test_messages_that_were_lost_are_as_good_as_one(lab: Lab) -> None:
    """The kernel drops messages for a socket that is full, and says so once."""
    space = lab.space("storm")
    space.ip("link add eth0 type veth peer name wire", "link set eth0 up")
    with inside(space), Events() as events:
        events._kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel takes its least
        space.ip(*(f"address add 10.1.0.{n}/32 dev eth0" for n in range(1, 200)))
        assert events.wait(ENOUGH)
        assert events.lost
        space.ip("address add 10.9.9.9/32 dev eth0")
        assert events.wait(ENOUGH)
