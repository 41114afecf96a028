"""Traffic of real kernel TCP between two namespaces: bulk transfers and short exchanges.

A client says how many bytes it will send and wants back; both ends then send at once. Bounded in
bytes, and in time.
"""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

REQUEST = struct.Struct("!QQ184x")  # bytes to come, bytes wanted; as long as a small request
CHUNK = bytes(64 * 1024)
PORT = 5201
TIMEOUT = 60


class Server:
    """Serves exchanges on every address of a namespace."""

    def __init__(self, namespace, port=PORT):
        with namespace.entered():
            self.listener = socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256
            )
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        """One connection, to its end."""
        with connection:
            connection.settimeout(TIMEOUT)
            to_come, wanted = REQUEST.unpack(_receive_exactly(connection, REQUEST.size))
            _send_and_receive(connection, wanted, to_come)


def connect(namespace, address, port=PORT, timeout=TIMEOUT):
    with namespace.entered():
        return socket.create_connection((address, port), timeout)


def exchange(namespace, address, send, receive, port=PORT):
    """One connection from `namespace`: sends and receives that many bytes, and closes."""
    with connect(namespace, address, port) as connection:
        connection.sendall(REQUEST.pack(send, receive))
        _send_and_receive(connection, send, receive)
        # The server has all it waits for and closes first: neither end resets.
        if connection.recv(1):
            raise RuntimeError("received more than was asked for")


def mixed(namespace, address, send, receive, short_connections=40):
    """Bulk each way and both ways at once, beside short connections; returns how many in all."""
    with ThreadPoolExecutor(max_workers=6) as pool:
        jobs = [
            pool.submit(exchange, namespace, address, send, 0),
            pool.submit(exchange, namespace, address, 0, receive),
            pool.submit(exchange, namespace, address, send // 4, receive // 4),
        ]
        jobs += [
            pool.submit(exchange, namespace, address, 500 * (i % 3), 3000 * (i % 5))
            for i in range(short_connections)
        ]
        for job in jobs:
            job.result()
    return len(jobs)


def _send_and_receive(connection, send, receive):
    sender = threading.Thread(target=send_bytes, args=(connection, send))
    sender.start()
    _receive_exactly(connection, receive, keep=False)
    sender.join()


def send_bytes(connection, count):
    while count > 0:
        connection.sendall(CHUNK[:count])
        count -= min(count, len(CHUNK))


def _receive_exactly(connection, count, keep=True):
    received = bytearray()
    while count > 0:
        data = connection.recv(min(count, len(CHUNK)))
        if not data:
            raise RuntimeError(f"the connection ended {count} bytes early")
        count -= len(data)
        if keep:
            received += data
    return bytes(received)
