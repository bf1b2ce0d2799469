# SPDX-License-Identifier: BSD-3-Clause
"""DTLS-SRTP: what dtls.py does, at the port of a call's media whose remote is to be learnt, and at that of a call whose
remote is known: there it is a stranger."""

import time

from hostile import Tally, run
import dtls
import gatelib as g

CONTROLLER, HERE, THERE = "127.0.0.2", "10.1.0.2", "10.2.0.2"
FINGERPRINT = "fingerprint:sha-256 " + ":".join(["4A"] * 32)


def offer(ng, call, *flags):
    """A call with DTLS on our side. Where its media comes to."""
    ng.ask("offer", call_id=call, from_tag="a", direction=["access", "core"], transport_protocol="RTP/AVP", flags=list(flags),
           sdp=g.sdp(HERE, ("audio 20000 UDP/TLS/RTP/SAVPF 0", "setup:actpass", FINGERPRINT, "rtcp-mux")))
    answer = g.Sdp(ng.ask("answer", call_id=call, from_tag="a", to_tag="b", DTLS="passive", sdp=g.audio(THERE, 20000))["sdp"])
    return answer.host, answer.port


def take(end):
    ng, got = g.Ng(source=CONTROLLER), Tally()
    known, learnt = offer(ng, "hostile-known", "asymmetric"), offer(ng, "hostile-learnt")
    half = time.monotonic() + (end - time.monotonic()) / 4
    for name, at, until in (("known", known, half), ("learnt", learnt, end)):
        for figure, n in dtls.take(until, at).items():
            got.add(f"{name}_{figure}", n)
    for call in "hostile-known", "hostile-learnt":
        ng.ask("delete", call_id=call, from_tag="a", delete_delay=0)
    return got


if __name__ == "__main__":
    run(take)
