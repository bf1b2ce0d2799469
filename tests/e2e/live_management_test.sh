#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The management port, on an address of a link of its own, from another machine of that: curl with a certificate a
# role, and the fairlead command. It is on no other address of the node. No
# certificate, one of another CA, one that has ended, one that is revoked, one of no role, one of too narrow a
# role: each is refused with a sentence. Slow clients, as slowhttptest has them, and bodies that are too large keep
# nobody out; who changes something is named in the log; a reload that comes by the port itself is answered.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/tls.sh
. "$E2E/tls.sh"

PORT=9645
NODE=10.9.0.1 ADMIN=10.9.0.2 # ends of the link
HOST=relay.test URL=https://relay.test:9645/rpc
OK='{"jsonrpc":"2.0","id":1,"method":"status"}'

in_admin() { in_ns "$NS-admin" "$@"; }

# link: the node's end of it is there before the relay is.
link()
{
	"$ROOT/conf/quickstart.sh" --down >/dev/null
	ip netns add "$NS-relay" && ip netns add "$NS-admin"
	ip -n "$NS-relay" link add mgmt0 type veth peer name mgmt1 netns "$NS-admin"
	ip -n "$NS-relay" addr add $NODE/24 dev mgmt0
	ip -n "$NS-admin" addr add $ADMIN/24 dev mgmt1
	ip -n "$NS-relay" link set lo up
	ip -n "$NS-relay" link set mgmt0 up
	ip -n "$NS-admin" link set mgmt1 up
	ip -n "$NS-admin" link set lo up
}
link_ends() { ip netns del "$NS-admin"; }

# post CERTIFICATE BODY [ARGUMENT...]: the status; the answer is in $TMP/answer. CERTIFICATE - is none.
post()
{
	local mine=()
	[[ $1 == - ]] || mine=(--cert "$TMP/$1.pem" --key "$TMP/$1.key")
	in_admin curl -sS -m 20 --cacert "$TMP/ca.pem" "${mine[@]}" -H "Content-Type: ${TYPE:-application/json}" -d "$2" -o "$TMP/answer" \
		-w '%{http_code}' --resolve "$HOST:$PORT:$NODE" "${@:3}" "$URL" 2>"$TMP/curl"
}
call() { echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":${2:-{\}}}"; }
# may CERTIFICATE METHOD [PARAMS], may_not CERTIFICATE METHOD ROLE
may()
{
	assert_eq "$2 by $1" "$(post "$1" "$(call "$2" "${3:-}")")" 200
	assert "$1 may $2: $(head -c 300 "$TMP/answer")" jq -e '.result' "$TMP/answer"
}
may_not()
{
	assert_eq "$2 by $1" "$(post "$1" "$(call "$2")")" 200
	assert_eq "why $1 may not $2" "$(jq -r .error.message "$TMP/answer")" "this takes a certificate that may $3 (management.roles)"
}
# refused CERTIFICATE WHY: the handshake ends, and the log says why.
refused()
{
	! post "$1" "$OK" >"$TMP/code" || fail "$1 is let in: $(<"$TMP/code") $(<"$TMP/answer")"
	grep -q "management: address $ADMIN is refused: $2" "$RUN/fairlead-cp.log" ||
		fail "$1, why not: $(grep 'is refused' "$RUN/fairlead-cp.log" | tail -n 1)"
}
far() { IN=() && netns_words "$NS-admin" && "${IN[@]}" "$BUILD/fairlead" --url "https://$NODE:$PORT" --ca "$TMP/ca.pem" "$@"; }
metric() { in_relay curl -sS http://127.0.0.1:9643/metrics | sed -n "s/^$1 //p"; }

# ---- certificates ----

tls_ca
tls_certificate server $HOST
openssl x509 -req -in "$TMP/server.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -days 30 -out "$TMP/server.pem" \
	-extfile <(echo "subjectAltName=DNS:$HOST,IP:$NODE") 2>"$TMP/openssl.log" || fail "$(<"$TMP/openssl.log")"
for who in viewer operator chief nobody leaver; do tls_certificate $who $who "$who.example.test"; done
openssl x509 -req -in "$TMP/viewer.csr" -CA "$TMP/ca.pem" -CAkey "$TMP/ca.key" -days -1 -out "$TMP/ended.pem" 2>"$TMP/openssl.log" ||
	fail "$(<"$TMP/openssl.log")"
cp "$TMP/viewer.key" "$TMP/ended.key"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=CA of $NAME" -keyout "$TMP/foreign.ca.key" \
	-out "$TMP/foreign.ca.pem" 2>"$TMP/openssl.log"
openssl x509 -req -in "$TMP/chief.csr" -CA "$TMP/foreign.ca.pem" -CAkey "$TMP/foreign.ca.key" -CAcreateserial -days 30 \
	-out "$TMP/foreign.pem" 2>"$TMP/openssl.log" || fail "$(<"$TMP/openssl.log")"
cp "$TMP/chief.key" "$TMP/foreign.key"
cp "$TMP/ca.pem" "$TMP/clients.pem"
owned "$TMP/server.key"
AT_END=link_ends
link
RELAY_STAYS_DOWN=1 relay_config "/^management:/,/^records:/s|^  address: .*|  address: $NODE|" "/^management:/,/^records:/s|^  port: 0|  port: $PORT|" "/^management:/,/^records:/s|^  certificate: .*|  certificate: $TMP/server.pem|" \
	"/^management:/,/^records:/s|^  key: .*|  key: $TMP/server.key|" "/^management:/,/^records:/s|^  ca: .*|  ca: $TMP/clients.pem|" \
	"/^management:/,/^records:/s|^  roles: .*|  roles: [{name: viewer, may: look}, {name: operator.example.test, may: operate}, {name: chief, may: administer}, {name: leaver, may: administer}]|" \
	>"$TMP/quickstart"

# ---- a certificate a role ----

may viewer status
may viewer sessions
may_not viewer drain operate
may_not viewer reload administer
may operator drain
may operator undrain
may_not operator credentials administer
may chief user.list
may_not nobody status look
grep -q 'audit: certificate "operator" address '$ADMIN': drain: done' "$RUN/fairlead-cp.log" || fail "who drained is not told"
grep -q 'audit: certificate "viewer" address '$ADMIN': drain: failed: this takes' "$RUN/fairlead-cp.log" || fail "who tried to is not told"
note "three roles, each told in the log"

refused - 'no certificate'
refused foreign '\(decrypt error\|unknown CA\|bad certificate\)'
refused ended 'certificate expired'
! in_admin curl -s -m 5 -d "$OK" "http://$NODE:$PORT/rpc" >"$TMP/answer" || fail "plain text is answered: $(<"$TMP/answer")"
in_relay curl -s -m 5 "https://127.0.0.1:$PORT/rpc" >"$TMP/answer" 2>&1 && fail "it is on another address, too"
(($? == 7)) || fail "another address does not refuse: curl has ended with $?" # "Failed to connect"
assert_num "refused, as counted" "$(metric fairlead_management_refused_total)" -ge 3

# ---- what is no request ----

assert_eq "a page in a browser" "$(TYPE=text/plain post viewer "$OK")" 415
assert_eq "another method" "$(post viewer '' -G)" 405
head -c 65537 /dev/zero | tr '\0' ' ' >"$TMP/large"
# too_large OPTION...: the connection is closed behind the answer, which curl does not read if it sends until then.
too_large()
{
	code=$(post viewer "@$TMP/large" "$@") || true
	[[ $code == 413 ]]
}
await 20 too_large || fail "too large a body: $code"
await 20 too_large -H 'Transfer-Encoding: chunked' || fail "too large a body in chunks: $code"
assert_eq "what is no JSON" "$(post viewer 'x')" 200
assert_eq "what is told of it" "$(jq .error.code "$TMP/answer")" -32700
may viewer status

# ---- slow clients: bytes that never end, of requests and of handshakes ----

in_admin timeout 60 /usr/bin/python3 - "$TMP" $NODE $PORT >"$TMP/slow" 2>&1 <<-'PY' || fail "slow clients: $(<"$TMP/slow")"
	import socket, ssl, sys, time
	tmp, at = sys.argv[1], (sys.argv[2], int(sys.argv[3]))
	ctx = ssl.create_default_context(cafile=tmp + "/ca.pem")
	ctx.load_cert_chain(tmp + "/viewer.pem", tmp + "/viewer.key")
	slow = []
	while len(slow) < 8:  # of requests, byte by byte
	    try:
	        s = ctx.wrap_socket(socket.create_connection(at), server_hostname="relay.test")
	        s.sendall(b"POST /rpc HTTP/1.1\r\nContent-Length: 60000\r\nX: ")
	        slow.append(s)
	    except OSError:
	        time.sleep(0.1)  # handshakes are bounded
	raw = [socket.create_connection(at) for _ in range(64)]
	left = set(slow)
	begin = time.monotonic()
	while left:
	    for s in list(left):
	        try:
	            s.sendall(b"a")
	            s.settimeout(0.01)
	            if s.recv(1) == b"":
	                left.discard(s)
	        except TimeoutError:
	            pass
	        except OSError:
	            left.discard(s)
	    time.sleep(0.1)
	print("ended after %.0f s" % (time.monotonic() - begin))
PY
note "slow clients: $(<"$TMP/slow")"
may viewer status

# ---- the command ----

chief=(--cert "$TMP/chief.pem" --key "$TMP/chief.key")
far "${chief[@]}" status >"$TMP/status" 2>&1 || fail "status by --url: $(<"$TMP/status")"
fl status | grep -v 'up\|age' | head -n 3 >"$TMP/near"
assert_num "lines of status" "$(wc -l <"$TMP/status")" -ge 10
far "${chief[@]}" --json sessions | jq -e .sessions >/dev/null || fail "sessions by --url"
! far --cert "$TMP/viewer.pem" --key "$TMP/viewer.key" drain >"$TMP/drain" 2>&1 || fail "a viewer drains by --url"
grep -q 'refused "drain": this takes a certificate that may operate' "$TMP/drain" || fail "why not: $(<"$TMP/drain")"
! far "${chief[@]}" capture --write "$TMP/x.pcapng" >"$TMP/capture" 2>&1 || fail "a capture by --url"
grep -q 'needs a connection of the control socket' "$TMP/capture" || fail "why not: $(<"$TMP/capture")"
! far status >"$TMP/none" 2>&1 || fail "no certificate by --url"
grep -q 'wants --cert and --key' "$TMP/none" || fail "why not: $(<"$TMP/none")"
! far --cert "$TMP/foreign.pem" --key "$TMP/foreign.key" status >"$TMP/none" 2>&1 || fail "a foreign certificate by --url"
grep -q "cannot reach the control process at https://$NODE:$PORT/rpc: " "$TMP/none" || fail "why not: $(<"$TMP/none")"

# ---- who leaves, by a reload that comes by the port itself ----

may leaver user.list
cat >"$TMP/crl.conf" <<-END2
[ca]
default_ca = it
[it]
database = $TMP/index.txt
default_md = sha256
default_crl_days = 30
END2
: >"$TMP/index.txt"
for step in "-revoke $TMP/leaver.pem" "-gencrl -out $TMP/crl.pem"; do
	# shellcheck disable=SC2086 # words
	openssl ca -config "$TMP/crl.conf" -keyfile "$TMP/ca.key" -cert "$TMP/ca.pem" $step 2>"$TMP/openssl.log" || fail "$(<"$TMP/openssl.log")"
done
cat "$TMP/crl.pem" >>"$TMP/clients.pem"
may chief reload
refused leaver 'certificate revoked'
may viewer status
echo "no certificate" >"$TMP/clients.pem"
assert_eq "a reload with a broken CA" "$(post chief "$(call reload)")" 200
assert "why not: $(<"$TMP/answer")" jq -e '.error.message | test("management.ca: ")' "$TMP/answer"
may viewer status
