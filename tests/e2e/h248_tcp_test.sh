#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R32: controllers of H.248 over connections, erlang-megaco with TPKT over TCP and, behind stunnel, over TLS: the gateway
# connects and registers, a call of RTP passes media, the connection is cut and comes again; a controller
# whose certificate is not the one that is wanted is told nothing, and the next one is in charge.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/tls.sh
. "$E2E/tls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"
H248_TLS=2945

tls_ca
tls_certificate gateway mg1.example.net
tls_certificate controller mgc.example.net
owned "$TMP/gateway.key"
relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' 's/^  h248-name: .*/  h248-name: mg1.example.net/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER, port: $H248_TLS, transport: tls, name: mgc.example.net}, {address: $CONTROL_SIP, transport: tcp}]|" \
	"s|^  h248-certificate: .*|  h248-certificate: $TMP/gateway.pem|" "s|^  h248-key: .*|  h248-key: $TMP/gateway.key|" \
	"s|^  h248-ca: .*|  h248-ca: $TMP/ca.pem|" >"$TMP/quickstart"
control_network
in_relay ip route add "$CONTROL_SIP" via "$CONTROL_PEER"
start_peer 3480

# tls_start CERTIFICATE: what comes by TLS goes to the controller by TCP; who has no certificate of the CA is refused.
tls_start()
{
	printf '%s\n' foreground=yes "pid=" debug=notice "[h248]" "accept = $CONTROL_PEER:$H248_TLS" \
		"connect = $CONTROL_PEER:$H248" "cert = $TMP/$1.pem" "key = $TMP/$1.key" "verifyChain = yes" \
		"CAfile = $TMP/ca.pem" >"$TMP/stunnel.conf"
	start "$TMP/stunnel.log" in_peer stunnel "$TMP/stunnel.conf"
	STUNNEL=$PID
	await 10 listens_at -Hltn "$CONTROL_PEER" $H248_TLS || fail "stunnel does not listen: $(tail -n 2 "$TMP/stunnel.log")"
}
tls_stop()
{
	kill "$STUNNEL"
	await 10 ended "$STUNNEL" || fail "stunnel does not end"
}
call()
{
	ask "Context = \$ { $(add access "$CLIENT4" 40000), $(add core "$PEER4" 3480) }"
	C=$(number) PORT=$(port 1)
	await 10 echoed "$PORT" || fail "no echo: $REPLY: $(fl context list)"
}

# ---- TLS ----

mgc_start "$CONTROL_PEER" pretty tcp
FIRST=$MGC FIRST_IN=$MGC_IN
tls_start controller
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID" "$RUN/fairlead-cp.log")"
call
note "a call by a controller over TLS"
wrong

# The connection is cut: the gateway comes back, and says so.
tls_stop
tls_start controller
await 30 registered disconnected || fail "the gateway does not come back: $(tail -n 3 "$MGC_SAID" "$RUN/fairlead-cp.log")"
ask "Context = $C { W-Subtract = * { Audit { } } }"
replied 'S=*'
wrong

# ---- TCP, since the certificate is another's ----

tls_stop
kill -9 "$FIRST"
await 10 ended "$FIRST" || fail "the controller does not end"
exec {FIRST_IN}>&-
tls_start gateway
mgc_start "$CONTROL_SIP" compact tcp
await 30 registered failover || fail "the second controller is not asked: $(tail -n 3 "$RUN/fairlead-cp.log")"
grep -q "h248: the controller $CONTROL_PEER:$H248_TLS shows a certificate that is refused: hostname mismatch" "$RUN/fairlead-cp.log" ||
	fail "nothing is said of the certificate: $(tail -n 5 "$RUN/fairlead-cp.log")"
call
ask "Context = $C { W-Subtract = * { Audit { } } }"
replied 'S=*'
wrong
note "a call by a controller over TCP"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
