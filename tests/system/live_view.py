"""Cuts what tcpdump wrote to what lossgazer's kernel filter keeps of Ethernet frames."""

import struct

PCAP_HEADER = struct.Struct("<IHHiIII")
RECORD_HEADER = struct.Struct("<IIII")  # seconds, fraction, bytes kept, bytes on the wire
ETHERNET_LINK = 1
ETHERNET = 14
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
SYN = 0x02
# Bytes kept of a packet with payload; of others, the whole headers.
WITH_PAYLOAD = {IPV4: 64, IPV6: 84}


def view_of(frame):
    """How many bytes of a TCP packet, without IP options or extension headers, are kept."""
    kind, packet = frame[12:14], frame[ETHERNET:]
    if kind == IPV4:
        ip_header, total = 20, int.from_bytes(packet[2:4], "big")
    elif kind == IPV6:
        ip_header, total = 40, 40 + int.from_bytes(packet[4:6], "big")
    else:
        raise ValueError(f"neither IPv4 nor IPv6: {kind.hex()}")
    headers = ip_header + (packet[ip_header + 12] >> 4) * 4
    is_syn = packet[ip_header + 13] & SYN
    return ETHERNET + headers if is_syn or total == headers else WITH_PAYLOAD[kind]


def cut_to_live_view(whole, view):
    """Writes to `view` what a live lossgazer would have kept of the pcap file `whole`."""
    data = memoryview(whole.read_bytes())
    header = PCAP_HEADER.unpack_from(data)
    if header[0] not in (0xA1B2C3D4, 0xA1B23C4D) or header[-1] != ETHERNET_LINK:
        raise ValueError(f"{whole}: not a little-endian pcap file of Ethernet frames")
    with view.open("wb") as file:
        file.write(data[: PCAP_HEADER.size])
        at = PCAP_HEADER.size
        while at < len(data):
            seconds, fraction, kept, wire = RECORD_HEADER.unpack_from(data, at)
            at += RECORD_HEADER.size
            frame = bytes(data[at : at + kept])
            at += kept
            cut = frame[: view_of(frame)]
            file.write(RECORD_HEADER.pack(seconds, fraction, len(cut), wire) + cut)
