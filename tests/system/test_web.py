"""Serving it safely: TLS, passwords, sockets of all kinds, and clients that mean no good.

Real certificates, made by openssl, and curl as the client.
"""

import concurrent.futures
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from certificates import Authority
from netlab import Namespace, wait_until
from programs import LOSSGAZER, Process

PORT = 10119
ADDRESS = f"127.0.0.1:{PORT}"
# "secret", and for nobody.
HASH = "$2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea"


class WebTestCase(unittest.TestCase):
    """A host with nothing but loopback, and a folder with certificates."""

    host = folder = authority = stranger = None

    def write(self, text, name="web.yml"):
        """A file of the folder, in one step."""
        path = self.folder / name
        Path(f"{path}.new").write_text(text)
        os.rename(f"{path}.new", path)
        return path

    def start(self, *arguments, address=ADDRESS, command=()):
        """lossgazer, serving."""
        process = Process(
            self.host,
            *(*command, LOSSGAZER, "-i", "lo", "--web.listen-address", address, *arguments),
        )
        self.addCleanup(process.stop)
        process.wait_until(lambda: " serves " in process.errors(), "lossgazer serving")
        return process

    def start_with(self, text):
        return self.start("--web.config.file", self.write(text))

    def curl(self, *arguments, path="/metrics", scheme="https", ca=None):
        """(curl's exit status, HTTP's status, body) of one request."""
        done = subprocess.run(
            self.host.command(
                *("curl", "--silent", "--max-time", 10, "--cacert", ca or self.authority.pem),
                *("--write-out", "\n%{http_code}", *arguments, f"{scheme}://{ADDRESS}{path}"),
            ),
            capture_output=True,
            timeout=20,
        )
        body, _, status = done.stdout.rpartition(b"\n")
        return done.returncode, int(status), body

    def assert_served(self, *arguments, **keywords):
        self.assertEqual(self.curl(*arguments, **keywords)[:2], (0, 200))

    def assert_cut_off(self, *arguments, **keywords):
        """No answer at all: the handshake failed."""
        exit_status, status, _ = self.curl(*arguments, **keywords)
        self.assertNotEqual(exit_status, 0)
        self.assertEqual(status, 0)

    def assert_ends_with(self, status, arguments, *words):
        """lossgazer ends at once with this status and one line of error, which has these words."""
        done = subprocess.run(
            self.host.command(LOSSGAZER, "-i", "lo", *arguments),
            text=True,
            capture_output=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
        self.assertEqual(done.returncode, status, done.stderr)
        errors = [line for line in done.stderr.splitlines() if "level=info" not in line]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in words:
            self.assertIn(word, errors[0])


def setUpModule():
    """The same for all of them: keys take time to make."""
    test_case = WebTestCase
    test_case.host = Namespace(f"lgweb{os.getpid()}")
    unittest.addModuleCleanup(test_case.host.remove)
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    test_case.folder = Path(folder.name)
    test_case.authority = Authority(test_case.folder, "ca")
    test_case.stranger = Authority(test_case.folder, "stranger")
    # RSA, for the ciphers that are named.
    test_case.authority.sign("server", "IP:127.0.0.1,DNS:server.example", "serverAuth", "rsa")


TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"


class Tls(WebTestCase):
    """One lossgazer, whose file changes: what it says then must hold for the next connection."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clients = {
            "none": [],
            "good": cls.client(
                cls.authority, "DNS:prometheus.example,IP:192.0.2.7,email:a@b.example,"
                "URI:spiffe://example/prometheus"),
            "of a stranger": cls.client(cls.stranger, "DNS:prometheus.example"),
            "a server's": cls.client(cls.authority, "DNS:prometheus.example", "serverAuth"),
        }  # fmt: skip

    @classmethod
    def client(cls, authority, sans, usage="clientAuth"):
        certificate, key = authority.sign(f"client{os.urandom(4).hex()}", sans, usage)
        return ["--cert", certificate, "--key", key]

    def test_clients_certificates(self):
        self.start_with(TLS)
        verifies = {"good"}
        everybody = set(self.clients)
        for kind, accepted in {
            "NoClientCert": everybody,
            "RequestClientCert": everybody,
            "RequireAnyClientCert": everybody - {"none"},
            "VerifyClientCertIfGiven": verifies | {"none"},
            "RequireAndVerifyClientCert": verifies,
        }.items():
            ca = "" if kind == "NoClientCert" else "  client_ca_file: ca.pem\n"
            self.write(f"{TLS}{ca}  client_auth_type: {kind}\n")
            for version in ("1.2", "1.3"):
                for name, certificate in self.clients.items():
                    with self.subTest(kind, client=name, version=version):
                        check = self.assert_served if name in accepted else self.assert_cut_off
                        check(*certificate, "--tls-max", version)

    def test_clients_names(self):
        self.start_with(TLS)
        for sans, accepted in {
            "prometheus.example": True,
            "other.example, prometheus.example": True,
            "192.0.2.7": True,
            "a@b.example": True,
            "spiffe://example/prometheus": True,
            "other.example": False,
            "prometheus.exampl": False,
            "'*.example'": False,
            "192.0.2.70": False,
        }.items():
            self.write(
                f"{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
                f"  client_allowed_sans: [{sans}]\n"
            )
            with self.subTest(sans):
                check = self.assert_served if accepted else self.assert_cut_off
                check(*self.clients["good"])
                self.assert_cut_off(*self.clients["of a stranger"])

    def test_versions_ciphers_and_curves(self):
        self.start_with(TLS)
        old = ["--ciphers", "DEFAULT@SECLEVEL=0"]  # which the client needs for what is that old
        for extra, arguments, accepted in (
            ("", ["--tls-max", "1.2"], True),
            ("", ["--tls-max", "1.1", *old], False),
            ("  min_version: TLS11\n", ["--tls-max", "1.1", *old], True),
            ("  min_version: TLS13\n", ["--tls-max", "1.2"], False),
            ("  min_version: TLS13\n", [], True),
            ("  max_version: TLS12\n", ["--tlsv1.3"], False),
            ("  max_version: TLS12\n", [], True),
            ("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n",
             ["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"], True),
            ("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n",
             ["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES256-GCM-SHA384"], False),
            ("", ["--tls-max", "1.2", "--ciphers", "AES256-GCM-SHA384"], False),  # no ECDHE
            ("  curve_preferences: [CurveP384]\n", ["--curves", "P-384"], True),
            ("  curve_preferences: [CurveP384]\n", ["--curves", "P-256"], False),
        ):  # fmt: skip
            self.write(TLS + extra)
            with self.subTest(extra, arguments=arguments):
                check = self.assert_served if accepted else self.assert_cut_off
                check(*arguments)

    def test_who_it_is(self):
        self.start_with(TLS)
        self.assert_served()
        self.assertEqual(self.curl(ca=self.stranger.pem)[0], 60)  # not to be verified
        self.assertNotEqual(self.curl(scheme="http")[0], 0)

    def test_users(self):
        self.start_with(f"{TLS}basic_auth_users:\n  alice: {HASH}\n")
        for login, status in (
            ([], 401),
            (["--user", "alice:secret"], 200),
            (["--user", "alice:secret"], 200),
            (["--user", "alice:wrong"], 401),
            (["--user", "bob:secret"], 401),
            (["--user", "alice:"], 401),
        ):
            with self.subTest(login):
                self.assertEqual(self.curl(*login)[1], status)
        for path in ("/", "/-/healthy", "/-/ready"):
            self.assertEqual(self.curl(path=path)[1], 401)
        self.assertEqual(self.curl("--request", "POST", path="/-/reload")[1], 401)

    def serial(self):
        """Of the certificate that a new connection is shown."""
        with self.host.entered():
            pem = ssl.get_server_certificate(("127.0.0.1", PORT))
        return subprocess.run(
            ["openssl", "x509", "-noout", "-serial"], input=pem, text=True, capture_output=True
        ).stdout

    def test_certificates_change_while_it_runs(self):
        for name in ("first", "second"):
            self.authority.sign(name, "IP:127.0.0.1", "serverAuth")
        pem, key = ({n: (self.folder / f"{n}.{kind}").read_text() for n in ("first", "second")}
                    for kind in ("pem", "key"))  # fmt: skip
        self.write(pem["first"], "live.pem")
        self.write(key["first"], "live.key")
        lossgazer = self.start_with(
            "tls_server_config: {cert_file: live.pem, key_file: live.key}\n"
        )
        before = self.serial()
        self.write(pem["second"], "live.pem")  # half of it: the key does not match
        for _ in range(3):
            self.assertEqual(self.serial(), before)
        warnings = [line for line in lossgazer.errors().splitlines() if "level=warning" in line]
        self.assertEqual(len(warnings), 1, lossgazer.errors())
        self.assertIn("live.key", warnings[0])
        self.write(key["second"], "live.key")
        self.assertNotEqual(self.serial(), before)
        self.assert_served()
        self.write("no certificate", "live.pem")
        self.assert_served()
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())


class BadFiles(WebTestCase):
    def test_each_says_what_is_wrong_and_ends_it(self):
        self.write("no PEM at all", "text.pem")
        self.write((self.folder / "server.pem").read_text(), "open.pem")
        other = (self.folder / "ca.key").read_text()
        self.write(other, "other.key")
        subprocess.run(
            ["openssl", "pkey", "-aes128", "-passout", "pass:x", "-in", self.folder / "server.key",
             "-out", self.folder / "locked.key"], check=True, capture_output=True)  # fmt: skip
        pair = "tls_server_config: {{cert_file: {}, key_file: {}{}}}\n".format
        suites = ", cipher_suites: [{}]".format
        for text, words in (
            ("tls_server_confg: {}\n", ["web.yml:1: tls_server_confg: unknown key"]),
            ("rate_limit:\n\tburst: 1\n", ["web.yml:2: not YAML"]),
            ("basic_auth_users:\n  alice: secret\n", ["web.yml:2: alice: not a bcrypt hash"]),
            (f"basic_auth_users:\n  a: {HASH.replace('$04$', '$25$')}\n", ["cost is 25"]),
            (pair("no.pem", "server.key", ""), [f"cert_file {self.folder}/no.pem: No such file"]),
            (pair("server.pem", "no.key", ""), [f"key_file {self.folder}/no.key: No such file"]),
            (pair(".", "server.key", ""), ["Is a directory"]),
            (pair("text.pem", "server.key", ""), ["text.pem: no PEM certificate"]),
            (pair("server.pem", "text.pem", ""), ["text.pem: no PEM private key"]),
            (pair("server.pem", "locked.key", ""), ["locked.key: no PEM private key without"]),
            (pair("server.pem", "other.key", ""), ["server.pem and ", "other.key: ", "match"]),
            (pair("server.pem", "server.key",
                  ", client_ca_file: text.pem, client_auth_type: RequireAndVerifyClientCert"),
             ["client_ca_file", "text.pem: no PEM certificate"]),
            (pair("server.pem", "server.key", suites("TLS_RSA_WITH_RC4_128_SHA")),
             ["cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is not one of"]),
            (pair("server.pem", "server.key",
                  suites("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
                         "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")),
             ["cannot offer these without", "AES_256_GCM"]),
            (pair("server.pem", "server.key", ", curve_preferences: [CurveP192]"),
             ["curve_preferences: 'CurveP192' is not one of CurveP256"]),
        ):  # fmt: skip
            with self.subTest(text):
                file = self.write(text)
                self.assert_ends_with(2, ["--web.config.file", file], *words)

    def test_no_such_file(self):
        self.assert_ends_with(
            2, ["--web.config.file", "/nonexistent/web.yml"], "/nonexistent/web.yml: No such file"
        )


class Sockets(WebTestCase):
    def test_unix_socket(self):
        path = self.folder / "web.sock"
        lossgazer = self.start(address=f"unix:{path}")
        request = ["--unix-socket", path]
        self.assert_served(*request, scheme="http")
        self.assertEqual(path.stat().st_mode & 0o007, 0)
        self.assert_ends_with(
            1, ["--web.listen-address", f"unix:{path}"], str(path), "another program serves there"
        )
        lossgazer.stop(signal.SIGKILL)
        self.assertTrue(path.exists())  # as the dead leave it
        second = self.start(address=f"unix:{path}")
        self.assert_served(*request, scheme="http")
        self.assertEqual(second.stop(), 0, second.errors())
        self.assertFalse(path.exists())

    def test_several_addresses(self):
        path = self.folder / "also.sock"
        self.start("--web.listen-address", f"unix:{path}", "--web.listen-address", "[::1]:10119")
        self.assert_served(scheme="http")
        self.assert_served("--unix-socket", path, scheme="http")
        self.assert_served("--resolve", "six:10119:[::1]", "http://six:10119/metrics",
                           scheme="http")  # fmt: skip

    def test_sockets_from_systemd(self):
        with self.host.entered():
            listening = socket.create_server(("127.0.0.1", PORT))
        self.addCleanup(listening.close)
        # As sd_listen_fds(3) has it: descriptor 3, and the variables.
        script = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        os.set_inheritable(listening.fileno(), True)
        errors = tempfile.TemporaryFile("w+")
        self.addCleanup(errors.close)
        # With an address that nobody could listen on: it is not used.
        process = subprocess.Popen(
            self.host.command(
                *("bash", "-c", script, "sh", listening.fileno(), LOSSGAZER, "-i", "lo"),
                *("--web.listen-address", "192.0.2.1:80"),
            ),
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=errors,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def log():
            errors.seek(0)
            return errors.read()

        wait_until(lambda: " serves " in log() or process.poll() is not None, "it serving", 20)
        self.assertIn(f"http://{ADDRESS}/metrics", log())
        self.assertIn("systemd handed over", log())
        self.assert_served(scheme="http")
        process.terminate()
        self.assertEqual(process.wait(20), 0)


class CheckHealth(WebTestCase):
    """The command that asks for health, of one that is not open to everybody."""

    def check(self, text):
        """(status, output) with this web configuration, which the running one has too."""
        file = self.write(text)
        done = subprocess.run(
            self.host.command(
                *(LOSSGAZER, "check-health", "--web.listen-address", ADDRESS),
                *("--web.config.file", file),
            ),
            text=True, capture_output=True, timeout=20, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def test_by_tls_and_with_passwords(self):
        lossgazer = self.start_with(TLS)
        healthy = (0, f"{ADDRESS}: healthy\n")
        self.assertEqual(self.check(TLS), healthy)
        for version in ("TLS12", "TLS13"):
            self.assertEqual(
                self.check(f"{TLS}  min_version: {version}\n  max_version: {version}\n"), healthy
            )
        users = f"basic_auth_users: {{alice: {HASH}}}\n"
        status, text = self.check(TLS + users)
        self.assertEqual((status, "(401)" in text), (0, True), text)
        certificates = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        for version in ("TLS12", "TLS13"):
            status, text = self.check(f"{TLS}  max_version: {version}\n{certificates}")
            self.assertEqual(status, 1)
            self.assertIn("asks clients for certificates", text)
        self.write(TLS)
        self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())
        self.assertEqual(self.check(TLS)[0], 1, "it is gone")


class UnfriendlyClients(WebTestCase):
    def connect(self):
        with self.host.entered():
            client = socket.create_connection(("127.0.0.1", PORT))
        self.addCleanup(client.close)
        return client

    def test_half_open_and_slow_clients_delay_no_scrape(self):
        for name, text in (("http", ""), ("https", TLS)):
            with self.subTest(name):
                lossgazer = self.start_with(text)
                clients = [self.connect() for _ in range(48)]
                for client in clients[16:32]:
                    client.sendall(b"\x16\x03" if text else b"GET /metrics HTTP/1.1\r\nHos")
                for client in clients[32:]:
                    if not text:  # asks, and reads nothing
                        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
                began = time.monotonic()
                with self.host.entered():
                    scrape(text and self.authority.pem)
                taken = time.monotonic() - began
                print(f"a scrape over {name} beside 48 such clients: {1000 * taken:.1f} ms")
                self.assertLess(taken, 2)
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    results = [pool.submit(self.curl, scheme=name) for _ in range(8)]
                    self.assertEqual({result.result()[:2] for result in results}, {(0, 200)})
                self.assertEqual(lossgazer.stop(), 0, lossgazer.errors())

    def test_compressed_is_the_same(self):
        self.start()
        plain = self.curl(scheme="http", path="/")[2]
        packed = self.curl("--compressed", scheme="http", path="/")[2]
        self.assertEqual(packed, plain)
        metrics = self.curl("--compressed", scheme="http")[2]
        self.assertIn(b"lossgazer_build_info", metrics)
        raw = self.curl("--header", "Accept-Encoding: gzip", scheme="http")[2]
        self.assertEqual(raw[:2], b"\x1f\x8b")
        self.assertLess(len(raw), len(metrics) / 2)


def scrape(ca):
    """One scrape, without a program of its own to start."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
        # As scrapers do; else the request waits for the server to acknowledge the handshake.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ca:
            context = ssl.create_default_context(cafile=str(ca))
            connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        connection.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
