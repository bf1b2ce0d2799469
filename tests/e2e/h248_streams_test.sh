#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R42 to R52 through H.248 (TS 23.334 5.11.2): erlang-megaco makes contexts of TLS and TCP. The gateway is TLS' server
# and shows the fingerprint that it told; it connects to the far side. The phone's fingerprint is right, comes late, and is
# wrong; establishment and ends are told.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}]|" >"$TMP/quickstart"
control_network
self_signed phone stranger
fingerprint() { openssl x509 -in "$TMP/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2; }

# local_of PROTOCOL ROLE MORE, remote_of ADDRESS PORT PROTOCOL MORE: descriptors; MORE are lines.
local_of() { printf 'Local {\\nc=IN IP4 $\\nm=message $ %s -\\na=setup:%s\\n%s}' "$1" "$2" "${3:-}"; }
remote_of() { printf 'Remote {\\nc=IN IP4 %s\\nm=message %s %s -\\n%s}' "$1" "$2" "$3" "${4:-}"; }
add_stream() { echo "Add = ip/$1/\$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, $2 } }, Events = 21 { g/cause, tlsbsc/BNCChange } }"; }
by_phone() { remote_of "$CLIENT4" 9 TCP/TLS/MSRP "a=setup:active\\n$1"; }
# told EVENT TEXT: of the context in hand.
told() { grep '^notify' "$MGC_SAID" | tail -n +"$((NOTICES + 1))" | grep -i "\"$1\"" | grep -qi -- "$2"; }
# call MORE: TLS on the phone's side, TCP to PORT on the other.
call()
{
	NOTICES=$(grep -c '^notify' "$MGC_SAID" || true)
	start "$TMP/far" in_peer python3 -uc '
import socket, sys
s = socket.create_server(("'"$PEER4"'", int(sys.argv[1])))
c = s.accept()[0]
while d := c.recv(4096):
	c.sendall(d.upper())' "$1"
	await 5 listens_tcp "$NS-peer" "$1" || fail "no server"
	ask "Context = \$ { $(add_stream access "$(local_of TCP/TLS/MSRP passive 'a=fingerprint:SHA-256 $\n')${2:+, $2}"), $(
		add_stream core "$(local_of TCP/MSRP active), $(remote_of "$PEER4" "$1" TCP/MSRP)") }"
	C=$(number) A=$(added 1) PORT=$(grep -o 'm=message [0-9]*' <<<"$REPLY" | sed -n '1s/m=message //p')
	OURS=$(grep -io 'a=fingerprint:sha-256 [0-9A-F:]*' <<<"$REPLY" | cut -d' ' -f2)
	[[ -n $OURS ]] || fail "no fingerprint of ours: $REPLY"
}
# phone NAME CERTIFICATE: connects, and sends what comes by descriptor 3; what it gets is in $TMP/NAME.
phone()
{
	mkfifo "$TMP/$1.in"
	start "$TMP/$1" in_client sh -c "openssl s_client -no_ign_eof -connect $SERVER4:$PORT -cert $TMP/$2.pem -CAfile $CA <$TMP/$1.in"
	exec 3>"$TMP/$1.in"
	echo hello >&3
}

mgc_start "$CONTROL_PEER" pretty
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"

# ---- the fingerprint is right ----

call 2855 "$(by_phone "a=fingerprint:SHA-256 $(fingerprint phone)\\n")"
phone right phone
await 10 grep -q HELLO "$TMP/right" || fail "no answer: $(tail -n 3 "$TMP/right") $(fl context list)"
assert_eq "the fingerprint that it told" "$(openssl x509 -in "$TMP/right" -noout -fingerprint -sha256 | cut -d= -f2)" "$OURS"
await 10 told tlsbsc/BNCChange Est || fail "nobody is told of the connection: $(tail -n 3 "$MGC_SAID")"
exec 3>&-
await 10 told g/cause close-notify || fail "nobody is told of its end: $(tail -n 3 "$MGC_SAID")"
ask "Context = $C { W-Subtract = * { Audit { } } }"

# ---- it comes late, with the remote before it ----

call 2856 "$(by_phone '')"
phone late phone
unjudged() { fl --json context list | grep -q unjudged; }
await 10 unjudged || fail "nothing waits for a fingerprint: $(fl context list)"
! grep -q HELLO "$TMP/late" || fail "bytes passed before the certificate was judged"
ask "Context = $C { Modify = $A { Media { Stream = 1 { $(by_phone "a=fingerprint:SHA-256 $(fingerprint phone)\\n") } } } }"
await 10 grep -q HELLO "$TMP/late" || fail "no answer: $(fl context list)"
exec 3>&-
ask "Context = $C { W-Subtract = * { Audit { } } }"

# ---- it is wrong ----

call 2857 "$(by_phone "a=fingerprint:SHA-256 $(fingerprint phone)\\n")"
phone wrong stranger
await 10 told g/cause tls_fingerprint || fail "nobody is told of another's certificate: $(tail -n 3 "$MGC_SAID")"
! grep -q HELLO "$TMP/wrong" || fail "bytes of a stranger passed"
exec 3>&-
ask "Context = $C { W-Subtract = * { Audit { } } }"
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
