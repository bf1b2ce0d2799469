#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R4, R27, R71, R73: one hostile program takes all it can get of one resource, beside honest clients over UDP, TCP,
# TLS and an RTP context that were there before, and others that come meanwhile. Who was there loses nothing in
# the relay; newcomers are all served, nine of ten within a second, a controller over ng, who reads metrics, phones by ESP, and a client whose
# peer no worker has met among them; the hostile program came to the end of what it takes, or to its bound (ran_out);
# both processes live; every packet is accounted for.
#
#   besides.sh NAME    NAME.py of this directory, for HOSTILE_SECONDS (6), against a relay whose tables are small
#                      enough to be filled; it is started if it does not run, and goes on running
#   besides.sh --down  ends it
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"
HOSTILE=$ROOT/tests/hostile
WHAT=${1:?besides.sh NAME or --down}
LASTS=${HOSTILE_SECONDS:-6}

is_up() { attached && grep -q '^  neighbours: 128$' "$CONFIG"; }

up()
{
	local file=$TMP/hostile.yaml
	sed -e 's/^  request-rate: .*/  request-rate: 1000/' -e 's/^  neighbours: .*/  neighbours: 128/' \
		-e 's/^  ring-slots: .*/  ring-slots: 256/' \
		-e 's/^  fragments: .*/  fragments: 64/' -e '/^tcp:/,/^tls:/s/^  connections: .*/  connections: 1024/' \
		-e 's/^  half-open: .*/  half-open: 256/' -e '/^tls:/,/^tls-domains:/s/^  connections: .*/  connections: 512/' \
		-e 's/^  handshakes: .*/  handshakes: 64/' -e 's/^  associations: .*/  associations: 128/' \
		-e 's/^  dtls-handshakes: .*/  dtls-handshakes: 16/' \
		-e 's|^    addresses: \[10.1.0.1/24|&, 10.1.0.4/24|' -e '/^ipsec:/,/^turn:/s|^  addresses: .*|  addresses: [10.1.0.4]|' \
		-e '/^ipsec:/,/^turn:/s|^  inner: .*|  inner: [10.77.0.0/16]|' \
		-e 's|^listeners:|&\n  - {address: 10.1.0.1, port: 5349, transport: dtls}\n  - {address: 10.1.0.4, port: 5063, transport: udp}|' -e 's/^  waiting: .*/  waiting: 128/' \
		-e 's/^  peers: 65536/  peers: 8192/' -e 's/^  port-min: 16384/  port-min: 57344/' \
		-e 's/^    port-min: 16384/    port-min: 57344/' -e 's/^  contexts: [0-9].*/  contexts: 256/' -e 's/^  streams: .*/  streams: 128/' \
		-e 's/^  allocations-per-user: .*/  allocations-per-user: 100/' -e 's/^  sessions: .*/  sessions: 1024/' \
		-e 's/^  allocations-max: .*/  allocations-max: 1024/' "$SAMPLE" >"$file"
	"$ROOT/conf/quickstart.sh" --down
	FAIRLEAD_BUILD=$BUILD FAIRLEAD_CONFIG=$file "$ROOT/conf/quickstart.sh" --detach
	local user
	for user in mallory trudy craig walter; do
		fl user add $user --password-file - --replace <<<hostile
	done
}

# call: an RTP context whose ends know each other; sets ENDS for rtp.py.
call()
{
	local c a b
	c=$(fl --json context add --call honest \
		--a "transport=udp,realm=access,rtp,remote=$CLIENT4:41000,rtcp_remote=$CLIENT4:41001" \
		--b "transport=udp,realm=core,rtp,remote=$PEER4:42000,rtcp_remote=$PEER4:42001") || fail "no context: $c"
	CONTEXT=$(jq -r .context <<<"$c")
	a=$(jq -r '.terminations[0].local' <<<"$c") b=$(jq -r '.terminations[1].local' <<<"$c")
	ENDS=("fl-client,$CLIENT4,41000,${a%:*},${a##*:}" "fl-peer,$PEER4,42000,${b%:*},${b##*:}")
}

# grew REASON: drops of that name since drops_mark.
grew()
{
	local now was
	now=$(drops | awk -v n="$1" '$1 == n { print $2 }') was=$(awk -v n="$1" '$1 == n { print $2 }' "$TMP/drops")
	echo $((${now:-0} - ${was:-0}))
}

# got CONDITION: whether it holds for the figures of the hostile program, by jq.
got() { tail -n 1 "$TMP/hostile.out" | jq -e "$1" >/dev/null; }

# ran_out: whether the hostile program has come to the end of what it takes, or to its bound; else it has shown
# nothing. By what it was given, where that tells, and by what was dropped for want of it.
ran_out()
{
	case $WHAT in
	connections) got '.ended > 0 and .held > 0 and .held <= 1024' ;;
	contexts) got '.offers_taken > 0 and .offers_refused > 0' ;;
	control) got '.opened > 0 and .ended > 0' ;;
	crumbs) (($(grew tcp_ooo_full) > 0)) && got '.held > 0' ;;
	dtls) (($(grew dtls_busy) > 0)) && got '.answered > 0' ;;
	media_dtls) (($(grew dtls_busy) > 0 && $(grew gate_source) > 0)) &&
		got '.learnt_answered > 0 and .known_hellos > 0 and (.known_answered // 0) == 0' ;;
	media_srtp) (($(grew srtp_auth) > 0 && $(grew srtp_replay) > 0 && $(grew srtp_key) > 0 && $(grew gate_source) > 0)) &&
		got '.forged > 0 and .leaps > 0 and .replays > 0 and .reports > 0 and .heard > 0 and .after == .afterwards' ;;
	events) (($(grew punt_rate) > 0 && $(grew punt_full) > 0)) ;;
	fragments) (($(grew frag_full) > 0)) ;;
	half_open) (($(counter tcp_cookie_tx) > COOKIES)) ;;
	ipsec) (($(grew esp_auth) > 0 && $(grew esp_replay) > 0 && $(grew esp_source) > 0 && $(grew esp_spi) > 0)) &&
		got '.victim_served == 1' ;;
	h248) got '.half > 100 and .asked_answered > 0 and .asked_answered <= .half and .connections == 1 and .allowed > 1000 and
		.allowed_answered > 0 and .allowed_answered < .allowed / 2 and .stranger > 1000 and .stranger_answered == 0' ;;
	handshakes) got '.opened > 128 and .ended > 0' ;;
	neighbours) (($(grew neigh_full) > 0)) && got '.permissions == 240' ;;
	ng) got '.pings > 0 and .answered < .pings' ;;
	permissions) got '(.channels_508 // 0) + (.permissions_508 // 0) > 0 and .permissions_granted > 0' ;;
	ports) got '.allocate_granted > 3 * 80 and .allocate_486 >= 3' ;; # each account's share
	queues) (($(grew media_full) > 0 && $(grew tcp_memory) > 0)) ;;
	records) got '.held > 128 and .bytes > 0' ;;
	reservations) got '.pairs_granted > 3 * 80 and .pairs_486 >= 3' ;;
	urgent) got '.urgent_taken > 0 and .urgent_refused > 0 and .other == 0' ;;
	small_holders) (($(grew tcp_ooo_full) + $(grew tcp_memory) > 0)) && got '.clients > 0 and .guests > 0 and .held > 0' ;;
	*) fail "$WHAT: what it should run out of is not said in ran_out" ;;
	esac
}

newcomers_hang()
{
	kill -USR1 "$newcomers"
	await 5 grep -q '^Current thread' "$TMP/newcomer.out" || true
	fail "newcomers do not end: $(cat "$TMP/newcomer.out")"
}

# spared NAME MEDIA MISSED: whether media lost nothing. It shares its wire with the hostile program, so that a
# datagram in a hundred may be among those that never reached the relay.
spared()
{
	local lost sent
	lost=$(jq .lost <<<"$2") sent=$(jq .sent <<<"$2")
	((lost == 0)) || { [[ $1 == udp ]] && ((lost <= $3 && lost * 100 <= sent)); }
}

# controllers LIST URGENT: of H.248, and how many contexts are kept for urgent calls; in force.
CONTROLLER=127.0.0.4
controllers()
{
	sed -i "s|^  h248-controllers: .*|  h248-controllers: $1|; s|^  urgent-contexts: .*|  urgent-contexts: $2|" "$CONFIG"
	fl reload >"$TMP/reload" 2>&1 || fail "controllers: $(<"$TMP/reload")"
}

flows() { grep -q flows "$TMP/rtp.out"; }
# said FILE: its last line is there and is JSON.
said() { tail -n 1 "$1" | jq -e . >/dev/null 2>&1; }

besides()
{
	local name dp cp kind newcomers rtp media figures quiet missed
	local -A paused=()
	dp=$(dp_pid) cp=$(cp_pid)
	start "$TMP/peer.log" in_peer python3 "$E2E/stunlib.py" 3480
	await 10 listens fl-peer 3480 || fail "the echo does not listen"
	for name in udp tcp tls; do
		load_start $name media --family 4 --legs 4 --rate 100 "$([[ $name == udp ]] && echo --size=160 || echo --$name)"
	done
	quiet=$(unheard)
	call
	start "$TMP/rtp.out" python3 "$E2E/rtp.py" --packets 0 "${ENDS[@]}"
	rtp=$PID
	await 10 flows || fail "RTP does not flow: $(cat "$TMP/rtp.out")"
	for name in udp tcp tls; do load $name go; done
	for name in udp tcp tls; do load_more $name least 2; done
	drops_mark
	COOKIES=$(counter tcp_cookie_tx)
	if [[ $WHAT == h248 || $WHAT == urgent ]]; then # the hostile one is there before it is asked, and newcomers after the reload
		start "$TMP/hostile.out" timeout $((LASTS + 60)) python3 "$HOSTILE/$WHAT.py" "$LASTS"
		await 10 grep -q listens "$TMP/hostile.out" || fail "$WHAT.py: $(tail -n 3 "$TMP/hostile.out")"
	fi
	if [[ $WHAT == h248 ]]; then
		export H248=$CONTROLLER
		controllers "[{address: 127.0.0.6, transport: tcp}, {address: $CONTROLLER}, {address: 127.0.0.5}]" 0
	elif [[ $WHAT == urgent ]]; then
		export URGENT=yes
		controllers "[{address: $CONTROLLER}]" 64
	fi
	start "$TMP/newcomer.out" python3 "$HOSTILE/newcomer.py"
	newcomers=$PID
	await 10 grep -q comes "$TMP/newcomer.out" || fail "no newcomers: $(cat "$TMP/newcomer.out")"

	if [[ $WHAT == h248 || $WHAT == urgent ]]; then
		await $((LASTS + 60)) said "$TMP/hostile.out" || fail "$WHAT.py: $(tail -n 3 "$TMP/hostile.out")"
	else
		timeout $((LASTS + 60)) python3 "$HOSTILE/$WHAT.py" "$LASTS" >"$TMP/hostile.out" 2>&1 ||
			fail "$WHAT.py: $(tail -n 3 "$TMP/hostile.out")"
	fi
	figures=$(tail -n 1 "$TMP/hostile.out")

	kill "$newcomers"
	await 30 said "$TMP/newcomer.out" || newcomers_hang
	kill "$rtp"
	await 30 said "$TMP/rtp.out" || fail "RTP: $(tail -n 1 "$TMP/rtp.out")"
	note "got: $figures"
	ran_out || BAD+=("it did not come to the end of what it takes")
	note "SYN cookies: $(($(counter tcp_cookie_tx) - COOKIES))"
	note "dropped: $(drops | grep -vxF -f "$TMP/drops" | xargs)"
	for name in udp tcp tls; do
		load $name pause
		paused[$name]=$REPLY
	done
	missed=$(unheard_since "$quiet")
	note "never reached the relay: $missed"
	for name in udp tcp tls; do
		media=${paused[$name]}
		note "$name: $(jq -c '{sent, lost, twice, wrong}' <<<"$media")"
		[[ $(jq '.twice + .wrong' <<<"$media") == 0 ]] || BAD+=("$name media")
		spared "$name" "$media" "$missed" || BAD+=("$name media lost")
		[[ $(jq .least <<<"$media") -gt 0 ]] || BAD+=("$name media stands still")
		load $name ended ends
		((REPLY == 0)) || BAD+=("$REPLY connections of $name have ended")
	done
	note "RTP: $(tail -n 1 "$TMP/rtp.out")"
	[[ $WHAT != h248 && $WHAT != urgent ]] || controllers '[]' 0
	for kind in udp tcp tls context ng metrics neighbour phone registered ${H248:+h248} ${URGENT:+urgent}; do
		media=$(tail -n 1 "$TMP/newcomer.out" | jq -c ".$kind")
		note "newcomers, $kind: $media"
		jq -e '.failures == 0 and .n > 10 and .late * 10 <= .n' <<<"$media" >/dev/null || BAD+=("newcomers, $kind")
	done
	assert_eq "fairlead-dp" "$(dp_pid) $(ended "$dp" && echo dead)" "$dp "
	assert_eq "fairlead-cp" "$(cp_pid) $(ended "$cp" && echo dead)" "$cp "
	for name in udp tcp tls; do
		load $name renew || BAD+=("$name: renewals")
		load $name quit || BAD+=("$name: ends")
	done
	fl context subtract "$CONTEXT" a >/dev/null 2>&1 || true
	fl context delete "$CONTEXT" >/dev/null 2>&1 || BAD+=("the context does not end")
	((${#BAD[@]} == 0)) || fail "$(printf '%s; ' "${BAD[@]}")"
	await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
}

BAD=()
case $WHAT in
--down) "$ROOT/conf/quickstart.sh" --down ;;
*)
	[[ -f $HOSTILE/$WHAT.py ]] || fail "there is no $HOSTILE/$WHAT.py"
	is_up || up >"$TMP/quickstart"
	export NAME=hostile_$WHAT
	besides
	;;
esac
