"""What each thread holds and may do; who it runs as; how it begins and ends under a manager."""

import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from netlab import Lab, wait_until
from programs import LOSSGAZER, Lossgazer
from system_test_case import SystemTestCase
from traffic import exchange

NET_RAW = 1 << 13
FOR_KERNEL_EVENTS = 1 << 38 | 1 << 39  # CAP_PERFMON, CAP_BPF
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# Whose own thread is older than all that gives anything up.
THREAD_SANITIZER = b"__tsan_init" in Path(LOSSGAZER).read_bytes()
NOBODY = pwd.getpwnam("nobody").pw_uid
# A link of its own, to be taken away: address of us, and of the peer.
LINK, US, PEER = "x0", "203.0.113.1", "203.0.113.2"


def threads_of(pid):
    """(name of a thread, {field: text}) of each, as /proc tells it."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            lines = (task / "status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        fields = dict(line.split(":", 1) for line in lines)
        yield fields["Name"].strip(), {key: text.strip() for key, text in fields.items()}


@contextmanager
def traced(target, *options):
    """Meanwhile strace follows a process or thread; gives the file that it writes."""
    with tempfile.NamedTemporaryFile("r") as trace:
        process = subprocess.Popen(
            ["strace", "-p", str(target), "-o", trace.name, *options],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            line = process.stderr.readline()  # once it is attached
            if "attached" not in line:
                raise RuntimeError(line + process.stderr.read())
            yield trace
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def run_as_nobody(*options):
    """The beginning of a command line that runs the rest as nobody, without root's capabilities."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *options]


class PrivilegesTestCase(SystemTestCase):
    def folder(self, owner=0):
        folder = Path(tempfile.mkdtemp(prefix="lossgazer-"))
        self.addCleanup(shutil.rmtree, folder)
        os.chown(folder, owner, owner)
        folder.chmod(0o755)
        return folder

    def program(self, capabilities=None):
        """A copy of the program that everybody may run, with these file capabilities."""
        copy = self.folder() / "lossgazer"
        shutil.copy(LOSSGAZER, copy)
        if capabilities:
            subprocess.run(["setcap", capabilities, copy], check=True)
        return copy

    def make_link(self):
        us, peer = self.lab.us, self.lab.peer
        us.ip("link", "add", LINK, "type", "veth", "peer", "name", "x1", "netns", peer.name)
        for namespace, name, address in ((us, LINK, US), (peer, "x1", PEER)):
            namespace.ip("address", "add", f"{address}/24", "dev", name)
            namespace.ip("link", "set", name, "up")

    def remove_link(self):
        self.lab.us.ip("link", "delete", LINK)

    @contextmanager
    def link(self):
        self.make_link()
        try:
            yield
        finally:
            self.remove_link()

    def check_threads(self, pid, user, names=("opener", "worker-0", f"capture-{LINK}")):
        """All hold nothing but the one that opens, CAP_NET_RAW, not effective, and the one that
        hears the kernel's events, which is there if `names` has it."""
        threads = list(threads_of(pid))
        heard = "kernel-events" in names
        self.assertEqual("kernel-events" in {name for name, _ in threads}, heard)
        self.assertLessEqual(
            {"lossgazer", "web-accept", "web-passwords", "MHD-single", *names},
            {name for name, _ in threads},
        )
        for name, fields in threads:
            if THREAD_SANITIZER and name == "lossgazer" and fields["Pid"] != str(pid):
                continue
            held = {key: int(fields[key], 16) for key in SETS}
            if user != 0 or held["CapBnd"]:  # which takes CAP_SETPCAP to empty
                del held["CapBnd"]
            allowed = {"CapPrm": NET_RAW} if name == "opener" else {}
            if name == "kernel-events":
                allowed = dict.fromkeys(("CapPrm", "CapEff"), FOR_KERNEL_EVENTS)
            self.assertEqual(held, dict.fromkeys(held, 0) | allowed, name)
            self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"), name)
            self.assertEqual(set(fields["Uid"].split()), {str(user)}, name)
        return threads

    def check_it_works(self, lossgazer):
        """It captures, also after its interface was deleted and made anew."""

        def packets():
            return lossgazer.metrics().sum("packets_total", peer=PEER)

        def is_ready():
            return lossgazer.get(lossgazer.port, "/-/ready")[0] == 200

        exchange(self.lab.us, PEER, 10_000, 10_000)
        lossgazer.wait_until(packets, "packets")
        before = packets()
        self.remove_link()
        try:
            lossgazer.wait_until(lambda: not is_ready(), f"{LINK} being away")
        finally:
            self.make_link()
        lossgazer.wait_until(is_ready, f"{LINK} being back")

        def has_more():
            # A flow from before it knew that our address is back is nobody's.
            exchange(self.lab.us, PEER, 10_000, 10_000)
            return packets() > before

        lossgazer.wait_until(has_more, "more packets")
        metrics = lossgazer.metrics()
        self.assertEqual(metrics.sum("capture_restarts_total", interface=LINK), 1)
        self.assertGreater(metrics.sum("process_open_fds"), 10)

    def check_error(self, command, status, *words):
        """This command line ends with this status, and an error in one line with these words."""
        done = subprocess.run(
            self.lab.us.command(*command), text=True, capture_output=True, timeout=20,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        errors = [line for line in done.stderr.splitlines() if "level=info" not in line]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in words:
            self.assertIn(word, errors[0])


class Privileges(PrivilegesTestCase):
    def test_as_root(self):
        with self.link():
            lossgazer = self.start("-i", LINK)
            self.check_threads(lossgazer.process.pid, 0)
            self.check_it_works(lossgazer)
            for name, fields in self.check_threads(lossgazer.process.pid, 0):
                self.assertEqual(int(fields["CapBnd"], 16), 0, name)
            self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_as_root_that_becomes_a_user(self):
        with self.link():
            lossgazer = self.start(
                "-i", LINK, "--user", "nobody", "--peers.names", "--events.to", "tcp:127.0.0.1:9",
                "--kernel.events",
            )
            self.wait_for_kernel_events(lossgazer)
            names = ("opener", "peer-names", "events", f"capture-{LINK}", "kernel-events")
            for name, fields in self.check_threads(lossgazer.process.pid, NOBODY, names):
                self.assertEqual(int(fields["CapBnd"], 16), 0, name)
                group = pwd.getpwnam("nobody").pw_gid
                self.assertEqual(set(fields["Gid"].split()), {str(group)}, name)
                self.assertEqual(fields["Groups"], str(group), name)
            self.check_it_works(lossgazer)
            self.check_threads(lossgazer.process.pid, NOBODY, names)
            self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def wait_for_kernel_events(self, lossgazer):
        lossgazer.wait_until(
            lambda: "receives the kernel's events" in lossgazer.errors(), "the kernel's events"
        )

    def test_the_kernels_events_as_a_user_with_the_capabilities(self):
        three = "+net_raw,+bpf,+perfmon"
        ambient = ("--nnp", f"--inh-caps={three}", f"--ambient-caps={three}")
        of_file = "cap_net_raw,cap_bpf,cap_perfmon+p"
        for how, program in (
            ("of the file", (*run_as_nobody(), self.program(of_file))),
            ("ambient, as by systemd", (*run_as_nobody(*ambient), self.program())),
        ):
            with self.subTest(how):
                lossgazer = self.start("-i", "us0", "--kernel.events", program=program)
                self.wait_for_kernel_events(lossgazer)
                names = ("opener", "capture-us0", "kernel-events")
                self.check_threads(lossgazer.process.pid, NOBODY, names)
                self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_as_a_user_with_the_capability(self):
        ambient = ("--inh-caps=+net_raw", "--ambient-caps=+net_raw")
        for how, program in (
            ("of the file, permitted", (*run_as_nobody(), self.program("cap_net_raw+p"))),
            ("of the file, effective", (*run_as_nobody(), self.program("cap_net_raw+ep"))),
            ("ambient, as by systemd", (*run_as_nobody("--nnp", *ambient), self.program())),
        ):
            with self.subTest(how), self.link():
                lossgazer = Lossgazer(self.lab.us, "-i", LINK, program=program)
                self.addCleanup(lossgazer.stop)
                self.check_threads(lossgazer.process.pid, NOBODY)
                self.check_it_works(lossgazer)
                self.check_threads(lossgazer.process.pid, NOBODY)
                self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_in_a_container_without_root(self):
        """As rootless containers do: user and network of their own, made by nobody."""
        path = self.folder(NOBODY) / "web.sock"
        unshare = run_as_nobody("unshare", "--user", "--map-root-user", "--net")
        if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
            self.skipTest("users may not make namespaces here")
        script = 'ip link set lo up && exec "$@"'
        process = subprocess.Popen(
            [*unshare, "sh", "-c", script, "sh", self.program(), "-i", "lo",
             "--web.listen-address", f"unix:{path}"],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: get_by_path(path, "/-/ready") == 200, "it being ready", 20)
        self.assertEqual(get_by_path(path, "/metrics"), 200)
        self.check_threads(process.pid, NOBODY, ("opener", "worker-0", "capture-lo"))
        process.terminate()
        self.assertEqual(process.wait(20), 0)
        self.assertFalse(path.exists())

    def test_without_the_capability_the_error_says_how_to_give_it(self):
        command = (*run_as_nobody(), self.program(), "-i", "us0")
        self.check_error(command, 1, "interface us0", "CAP_NET_RAW", "setcap cap_net_raw+p")

    def test_a_user_that_will_not_do(self):
        command = (LOSSGAZER, "-i", "us0", "--user")
        self.check_error((*command, "no-such-user"), 1, "no-such-user", "there is no such user")
        command = (*run_as_nobody(), self.program("cap_net_raw+p"), "-i", "us0", "--user", "daemon")
        self.check_error(command, 1, "become the user daemon", "only root can")

    def test_what_the_user_may_not_read_or_make_is_named(self):
        folder = self.folder()
        secret = folder / "secret.yml"
        secret.touch(0o600)
        web = folder / "web.yml"
        web.write_text("tls_server_config: {cert_file: web.yml, key_file: secret.yml}\n")
        command = (LOSSGAZER, "-i", "us0", "--user", "nobody")
        who = f"user {NOBODY} may not"
        for option, status in (("config.file", 1), ("web.config.file", 2), ("geoip.asn-db", 1)):
            with self.subTest(option):
                self.check_error((*command, f"--{option}", secret), status, str(secret), who)
        self.check_error((*command, "--web.config.file", web), 2, "key_file", str(secret), who)
        path = folder / "web.sock"
        self.check_error((*command, "--web.listen-address", f"unix:{path}"), 1, str(path), "folder")

    def test_files_are_only_read(self):
        folder = self.folder(NOBODY)
        config = folder / "lossgazer.yml"
        config.write_text("peers: {names: true}\n")
        path = folder / "web.sock"
        lossgazer = self.start(
            "-i", "us0", "--user", "nobody", "--config.file", config,
            "--web.listen-address", f"unix:{path}",
        )  # fmt: skip
        changes = "open,openat,openat2,creat,truncate,mkdir,rename,link,symlink,chmod,unlink"
        with traced(lossgazer.process.pid, "-f", "-e", f"trace={changes}") as trace:
            exchange(self.lab.us, Lab.PEER, 10_000, 10_000)
            lossgazer.wait_until(lambda: lossgazer.metrics().sum("packets_total"), "packets")
            lossgazer.process.send_signal(signal.SIGHUP)
            lossgazer.wait_until(lambda: "reload: the" in lossgazer.errors(), "the reload")
            calls = trace.read()
        self.assertIn(str(config), calls, "it is read again, and that is seen")
        self.assertNotRegex(calls, "O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
        for call in changes.split(",")[2:]:
            self.assertNotRegex(calls, rf"\b{call}\(")
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        self.assertEqual(path.stat().st_uid, NOBODY)
        of_process = Path(f"/proc/{lossgazer.process.pid}")
        for link in (of_process / "fd").iterdir():
            target = os.readlink(link)
            if int(link.name) <= 2 or not target.startswith("/"):
                continue  # its log; sockets, pipes and events
            info = (of_process / "fdinfo" / link.name).read_text()
            flags = int(info.split("flags:\t")[1].split()[0], 8)
            self.assertEqual(flags & os.O_ACCMODE, os.O_RDONLY, target)
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())
        self.assertEqual(list(folder.iterdir()), [config])


def get_by_path(path, page):
    """The status of a request over a unix socket; None if no answer came."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", page)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


class Manager:
    """A service manager's socket, and what was said to it."""

    def __init__(self, name):
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(name.replace("@", "\0"))
        self.said = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self):
        while said := self._socket.recv(4096).decode():
            self.said.append(said.splitlines())

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as farewell:
            farewell.sendto(b"", self.name.replace("@", "\0"))
        self._listener.join()
        self._socket.close()

    def count(self, state):
        return sum(state in lines for lines in self.said)


class UnderAManager(PrivilegesTestCase):
    def start_managed(self, name, *arguments, **environment):
        manager = Manager(name)
        self.addCleanup(manager.close)
        lossgazer = self.start(
            "-i", "us0", *arguments, environment={"NOTIFY_SOCKET": name, **environment}
        )
        wait_until(lambda: manager.count("READY=1") == 1, "READY")
        return lossgazer, manager

    def test_it_says_that_it_is_ready_reloads_lives_and_ends(self):
        name = str(self.folder() / "notify")
        lossgazer, manager = self.start_managed(name, WATCHDOG_USEC="500000")
        self.assertEqual(
            manager.said[0], ["READY=1", "STATUS=serves http://127.0.0.1:10119/metrics"]
        )
        wait_until(lambda: manager.count("WATCHDOG=1") >= 3, "signs of life")
        lossgazer.process.send_signal(signal.SIGHUP)
        wait_until(lambda: manager.count("READY=1") == 2, "READY again")
        reloading = next(lines for lines in manager.said if lines[0] == "RELOADING=1")
        at = int(reloading[1].removeprefix("MONOTONIC_USEC="))
        self.assertLess(abs(at - time.monotonic_ns() // 1000), 60_000_000)
        self.assertLess(
            manager.said.index(reloading),
            max(i for i, lines in enumerate(manager.said) if lines[0] == "READY=1"),
        )
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())
        wait_until(lambda: manager.count("STOPPING=1") == 1, "STOPPING")

    def test_it_reaches_an_abstract_socket_too(self):
        with self.lab.us.entered():
            lossgazer, manager = self.start_managed(f"@lossgazer-test-{os.getpid()}")
        self.assertEqual(manager.count("WATCHDOG=1"), 0, "nobody asked for it")
        with self.lab.us.entered():
            self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())
            self.doCleanups()

    def test_a_manager_that_is_gone_is_no_reason_to_end(self):
        name = str(self.folder() / "nobody-listens")
        lossgazer = self.start("-i", "us0", environment={"NOTIFY_SOCKET": name})
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())


class Ending(PrivilegesTestCase):
    # bcrypt at a cost of seconds: a login that nobody can wait for.
    SLOW = "$2b$16$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea"

    def assert_ends_at_once(self, lossgazer, how=signal.SIGTERM):
        began = time.monotonic()
        self.assertEqual(lossgazer.stop(how), 0, lossgazer.errors())
        took = time.monotonic() - began
        print(f"{how.name}: it ended within {took:.3f} s")
        self.assertLess(took, 5)
        self.assertRegex(
            lossgazer.errors().splitlines()[-1],
            r'level=info msg="stopped: \d+ packets captured, \d+ judged, \d+ dropped here; \d+ lost"',
        )

    @contextmanager
    def meanwhile(self, *repeated):
        """Each of these is done over and over, in a thread of its own."""
        ended = threading.Event()

        def work(task):
            while not ended.is_set():
                try:
                    task()
                except (OSError, RuntimeError):
                    time.sleep(0.05)  # it has ended

        threads = [threading.Thread(target=work, args=(task,)) for task in repeated]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def connect(self):
        with self.lab.us.entered():
            client = socket.create_connection(("127.0.0.1", 10119))
        self.addCleanup(client.close)
        return client

    def test_under_load_with_slow_clients_and_tells_what_it_saw(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                lossgazer = self.start("-i", "us0")
                with self.meanwhile(
                    *[lambda: exchange(self.lab.us, Lab.PEER, 500_000, 500_000)] * 2
                ):
                    lossgazer.wait_until(
                        lambda: lossgazer.metrics().sum("packets_total") > 1000, "packets"
                    )
                    # One reads nothing of a large answer, one said half a request.
                    self.connect().sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
                    self.connect().sendall(b"GET /metr")
                    self.assert_ends_at_once(lossgazer, how)
                last = lossgazer.errors().splitlines()[-1]
                self.assertRegex(last, r"stopped: [1-9]\d* packets captured, [1-9]\d* judged")

    def test_during_reloads(self):
        config = self.folder() / "lossgazer.yml"
        config.write_text("peers: {max: 100}\n")
        lossgazer = self.start("-i", "us0", "--config.file", config)
        request = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        def reload():
            with self.connect() as client:
                client.sendall(request)
                while client.recv(4096):
                    pass

        with self.meanwhile(reload, reload, lambda: lossgazer.process.send_signal(signal.SIGHUP)):
            lossgazer.wait_until(lambda: "reload: " in lossgazer.errors(), "a reload")
            self.assert_ends_at_once(lossgazer)

    def test_while_logins_wait(self):
        web = self.folder() / "web.yml"
        web.write_text(f"basic_auth_users: {{alice: {self.SLOW}}}\n")
        lossgazer = Lossgazer.__new__(Lossgazer)  # it is not ready for whoever has no password
        lossgazer.port = 10119
        super(Lossgazer, lossgazer).__init__(
            self.lab.us, LOSSGAZER, "-i", "us0", "--web.config.file", web
        )
        self.addCleanup(lossgazer.stop)
        lossgazer.wait_until(lambda: " serves " in lossgazer.errors(), "it serving")
        for _ in range(5):
            self.connect().sendall(
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n"
            )
        time.sleep(0.3)  # the first is being checked
        self.assert_ends_at_once(lossgazer)

    def test_while_a_name_server_is_silent(self):
        # `ip netns exec` puts it in the place of /etc/resolv.conf.
        folder = Path("/etc/netns", self.lab.us.name)
        folder.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, folder)
        (folder / "resolv.conf").write_text("nameserver 198.51.100.1\nnameserver 198.51.100.2\n")
        self.lab.lose("us", "udp dport 53")
        lossgazer = self.start("-i", "us0", "--peers.names")
        exchange(self.lab.us, Lab.PEER, 1000, 1000)
        lossgazer.wait_until(lambda: lossgazer.metrics().sum("packets_total") > 0, "packets")
        lossgazer.wait_until(lambda: self.lab.lost("us") > 0, "a query that nobody answers")
        self.assert_ends_at_once(lossgazer)

    def test_a_thread_that_dies_takes_it_down_with_the_reason(self):
        lossgazer = self.start("-i", "us0")
        (thread,) = (f["Pid"] for name, f in threads_of(lossgazer.process.pid) if name == "capture-us0")
        with traced(thread, "-e", "trace=poll", "-e", "inject=poll:error=ENOMEM:when=2"):
            self.assertEqual(lossgazer.process.wait(20), 1, lossgazer.errors())
        self.assertRegex(
            lossgazer.errors().splitlines()[-1],
            'level=error msg="the thread capture-us0 died: wait for frames: Cannot allocate memory"',
        )

    def test_while_it_starts(self):
        for delay in (0, 0.005, 0.02, 0.05, 0.1, 0.3):
            process = subprocess.Popen(
                self.lab.us.command(LOSSGAZER, "-i", "us0"),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(delay)
            process.terminate()
            # Before its handlers stand, the signal itself ends it.
            self.assertIn(process.wait(20), (0, -signal.SIGTERM))
