#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R17, R83: sipp, which has a card's key and algorithm, registers by Digest AKA (RFC 3310) over TLS on
# port 443 at a registrar that has challenges made and answers judged at the control socket: it is let
# in when RES is XRES, once; not for another RES, not again, and not when the challenge is over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
DIRECT=5060 # TLS ends in fl-client

# registers USER PARTS: a phone of the same card in the name of this user.
registers()
{
	sipp "$1" in_client "challenged $2" -t t1 -key self "$1" -key mine "tag-$1" -m 1 "127.0.0.1:$DIRECT" ||
		fail "$1: sipp: $(tail -n 3 "$TMP/$1.errors" 2>/dev/null)"
}
verdict() { sed -n "s/^$1 //p" "$TMP/registrar.log" | xargs; }
judged() { fl_json status ".aka.judged.$1"; }

start "$TMP/registrar.log" in_peer env "PYTHONPATH=$E2E" /usr/bin/python3 "$E2E/access_registrar.py" "$PEER4" $SIP
await 10 listens_tcp "$NS-peer" $SIP || fail "the registrar does not listen: $(tail -n 3 "$TMP/registrar.log")"
stunnel_start $DIRECT "connect = $SERVER4:443"

registers phone authenticated
assert_eq "the right RES" "$(verdict phone)" accepted
grep -q '^Authentication-Info: qop=auth, rspauth="[0-9a-f]\{32\}"' "$TMP/phone.messages" ||
	fail "the network does not show that it has XRES"
note "sipp is let in by its card's key"

registers elsewhere forbidden
assert_eq "another RES" "$(verdict elsewhere)" wrong
registers twice forbidden
assert_eq "an answer sent again" "$(verdict twice)" replayed
registers late forbidden
assert_eq "an answer after its time" "$(verdict late)" stale
assert_eq "counted" "$(judged accepted) $(judged wrong) $(judged replayed) $(judged stale)" "2 1 1 1"
note "another RES, an answer sent again and a late one are not taken"
