#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs the micro-benchmarks and writes their figures, one JSON object a line, to perf/results/.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${FAIRLEAD_BUILD:-$ROOT/build}
SESSIONS=(1000 100000 1000000)

usage()
{
	cat <<-END
	Usage: perf/run.sh [SCENARIO | --help]

	  relay  cycles per packet of the relay path, both directions, and bytes per session
	  auth   time of one authentication
	  tcp    cycles of the TCP stack; joined connections beside nginx's stream proxy
	  tls    TLS through Fairlead beside coturn, nginx, stunnel and OpenSSL alone; records
	         beside libipsec-mb and OpenSSL
	  all    all of these (default)

	Results: perf/results/SCENARIO.json, one JSON object a line, with date, commit and machine.
	FAIRLEAD_BUILD=DIR names another build directory (build). Runs on CPU 1.
	END
}

say() { printf 'perf: %s\n' "$*" >&2; }

# stamp: what every line of results carries.
stamp()
{
	local cpu commit
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	commit=$(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown)
	printf '"date": "%s", "commit": "%s", "cpu": "%s", "cpus": %s' \
		"$(date -u +%F)" "$commit" "$cpu" "$(nproc)"
}

# keep FILE LINE: one line of JSON with the stamp in it, shown and kept.
keep()
{
	[[ $2 == '{'*'}' ]] || { say "no figure: $2"; exit 1; }
	printf '%s, %s}\n' "${2%\}}" "$(stamp)" | tee -a "$1"
}

# The benchmark takes huge pages where enough are free: pages for its 1,400 MB heap.
huge_flag()
{
	local free size
	free=$(sed -n 's/^HugePages_Free: *//p' /proc/meminfo)
	size=$(sed -n 's/^Hugepagesize: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	if ((free * size / 1024 >= 1400)); then
		echo -H
	fi
}

run_relay()
{
	local n out=$ROOT/perf/results/relay.json flag
	flag=$(huge_flag)
	[[ -n $flag ]] || say "not enough huge pages (sysctl vm.nr_hugepages=720): ordinary pages"
	: >"$out"
	for n in "${SESSIONS[@]}"; do
		say "relay path, $n sessions"
		keep "$out" "$("$BUILD/perf/bench_relay" $flag -n "$n" | tail -n 1)"
	done
}

run_auth()
{
	say "authentication"
	"$BUILD/perf/bench_auth" | tee "$ROOT/perf/results/auth.txt"
}

run_tcp()
{
	local out=$ROOT/perf/results/tcp.json line args
	: >"$out"
	for args in sink source splice '-c 1000 sink' '-c 1000 source' '-c 1000 splice' \
		'-c 100 -t 300000 open' '-c 100000 idle'; do
		say "TCP stack: $args"
		# shellcheck disable=SC2086 # words
		keep "$out" "$("$BUILD/perf/bench_tcp" $args | tail -n 1)"
	done
	[[ -x $(command -v nginx) ]] || { say "nginx is not installed: no comparison"; return 1; }
	"$ROOT/perf/tcp.sh" "$BUILD" >"$out.lines"
	while read -r line; do
		keep "$out" "$line" >/dev/null
	done <"$out.lines"
	tail -n 4 "$out.lines"
	rm -f "$out.lines"
}

run_tls_records()
{
	local out=$ROOT/perf/results/tls_records.json cipher bytes
	: >"$out"
	for cipher in aes128 aes256 chacha20; do
		for bytes in 200 1350 16384; do
			say "TLS records: $cipher, $bytes bytes"
			keep "$out" "$("$BUILD/perf/bench_tls" "$cipher" "$bytes" | tail -n 1)"
		done
	done
}

run_tls_shakes()
{
	local out=$ROOT/perf/results/tls_shakes.json args
	: >"$out"
	for args in '1.3 ecdsa' '1.3 rsa' '1.2 ecdsa' '1.2 rsa' '1.3 ecdsa resume' '1.2 ecdsa resume'; do
		say "TLS handshakes: $args"
		# shellcheck disable=SC2086 # words
		keep "$out" "$("$BUILD/perf/bench_shake" $args | tail -n 1)"
	done
}

run_tls()
{
	local out=$ROOT/perf/results/tls.json line program
	for program in nginx turnserver stunnel4; do
		[[ -x $(command -v $program) ]] ||
			{ say "$program is not installed: no comparison"; return 1; }
	done
	: >"$out"
	"$ROOT/perf/tls.sh" -b "$BUILD" >"$out.lines"
	while read -r line; do
		keep "$out" "$line" >/dev/null
	done <"$out.lines"
	grep '"figure"' "$out.lines"
	rm -f "$out.lines"
}

main()
{
	local what=${1:-all}
	case $what in
	-h | --help) usage && return ;;
	relay | auth | tcp | tls | all) ;;
	*) usage >&2 && return 2 ;;
	esac
	[[ -f $BUILD/build.ninja ]] || meson setup "$BUILD" "$ROOT" >/dev/null
	ninja -C "$BUILD" perf/bench_relay perf/bench_auth perf/bench_tcp perf/tcp_load \
		perf/bench_tls perf/bench_shake perf/tls_load fairlead-dp fairlead-cp fairlead \
		tests/tcp/tcp-agent >/dev/null
	mkdir -p "$ROOT/perf/results"
	[[ $what != all && $what != relay ]] || run_relay
	[[ $what != all && $what != auth ]] || run_auth
	[[ $what != all && $what != tcp ]] || run_tcp
	[[ $what != all && $what != tls ]] || run_tls_records
	[[ $what != all && $what != tls ]] || run_tls_shakes
	[[ $what != all && $what != tls ]] || run_tls
}

main "$@"
