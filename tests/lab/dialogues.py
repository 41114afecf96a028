"""Traffic of real kernel TCP: dialogues, in which a client says how much it sends and wants back.

One long dialogue is a bulk transfer, many on one connection are request and response. Bounded in
bytes, and in time.
"""

import random
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import traffic  # noqa: E402
from traffic import CHUNK, PORT, TIMEOUT, send_bytes  # noqa: E402

HEADER = struct.Struct("!QQ")  # bytes that follow, bytes wanted back


class Server(traffic.Server):
    """Answers dialogues on every address of a host."""

    def __init__(self, host, congestion=None):
        super().__init__(host)
        if congestion:
            self.listener.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode()
            )

    @staticmethod
    def serve(connection):
        with connection:
            connection.settimeout(TIMEOUT)
            try:
                while header := _receive(connection, HEADER.size, keep=True):
                    to_come, wanted = HEADER.unpack(header)
                    _receive(connection, to_come)
                    send_bytes(connection, wanted)
            except OSError:
                pass  # the client gave up; it says so itself


class Client:
    """One connection, from `host` to `address`."""

    def __init__(self, host, address, congestion=None):
        with host.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._socket = socket.socket(family)
        self._socket.settimeout(TIMEOUT)
        if congestion:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect((address, PORT))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def say(self, send, receive):
        self._socket.sendall(HEADER.pack(send, receive) + bytes(min(send, 1000)))
        send_bytes(self._socket, send - min(send, 1000))
        _receive(self._socket, receive)

    def exchange(self, size, end):
        """Dialogues until `end`, none of which waits for the answer to the one before."""

        def talk():
            count = 0
            try:
                while time.monotonic() < end:
                    self._socket.sendall(HEADER.pack(size, size))
                    send_bytes(self._socket, size)
                    count += 1
            finally:
                self._socket.shutdown(socket.SHUT_WR)  # so that the other end answers, and closes
            return count

        with ThreadPoolExecutor(1) as talker:
            said = talker.submit(talk)
            heard = 0
            while count := len(self._socket.recv(len(CHUNK))):
                heard += count
            if heard != said.result() * size:
                raise OSError(f"{heard} bytes of {said.result() * size}")


def bulk(host, address, send, receive, seconds, congestion=None):
    """Moves bytes in dialogues of this size for about `seconds`."""
    end = time.monotonic() + seconds
    with Client(host, address, congestion) as client:
        while time.monotonic() < end:
            client.say(send, receive)


def exchange(host, address, size, seconds, congestion=None):
    """Moves bytes both ways at once, in dialogues of `size` each way, for about `seconds`."""
    with Client(host, address, congestion) as client:
        client.exchange(size, time.monotonic() + seconds)


def requests(host, address, seconds, seed):
    """Small requests and answers of a few packets on one connection, with pauses."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    with Client(host, address) as client:
        while time.monotonic() < end:
            client.say(chance.randrange(20, 1500), chance.choice((10, 500, 3000, 8000, 20000)))
            time.sleep(chance.uniform(0, 0.06))


def short_connections(host, address, seconds, seed):
    """One dialogue a connection."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with Client(host, address) as client:
            client.say(chance.randrange(20, 1500), chance.choice((100, 3000, 20000)))
        time.sleep(chance.uniform(0, 0.02))


def _receive(connection, count, keep=False):
    """What was kept; nothing if the other end closed before the first byte."""
    received = bytearray()
    left = count
    while left > 0:
        data = connection.recv(min(left, len(CHUNK)))
        if not data:
            if left == count:
                return b""
            raise OSError("the connection ended early")
        left -= len(data)
        if keep:
            received += data
    return bytes(received)
