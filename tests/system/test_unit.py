"""The systemd unit: its sandbox is tight, and lossgazer does nothing that it forbids."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from netlab import Lab
from programs import LOSSGAZER, SOURCE
from system_test_case import SystemTestCase
from traffic import exchange

UNITS = SOURCE / "packaging/systemd"
EXPOSURE_MOST = 20  # 2.0


def systemd_analyze(*arguments):
    """(status, output) of it. It asks no running systemd."""
    done = subprocess.run(
        ["systemd-analyze", *map(str, arguments)], text=True, capture_output=True, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


def settings(unit, key):
    """What the unit file gives `key`, in its order."""
    return re.findall(rf"^{key}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


def calls_of(group):
    """The system calls of a group such as @system-service, those of its groups too."""
    status, text = systemd_analyze("syscall-filter", group)
    if status != 0:
        raise RuntimeError(text)
    calls = set()
    for line in map(str.strip, text.splitlines()[1:]):
        if line.startswith("@"):
            calls |= calls_of(line)
        elif line and not line.startswith("#"):
            calls.add(line)
    return calls


def allowed_calls():
    """What SystemCallFilter= leaves, and what systemd always does."""
    allowed = calls_of("@default")
    for words in settings("lossgazer.service", "SystemCallFilter"):
        denied = words.startswith("~")
        for word in words.removeprefix("~").split():
            calls = calls_of(word) if word.startswith("@") else {word}
            allowed = allowed - calls if denied else allowed | calls
    return allowed


class UnitFiles(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for unit in ("lossgazer.service", "lossgazer.socket"):
            text = (UNITS / unit).read_text().replace("/usr/bin/lossgazer", LOSSGAZER)
            (self.folder / unit).write_text(text)

    def test_units_are_sound(self):
        status, text = systemd_analyze("verify", *self.folder.iterdir())
        self.assertEqual((status, text), (0, ""))

    def test_exposure_is_low(self):
        status, text = systemd_analyze(
            "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MOST}",
            self.folder / "lossgazer.service",
        )  # fmt: skip
        self.assertEqual(status, 0, text[-500:])

    def test_options_exist(self):
        (command,) = settings("lossgazer.service", "ExecStart")
        usage = subprocess.run([LOSSGAZER, "--help"], text=True, capture_output=True).stdout
        for option in re.findall(r"--\S+", command):
            self.assertIn(f"{option} ", usage)

    def test_examples_in_the_configuration_are_good(self):
        text = (UNITS / "lossgazer.yml").read_text()
        examples = re.findall(r"^# ([a-z.-]+: .*?)(?: +#.*)?$", text, re.MULTILINE)
        self.assertGreaterEqual(len(examples), 5)
        file = self.folder / "all.yml"
        # The file that one names is the administrator's own.
        examples = [each for each in examples if not each.startswith("web.config.file")]
        file.write_text("\n".join(examples))
        for each in (UNITS / "lossgazer.yml", file):
            done = subprocess.run(
                [LOSSGAZER, "check-config", each], text=True, capture_output=True, timeout=10
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))


class Calls(SystemTestCase):
    def test_what_it_calls_is_allowed(self):
        with self.lab.us.entered():
            receiver = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(receiver.close)
        with tempfile.NamedTemporaryFile("r") as trace:
            lossgazer = self.start(
                "-i", "us0", "--events.to", f"tcp:localhost:{receiver.getsockname()[1]}",
                "--kernel.events",
                program=("strace", "-f", "-qq", "-o", trace.name, LOSSGAZER),
                environment={"ASAN_OPTIONS": "detect_leaks=0"},  # it cannot, under strace
            )  # fmt: skip
            lossgazer.wait_until(
                lambda: "receives the kernel's events" in lossgazer.errors(), "the kernel's events"
            )
            # A receiver that comes and goes, too.
            receiver.settimeout(20)
            receiver.accept()[0].close()
            self.lab.lose_payload("us", per_mille=50)
            with receiver.accept()[0] as events:
                events.settimeout(20)
                exchange(self.lab.us, Lab.PEER, 1_000_000, 0)
                self.assertEqual(events.recv(1), b"{")
            for path in ("/", "/metrics", "/api/v1/peers", "/-/healthy"):
                self.assertEqual(lossgazer.get(lossgazer.port, path)[0], 200)
            strace = lossgazer.process.pid
            (child,) = Path(f"/proc/{strace}/task/{strace}/children").read_text().split()
            os.kill(int(child), signal.SIGTERM)
            self.assertEqual(lossgazer.process.wait(20), 0)
            called = set(re.findall(r"^\d+ +(\w+)\(", trace.read(), re.MULTILINE))
        self.assertIn("capset", called)
        # What begins it is systemd's and strace's. The kernel's events take one call more.
        self.assertEqual(called - allowed_calls() - {"execve"}, {"bpf"})
