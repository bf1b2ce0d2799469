#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32, R39 by H.248: media of what erlang-megaco orders beside plain calls: SRTP by keys of a=crypto (RFC 4568) through two contexts,
# nothing with another's key; policing (tman) drops what is more than its rate, and lets it pass again once it is off; RTCP's
# port is shut and opened (rtcph).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' 's/^  srtp: .*/  srtp: 64/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}]|" >"$TMP/quickstart"
control_network
start_peer 3480
# passes PORT: whether a packet of a new source comes back. The same once more would not be sealed again (doc/arch/gateway.md).
passes()
{
	in_client timeout 10 python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("'"$CLIENT4"'", 40000))
s.settimeout(0.3)
rtp = bytes([0x80, 0]) + bytes(6) + os.urandom(4) + bytes(160)
s.sendto(rtp, ("'"$SERVER4"'", int(sys.argv[1])))
sys.exit(s.recv(2000) != rtp)' "$1" 2>/dev/null
}
dropped() { drops | awk -v n="$1" '$1 == n { print $2 }'; }
key() { printf '%s' "$1$1$1" | head -c 30 | base64; }
ONE=$(key 0123456789) TWO=$(key abcdefghij) THREE=$(key klmnopqrst)
# savp LOCAL-KEY REMOTE: a termination in core that sends by that key.
savp()
{
	printf '%s ' "Add = ip/core/\$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }," \
		"Local {\\nv=0\\nc=IN IP4 \$\\nm=audio \$ RTP/SAVP -\\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:$1\\n}${2:+, $2} } } }"
}
# far ADDRESS PORT KEY: the other end, which sends by that key.
far() { printf 'Remote {\\nc=IN IP4 %s\\nm=audio %s RTP/SAVP -\\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s\\n}' "$@"; }

mgc_start "$CONTROL_PEER" pretty
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"

# ---- SRTP by SDES ----

ask "Context = \$ { $(add access "$CLIENT4" 40000), $(savp "$ONE") }"
C1=$(number) A=$(added 1) T1=$(added 2) PORT=$(port 1) P1=$(port 2) CORE=$(grep -o 'c=IN IP4 [0-9.]*' <<<"$REPLY" | sed -n '2s/.* //p')
ask "Context = \$ { $(savp "$TWO" "$(far "$CORE" "$P1" "$ONE")"), $(add core "$PEER4" 3480) }"
C2=$(number) P2=$(port 1)
ask "Context = $C1 { Modify = $T1 { Media { Stream = 1 { $(far "$CORE" "$P2" "$THREE") } } } }"
refused()
{
	! passes "$PORT" || fail "what was sealed by another key comes back"
	(($(dropped srtp_auth) > 0))
}
await 10 refused || fail "nothing is dropped that no key fits: $(drops)"
ask "Context = $C1 { Modify = $T1 { Media { Stream = 1 { $(far "$CORE" "$P2" "$TWO") } } } }"
await 10 passes "$PORT" || fail "no echo through SRTP: $REPLY: $(fl context list)"
note "media passes, by keys of a=crypto"

# ---- policing ----

# control MORE: LocalControl of the client's termination.
control()
{
	ask "Context = $C1 { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendReceive$1 } } } } }"
	replied "MF=$A"
}
control ', tman/pol = ON, tman/sdr = 1, tman/mbs = 1'
held() { ! passes "$PORT" && (($(dropped gate_rate) > 0)); }
await 10 held || fail "a byte a second lets media pass: $(drops)"
control ''
await 10 passes "$PORT" || fail "no echo once policing is off: $REPLY: $(fl context list)"

# ---- RTCP ----

# rtcp: whether the relay takes a report of the client's at the port above.
rtcp()
{
	local before
	before=$(dropped "$1")
	in_client python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("'"$CLIENT4"'", 40001))
s.sendto(bytes([0x80, 201, 0, 1, 0, 0, 0, 1]), ("'"$SERVER4"'", int(sys.argv[1])))' $((PORT + 1))
	more_dropped() { ((${1:-0} < $(dropped "$2"))); }
	await 3 more_dropped "${before:-0}" "$1"
}
control ', rtcph/rsb = OFF'
rtcp relay_port || fail "RTCP is taken where it is off: $(drops)"
control ''
! rtcp relay_port || fail "RTCP is dropped where it is on: $(drops)"
await 10 passes "$PORT" || fail "no echo with RTCP on again: $REPLY: $(fl context list)"
for C in $C1 $C2; do ask "Context = $C { W-Subtract = * { Audit { } } }"; done
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
