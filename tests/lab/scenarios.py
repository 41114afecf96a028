"""What the lab puts a network through: impairments, the hosts' settings, and traffic."""

from dataclasses import dataclass, field


@dataclass
class Scenario:
    """`impairments` as the box takes them: a0 is what A's packets meet on the stretch next to A."""

    name: str
    says: str
    impairments: dict
    v6: bool = False
    sysctls: dict = field(default_factory=dict)
    offload: bool = False
    congestion: str = "cubic"
    bulk: int = 3  # connections, each way
    chunk: int = 200_000  # bytes a dialogue of theirs
    exchanges: int = 0  # connections that send in bulk both ways at once
    requests: int = 6  # connections of small requests and answers
    short: int = 2  # clients that make a connection for each request
    seconds: float = 10
    clean: bool = False  # the box does nothing to packets but carry them
    only_acks_lost: bool = False
    after_off: float = 0.05  # by so much may the count of what was lost behind the taps be off
    hard: bool = False  # beyond what headers can tell: printed, and left out of the gates


def each_way(stretch0, stretch1=None):
    """The same impairments for both senders; on both stretches, unless two are given."""
    stretch1 = stretch1 or stretch0
    return {"a0": stretch0, "a1": stretch1, "b0": stretch0, "b1": stretch1}


NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}
NO_SACK = {"net.ipv4.tcp_sack": 0, "net.ipv4.tcp_dsack": 0}
LARGE_BUFFERS = {"net.ipv4.tcp_rmem": "4096 4194304 8388608"}
SMALL_BUFFERS = {"net.ipv4.tcp_rmem": "4096 131072 400000"}

LAN = "delay=120us"
MIXTURE = "delay=5ms,loss=0.006,reorder=0.01,reorder_delay=5ms,duplicate=0.01,copy_delay=2ms"
LAN_MIXTURE = f"{LAN},loss=0.003,reorder=0.003,reorder_delay=400us,duplicate=0.003,copy_delay=100us"
REORDERING = "delay=5ms,reorder=0.015,reorder_delay=6ms"
# Limits that keep a run small. The queue is longer than any window: it loses nothing.
LIMIT = "rate=30000000,queue=3000"
LAN_LIMIT = "rate=60000000,queue=3000"

SCENARIOS = [
    Scenario(
        "clean",
        "20 ms, nothing happens",
        each_way("delay=5ms,rate=40000000,queue=3000", "delay=5ms"),
        clean=True,
    ),
    Scenario(
        "clean-lan",
        "0.5 ms, nothing happens",
        each_way(f"{LAN},{LAN_LIMIT}", LAN),
        sysctls=SMALL_BUFFERS,
        chunk=400_000,
        seconds=5,
        clean=True,
    ),
    Scenario(
        "loss",
        "20 ms, loss on both sides of the middle tap",
        each_way("delay=5ms,loss=0.008"),
    ),
    Scenario(
        "reordering",
        "20 ms, one packet in 33 is held back by up to 6 ms",
        each_way(f"{REORDERING},{LIMIT}", REORDERING),
    ),
    Scenario(
        "mixture",
        "20 ms, loss, reordering and copies",
        each_way(MIXTURE),
    ),
    Scenario(
        "lan",
        "0.5 ms, loss, reordering and copies",
        each_way(f"{LAN_MIXTURE},{LAN_LIMIT}", LAN_MIXTURE),
        sysctls=SMALL_BUFFERS,
        bulk=2,
        requests=4,
        seconds=6,
    ),
    Scenario(
        "requests",
        "20 ms, request and response with tails lost",
        each_way("delay=5ms,loss=0.015"),
        bulk=0,
        requests=40,
        short=10,
    ),
    Scenario(
        "bursts",
        "20 ms, bursts of loss",
        each_way(
            f"delay=5ms,burst=0.001,burst_length=8,{LIMIT}", "delay=5ms,burst=0.001,burst_length=8"
        ),
    ),
    Scenario(
        "queue",
        "a bottleneck of 20 Mbit/s with a queue of 60 packets",
        each_way("delay=4ms", "delay=4ms,rate=20000000,queue=60"),
    ),
    Scenario(
        "bbr",
        "BBR against a queue of 30 packets",
        each_way("delay=4ms,rate=30000000,queue=30", "delay=4ms"),
        congestion="bbr",
    ),
    Scenario(
        "both-ways",
        "1 ms, both ends of each connection send in bulk, with large windows, and lose",
        each_way("delay=250us,loss=0.01,rate=60000000,queue=3000", "delay=250us,loss=0.01"),
        sysctls=LARGE_BUFFERS,
        bulk=0,
        exchanges=2,
        requests=2,
        seconds=6,
    ),
    Scenario(
        "ipv6",
        "20 ms, the mixture over IPv6",
        each_way(MIXTURE),
        v6=True,
    ),
    Scenario(
        "ipv6-bare",
        "20 ms, loss and copies over IPv6 without timestamps: the least evidence",
        each_way("delay=5ms,loss=0.006,duplicate=0.01,copy_delay=2ms"),
        v6=True,
        sysctls=NO_TIMESTAMPS,
        hard=True,
    ),
    Scenario(
        "no-timestamps",
        "20 ms, the mixture without timestamps",
        each_way(MIXTURE),
        sysctls=NO_TIMESTAMPS,
    ),
    Scenario(
        "no-sack",
        "20 ms, loss and reordering without SACK",
        each_way("delay=5ms,loss=0.006,reorder=0.01,reorder_delay=5ms"),
        sysctls=NO_SACK,
        after_off=0.12,  # nobody reports what was repeated needlessly
    ),
    Scenario(
        "acks",
        "20 ms, only pure ACKs are lost",
        each_way(f"delay=5ms,loss=0.04,acks,{LIMIT}", "delay=5ms,loss=0.04,acks"),
        only_acks_lost=True,
    ),
    Scenario(
        "deep",
        "packets overtake each other by up to 12 ms, as long as a round trip, with loss",
        each_way("delay=4ms,jitter=6ms,shuffle,loss=0.004"),
    ),
    Scenario(
        "super",
        "super-packets on both hosts, loss and reordering between",
        each_way(
            "delay=5ms,rate=100000000,queue=3000,loss=0.004,reorder=0.002,reorder_delay=3ms",
            "delay=5ms,loss=0.004,reorder=0.002,reorder_delay=3ms",
        ),
        offload=True,
        bulk=2,
        chunk=1_000_000,
    ),
]

# Run again with lossgazer itself at A's interface, live.
LIVE = ("mixture", "acks")
