#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R72, R73, R74: TLS handshakes that arrive faster than they can be done take nothing from media.
# RSA-2048 ClientHellos by the thousand, on a crypto CPU of their own, while UDP clients relay: no
# media is lost in the dataplane, as without the storm; what is more than tls.waiting is refused
# and counted as tls_busy; afterwards connections, handshakes, packet buffers and memory are what
# they were, every packet is accounted for, and the next client is served. What media waits for
# is a figure: perf/tls.sh storm.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
RATE=6000 STORM_SECONDS=3 HANDSHAKES=32 WAITING=64
SLACK_KB=2048 # of OpenSSL's own caches, and of the C library's

memory() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$dp/status"; }
buffers_back() { (($(counter mbufs_free) >= buffers - 64)); }
quiet() { (($(counter tls_conns) + $(counter tls_handshakes) + $(counter tls_waiting) == 0)); }

storm()
{
	start "$TMP/storm" in_client "$BUILD/perf/tls_load" -k rsa storm "$FLOOD4" 5349 $RATE \
		$STORM_SECONDS
	load_more media received 500
	await 20 ended "$PID" || fail "the storm does not end"
	asked=$(jq .begun "$TMP/storm") refused=$(jq .refused "$TMP/storm")
	await 20 quiet || fail "left: $(counter tls_conns) connections, $(counter tls_handshakes)" \
		"handshakes, $(counter tls_waiting) that wait"
}

# media NAME COMMAND...: it flows meanwhile, and the relay loses none of it.
media()
{
	local name=$1 missed
	shift
	missed=$(unheard)
	media_drops >"$TMP/media_drops"
	load media go
	load_more media received 500
	"$@"
	load_more media received 500
	load media pause
	media_spared "$name" "$missed"
}

export MALLOC_CONF=stats_print:true # at its end, into its log
flood_config 's/^  crypto-cpus:.*/  crypto-cpus: [1]/' "s/^  handshakes:.*/  handshakes: $HANDSHAKES/" \
	"s/^  waiting:.*/  waiting: $WAITING/" >"$TMP/quickstart"
unset MALLOC_CONF
dp=$(dp_pid)
load_start media media --legs 8 --rate 500 --family 4
media "first storm" storm # what is made once
buffers=$(counter mbufs_free) before=$(memory)
media calm true
busy=$(tcp_ends tls_busy)
media storm storm
busy=$(($(tcp_ends tls_busy) - busy))
note "$asked handshakes asked for: $(jq .answered "$TMP/storm") answered, $refused refused, $busy counted as tls_busy"
assert_num "refused handshakes, more than were told" "$busy" -ge "$refused"
assert_num "refused handshakes" "$busy" -gt $((asked / 10))
assert_num "memory in kB, $before before" "$(memory)" -le $((before + SLACK_KB))
await 10 buffers_back || fail "free packet buffers: $(counter mbufs_free) of $buffers"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
in_client "$BUILD/perf/tls_load" -k rsa handshake "$SERVER4" 5349 4 10 20 >"$TMP/after" ||
	fail "handshakes after the storm: $(cat "$TMP/after")"
load media go
load_more media received 500
load_clean media

# jemalloc: worker and crypto thread have arenas of their own, beside the shared one and that of large pieces.
kill "$dp"
await 20 ended "$dp" || fail "fairlead-dp does not end"
assert_eq "arenas of a worker and a crypto thread" "$(sed -n 's/^Arenas: //p' "$RUN/fairlead-dp.log")" 4
