# SPDX-License-Identifier: BSD-3-Clause
"""A phone of plain RTP for media_bundle_test.sh, and the controller of its call:

    bundle_phone.py called|calls NG-HOST ADDRESS OFFER-FILE ANSWER-FILE

Its sound and its picture have ports of their own, with RTCP above, and what comes to one goes back from there, by
another SSRC: so a browser hears and sees itself. A picture that it asks for is asked of it. Says which SSRCs came to
which port, in JSON and each second, until SIGTERM."""

import json
import os
import selectors
import socket
import struct
import sys
import time

NG_PORT, PATIENCE = 2223, 30
PORT = {"audio": 30000, "video": 30010}
PSFB, RR = 206, 201
FROM_BROWSER = {"direction": ["access", "core"], "ICE": "remove", "transport-protocol": "RTP/AVPF",
                "rtcp-mux": ["demux"], "bundle": ["accept"]}
TO_BROWSER = {"direction": ["core", "access"], "ICE": "force", "transport-protocol": "UDP/TLS/RTP/SAVPF",
              "rtcp-mux": ["offer"], "bundle": ["offer"]}


def ng(host, command, **keys):
    message = {"command": command, "call-id": "bundle", **keys}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(b"%d %s" % (time.monotonic_ns(), json.dumps(message).encode()), (host, NG_PORT))
        answer = json.loads(s.recv(65536).split(b" ", 1)[1])
    if answer["result"] != "ok":
        sys.exit(f"{command}: {answer}")
    return answer["sdp"]


def description(address, vp8):
    return (f"v=0\r\no=phone 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {PORT['audio']} RTP/AVPF 0\r\na=rtpmap:0 PCMU/8000\r\n"
            f"m=video {PORT['video']} RTP/AVPF {vp8}\r\na=rtpmap:{vp8} VP8/90000\r\na=rtcp-fb:{vp8} nack pli\r\n")


def vp8_of(sdp):
    line = next(line for line in sdp.splitlines() if line.startswith("a=rtpmap:") and " VP8/" in line)
    return line[len("a=rtpmap:"):].split()[0]


def read(path):
    end = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        if time.monotonic() > end:
            sys.exit(f"{path} never came")
        time.sleep(0.05)
    with open(path, encoding="ascii", newline="") as f:
        return f.read()


def write(path, text):
    with open(path + ".part", "w", encoding="ascii", newline="") as f:
        f.write(text)
    os.rename(path + ".part", path)


def asked(message):
    """What asks for a picture in a compound, as the other's own."""
    out = struct.pack("!BBHI", 0x80, RR, 1, 1)
    found = False
    while len(message) >= 4:
        _, kind, words = struct.unpack_from("!BBH", message)
        size = 4 * (words + 1)
        if kind == PSFB and size >= 12:
            sender, media = struct.unpack_from("!II", message, 4)
            out += message[:4] + struct.pack("!II", sender ^ 1, media ^ 1) + message[12:size]
            found = True
        message = message[size:]
    return out if found else b""


def echo(address):
    choose, seen = selectors.DefaultSelector(), {}
    for kind, port in PORT.items():
        for rtcp in range(2):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((address, port + rtcp))
            choose.register(s, selectors.EVENT_READ, (kind, rtcp))
    told = time.monotonic()
    while True:
        for key, _ in choose.select(1):
            kind, rtcp = key.data
            message, remote = key.fileobj.recvfrom(2048)
            ssrc = struct.unpack_from("!I", message, 4 if rtcp else 8)[0]
            name = kind + ("-rtcp" if rtcp else "")
            count = seen.setdefault(name, {})
            count[ssrc] = count.get(ssrc, 0) + 1
            back = asked(message) if rtcp else message[:8] + struct.pack("!I", ssrc ^ 1) + message[12:]
            if back:
                key.fileobj.sendto(back, remote)
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            print(json.dumps(seen), flush=True)


def main():
    role, host, address, offer_file, answer_file = sys.argv[1:]
    if role == "called":
        offer = ng(host, "offer", **{"from-tag": "web", "sdp": read(offer_file), **FROM_BROWSER})
        answer = ng(host, "answer", **{"from-tag": "web", "to-tag": "phone",
                                       "sdp": description(address, vp8_of(offer))})
        write(answer_file, answer)
    else:
        offer = ng(host, "offer", **{"from-tag": "phone", "sdp": description(address, 96), **TO_BROWSER})
        write(offer_file, offer)
        ng(host, "answer", **{"from-tag": "phone", "to-tag": "web", "sdp": read(answer_file)})
    echo(address)


main()
