"""Ports by what usually listens there. That a port is one of these says nothing of what really does."""

from __future__ import annotations

from dataclasses import dataclass

from netpolicy.packet.ports import VALUE_BITS, Protocol


@dataclass(frozen=True, slots=True)
class WellKnown:
    """A port and the service that it is known for."""

    protocol: Protocol
    port: int
    name: str

    @property
    def key(self) -> int:
        return self.protocol << VALUE_BITS | self.port

    @property
    def text(self) -> str:
        """As the language writes it: `tcp 22`."""
        return f"{self.protocol.name.lower()} {self.port}"


def _of(protocol: Protocol, names: dict[int, str]) -> tuple[WellKnown, ...]:
    return tuple(WellKnown(protocol, port, name) for port, name in sorted(names.items()))


WEB = _of(Protocol.TCP, {80: "HTTP", 443: "HTTPS"})

SSH = _of(Protocol.TCP, {22: "SSH"})

DATA = _of(
    Protocol.TCP,
    {
        111: "port mapper of NFS",
        139: "NetBIOS file sharing",
        445: "SMB file sharing",
        873: "rsync",
        1433: "SQL Server",
        1521: "Oracle",
        2049: "NFS",
        2181: "ZooKeeper",
        2375: "Docker API without TLS",
        2379: "etcd",
        2380: "etcd peers",
        3306: "MySQL",
        4222: "NATS",
        4369: "Erlang port mapper",
        5432: "PostgreSQL",
        5672: "AMQP",
        5984: "CouchDB",
        6222: "NATS cluster",
        6379: "Redis",
        7000: "Cassandra peers",
        8086: "InfluxDB",
        8222: "NATS monitoring",
        8500: "Consul",
        9042: "Cassandra",
        9092: "Kafka",
        9200: "Elasticsearch",
        9300: "Elasticsearch peers",
        10250: "kubelet",
        11211: "memcached",
        15672: "RabbitMQ management",
        25672: "RabbitMQ peers",
        26379: "Redis Sentinel",
        27017: "MongoDB",
        27018: "MongoDB shard",
        27019: "MongoDB configuration",
    },
)
"""Databases, caches, message buses, file services and control planes: many ask for no password at first."""

REMOTE = (
    *_of(
        Protocol.TCP,
        {
            23: "telnet",
            135: "Windows RPC",
            512: "rexec",
            513: "rlogin",
            514: "rsh",
            3389: "remote desktop",
            5900: "VNC",
            5901: "VNC",
            5985: "WinRM",
            5986: "WinRM",
            6000: "X11",
            10000: "Webmin",
            16509: "libvirt",
        },
    ),
    *_of(Protocol.UDP, {177: "XDMCP", 623: "IPMI", 3389: "remote desktop"}),
)
"""Ways to administrate a machine from afar, SSH aside."""

CLEAR = (
    *_of(
        Protocol.TCP,
        {
            21: "FTP",
            25: "SMTP",
            110: "POP3",
            119: "NNTP",
            143: "IMAP",
            389: "LDAP",
            1883: "MQTT",
            61613: "STOMP",
        },
    ),
    *_of(Protocol.UDP, {69: "TFTP", 514: "syslog"}),
)
"""Protocols that send what they carry, passwords too, as it is; telnet and its like are among `REMOTE`."""

AMPLIFIERS = _of(
    Protocol.UDP,
    {
        7: "echo",
        17: "quote of the day",
        19: "chargen",
        53: "DNS",
        111: "port mapper",
        123: "NTP",
        137: "NetBIOS names",
        161: "SNMP",
        389: "connectionless LDAP",
        520: "RIP",
        1900: "SSDP",
        3702: "WS-Discovery",
        5353: "multicast DNS",
        5683: "CoAP",
        11211: "memcached",
    },
)
"""Services that answer a small packet with larger ones, to whatever address it names as its source."""
