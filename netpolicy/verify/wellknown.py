"""Ports by what usually listens there. That a port is one of these says nothing of what really does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netpolicy.packet.ports import VALUE_BITS, Protocol


class Kind(Enum):
    """Why a port matters."""

    WEB = "web"
    SSH = "ssh"
    REMOTE = "remote"
    """A way to administrate a machine from afar, SSH aside."""
    DATABASE = "database"
    """A database, cache or search engine."""
    BUS = "bus"
    """Messages between programs."""
    FILES = "files"
    CONTROL = "control"
    """The control plane of a cluster."""
    UNGUARDED = "unguarded"
    """As installed it asks for no password."""
    CLEAR = "clear"
    """It sends what it carries, passwords too, as it is."""
    AMPLIFIER = "amplifier"
    """It answers a small packet with larger ones, to whatever address that names as its source."""


@dataclass(frozen=True, slots=True)
class WellKnown:
    """A port and the service that it is known for."""

    protocol: Protocol
    port: int
    name: str
    kinds: frozenset[Kind] = frozenset()

    @property
    def key(self) -> int:
        return self.protocol << VALUE_BITS | self.port

    @property
    def text(self) -> str:
        """As the language writes it: `tcp 22`."""
        return f"{self.protocol.name.lower()} {self.port}"


# Protocol, port, kinds, name: as IANA or the makers of the products assign them.
_TABLE = """\
tcp    21  clear               FTP
tcp    22  ssh                 SSH
tcp    23  remote,clear        telnet
tcp    25  clear               SMTP
tcp    80  web,clear           HTTP
tcp   110  clear               POP3
tcp   111  files               port mapper of NFS
tcp   119  clear               NNTP
tcp   135  remote              Windows RPC
tcp   139  files               NetBIOS file sharing
tcp   143  clear               IMAP
tcp   389  clear               LDAP
tcp   443  web                 HTTPS
tcp   445  files               SMB file sharing
tcp   512  remote,clear        rexec
tcp   513  remote,clear        rlogin
tcp   514  remote,clear        rsh
tcp   873  files               rsync
tcp  1433  database            SQL Server
tcp  1521  database            Oracle
tcp  1883  bus,clear           MQTT
tcp  2049  files               NFS
tcp  2181  control,unguarded   ZooKeeper
tcp  2375  control,unguarded   Docker API without TLS
tcp  2379  control,unguarded   etcd
tcp  2380  control             etcd peers
tcp  3306  database            MySQL
tcp  3389  remote              remote desktop
tcp  4222  bus                 NATS
tcp  4369  bus                 Erlang port mapper
tcp  5432  database            PostgreSQL
tcp  5672  bus                 AMQP
tcp  5900  remote              VNC
tcp  5901  remote              VNC
tcp  5984  database            CouchDB
tcp  5985  remote              WinRM
tcp  5986  remote              WinRM
tcp  6000  remote              X11
tcp  6222  bus                 NATS cluster
tcp  6379  database,unguarded  Redis
tcp  7000  database            Cassandra peers
tcp  8086  database            InfluxDB
tcp  8222  bus                 NATS monitoring
tcp  8500  control             Consul
tcp  9042  database            Cassandra
tcp  9092  bus                 Kafka
tcp  9200  database            Elasticsearch
tcp  9300  database            Elasticsearch peers
tcp 10000  remote              Webmin
tcp 10250  control             kubelet
tcp 10255  control,unguarded   kubelet, to be read
tcp 11211  database,unguarded  memcached
tcp 15672  bus                 RabbitMQ management
tcp 16509  remote              libvirt
tcp 25672  bus                 RabbitMQ peers
tcp 26379  database            Redis Sentinel
tcp 27017  database            MongoDB
tcp 27018  database            MongoDB shard
tcp 27019  database            MongoDB configuration
tcp 61613  bus,clear           STOMP
udp     7  amplifier           echo
udp    17  amplifier           quote of the day
udp    19  amplifier           chargen
udp    53  amplifier           DNS
udp    69  clear               TFTP
udp   111  amplifier           port mapper
udp   123  amplifier           NTP
udp   137  amplifier           NetBIOS names
udp   161  clear,amplifier     SNMP
udp   177  remote              XDMCP
udp   389  amplifier           connectionless LDAP
udp   514  clear               syslog
udp   520  amplifier           RIP
udp   623  remote              IPMI
udp  1900  amplifier           SSDP
udp  3389  remote              remote desktop
udp  3702  amplifier           WS-Discovery
udp  5353  amplifier           multicast DNS
udp  5683  amplifier           CoAP
udp 11211  amplifier           memcached
"""


def _row(line: str) -> WellKnown:
    protocol, port, kinds, name = line.split(maxsplit=3)
    return WellKnown(Protocol[protocol.upper()], int(port), name, frozenset(map(Kind, kinds.split(","))))


ALL = tuple(map(_row, _TABLE.splitlines()))


def of(*kinds: Kind) -> tuple[WellKnown, ...]:
    """The ports of any of these kinds, by protocol and port."""
    return tuple(one for one in ALL if not one.kinds.isdisjoint(kinds))


WEB, SSH, REMOTE, AMPLIFIERS = of(Kind.WEB), of(Kind.SSH), of(Kind.REMOTE), of(Kind.AMPLIFIER)
DATA = tuple(one for one in of(Kind.DATABASE, Kind.BUS, Kind.FILES, Kind.CONTROL) if Kind.CLEAR not in one.kinds)
"""Databases, caches, message buses, file services and control planes: many ask for no password at first."""
CLEAR = tuple(one for one in of(Kind.CLEAR) if one.kinds.isdisjoint((Kind.REMOTE, Kind.WEB, Kind.AMPLIFIER)))
"""Protocols in clear text that are not the web's, and not told of for another reason."""
