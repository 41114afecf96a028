"""A small network of this kernel's own: us - mid - peer, three namespaces on two veth links.

mid forwards, and loses on purpose what it is told to. Nothing leaves this machine, and all is
removed in the end.
"""

import ctypes
import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, stdin=None):
    """Runs a command to its end and returns what it printed; raises with its errors if it fails."""
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def one_processor():
    """What is begun meanwhile runs there.

    A packet that leaves on one processor and one that arrives on another reach two captures of the
    same interface in either order, each as it comes: two tcpdumps beside each other differed in
    4,610 of 2.1 million packets, and in none of 1.1 million where one processor did all.
    """
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


class Namespace:
    """A network namespace, as a host: it runs programs, and lends its network to this thread."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def remove(self):
        run("ip", "netns", "delete", self.name)

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def keep_loopback_quiet(self):
        """Where the kernel's count of what it sent again is compared, scrapes add nothing to it.

        On a busy machine TCP probes even loopback for a lost tail, in one fetch of nine. Not with
        one segment on its way, and so patient. It is slow then.
        """
        self.ip(
            *"route change table local local 127.0.0.1 dev lo proto kernel scope host".split(),
            *"src 127.0.0.1 cwnd lock 1 rto_min 30s".split(),
        )

    def command(self, *command):
        """The command line that runs `command` in here, with no process in between."""
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    @contextmanager
    def entered(self):
        """Meanwhile this thread's new sockets, and the /proc it reads, are of this namespace."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def read(self, path):
        with self.entered():
            return Path(path).read_text()

    def sysctl(self, name, value):
        with self.entered():
            Path("/proc/sys", name.replace(".", "/")).write_text(str(value))

    def kernel_counters(self):
        """The kernel's TCP counters: {"RetransSegs": 3, "TCPSynRetrans": 1, ...}."""
        counters = {}
        for path in ("/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"):
            lines = self.read(path).splitlines()
            for names, values in zip(lines[::2], lines[1::2]):
                if names.startswith(("Tcp:", "TcpExt:")):
                    counters |= zip(names.split()[1:], map(int, values.split()[1:]))
        return counters

    def open_connections(self):
        """How many TCP connections are open; listeners, TIME-WAIT and loopback are not counted."""
        count = 0
        # 127.0.0.1, ::1 and ::ffff:127.0.0.1, as the kernel writes them.
        loopback = ("0100007F:", "0" * 24 + "01000000:", "0" * 16 + "FFFF00000100007F:")
        for path in ("tcp", "tcp6"):
            for line in self.read(f"/proc/thread-self/net/{path}").splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                count += state not in ("06", "07", "0A") and not local.startswith(loopback)
        return count


def _setns(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    """us - mid - peer. The interface of us is us0, within the bridge br0 if `bridged`."""

    US, PEER = "192.0.2.1", "198.51.100.1"
    US_V6, PEER_V6 = "2001:db8:1::1", "2001:db8:2::1"

    def __init__(self, bridged=False):
        self._namespaces = []
        try:
            self.us, self.mid, self.peer = map(self._add_namespace, ("us", "mid", "peer"))
            self._link(self.us, "us0", self.mid, "mid0")
            self._link(self.mid, "mid1", self.peer, "peer0")
            outer = self._bridge() if bridged else "us0"
            self._address(self.us, outer, self.US, self.US_V6, gateway=True)
            self._address(self.mid, "mid0", "192.0.2.254", "2001:db8:1::fe")
            self._address(self.mid, "mid1", "198.51.100.254", "2001:db8:2::fe")
            self._address(self.peer, "peer0", self.PEER, self.PEER_V6, gateway=True)
            self.mid.sysctl("net.ipv4.ip_forward", 1)
            self.mid.sysctl("net.ipv6.conf.all.forwarding", 1)
            self.heal()
            for address in (self.PEER, self.PEER_V6):  # neighbours are found before anything counts
                run(*self.us.command("ping", "-c1", "-W2", address))
        except BaseException:
            self.remove()
            raise

    def remove(self):
        while self._namespaces:
            self._namespaces.pop().remove()

    def _add_namespace(self, role):
        namespace = Namespace(f"lgsys{os.getpid()}{role}")
        self._namespaces.append(namespace)
        namespace.keep_loopback_quiet()
        namespace.sysctl("net.ipv4.tcp_no_metrics_save", 1)  # a test teaches the next one nothing
        # Windows small enough for the kernel's own queues, which would lose packets unasked.
        namespace.sysctl("net.ipv4.tcp_rmem", "4096 65536 131072")
        # Without tail loss probes, which a busy machine makes too early: what it repeats was lost.
        namespace.sysctl("net.ipv4.tcp_early_retrans", 0)
        namespace.sysctl("net.ipv6.conf.default.accept_dad", 0)  # IPv6 works at once
        return namespace

    def _link(self, left, left_name, right, right_name):
        left.ip("link", "add", left_name, "type", "veth",
                "peer", "name", right_name, "netns", right.name)  # fmt: skip
        for namespace, name in ((left, left_name), (right, right_name)):
            # What is captured is what is on the wire: no super-packets.
            run(*namespace.command("ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off"))
            # One CPU delivers, or the kernel itself might reorder.
            run(
                *namespace.command(
                    "sh", "-c", f"echo 1 >/sys/class/net/{name}/queues/rx-0/rps_cpus"
                )
            )
            namespace.ip("link", "set", name, "up")

    def _bridge(self):
        self.us.ip("link", "add", "br0", "type", "bridge")
        self.us.ip("link", "set", "us0", "master", "br0")
        run(*self.us.command("ethtool", "-K", "br0", "tso", "off", "gso", "off", "gro", "off"))
        self.us.ip("link", "set", "br0", "up")
        return "br0"

    def _address(self, namespace, link, v4, v6, gateway=False):
        namespace.ip("address", "add", f"{v4}/24", "dev", link)
        namespace.ip("address", "add", f"{v6}/64", "dev", link)
        if gateway:
            namespace.ip("route", "add", "default", "via", v4.rsplit(".", 1)[0] + ".254")
            namespace.ip("-6", "route", "add", "default", "via", v6.rsplit("::", 1)[0] + "::fe")

    # What mid loses. `source` is "us" or "peer": whose packets.

    def heal(self):
        """Loses nothing any more, and forgets what was lost."""
        self._nft(
            "table inet lab\n"
            "delete table inet lab\n"
            "table inet lab {\n"
            "  counter lost_of_us {}\n"
            "  counter lost_of_peer {}\n"
            "  chain of_us {}\n"
            "  chain of_peer {}\n"
            "  chain forward {\n"
            "    type filter hook forward priority 0;\n"
            '    iifname "mid0" jump of_us\n'
            '    iifname "mid1" jump of_peer\n'
            "  }\n"
            "}\n"
        )

    def lose(self, source, match, per_mille=1000):
        """Loses that share, drawn by lot, of the packets an nft expression matches."""
        lot = "" if per_mille == 1000 else f"numgen random mod 1000 < {per_mille}"
        self._nft(f"add rule inet lab of_{source} {match} {lot} counter name lost_of_{source} drop")

    def lose_payload(self, source, per_mille):
        """Loses packets with payload: headers are at most 100 bytes long, with IPv6 and options."""
        self.lose(source, "meta l4proto tcp meta length > 100", per_mille)

    def lose_segments(self, source, per_mille):
        """Loses packets with payload, SYN or FIN: what is sent again, not pure ACKs."""
        self.lose_payload(source, per_mille)
        self.lose(source, "meta length <= 100 tcp flags & (syn | fin) != 0", per_mille)

    def lose_acks(self, source, per_mille):
        self.lose(source, "meta length <= 100 tcp flags & (syn | fin | rst) == 0", per_mille)

    def lost(self, source):
        """How many packets of `source` were lost since the last heal()."""
        listing = json.loads(run(*self.mid.command("nft", "-j", "list", "counters")))
        counters = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
        return next(c["packets"] for c in counters if c["name"] == f"lost_of_{source}")

    def _nft(self, rules):
        run(*self.mid.command("nft", "-f", "-"), stdin=rules)


def wait_until(condition, what, seconds=10, interval=0.05):
    """Waits until `condition()` is true, and returns what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(interval)
