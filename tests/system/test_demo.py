"""README's demo: a newcomer's one command names the peer that loses packets, and cleans up."""

import json
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from netlab import run, wait_until
from programs import LOSSGAZER, SOURCE


class Demo(unittest.TestCase):
    def test_names_the_lossy_peer(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        printed = tempfile.TemporaryFile("w+")
        self.addCleanup(printed.close)
        demo = subprocess.Popen(
            [SOURCE / "packaging/demo", "--lossgazer", LOSSGAZER, "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.addCleanup(demo.wait)
        self.addCleanup(demo.send_signal, signal.SIGINT)

        def worst():
            self.assertIsNone(demo.poll(), "the demo ended")
            try:
                url = f"http://127.0.0.1:{port}/api/v1/peers?top=1"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    peers = json.load(answer)["peers"]
            except OSError:  # not yet
                return None
            loss = peers[0]["worst"] if peers else None
            return loss and loss["lost"] > 20 and (peers[0]["peer"], loss)

        try:
            peer, loss = wait_until(worst, "a peer with loss", 40, 0.3)
        except (TimeoutError, AssertionError) as error:
            printed.seek(0)
            self.fail(f"{error}:\n{printed.read()}")
        self.assertEqual(peer, "198.51.100.7")
        self.assertEqual((loss["direction"], loss["side"]), ("ingress", "peer"))
        self.assertEqual(loss["method"], "census")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            self.assertIn(b"<title>lossgazer</title>", page.read())

        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(20), 0)
        self.assertNotIn(f"lossgazer-demo-{demo.pid}-", run("ip", "netns", "list"))

    def test_a_port_in_use_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            demo = subprocess.Popen(
                [SOURCE / "packaging/demo", "--lossgazer", LOSSGAZER, "--port", str(port)],
                text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            _, errors = demo.communicate(timeout=30)
        self.assertEqual(demo.returncode, 1)
        self.assertIn(f"127.0.0.1:{port}", errors)
        self.assertIn("--port", errors)
        self.assertNotIn(f"lossgazer-demo-{demo.pid}-", run("ip", "netns", "list"))
