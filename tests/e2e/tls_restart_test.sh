#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70 and R9 for TLS: fairlead-cp is killed while clients relay over TLS, or restarted as its unit does it
# (RestartKillSignal=), and nothing is lost: not a packet, nor an allocation, and new handshakes are done
# meanwhile. With fairlead-dp the connections end; its successor takes the tickets of before, in TLS 1.2 and
# 1.3, so that clients come back without a full handshake and relay again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

allocations() { [[ $(fl_json status .allocations.count) == "$1" ]]; }

# sessions ticket|resumes: makes sessions of both versions, or takes them up.
sessions()
{
	in_client timeout 30 python3 - "$1" "$TMP" <<END || fail "TLS sessions: $1"
import os, sys
sys.path.insert(0, os.environ["E2E"])
import tlslib

for version in ("-tls1_2", "-tls1_3"):
    done = getattr(tlslib, sys.argv[1])(version, f"{sys.argv[2]}/session{version}")
    assert done is not False, f"{version}: the ticket of before is not taken"
END
}

load_start tls media --tls --legs 8 --rate 400
for signal in KILL INT; do
	load tls go
	load_more tls least 10
	cp=$(cp_pid)
	kill -$signal "$cp"
	await 10 ended "$cp" || fail "fairlead-cp survives SIG$signal"
	load_more tls least 20
	sessions ticket
	start_cp
	await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
	assert_eq "allocations kept after SIG$signal" "$(fl_json status .allocations.kept)" 8
	load_more tls least 20
	load_clean tls
	load tls renew
done
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"

dp=$(dp_pid)
kill -KILL "$dp"
await 10 ended "$dp" || fail "fairlead-dp survives SIGKILL"
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "fairlead-dp does not come back"
await 20 synced || fail "the new fairlead-dp is not attached to"
await 5 allocations 0 || fail "allocations without connections: $(fl_json status .allocations.count)"
sessions resumes
load tls go # to connections that are no more
await 20 load_ended tls 8 || fail "$REPLY of 8 connections ended"
load tls pause
load tls open
load tls go
load_more tls least 20
load_clean tls
load tls quit
await 10 allocations 0 || fail "left after all clients are gone: $(fl_json status .allocations.count)"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
