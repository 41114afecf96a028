"""The lab's network: two hosts, namespaces with real kernel TCP, and the impairment box between."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from netlab import Namespace, run  # noqa: E402

A_V4, B_V4 = "192.0.2.1", "192.0.2.2"
A_V6, B_V6 = "2001:db8::1", "2001:db8::2"
DEVICE = "lab0"


class Host(Namespace):
    """One end: a namespace whose device lab0 leads into the box."""

    def __init__(self, name, sysctls):
        super().__init__(name)
        self.sysctl("net.ipv4.tcp_no_metrics_save", 1)  # one connection teaches the next nothing
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)  # IPv6 works at once
        for key, value in sysctls.items():
            self.sysctl(key, value)

    def join(self, v4, v6):
        self.ip("address", "add", f"{v4}/24", "dev", DEVICE)
        self.ip("address", "add", f"{v6}/64", "dev", DEVICE)
        self.ip("link", "set", DEVICE, "txqueuelen", "30000", "up")
        self.v4, self.v6 = v4, v6

    def knows(self, other):
        """No neighbour discovery: the first packet of a scenario is one of its own."""
        mac = other.read(f"/sys/class/net/{DEVICE}/address").strip()
        for address in (other.v4, other.v6):
            self.ip(
                *("neighbour", "replace", address, "lladdr", mac, "dev", DEVICE, "nud", "permanent")
            )

    def read(self, path):
        # /sys shows the namespace that mounted it: `ip netns exec` mounts it anew.
        return run(*self.command("cat", path)) if path.startswith("/sys") else super().read(path)

    def dropped_unasked(self):
        """Packets that the host itself lost on the way into the box; the lab wants none."""
        folder = f"/sys/class/net/{DEVICE}/statistics"
        return sum(int(self.read(f"{folder}/{name}")) for name in ("tx_dropped", "rx_dropped"))


class Network:
    """Two hosts and the box, which writes its log and the taps' captures into `folder`."""

    def __init__(self, box, name, folder, scenario, seed, seconds=120):
        self.folder = folder
        self.hosts = []
        self._box = None
        try:
            self.a = self._add(Host(f"{name}a", scenario.sysctls))
            self.b = self._add(Host(f"{name}b", scenario.sysctls))
            arguments = [f"{stretch}={text}" for stretch, text in scenario.impairments.items()]
            arguments += [f"seed={seed}", f"seconds={seconds}"] + ["offload"] * scenario.offload
            self._box = subprocess.Popen(
                [box, self.a.name, self.b.name, str(folder), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            if self._box.stdout.readline() != "ready\n":
                raise RuntimeError("the impairment box did not start")
            self.a.join(A_V4, A_V6)
            self.b.join(B_V4, B_V6)
            self.a.knows(self.b)
            self.b.knows(self.a)
            self._dropped_before = self._dropped()  # an interface that comes up says things
        except BaseException:
            self.close()
            raise

    def _add(self, host):
        self.hosts.append(host)
        return host

    def stop_box(self):
        """Ends the box: its files are complete. Raises if it, or a host, lost packets unasked."""
        dropped = self._dropped() - self._dropped_before
        self._box.terminate()
        if self._box.wait(20) != 0:
            raise RuntimeError(f"the impairment box ended with {self._box.returncode}")
        if dropped:
            raise RuntimeError(f"{dropped} packets were lost outside the box")

    def _dropped(self):
        return sum(host.dropped_unasked() for host in self.hosts)

    def close(self):
        if self._box is not None:
            self._box.kill()
            self._box.wait()
        while self.hosts:
            self.hosts.pop().remove()


@contextmanager
def opened(*arguments, **keywords):
    """A Network that is removed in the end, with its namespaces."""
    network = Network(*arguments, **keywords)
    try:
        yield network
    finally:
        network.close()
