"""The programs, run inside a namespace: lossgazer, which is tested, Prometheus and tcpdump."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from netlab import wait_until

SOURCE = Path(__file__).resolve().parents[2]
SO_TIMESTAMP = 29  # socket(7); Python has no name for it
LOSSGAZER = os.environ.get("LOSSGAZER", "")  # the program under test; set by run.py


def lossgazer_writing(file):
    """The program, with its standard output in a file, where its logs do not go."""
    return ("bash", "-c", 'exec "$0" "${@:2}" >"$1"', LOSSGAZER, file)


def find_tool(name):
    """Where packaging/install-dependencies unpacked it, else where PATH has it; or None."""
    unpacked = SOURCE / "build/tools/prometheus/usr/bin" / name
    return str(unpacked) if unpacked.exists() else shutil.which(name)


class Process:
    """A program running in a namespace. What it prints is kept, to be shown when it fails."""

    def __init__(self, namespace, *command, environment=None):
        self._namespace = namespace
        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            namespace.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env=os.environ | (environment or {}),
        )

    def errors(self):
        self._errors.seek(0)
        return self._errors.read()

    def wait_until(self, condition, what, seconds=20):
        def alive_and_ready():
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"ended with {self.process.returncode} before {what}:\n{self.errors()}"
                )
            return condition()

        try:
            return wait_until(alive_and_ready, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self.errors()}") from None

    def stop(self, how=signal.SIGTERM, seconds=20):
        """Ends it, and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.kill()

    def get(self, port, path):
        """(status, body) of an HTTP request from inside; (None, reason) if no answer came."""
        with self._namespace.entered():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read().decode()
            except OSError as error:
                return None, str(error)
            finally:
                connection.close()


class Metrics(dict):
    """A page of metrics: {(name, ((label, value), ...)): value}."""

    SAMPLE = re.compile(r"(?:lossgazer_)?(\w+)(?:\{(.*)\})? (\S+)")
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, labels, value = self.SAMPLE.fullmatch(line).groups()
                self[name, tuple(self.LABEL.findall(labels or ""))] = float(value)

    def sum(self, name, **labels):
        """The sum of the series with this name (without lossgazer_) and labels; 0 if none."""
        return sum(self.select(name, **labels).values())

    def select(self, name, **labels):
        return {
            key: value
            for key, value in self.items()
            if key[0] == name and labels.items() <= dict(key[1]).items()
        }


class Lossgazer(Process):
    """lossgazer, live, serving on a port of its namespace's loopback; made when it is ready."""

    def __init__(self, namespace, *arguments, port=10119, program=(LOSSGAZER,), environment=None):
        self.port = port
        address = f"127.0.0.1:{port}"
        super().__init__(
            namespace, *program, *arguments, "--web.listen-address", address,
            environment=environment,
        )  # fmt: skip
        try:
            self.wait_until(lambda: self.get(port, "/-/ready")[0] == 200, "lossgazer being ready")
        except BaseException:
            self.stop()
            raise

    def page(self):
        status, text = self.get(self.port, "/metrics")
        if status != 200:
            raise RuntimeError(f"/metrics: {status} {text}\n{self.errors()}")
        return text

    def metrics(self):
        return Metrics(self.page())


class Prometheus(Process):
    """A real Prometheus that scrapes lossgazer; made when it has scraped once."""

    PORT = 9090

    def __init__(
        self, namespace, targets=("127.0.0.1:10119",), rule_files=(), interval="1s"
    ):
        self._folder = tempfile.TemporaryDirectory()
        config = Path(self._folder.name, "prometheus.yml")
        config.write_text(
            f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
            f"rule_files: {json.dumps([str(file) for file in rule_files])}\n"
            "scrape_configs:\n"
            "- job_name: lossgazer\n"
            f"  static_configs: [{{targets: {json.dumps(list(targets))}}}]\n"
        )
        super().__init__(
            namespace,
            find_tool("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder.name}/data",
            f"--web.listen-address=127.0.0.1:{self.PORT}",
            "--log.level=warn",
        )
        try:
            self.wait_until(
                lambda: self.query("up") == [1] * len(targets), "Prometheus's first scrapes"
            )
        except BaseException:
            self.stop()
            raise

    def stop(self, *arguments, **keywords):
        try:
            return super().stop(*arguments, **keywords)
        finally:
            self._folder.cleanup()

    def value(self, expression):
        """The one value an expression has now; an error if it has none, or several."""
        values = self.query(expression)
        if len(values) != 1:
            raise RuntimeError(f"{expression}: {len(values)} values")
        return values[0]

    def query(self, expression):
        """The values of an expression's series, now; none while Prometheus is starting."""
        return [float(series["value"][1]) for series in self.series(expression)]

    def series(self, expression):
        """An expression's series, now, as Prometheus gives them; none while it is starting."""
        answer = self.ask("query", query=expression)
        return answer["result"] if answer else []

    def ask(self, what, **parameters):
        """What /api/v1/`what` answers; None while it is starting; an error if it refuses."""
        status, body = self.get(self.PORT, f"/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        if status in (None, 503):
            return None
        answer = json.loads(body)
        if answer["status"] != "success":
            raise RuntimeError(f"{what} {parameters}: {answer['error']}")
        return answer["data"]


class Tcpdump(Process):
    """tcpdump, writing a file; made when it captures.

    Until it is stopped, all who capture a packet of this kernel are given the same time of it: a
    socket that asks for times has the kernel stamp each packet once, where otherwise each capture
    stamps what it gets.
    """

    def __init__(self, namespace, interface, file, snaplen):
        self._stamps = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._stamps.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
        super().__init__(
            namespace,
            *("tcpdump", "-i", interface, "-s", snaplen, "-w", file, "-B", 65536, "-U"),
            *("--time-stamp-precision", "nano", "-Z", "root", "tcp"),
        )
        self.wait_until(lambda: "listening on" in self.errors(), "tcpdump listening")

    def stop(self, *arguments, **keywords):
        self._stamps.close()
        return super().stop(*arguments, **keywords)

    def finish(self):
        """Ends it; an error if it dropped packets."""
        time.sleep(1.5)  # its ring hands over what came last within a second
        self.stop(signal.SIGINT)
        if "\n0 packets dropped by kernel" not in self.errors():
            raise RuntimeError(f"tcpdump is no witness, it dropped packets:\n{self.errors()}")
