#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Instructions a relayed packet, one of a context, and an authentication takes, counted by callgrind:
# the same on every machine for one compiler, so that a regression shows where a time would drown in
# noise.
#
# Each benchmark runs twice, with few rounds and with more; the difference, over the rounds between
# them, is free of start, first packets and tables that fill. Only what is below the functions under
# test is counted, not the making of packets.
#
# valgrind has no AVX-512, VAES or SHA instructions and says so in CPUID, so DPDK, OpenSSL and glibc
# take their AVX2 ways, whatever the machine has: counts of bench_tls would be of code that does not
# run in earnest, and are not made. Time stamps are emulated; nothing here depends on them.
set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${FAIRLEAD_BUILD:-$ROOT/build}
FEW=100 MORE=400 # rounds
BURST=32	 # packets a round of bench_relay and bench_media
SHARE=100	 # a function with less than one of so many instructions is not listed
TMP=$(mktemp -d /tmp/fairlead-instructions.XXXXXX)
trap 'rm -rf "$TMP"' EXIT

usage()
{
	cat <<-END
	Usage: perf/instructions.sh [--compare FILE | --check FILE | --help]

	Counts instructions and prints one JSON object a line. --compare: prints their ratio to those
	of FILE instead, such as perf/results/instructions.json, which perf/run.sh instructions writes.
	--check: the same, and fails when one is missing, or grew by more than 3 %. FILE may have counts of
	several compilers and processors: those of the same are taken. Relayed packets are judged beside
	another processor's as well, authentications and checks of ICE are not.
	FAIRLEAD_BUILD=DIR names another build directory (build), which should be a release build.
	END
}

die() { printf 'perf/instructions.sh: %s\n' "$*" >&2 && exit 1; }

# The compiler as it signs what it makes; start-up code of the C library is always gcc's.
compiler()
{
	local all
	all=$(readelf -p .comment "$BUILD/perf/bench_relay" | sed -n 's/^ *\[ *[0-9a-f]*\] *//p')
	grep -m 1 clang <<<"$all" || head -n 1 <<<"$all"
}

# count NAME AROUND FUNCTION... -- PROGRAM ARGUMENT...: counts what happens in the functions, a file
# $TMP/NAME.N for the N-th call of AROUND.
count()
{
	local name=$1 around=$2 options=()
	shift 2
	while [[ $1 != -- ]]; do
		options+=("--toggle-collect=$1")
		shift
	done
	shift
	valgrind --tool=callgrind --callgrind-out-file="$TMP/$name" --collect-atstart=no \
		--dump-after="$around*" "${options[@]}" "$@" >"$TMP/$name.out" 2>"$TMP/$name.err" ||
		die "$1: $(tail -n 3 "$TMP/$name.err")"
}

# self FILE: "FUNCTION INSTRUCTIONS" of each, without what it calls. The file gives a name once,
# "fn=(7) rx_burst", and then by its number; one without a symbol is called by its library as well.
self()
{
	awk 'function known(s, names) {
		sub(/^[a-z]+=/, "", s); id = s; sub(/ .*/, "", id)
		if (sub(/^\([0-9]+\) /, "", s)) names[id] = s
		return names[id] }
	     /^ob=/ { lib = known($0, object); sub(/.*\//, "", lib) }
	     /^cob=/ { known($0, object) }
	     /^fn=/ { at = known($0, function_); if (at ~ /^0x/) at = lib ":" at }
	     /^cfn=/ { known($0, function_) }
	     /^calls=/ { skip = 1; next } # the next line is what the callee took
	     /^[-+*0-9]/ { if (!skip) sum[at] += $2; skip = 0 }
	     END { for (f in sum) print f, sum[f] }' "$1"
}

# result BENCH CASE PART UNITS: one line of JSON; UNITS of work are between few rounds and more.
result()
{
	join -a 1 -e 0 -o 0,1.2,2.2 <(self "$TMP/$1.$MORE.$3" | sort) <(self "$TMP/$1.$FEW.$3" | sort) |
		jq -RnSc --arg bench "$1" --arg case "$2" --argjson units "$4" --arg compiler "$COMPILER" \
			--argjson share $SHARE '
		def round1: . * 10 | round / 10;
		[inputs | split(" ") | {key: .[0], value: (((.[1] | tonumber) - (.[2] | tonumber)) / $units)}]
		| (map(.value) | add) as $all
		| {bench: $bench, case: $case, instructions: ($all | round1),
		   functions: (map(select(.value * $share >= $all)) | map(.value |= round1) | from_entries),
		   compiler: $compiler}'
}

relay()
{
	local rounds
	for rounds in $FEW $MORE; do
		count "relay.$rounds" cycles_per_packet rx_burst tx_flush -- \
			"$BUILD/perf/bench_relay" -n 1000 -r "$rounds"
	done
	result relay to_peer 1 $(((MORE - FEW) * BURST))
	result relay to_client 2 $(((MORE - FEW) * BURST))
}

media()
{
	local rounds
	for rounds in $FEW $MORE; do
		count "media.$rounds" cycles_per_packet rx_burst tx_flush -- \
			"$BUILD/perf/bench_media" -n 1000 -r "$rounds"
	done
	result media to_b 1 $(((MORE - FEW) * BURST))
	result media to_a 2 $(((MORE - FEW) * BURST))
	result media ice_check 4 $(((MORE - FEW) * BURST))
}

auth()
{
	local rounds name part=0
	for rounds in $FEW $MORE; do
		count "auth.$rounds" bench auth_check -- "$BUILD/perf/bench_auth" "$rounds"
	done
	while read -r name; do
		result auth "$name" $((++part)) $((MORE - FEW))
	done < <(sed 's/  .*//' "$TMP/auth.$MORE.out")
}

# compare OLD NEW: a line for each case of OLD; false if one is missing, or judged and grew by more than
# 3 %. Of a case that was counted several times the count that is most like ours is taken. Another
# compiler's is never judged; another processor's is where no libcrypto is, which has code for several.
compare()
{
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	jq -rn --arg cpu "$cpu" --slurpfile old "$1" --slurpfile new "$2" '
		[$old | group_by([.bench, .case])[] | .[0] as $o
			| ([$new[] | select(.bench == $o.bench and .case == $o.case)] | first) as $n
			| max_by(.compiler == $n.compiler, (.cpu // $cpu) == $cpu) as $was
			| {name: "\($o.bench) \($o.case)", was: $was.instructions, is: $n.instructions,
			   ratio: ($n | if . then .instructions / $was.instructions else null end),
			   compiler: ($was.compiler == $n.compiler), cpu: (($was.cpu // $cpu) == $cpu), of: $was}
			| .judged = (.compiler and (.cpu or ($o.bench != "auth" and $o.case != "ice_check")))]
		| (.[] | "\(.name): \(.is // "missing"), was \(.was)" +
			if .is then ", ratio \(.ratio * 1000 | round / 1000)" else "" end +
			if .is and (.compiler | not) then ", of another compiler: \(.of.compiler)" else "" end +
			if .is and (.cpu | not) then ", of another processor: \(.of.cpu)" else "" end +
			if .is and (.judged | not) then ": not judged, record it by perf/run.sh instructions" else "" end),
		  if length == 0 or any(.is == null or (.judged and .ratio > 1.03))
		  then "" | halt_error(1) else empty end'
}

what=${1:-} file=${2:-}
case $what in
-h | --help) usage && exit ;;
--compare | --check) [[ -s $file && $# == 2 ]] || { usage >&2 && exit 2; } ;;
'') ;;
*) usage >&2 && exit 2 ;;
esac
command -v valgrind >/dev/null || die "valgrind is not installed"
COMPILER=$(compiler)
relay >"$TMP/new"
media >>"$TMP/new"
auth >>"$TMP/new"
case $what in
'') cat "$TMP/new" ;;
--compare) compare "$file" "$TMP/new" || true ;;
--check) compare "$file" "$TMP/new" || die "a count is missing, or grew by more than 3 %" ;;
esac
