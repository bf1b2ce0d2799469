#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmarks' rig does not rot: perf/run.sh runs as little as can be of a scenario, with
# the rivals, and what it keeps holds every figure that tables and plots are made of. No time and no
# rate is judged here: they mean nothing on a machine that does other things. RIG=all: of all scenarios, in
# six minutes, two of them the build with libc's allocator, which is kept; when perf/ changes.
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
RESULTS=$TMP/results
# A run of the suite takes those that cost least: every kind of scenario in a tenth of the time.
SCENARIOS=(relay auth memif instructions)
[[ ${RIG:-} != all ]] || read -ra SCENARIOS < <(sed -n 's/^SCENARIOS=(\(.*\))$/\1/p' "$ROOT/perf/run.sh")
KEPT=" instructions "

has() { [[ " ${SCENARIOS[*]} " == *" $1 "* ]]; }

# kept SCENARIO SERVER,SERVER FIGURE...: of those that were run.
kept()
{
	KEPT+="$1 "
	has "$1" || return 0
	python3 "$ROOT/perf/figures.py" check "$RESULTS/$1.json" "${@:2}" 2>"$TMP/kept" ||
		fail "$(cat "$TMP/kept")"
}

SHORT=1 FAIRLEAD_BUILD=$BUILD PERF_RESULTS=$RESULTS "$ROOT/perf/run.sh" "${SCENARIOS[@]}" >"$TMP/table" 2>"$TMP/short.log" ||
	fail "perf/run.sh ${SCENARIOS[*]}: $(tail -n 20 "$TMP/short.log")"
kept relay fairlead cycles_to_peer cycles_to_client cycles_mixed
kept workers workers-1,workers-2 packets_per_s
kept auth fairlead ns
kept srtp fairlead protect unprotect library
kept esp fairlead in out cipher
kept alloc fairlead,coturn setup.per_second
kept memif fairlead,testpmd rate_delivered delivered latency_us.p50 loss_free_rate lost duplicated reordered latency_us.p99_9
kept veth fairlead,testpmd,coturn rate_delivered delivered latency_us.p50 loss_free_rate lost duplicated reordered \
	latency_us.p99_9
kept latency fairlead,testpmd rate_delivered delivered latency_us.p50 latency_us.p99 latency_us.p99_9 latency_us.max
kept memory fairlead,coturn bytes
kept tcp fairlead,nginx,nginx-offload,haproxy mbit_per_s connections_per_s us_p50
kept tap fairlead,nginx-offload mbit_per_s mbit_per_cpu_s
kept tls fairlead,coturn messages_per_s
kept tls fairlead,nginx,haproxy,stunnel mbit_per_s us_p99
kept tls fairlead,fairlead-crypto,nginx,openssl handshakes_per_cpu_s
kept allocator fairlead,libc us_p50 us_p999
kept gateway fairlead cycles_to_b cycles_to_a cycles_ice_check
kept gateway fairlead,rtpengine rate_delivered loss_free_rate latency_us.p50 latency_us.p99 latency_us.p99_9 lost \
	contexts_per_s bytes_per_call
kept splice fairlead,nginx,haproxy,stunnel mbit_per_s us_p50
kept splice fairlead,nginx,haproxy handshakes_per_cpu_s
kept ceilings openssl ns
jq -es 'length == 10 and all(.[]; .instructions > 0 and .commit)' "$RESULTS/instructions.json" >"$TMP/kept" ||
	fail "instructions: $(cat "$RESULTS/instructions.json")"
for f in "${SCENARIOS[@]}"; do
	[[ $KEPT == *" $f "* ]] || fail "scenario $f keeps figures that nothing here asks for"
done
for f in memif veth latency memory; do
	has $f || continue
	python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$RESULTS/$f.svg" 2>"$TMP/svg" ||
		fail "$f.svg is no SVG: $(tail -n 1 "$TMP/svg")"
	grep -q "($f.svg)" "$RESULTS/README.md" || fail "$f.svg is not in results/README.md"
done
grep -q '^| measure |' "$TMP/table" || fail "no table of figures: $(cat "$TMP/table")"
ip netns list | grep -q '^flperf-' && fail "a namespace stays behind"
note "$(wc -l "$RESULTS"/*.json | tail -n 1) of JSON"
