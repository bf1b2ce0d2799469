#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R17: the registrar has no home network of its own: FreeRADIUS gives the vector, in the attributes of
# conf/freeradius, enciphered, and sipp with that card registers by it; AUTS of a phone whose numbers are out of range
# arrives there; whom it does not know, and one that nobody answers for, is told to the registrar, which asks the second
# server when the first is away. A reload names them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/radius.sh
. "$E2E/radius.sh"
DIRECT=5060 # TLS ends in fl-client
USER=user1_private@home1.net
AUTS=0123456789abcdef0123456789ab

registrar() { PYTHONPATH=$E2E /usr/bin/python3 "$E2E/access_registrar.py" "$@"; }

# home PORT: a home network that has one card. It signs what it says, as its newer versions do unasked.
home()
{
	radius_start "$1" auth "authorize {
	  update reply {
	    Message-Authenticator := 0x00
	  }
	  if (&User-Name != '$USER') {
	    update control {
	      Auth-Type := Reject
	    }
	  }
	  elsif (&Fairlead-AUTS && (&Fairlead-AUTS != 0x$AUTS || &Fairlead-RAND != 0x$RAND)) {
	    update control {
	      Auth-Type := Reject
	    }
	  }
	  else {
	    update control {
	      Auth-Type := Accept
	    }
	    update reply {
	      Fairlead-RAND := 0x$RAND
	      Fairlead-AUTN := 0x$AUTN
	      Fairlead-XRES := 0x$XRES
	      Fairlead-CK := 0x$CK
	      Fairlead-IK := 0x$IK
	    }
	  }
	}"
}

# challenge WORD=VALUE...: of aka.challenge, or what is wrong with it.
challenge() { "${IN_RELAY[@]}" /usr/bin/python3 - "$@" 2>&1 <<-END
	import sys
	sys.path.insert(0, "$E2E")
	from gatelib import Rpc
	print(Rpc().ask("aka.challenge", realm="home1.net", **dict(word.split("=", 1) for word in sys.argv[1:])))
	END
}
vectors() { fl_json status ".aka.vectors.$1"; }

# servers LIST: who is asked from now on.
servers()
{
	sed -i "/^aka:/,\$ s|^  servers: .*|  servers: $1|" "$CONFIG"
	fl reload >"$TMP/reload" 2>&1 || fail "aka.servers: $(<"$TMP/reload")"
	! grep -qi restart "$TMP/reload" || fail "aka.servers wait for a restart: $(<"$TMP/reload")"
}
registers()
{
	sipp "$1" in_client "challenged authenticated" -t t1 -key self "$1" -key mine "tag-$1" -m 1 "127.0.0.1:$DIRECT" ||
		fail "$1: sipp: $(tail -n 3 "$TMP/$1.errors" 2>/dev/null)"
}

read -r RAND AUTN XRES CK IK < <(registrar --vector)
netns_words fl-relay
IN_RELAY=("${IN[@]}")
radius_secret "$TMP/secret"
relay_config '/^aka:/,$ s|^  vendor: .*|  vendor: 32473|' '/^aka:/,$ s|^  timeout-ms: .*|  timeout-ms: 500|' >"$TMP/quickstart"
grep -q 'there are no aka.servers' <<<"$(challenge user=$USER)" || fail "a vector without a home network: $(challenge user=$USER)"

# ---- a phone, by the vector of a home network ----

home 1812
servers "[{address: 127.0.0.1, port: 1814, secret-file: $TMP/secret}, {address: 127.0.0.1, secret-file: $TMP/secret}]"
start "$TMP/registrar.log" in_peer env "PYTHONPATH=$E2E" /usr/bin/python3 "$E2E/access_registrar.py" "$PEER4" $SIP --radius
await 10 listens_tcp "$NS-peer" $SIP || fail "the registrar does not listen: $(tail -n 3 "$TMP/registrar.log")"
stunnel_start $DIRECT "connect = $SERVER4:443"
registers phone
assert_eq "the right RES" "$(sed -n 's/^phone //p' "$TMP/registrar.log" | xargs)" accepted
assert_eq "vectors given" "$(vectors given)" 1
note "sipp is let in by a vector of FreeRADIUS, the second server, since the first is away"

# ---- resynchronisation, and whom nobody knows ----

made=$(challenge user=$USER rand="$RAND" auts=$AUTS)
[[ $made == *"'ck': '$CK'"* ]] || fail "AUTS: $made"
[[ $(challenge user=$USER rand="$RAND" auts=${AUTS//0/9}) == *"gives no vector for this user"* ]] || fail "another AUTS: $(challenge user=$USER rand="$RAND" auts=${AUTS//0/9})"
[[ $(challenge user=stranger@home1.net) == *"gives no vector for this user"* ]] || fail "a stranger has a vector"
assert_eq "given, rejected" "$(vectors given) $(vectors rejected)" "2 2"
radius_stop 1812
[[ $(challenge user=$USER) == *"none of aka.servers answers"* ]] || fail "a vector of nobody"
assert_eq "silent" "$(vectors silent)" 1
assert_eq "under way" "$(fl_json status .aka.vectors_waiting)" 0

# ---- other servers ----

SECRET=another456
home 1815
radius_secret "$TMP/other"
servers "[{address: 127.0.0.1, port: 1815, secret-file: $TMP/secret}]"
[[ $(challenge user=$USER) == *"none of aka.servers answers"* ]] || fail "an answer that is signed with another secret"
servers "[{address: 127.0.0.1, port: 1815, secret-file: $TMP/other}]"
[[ $(challenge user=$USER) == *"'ck': '$CK'"* ]] || fail "the new server is not asked: $(challenge user=$USER)"
servers '[]'
[[ $(challenge user=$USER) == *"there are no aka.servers"* ]] || fail "servers that are gone are asked"
note "other servers at a reload, and none"
