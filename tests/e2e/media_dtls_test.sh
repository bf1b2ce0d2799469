#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24, R39, RFC 5763, 5764: a phone with DTLS-SRTP on the access side (baresip's dtls_srtp) and one without in
# the core, by a real kamailio whose rtpengine module asks for RTP/AVP towards the one and UDP/TLS/RTP/SAVP towards
# the other. Each calls the other; each has a tone of its own, which the other one records; RTP and RTCP, whose
# ports are apart, have an association each; nothing is dropped that has keys.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
# shellcheck source=tests/e2e/phones.sh
. "$(dirname "$0")/phones.sh"
ENCIPHERED=dtls_srtp MODULE=dtls_srtp KEYED=2

media_relay
kamailio_commands "udp:$CONTROL_RELAY:2223" DTLS=1
drops_mark
calls from-dtls phone
calls to-dtls core
none_refused
assert_eq "associations that were made" "$(counter dtls_done)" 4
assert_eq "handshakes that failed" "$(counter dtls_failed)" 0

await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# What comes before the answer, or before the handshake is over, has no keys. baresip opens NATs by packets that are no
# SRTP, begins its handshake before its answer has gone, and as a client speaks plainly until our Finished has come.
total() { awk "\$1 == \"$1\" { print \$2 }" "$TMP/drops.now"; }
drops >"$TMP/drops.now"
assert_num "packets that are no SRTP" "$(total srtp_bad)" -le 5
assert_num "packets with a wrong tag" "$(total srtp_auth)" -le 10
assert_num "packets before a handshake" "$(total dtls_none)" -le 20
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session relay_port srtp_key srtp_bad srtp_auth dtls_none dtls_epoch)" ""
