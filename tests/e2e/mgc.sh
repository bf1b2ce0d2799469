# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Controllers of H.248 for tests: mgc.erl in fl-peer, over the network of control (calls.sh).
# shellcheck disable=SC2034 # $MGC is for who sources this
H248=2944

# mgc_start ADDRESS FORM [udp|tcp]: a controller in fl-peer; what it says is in $MGC_SAID.
mgc_start()
{
	local socket=-Hlun
	[[ ${3:-udp} == udp ]] || socket=-Hltn
	MGC_SAID=$TMP/mgc-$1
	rm -f "$TMP/mgc-in-$1"
	mkfifo "$TMP/mgc-in-$1"
	start "$MGC_SAID" in_peer env HOME="$TMP" sh -c "exec escript '$E2E/mgc.erl' $1 $H248 $2 ${3:-udp} <'$TMP/mgc-in-$1'"
	MGC=$PID
	exec {MGC_IN}>"$TMP/mgc-in-$1"
	await 20 listens_at $socket "$1" $H248 || fail "the controller does not listen: $(tail -n 3 "$MGC_SAID")"
}
# By address: the one before may be there yet.
listens_at() { in_peer ss "$1" "src $2:$3" | grep -q .; }
registered() { grep -q "^registered $1 3" "$MGC_SAID"; }

# ask ACTIONS: its reply is in $REPLY, of one line.
ask()
{
	local before
	before=$(grep -c '^\(reply\|failed\)' "$MGC_SAID" || true)
	echo "$1" >&"$MGC_IN"
	more() { (($(grep -c '^\(reply\|failed\)' "$MGC_SAID" || true) > before)); }
	await 20 more || fail "no reply to: $1: $(tail -n 3 "$MGC_SAID")"
	REPLY=$(grep '^\(reply\|failed\)' "$MGC_SAID" | tail -n 1)
}
# raw ID ACTIONS: a datagram of its own from the controller's address, whose answer is printed; ID is the transaction's.
raw()
{
	in_peer python3 - "$CONTROL_PEER" "$CONTROL_RELAY" $H248 "MEGACO/3 <raw.example.net> Transaction = $1 { ${2//\\n/$'\n'} }" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 2945))
		s.settimeout(5)
		s.sendto(sys.argv[4].encode(), (sys.argv[2], int(sys.argv[3])))
		print(s.recv(65536).decode())
	END
}
# replied TEXT: is in the last reply, all in the short form; case does not matter.
replied() { grep -qiF -- "$1" <<<"$REPLY" || fail "'$1' is not in: $REPLY"; }
number() { sed -n 's/.*C=\([0-9]*\){.*/\1/p' <<<"$REPLY"; }
# added N: the name of the N-th termination; port N: its port.
added() { grep -o 'A=ip/[a-z0-9/]*' <<<"$REPLY" | sed -n "$1s/A=//p"; }
port() { grep -o 'm=audio [0-9]*' <<<"$REPLY" | sed -n "$1s/m=audio //p"; }
wrong() { grep '^wrong' "$MGC_SAID" && fail "the controller cannot read what the gateway sends"; true; }

# add REALM REMOTE PORT MORE: a termination of an RTP call.
add()
{
	printf '%s ' "Add = ip/\$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, ipdc/realm = \"$1\"${4:-} }," \
		"Local {\\nv=0\\nc=IN IP4 \$\\nm=audio \$ RTP/AVP -\\n}, Remote {\\nv=0\\nc=IN IP4 $2\\nm=audio $3 RTP/AVP -\\n} } }," \
		"Events = 11 { g/cause, hangterm/thb { timerx = 6 } } }"
}
