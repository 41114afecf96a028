"""The kernel's own events: what it sends again, to which peer, in which state, and for whom."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from netlab import Lab, run, wait_until
from programs import LOSSGAZER
from system_test_case import SystemTestCase
from traffic import Server, connect, exchange, mixed

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all")
RETRANSMITS = "kernel_retransmits_total"

# What the kernel's tracepoints say, as text, between two lines of input.
TRACE = """
mount -t tracefs none /mnt
trace=/mnt/instances/lossgazer-$$
mkdir $trace
echo 1 >$trace/events/tcp/tcp_retransmit_skb/enable
echo 1 >$trace/events/tcp/tcp_retransmit_synack/enable
echo begins
read -r _
cat $trace/trace
rmdir $trace
"""

# A process of that name, in that cgroup, that has its bytes sent again and says how many times.
SENDER = """
import socket, sys
name, address, port, count = sys.argv[1:]
open("/proc/self/comm", "w").write(name)
sys.stdin.readline()
connection = socket.create_connection((address, int(port)), 60)
print("connected", flush=True)
sys.stdin.readline()
connection.sendall(bytes(int(count)))
connection.shutdown(socket.SHUT_WR)
while connection.recv(65536):
    pass
info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
print(int.from_bytes(info[100:104], sys.byteorder), flush=True)
"""

# Takes over a listener, and sends to who connects.
WORKER = """
import socket, sys
open("/proc/self/comm", "w").write("worker")
listener = socket.socket(fileno=int(sys.argv[1]))
while True:
    connection, _ = listener.accept()
    connection.sendall(bytes(1_000_000))
    connection.close()
"""


def unified_cgroups():
    """Where the second version's cgroups are mounted, if groups can be made there; or None."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(place, os.W_OK):
            return Path(place)
    return None


class KernelEventsTestCase(SystemTestCase):
    def start(self, *arguments, **keywords):
        lossgazer = super().start(*arguments, "--kernel.events", **keywords)
        lossgazer.wait_until(
            lambda: re.search("the kernel's events|kernel.events: ", lossgazer.errors()),
            "its word on the kernel's events",
        )
        return lossgazer

    def start_receiving(self, *arguments, **keywords):
        lossgazer = self.start(*arguments, **keywords)
        self.assertIn("receives the kernel's events", lossgazer.errors())
        self.assertNotIn("level=warning", lossgazer.errors())
        return lossgazer

    def assert_sum_is_the_kernels(self, lossgazer, passed_over=0):
        """All that us's kernel sent again, and nothing else; returns the metrics."""
        total = self.kernel("RetransSegs") - passed_over
        self.assertGreater(total, 0)
        try:
            lossgazer.wait_until(
                lambda: lossgazer.metrics().sum(RETRANSMITS) == total, f"{total} segments", 10
            )
        except TimeoutError:
            self.assertEqual(lossgazer.metrics().sum(RETRANSMITS), total)
        return lossgazer.metrics()

    def sender(self, name, count, group=None):
        """SENDER, connected; begins to send at a line of input."""
        process = subprocess.Popen(
            self.lab.us.command(
                sys.executable, "-c", SENDER, name, Lab.PEER, self.sink.PORT, count
            ),
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        if group is not None:
            (group / "cgroup.procs").write_text(str(process.pid))
        self.go_on(process)
        self.assertEqual(process.stdout.readline(), "connected\n")
        return process

    @staticmethod
    def go_on(process):
        process.stdin.write("\n")
        process.stdin.flush()


class Sink(Server):
    """Takes all, and closes when the client has."""

    PORT = 5202

    @staticmethod
    def serve(connection):
        with connection:
            while connection.recv(65536):
                pass


class Counts(KernelEventsTestCase):
    # Ports of us that nobody else's tests use: tracepoints are of all namespaces.
    FIRST = 10_000 + os.getpid() % 20 * 1000
    SERVER = FIRST + 999

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.us.sysctl("net.ipv4.ip_local_port_range", f"{cls.FIRST} {cls.SERVER - 1}")
        server = Server(cls.lab.us, cls.SERVER)
        cls.addClassCleanup(server.close)

    @contextmanager
    def traced(self):
        """Meanwhile the kernel's tracepoints are heard; gives a list that has us's lines then."""
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", TRACE],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.assertEqual(process.stdout.readline(), "begins\n")
        lines = []
        try:
            yield lines
        finally:
            said, _ = process.communicate("\n", timeout=20)
            for line in said.splitlines():
                port = re.search(r" sport=(\d+) ", line)
                failed = re.search(r" err=-?[1-9]", line)  # told since Linux 6.16; nothing was sent
                if port and self.FIRST <= int(port[1]) <= self.SERVER and not failed:
                    lines.append(line)

    @staticmethod
    def passed_over(lines):
        """SYN-ACKs of which no eBPF program can know.

        The kernel of a microVM was seen to run none while its first process was interrupted. Of a
        segment the socket says so later, but nothing of a SYN-ACK.
        """
        tasks = os.listdir("/proc/1/task")
        syn_acks = [line for line in lines if "tcp_retransmit_synack" in line]
        return sum(re.search(r"-(\d+) +\[", line)[1] in tasks for line in syn_acks)

    def resend_all_sorts(self):
        """Of us: data and FINs, SYNs and SYN-ACKs, of both versions. The peer sends again, too."""
        self.lab.lose_segments("us", per_mille=40)
        self.lab.lose("us", "tcp flags & syn != 0 numgen inc mod 3 == 0")
        self.lab.lose_payload("peer", per_mille=30)
        for address in (Lab.PEER, Lab.PEER_V6):
            mixed(self.lab.us, address, 2_000_000, 500_000)
        for address in (Lab.US, Lab.US_V6) * 4:
            exchange(self.lab.peer, address, 1000, 100_000, port=self.SERVER)

    def test_tracepoints_kernel_and_we_agree(self):
        # Or TCP makes super-packets for the kernel itself to cut, and each is one event.
        self.lab.us.ip("link", "set", "us0", "gso_max_segs", "1")
        self.addCleanup(self.lab.us.ip, "link", "set", "us0", "gso_max_segs", "65535")
        lossgazer = self.start_receiving("-i", "us0")
        before = self.lab.peer.kernel_counters()["RetransSegs"]
        with self.traced() as tracepoints:
            self.resend_all_sorts()
            self.rest(lossgazer)
        kernel = self.kernel("RetransSegs")
        print(f"tracepoints {len(tracepoints)}, kernel {kernel}")
        self.assertEqual(len(tracepoints), kernel)
        metrics = self.assert_sum_is_the_kernels(lossgazer, self.passed_over(tracepoints))
        self.assertEqual(metrics.sum("retransmitted_segments_total", direction="egress"), kernel)
        self.assertGreater(self.lab.peer.kernel_counters()["RetransSegs"], before)
        for state in ("established", "syn_sent", "syn_recv"):
            self.assertGreater(metrics.sum(RETRANSMITS, state=state), 0, state)
        for peer in (Lab.PEER, Lab.PEER_V6):
            self.assertGreater(metrics.sum(RETRANSMITS, peer=peer), 0, peer)
        # Most of these connections were short.
        name = Path("/proc/self/comm").read_text().strip()
        self.assertEqual(metrics.sum(RETRANSMITS), metrics.sum(RETRANSMITS, process=name))
        self.assert_promtool_is_content(lossgazer.page())
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_super_packets_are_the_segments_they_stand_for(self):
        def offload(word):
            for name in ("tso", "gso"):
                run(*self.lab.us.command("ethtool", "-K", "us0", name, word))

        offload("on")
        self.addCleanup(offload, "off")
        lossgazer = self.start_receiving("-i", "us0")
        with self.traced() as tracepoints:
            self.resend_all_sorts()
            self.rest(lossgazer)
        metrics = self.assert_sum_is_the_kernels(lossgazer, self.passed_over(tracepoints))
        ours = metrics.sum("retransmitted_segments_total", direction="egress")
        kernel = self.kernel("RetransSegs")
        print(f"tracepoints {len(tracepoints)}, kernel {kernel}, captured {ours:.0f}")
        self.assertLess(len(tracepoints), kernel, "some were super-packets")
        self.assertEqual(ours, kernel)


class Owners(KernelEventsTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sink = Sink(cls.lab.peer, Sink.PORT)
        cls.addClassCleanup(cls.sink.close)

    def make_group(self, name):
        group = unified_cgroups() / f"lossgazer-{os.getpid()}-{name}"
        group.mkdir()
        self.addCleanup(lambda: group.exists() and group.rmdir())
        return group

    def test_each_process_in_its_cgroup_gets_its_own(self):
        if unified_cgroups() is None:
            self.skipTest("no groups can be made in a cgroup2 file system here")
        lossgazer = self.start_receiving("-i", "us0")
        self.lab.lose_payload("us", per_mille=30)
        senders = []
        for name, count in (("web", 1_000_000), ("db", 3_000_000)):
            group = self.make_group(name)
            senders.append((name, group, self.sender(name, count, group)))
        for *_, process in senders:
            self.go_on(process)
        said = [int(process.stdout.readline()) for *_, process in senders]
        for _, group, process in senders:
            process.wait(20)
            group.rmdir()
        # The groups are gone, and still have their names.
        metrics = self.assert_sum_is_the_kernels(lossgazer)
        for (name, group, _), segments in zip(senders, said):
            self.assertGreater(segments, 0)
            labels = {"peer": Lab.PEER, "process": name, "cgroup": f"/{group.name}"}
            self.assertEqual(metrics.sum(RETRANSMITS, **labels), segments, name)

    def test_a_connection_from_before_the_start_has_its_owner(self):
        process = self.sender("early", 1_000_000)
        lossgazer = self.start_receiving("-i", "us0")
        self.lab.lose_payload("us", per_mille=30)
        process.communicate("\n", timeout=60)
        metrics = self.assert_sum_is_the_kernels(lossgazer)
        self.assertEqual(metrics.sum(RETRANSMITS), metrics.sum(RETRANSMITS, process="early"))

    def test_a_listener_that_was_handed_over_is_its_new_holders(self):
        lossgazer = self.start_receiving("-i", "us0")
        with self.lab.us.entered():
            listener = socket.create_server((Lab.US, 5204))
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(listener.fileno())], pass_fds=[listener.fileno()]
        )
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        listener.close()
        self.lab.lose_payload("us", per_mille=30)

        def resent():
            with connect(self.lab.peer, Lab.US, 5204) as connection:
                while connection.recv(65536):
                    pass
            return lossgazer.metrics().sum(RETRANSMITS, process="worker")

        lossgazer.wait_until(resent, "retransmissions of the worker's", 30)


class WithoutMuch(KernelEventsTestCase):
    def test_nothing_is_captured_and_a_reload_changes_who_the_peers_are(self):
        config = tempfile.NamedTemporaryFile("w", suffix=".yml")
        self.addCleanup(config.close)
        print("{}", file=config, flush=True)
        lossgazer = self.start_receiving(
            "-i", "none", "--user", "nobody", "--config.file", self.readable(config)
        )
        self.lab.lose_payload("us", per_mille=50)
        exchange(self.lab.us, Lab.PEER, 1_000_000, 1000)
        metrics = self.assert_sum_is_the_kernels(lossgazer)
        self.assertEqual(metrics.sum(RETRANSMITS), metrics.sum(RETRANSMITS, peer=Lab.PEER))

        config.seek(0)
        print("peers.group: [198.51.100.0/24=far]", file=config, flush=True)
        lossgazer.process.send_signal(signal.SIGHUP)
        lossgazer.wait_until(lambda: "reload: " in lossgazer.errors(), "the reload")
        exchange(self.lab.us, Lab.PEER, 1_000_000, 1000)
        lossgazer.wait_until(
            lambda: lossgazer.metrics().sum(RETRANSMITS, peer="far"), "the group", 10
        )
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    @staticmethod
    def readable(file):
        os.chmod(file.name, 0o644)
        return file.name

    def check_without(self, lossgazer, *words):
        """It says so in one line, and goes on."""
        warnings = [line for line in lossgazer.errors().splitlines() if "level=warning" in line]
        self.assertEqual(len(warnings), 1, lossgazer.errors())
        for word in ("kernel.events:", "all else goes on", *words):
            self.assertIn(word, warnings[0])
        page = lossgazer.page()
        self.assertNotIn("lossgazer_kernel_retransmits_total", page)
        self.assertIn("lossgazer_kernel_retransmitted_segments_total", page)
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_without_the_privilege(self):
        lossgazer = self.start("-i", "none", program=(*AS_NOBODY, LOSSGAZER))
        self.check_without(lossgazer, "CAP_BPF and CAP_PERFMON", "setcap", "AmbientCapabilities=")

    def test_without_the_kernels_types(self):
        script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
        lossgazer = self.start(
            "-i", "us0", program=("unshare", "--mount", "sh", "-c", script, "sh", LOSSGAZER)
        )
        self.check_without(lossgazer, "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF")

    def test_what_the_kernel_refuses(self):
        # In a user namespace of its own these capabilities are worth nothing.
        lossgazer = self.start("-i", "none", program=("unshare", "--map-root-user", LOSSGAZER))
        self.check_without(lossgazer, "load the program into the kernel", "not permitted")
