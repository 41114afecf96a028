"""Handmade Ethernet frames with 802.1Q tags, IPv4 and TCP, and the sockets that send them."""

import socket
import struct

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def tcp_segment(source, destination, flags, seq, ack, payload=b"", *, ip_id):
    """An IPv4 packet; `source` and `destination` are (address, port)."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    header = struct.pack(
        "!HHIIBBHHH", source[1], destination[1], seq, ack, 5 << 4, flags, 65535, 0, 0
    )
    pseudo = addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(header) + len(payload))
    tcp = (
        header[:16] + struct.pack("!H", checksum(pseudo + header + payload)) + header[18:] + payload
    )
    ip = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), ip_id, 0x4000, 64, socket.IPPROTO_TCP, 0)
        + addresses
    )
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def frame(source_mac, destination_mac, packet):
    return destination_mac + source_mac + struct.pack("!H", 0x0800) + packet


def tagged_frame(source_mac, destination_mac, vlan, packet):
    return destination_mac + source_mac + struct.pack("!HHH", 0x8100, vlan, 0x0800) + packet


class Injector:
    """Sends frames out of one interface of a namespace."""

    def __init__(self, namespace, interface):
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._socket.bind((interface, 0))
        self.mac = self._socket.getsockname()[4]

    def send(self, frame):
        self._socket.send(frame)

    def close(self):
        self._socket.close()
