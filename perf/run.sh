#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds what is measured and what measures, runs scenarios one after another, keeps their figures,
# and makes tables and plots of all that were kept.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${FAIRLEAD_BUILD:-$ROOT/build}
RESULTS=${PERF_RESULTS:-$ROOT/perf/results}
SCENARIOS=(relay workers auth srtp esp alloc memif veth latency memory tcp tap tls allocator gateway splice ceilings instructions)
PROGRAMS=(perf/bench_relay perf/bench_media perf/bench_srtp perf/bench_esp perf/bench_alloc perf/bench_sessions perf/bench_auth perf/bench_tcp perf/bench_tls
	perf/bench_handshake perf/tcp_load perf/tls_load perf/turn_load
	fairlead-dp fairlead-cp fairlead)
CHILD=

usage()
{
	local s
	cat <<-END
	Usage: perf/run.sh [SCENARIO... | all | short | --help]      as root

	END
	for s in "${SCENARIOS[@]}"; do
		printf '  %-13s' "$s"
		sed -n '3s/^# //p' "$ROOT/perf/scenario/$s.sh"
	done
	cat <<-END
	  all          27 min: all of these (default)
	  short        3 min: as little of each but allocator as shows that it works; the figures mean nothing

	What is missing is installed from Debian (conf/packages.txt: build, run, perf). The server under
	test has CPU 0, the load CPU 1. Runs of servers are in turn (a b a b ...); ratios are medians of
	those of each turn.

	Results: perf/results/SCENARIO.json, one JSON object a line, each with date, commit, machine and
	versions; tables in perf/results/README.md and README.md; plots in perf/results/*.svg.

	coturn has its users in memory, writes no log, serves nothing else, and has one relay thread
	(COTURN_THREADS), since it has one CPU. Runs have priority over what else the machine does
	(PRIORITY=-10, as of nice; with 0 nothing has, nor is a thread real-time).

	COTURN=PATH TESTPMD=PATH NGINX=PATH HAPROXY=PATH STUNNEL=PATH RTPENGINE=PATH
	                    other rivals than Debian's
	SECS=1 TURNS=3      seconds of a run, turns (at most two of what README.md's table does not hold)
	LOSS=0.0001         share of packets a rate may lose and be free of loss
	FAIRLEAD_BUILD=DIR  another build directory (build)
	PERF_RESULTS=DIR    another place for the results
	END
}

say() { printf 'perf: %s\n' "$*" >&2; }

die()
{
	say "$*"
	exit 1
}

# version COMMAND... SED: what the sed expression makes of what it says; nothing if it is missing.
version()
{
	local expr=${*: -1}
	{ "${@:1:$#-1}" 2>&1 || true; } | sed -nE "$expr" | head -n 1
}

# commit: what is checked out, and whether other than results was changed.
commit()
{
	local id
	id=$(git -C "$ROOT" describe --always 2>/dev/null) || { echo unknown; return; }
	git -C "$ROOT" diff --quiet HEAD -- . ':!perf/results' ':!README.md' 2>/dev/null || id+=-dirty
	echo "$id"
}

# stamp COMMIT: what every line of results carries, as JSON.
stamp()
{
	python3 - "$1" <<-END
	import json, os, platform, sys, time
	cpu = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")),
	           platform.machine())
	versions = {"dpdk": "$(version pkg-config --modversion libdpdk p)",
	            "openssl": "$(version openssl version 's/^OpenSSL ([^ ]*).*/\1/p')",
	            "coturn": "$(version "${COTURN:-turnserver}" --version 's/^([0-9.]+)$/\1/p')",
	            "nginx": "$(version "${NGINX:-nginx}" -v 's/.*nginx.([0-9.]+).*/\1/p')",
	            "haproxy": "$(version "${HAPROXY:-haproxy}" -v 's/.*version ([0-9.]+).*/\1/p')",
	            "rtpengine": "$(version "${RTPENGINE:-rtpengine}" --version 's/^Version: ([0-9.]+).*/\1/p')",
	            "stunnel": "$(version "${STUNNEL:-stunnel4}" -version 's/^stunnel ([0-9.]+).*/\1/p')"}
	print(json.dumps({"date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": sys.argv[1],
	                  "cpu": cpu, "cpus": os.cpu_count(), "kernel": platform.release(),
	                  "load_average": round(os.getloadavg()[0], 2),
	                  "versions": {k: v for k, v in versions.items() if v}}))
	END
}

build()
{
	local log=$TMP/build.log
	say "building into $BUILD"
	{ [[ -f $BUILD/build.ninja ]] || meson setup "$BUILD" "$ROOT"; } >"$log" 2>&1 &&
		ninja -C "$BUILD" "${PROGRAMS[@]}" >>"$log" 2>&1 ||
		die "the build failed; $(tail -n 5 "$log")"
}

on_signal()
{
	trap '' INT TERM
	[[ -z $CHILD ]] || { kill "$CHILD" 2>/dev/null; wait "$CHILD" || true; }
	exit 130
}

# scenario NAME: its lines replace those of an earlier run when it has ended well, but for instructions that
# another processor or compiler took; false, too, when some of its runs failed. In the background, so that a signal to us alone ends it too.
scenario()
{
	local lines=$TMP/lines rc=0
	setsid "$ROOT/perf/scenario/$1.sh" >"$lines" &
	CHILD=$!
	wait $CHILD || rc=$?
	CHILD=
	if ((rc == 0)); then
		PERF_STAMP=$(stamp "$COMMIT") python3 "$ROOT/perf/figures.py" stamp "$RESULTS/$1.json" <"$lines" >"$lines.stamped" &&
			mv "$lines.stamped" "$RESULTS/$1.json" &&
			python3 "$ROOT/perf/figures.py" failed "$RESULTS/$1.json" || rc=1
	fi
	return $rc
}

main()
{
	local s n=0 failed=() readme begin
	case ${1:-all} in
	-h | --help) usage && return ;;
	all) ;;
	short)
		export SHORT=1
		mapfile -t SCENARIOS < <(printf '%s\n' "${SCENARIOS[@]}" | grep -vx allocator) # it builds the tree once more
		[[ -n ${PERF_RESULTS:-} ]] || RESULTS=$BUILD/perf-short
		;;
	*)
		for s; do
			[[ " ${SCENARIOS[*]} " == *" $s "* ]] || { usage >&2; return 2; }
		done
		SCENARIOS=("$@")
		;;
	esac
	((EUID == 0)) || die "needs root, for namespaces, huge pages and network ports"
	(($(nproc) >= 2)) || die "needs two CPUs: one for the server under test, one for the load"
	exec 9>/run/fairlead-rig.lock
	flock -n 9 || die "another benchmark is at work"
	export RIG_LOCKED=1
	TMP=$(mktemp -d /tmp/fairlead-run.XXXXXX)
	trap 'rm -rf "$TMP"' EXIT
	trap on_signal INT TERM
	"$ROOT/conf/quickstart.sh" --install build run perf >&2 9>&-
	build 9>&-
	COMMIT=$(commit)
	mkdir -p "$RESULTS"
	for s in "${SCENARIOS[@]}"; do
		begin=$SECONDS
		say "== $s, $((++n)) of ${#SCENARIOS[@]}: $(sed -n '3s/^# //p' "$ROOT/perf/scenario/$s.sh")"
		scenario "$s" 9>&- || { say "$s failed"; failed+=("$s"); }
		say "== $s: $((SECONDS - begin)) s"
	done
	python3 "$ROOT/perf/plot.py" "$RESULTS" >&2 || failed+=(plots)
	readme=()
	[[ $RESULTS != "$ROOT/perf/results" ]] || readme=("$ROOT/README.md")
	python3 "$ROOT/perf/table.py" "$RESULTS" "${readme[@]}" || failed+=(tables)
	((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
}

main "$@"
