"""The container image: built from its Containerfile, and run as a sidecar that Prometheus scrapes.

No registry is asked: it is built on the Debian that packaging/install-dependencies made. Most of
the time goes into its build stage, which installs what the build needs and compiles.
"""

import contextlib
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from containers import DEBIAN, ContainedLossgazer, Container, Engine
from netlab import Lab, wait_until
from programs import SOURCE, Prometheus
from system_test_case import SystemTestCase, rest
from traffic import PORT

BASE, IMAGE = "localhost/debian", "localhost/lossgazer"
BUILD_SECONDS = 900
SIZE_MOST = 15_000_000  # bytes, compressed
VERSION, REVISION = "0.1.0", "0123456789ab"
NO_PRIVILEGE = ("--cap-drop", "all", "--read-only")
NO_NEW_PRIVILEGES = ("--security-opt", "no-new-privileges")
NET_RAW = ("--cap-add", "net_raw")

# The application beside which it runs, in what any Debian has: asks the peer again and again, until
# SIGUSR1; then it rests.
APPLICATION = f"""
use Errno;
use IO::Socket::INET;
my $enough = 0;
$SIG{{TERM}} = sub {{ exit 0 }};
$SIG{{USR1}} = sub {{ $enough = 1 }};
until ($enough) {{
    my $peer = IO::Socket::INET->new(PeerAddr => '{Lab.PEER}', PeerPort => {PORT}, Timeout => 20)
        or die "connect: $!";
    print $peer pack('Q>Q>x184', 0, 300_000);
    while (my $read = sysread($peer, my $data, 65536) // $!{{EINTR}}) {{}}
    close $peer;
    select(undef, undef, undef, 0.1);
}}
sleep 60 while 1;
"""

engine = None


def setUpModule():
    global engine
    if not DEBIAN.exists():
        raise unittest.SkipTest(f"no {DEBIAN} (packaging/install-dependencies test)")
    for tool in ("buildah", "podman", "runc"):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"no {tool} (packaging/install-dependencies test)")
    engine = Engine()
    unittest.addModuleCleanup(engine.remove)
    engine.import_debian(BASE)
    engine.build(
        SOURCE / "packaging/container/Containerfile", IMAGE, BUILD_SECONDS,
        BASE=BASE, VERSION=VERSION, REVISION=REVISION,
    )  # fmt: skip


class Image(unittest.TestCase):
    """What is in it, and how it ends."""

    def run_to_end(self, *arguments, options=(), environment=None):
        """(status, output) of a container without a network."""
        command = engine.run_command(IMAGE, *arguments, options=("--network", "none", *options))
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=30, env=os.environ | (environment or {}),
        )  # fmt: skip
        return done.returncode, done.stdout

    def test_is_small(self):
        size = engine.compressed_size(IMAGE)
        print(f"{size / 1e6:.1f} MB compressed", end=" ")
        self.assertLess(size, SIZE_MOST)

    def test_holds_the_program_and_what_it_loads(self):
        with engine.mounted(IMAGE) as folder:
            files = [path for path in Path(folder).rglob("*") if not path.is_dir()]
            names = {str(path.relative_to(folder)) for path in files}
            capability = subprocess.run(
                ["getcap", f"{folder}/usr/bin/lossgazer"], text=True, capture_output=True
            ).stdout
            for path in files:
                status = path.lstat()
                self.assertEqual((status.st_uid, status.st_gid), (0, 0), path)
                if not path.is_symlink():
                    self.assertEqual(status.st_mode & 0o6022, 0, path)
        self.assertTrue(capability.endswith(" cap_net_raw=p\n"), capability)
        programs = {name for name in names if "/bin/" in f"/{name}" or "/sbin/" in f"/{name}"}
        self.assertEqual(programs, {"usr/bin/lossgazer", "usr/bin/lossgazer-report"})
        rest_of_it = re.compile(
            r"lib(64)?/\S+\.so[.\d]*|lib/terminfo/\w/\S+|etc/\w+\S*|usr/share/doc/\S+/copyright"
        )
        others = {name for name in names - programs if not rest_of_it.fullmatch(name)}
        # Placeholders that the engine itself makes.
        self.assertEqual({name for name in others if not name.startswith(("dev/", "run/"))}, set())
        self.assertIn("usr/share/doc/libgnutls30/copyright", names)
        self.assertIn("lib/terminfo/x/xterm-256color", names)

    def test_tells_engines_how_to_run_it(self):
        image = engine.inspect(IMAGE)
        config = image["Config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/lossgazer"])
        self.assertIn("10119/tcp", config["ExposedPorts"])
        check = ["CMD", "/usr/bin/lossgazer", "check-health"]
        self.assertEqual(image["Healthcheck"]["Test"], check)
        label = config["Labels"].get
        self.assertEqual(label("org.opencontainers.image.revision"), REVISION)
        status, text = self.run_to_end("--version", options=NO_PRIVILEGE)
        self.assertEqual(status, 0, text)
        version = label("org.opencontainers.image.version")
        self.assertIn(f"lossgazer {version} ({REVISION}, ", text)

    def test_reports_too(self):
        folder = SOURCE / "tests/golden"
        mount = ("--volume", f"{folder}:/captures:ro", "--entrypoint", "/usr/bin/lossgazer-report")
        status, text = self.run_to_end(
            "/captures/egress_loss.pcap", options=(*NO_PRIVILEGE, *NO_NEW_PRIVILEGES, *mount)
        )
        self.assertEqual(status, 0, text)
        self.assertIn("192.0.2.1 > 198.51.100.1", text)

    def test_says_which_capability_it_lacks(self):
        for options in (NO_PRIVILEGE, (*NO_PRIVILEGE, *NO_NEW_PRIVILEGES)):
            status, text = self.run_to_end("-i", "lo", options=options)
            self.assertEqual(status, 1, text)
            self.assertIn("CAP_NET_RAW", text)
            self.assertIn("--cap-add NET_RAW", text)

    def test_takes_the_capability_that_docker_leaves_in_reach(self):
        """Docker gives a user without root none, but lets files do so, unless it is told not to."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
            settings.write('[containers]\ndefault_capabilities = ["NET_RAW"]\n')
            settings.flush()
            environment = {"CONTAINERS_CONF": settings.name}
            # A taken port ends it after it has opened the interface.
            taken = ("-i", "lo", "--web.listen-address", "192.0.2.9:1")
            status, text = self.run_to_end(*taken, environment=environment)
            self.assertEqual(status, 1, text)
            self.assertIn("capturing on lo", text)
            status, text = self.run_to_end(
                *taken, options=NO_NEW_PRIVILEGES, environment=environment
            )
            self.assertEqual(status, 1, text)
            self.assertIn("CAP_NET_RAW", text)


class NameServer:
    """Answers every question on a namespace's UDP port 53 with one name."""

    def __init__(self, namespace, name):
        self._name = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        with namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("0.0.0.0", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        with contextlib.suppress(OSError):  # it is not connected; its thread wakes all the same
            self._socket.shutdown(socket.SHUT_RD)
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(512)
            except OSError:
                return
            if not query:  # closed
                return
            end = query.index(b"\0", 12) + 5  # name, type and class
            answer = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + query[12:end]
            name = self._name + b"\0"
            answer += struct.pack("!HHHIH", 0xC00C, 12, 1, 60, len(name)) + name
            self._socket.sendto(answer, client)


class Sidecar(SystemTestCase):
    """Beside an application whose network it shares, on a path that loses packets."""

    def setUp(self):
        super().setUp()
        name_server = NameServer(self.lab.peer, "backend.example")
        self.addCleanup(name_server.close)
        self.application = Container(
            engine, "application", self.lab.us, BASE, "perl", "-e", APPLICATION,
            options=("--dns", Lab.PEER),
        )  # fmt: skip
        self.addCleanup(self.application.stop)
        self.application.wait_until(
            lambda: "application" in engine.podman("ps", "--format", "{{.Names}}"), "it to run"
        )

    def start_beside(self, *arguments, options):
        sidecar = ContainedLossgazer(
            engine, "lossgazer", self.lab.us, IMAGE, *arguments,
            network="container:application", options=options,
        )  # fmt: skip
        self.addCleanup(sidecar.stop)
        return sidecar

    def test_tells_prometheus_what_the_application_loses(self):
        sidecar = self.start_beside(
            "--peers.names", options=(*NO_PRIVILEGE, *NET_RAW, *NO_NEW_PRIVILEGES)
        )
        prometheus = Prometheus(self.lab.us)
        self.addCleanup(prometheus.stop)
        self.lab.lose_payload("peer", per_mille=20)
        lost = f'sum(lossgazer_lost_packets_total{{peer="{Lab.PEER}",direction="ingress"}})'
        sidecar.wait_until(
            lambda: self.lab.lost("peer") > 100 and prometheus.query(lost), "losses", 40
        )
        name = f'lossgazer_peer_info{{peer="{Lab.PEER}",name="backend.example"}}'
        sidecar.wait_until(lambda: prometheus.query(name) == [1], "the peer's name")

        engine.podman("healthcheck", "run", "lossgazer")

        # The application has enough, and all is counted.
        engine.podman("kill", "--signal", "USR1", "application")
        metrics = rest(sidecar, (self.lab.us, self.lab.peer))
        truth = self.lab.lost("peer")
        counted = metrics.sum("lost_packets_total", peer=Lab.PEER, direction="ingress", side="peer")
        self.assert_near(counted, truth, "packets lost by the network")
        wait_until(lambda: prometheus.query(lost) == [counted], "Prometheus's last scrape")
        self.assertEqual(sidecar.stop(), 0, sidecar.errors())
        # podman's own lines, of health checks that it would have systemd time, look otherwise.
        self.assertIsNone(re.search(r"^time=\d.* level=error", sidecar.errors(), re.MULTILINE))

    def test_health_is_the_programs(self):
        sidecar = self.start_beside(
            "--web.listen-address", f"127.0.0.1:{ContainedLossgazer.port}",
            options=(*NO_PRIVILEGE, *NET_RAW),
        )  # fmt: skip
        check = engine.command("podman", "exec", "lossgazer", "/usr/bin/lossgazer", "check-health")

        def health():
            done = subprocess.run(check, text=True, capture_output=True, timeout=30)
            return done.returncode, done.stdout + done.stderr

        self.assertEqual(health(), (0, f"127.0.0.1:{sidecar.port}: healthy\n"))
        # Threads that do not get on: stopped, it answers nobody.
        engine.podman("kill", "--signal", "STOP", "lossgazer")
        status, text = health()
        engine.podman("kill", "--signal", "CONT", "lossgazer")
        self.assertEqual(status, 1, text)
        self.assertIn("no answer in time", text)
        self.assertEqual(health()[0], 0)
