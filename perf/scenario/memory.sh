#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 30 s: memory over sessions: both of our processes, and coturn
#
# Resident memory while so many allocations live. Ours takes its tables at start, so each count has a
# dataplane with tables for just that many: the slope is what a session costs. Ordinary pages, since
# huge ones are in no process's resident memory.
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=memory TURN=1
COUNTS=(1000 4000 8000 32000 64000)
MAX_COTURN=8000 # two descriptors a session, and some machines give 20,000
[[ -z $SHORT ]] || COUNTS=(16 100)

measure() # SERVER SESSIONS
{
	local control=0 before after
	say "memory: $1, $2 sessions"
	SESSIONS=$2
	udp_up "$1" veth
	before=$(rss "$SERVER" $CP)
	generate "$1" veth --sessions "$2" --rate 1000 --seconds 0.2
	after=$(rss "$SERVER" $CP)
	[[ -z $CP ]] || control=$(rss "$CP")
	keep "$1" sessions="$2" <<-END
	{"bytes": $after, "bytes_control": $control, "bytes_dataplane": $((after - control)), "bytes_idle": $before}
	END
	server_down
}

rig_begin "$COTURN"
HUGE=no
for server in fairlead coturn; do
	for count in "${COUNTS[@]}"; do
		[[ $server != coturn ]] || ((count <= MAX_COTURN)) || continue
		measure $server "$count"
	done
done
summarise bytes
for part in bytes bytes_control bytes_dataplane; do
	figures slope "$TMP/runs" sessions $part ${part}_per_session >>"$TMP/slopes"
done
cat "$TMP/slopes"
figures ratios "$TMP/slopes" fairlead bytes_per_session
