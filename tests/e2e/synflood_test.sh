#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A million SYNs from addresses that answer nothing, as fast as this machine sends them, while clients
# over UDP and TCP relay media (R43, RFC 4987): nothing is kept of a SYN beyond tcp.half-open, cookies
# are sent and one that comes back makes a connection, no connection ends, no media is lost in the
# dataplane, a new client is served meanwhile, and tables and buffers are as before.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
COUNT=1000000 HALF_OPEN=256

buffers_back() { (($(counter mbufs_free) >= buffers - 64)); }
all_forgotten() { [[ $(counter tcp_syn_received) == 0 ]]; }

# Answers go to the client, which has none of those addresses.
flood_config "s/^  half-open:.*/  half-open: $HALF_OPEN/" \
	's/^  handshake-ms:.*/  handshake-ms: 3000/' >"$TMP/quickstart"
dp=$(dp_pid)
load_start udp media --legs 4 --rate 300 --family 4
load_start tcp media --tcp --legs 4 --rate 300 --family 4
missed=$(unheard)
media_drops >"$TMP/media_drops"
load udp go
load tcp go
load_more tcp least 20
buffers=$(counter mbufs_free)
accepted=$(counter tcp_accepted)

begin=$(date +%s%N)
start "$TMP/sent" in_client "$BUILD/tests/e2e/flood" syn $COUNT "$FLOOD4" 3478
flood=$PID
start_peer
uclient "$TMP/uclient" -t -c -n 20 -e "$PEER4" "$SERVER4" ||
	fail "no client is served meanwhile: $(tail -n 2 "$TMP/uclient")"
during=$(! ended "$flood" && echo during the flood || echo after it)
await 60 ended "$flood" || fail "the flood does not end"
took=$((($(date +%s%N) - begin) / 1000000))
assert_eq "SYNs sent" "$(cat "$TMP/sent")" $COUNT
load_more tcp least 20
load_more udp least 20
load tcp pause
over_tcp=$REPLY
load udp pause
media_spared "$COUNT SYNs, at most $took ms: UDP" "$missed"
note "TCP lost $(jq .lost <<<"$over_tcp") of $(jq .sent <<<"$over_tcp")"
assert_num "messages of the client served $during" "$(uclient_received "$TMP/uclient")" -gt 0
load_ended tcp 0 || fail "$REPLY connections have ended"
assert_num "cookies sent" "$(counter tcp_cookie_tx)" -gt $((COUNT / 10))
assert_num "connections opened meanwhile" "$(counter tcp_accepted)" -gt "$accepted"
assert_num "handshakes kept" "$(counter tcp_syn_received)" -le "$HALF_OPEN"
await 20 all_forgotten || fail "$(counter tcp_syn_received) handshakes are left"
await 10 buffers_back || fail "free packet buffers: $(counter mbufs_free) of $buffers"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
load udp go
load tcp go
load_more udp least 20
load_more tcp least 20
load_clean udp
load_clean tcp
