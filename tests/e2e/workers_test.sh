#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers: clients, their EVEN-PORT pairs and reserved ports fall on either, and nothing is
# lost between them. turnutils_uclient without -c takes a pair for each client and comes for its
# second port from another port of its own (RFC 8656 7.2), which half of the time is the other
# worker's. Every packet is accounted for, by each worker (R74).
# And how the allocator serves their threads.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"

# balanced: each worker's books, not only their sum.
balanced()
{
	fl --json accounting | jq -e '[.total, .workers[]] | all(.difference == 0)' >/dev/null
}

# staged: what each worker took from its ports is what its stage rx dealt with.
staged()
{
	fl --json workers | jq -e '.workers | any(.counters.rx > 0) and
		all(.counters.rx == (.stages[] | select(.name == "rx").items))' >/dev/null
}

# charged: the cycles of all stages of each worker are all that went by, but for the turn it was in
# at either look; that is long where the machine does other things, hence a tenth.
charged()
{
	fl --json top | jq -e '(.tsc_hz * .seconds) as $all | (.workers | length == 2) and
		all(.workers[]; ([.stages[].cycles] | add) / $all | . > 0.9 and . < 1.1)' >/dev/null
}

export MALLOC_CONF=stats_print:true # at the end of each process, into its log
relay_config 's/^  workers: \[0\]$/  workers: [0, 1]/'
unset MALLOC_CONF
await 10 attached || fail "the control process is not attached"
drops_mark
start_peer
also relays "pairs" 1000 -n 50 -m 20 -e "$PEER4" "$SERVER4"
also relays "pairs, indications" 500 -n 50 -m 10 -s -e "$PEER4" "$SERVER4"
also relays "pairs, IPv6" 500 -n 50 -m 10 -x -e "$PEER6" "$SERVER6"
also relays "single ports" 500 -n 50 -m 10 -c -e "$PEER4" "$SERVER4"
all_end
assert_num "packets that went from worker to worker" "$(counter handover_in)" -gt 0
for worker in 0 1; do
	assert_num "messages relayed by worker $worker" \
		"$(fl_json workers ".workers[$worker].counters.relay_to_peer")" -gt 0
done
await 5 balanced || fail "a packet is not accounted for: $(fl accounting)"
# Cycles by stage.
await 5 staged || fail "the stages rx did not deal with what came in: $(fl --json workers)"
fl top --once >"$TMP/top" || fail "fairlead top: $(cat "$TMP/top")"
assert_num "lines of workers and their sum in fairlead top" \
	"$(grep -cE '^ +([01] +[01]|all) ' "$TMP/top")" -eq 3
assert "the stage idle in fairlead top" grep -q '^idle ' "$TMP/top"
assert_num "cycles a second in fairlead top --json" "$(fl --json top | jq .tsc_hz)" -gt 1000000
await 10 charged || fail "cycles of all stages are not those that went by: $(fl --json top)"
assert_eq "drops that were not expected" \
	"$(drops_except ip_dst nd_other icmp_no_session)" ""

# jemalloc: one thread of each process gives memory back; each worker has an arena of its
# own, beside the shared one and that of large pieces.
purges() { grep -qx jemalloc_bg_thd /proc/"$1"/task/*/comm; }
for pid in "$(dp_pid)" "$(cp_pid)"; do
	assert "process $pid has a thread that gives memory back" purges "$pid"
done
pid=$(dp_pid)
kill "$pid"
await 20 ended "$pid" || fail "fairlead-dp does not end"
assert_eq "arenas of two workers" "$(sed -n 's/^Arenas: //p' "$RUN/fairlead-dp.log")" 4
