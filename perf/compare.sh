#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two commits beside each other, each built as it was in a worktree of its own that goes again.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
TURNS=${TURNS:-5}
PID=

usage()
{
	cat <<-'END'
	Usage: perf/compare.sh A B [BENCHMARK...]

	Runs each BENCHMARK of commits A and B in turn (a b a b ...) on CPU 1, and prints medians and the
	ratio of B to A, with the lowest and the highest, as a Markdown table. A BENCHMARK is a program of
	perf/ with its arguments that prints one JSON object; these by default:

	  'bench_relay -n 1000' 'bench_relay -n 100000'

	TURNS=5  turns
	END
}

say() { printf 'compare: %s\n' "$*" >&2; }

die()
{
	say "$*"
	exit 1
}

on_exit()
{
	local rc=$? side
	trap - EXIT
	trap '' INT TERM
	[[ -z $PID ]] || kill "$PID" 2>/dev/null || true
	for side in A B; do
		git -C "$ROOT" worktree remove --force "$TMP/$side" 2>/dev/null || true
	done
	rm -rf "$TMP"
	exit $rc
}

# wait_for COMMAND...: in the background, so that a signal need not wait for its end.
wait_for()
{
	local rc=0
	"$@" </dev/null &
	PID=$!
	wait "$PID" || rc=$?
	PID=
	return $rc
}

# build SIDE COMMIT PROGRAM...
build()
{
	say "building $2"
	git -C "$ROOT" worktree add --detach "$TMP/$1" "$2" >"$TMP/log" 2>&1 || die "$(tail -n 1 "$TMP/log")"
	wait_for meson setup "$TMP/$1/build" "$TMP/$1" >"$TMP/log" 2>&1 &&
		wait_for ninja -C "$TMP/$1/build" "${@:3}" >"$TMP/log" 2>&1 ||
		die "$2 does not build: $(tail -n 5 "$TMP/log")"
}

# run SIDE TURN BENCHMARK
run()
{
	local words
	read -ra words <<<"$3"
	wait_for taskset -c 1 "$TMP/$1/build/perf/${words[0]}" "${words[@]:1}" >"$TMP/out" 2>"$TMP/log" ||
		die "$3 of $1 failed: $(tail -n 3 "$TMP/log")"
	python3 "$ROOT/perf/figures.py" run compare "$1" "$2" "benchmark=$3" <"$TMP/out" >>"$TMP/runs"
}

main()
{
	local a b turn side benchmark programs=() n=0
	if [[ ${1:-} == --help || ${1:-} == -h ]]; then usage && return; fi
	(($# >= 2)) || { usage >&2; return 2; }
	a=$(git -C "$ROOT" rev-parse --verify --quiet --short "$1^{commit}") || die "$1 is no commit"
	b=$(git -C "$ROOT" rev-parse --verify --quiet --short "$2^{commit}") || die "$2 is no commit"
	shift 2
	(($#)) || set -- 'bench_relay -n 1000' 'bench_relay -n 100000'
	for benchmark; do programs+=("perf/${benchmark%% *}"); done
	TMP=$(mktemp -d)
	trap on_exit EXIT
	trap 'exit 130' INT TERM
	build A "$a" "${programs[@]}"
	build B "$b" "${programs[@]}"
	for turn in $(seq "$TURNS"); do
		for benchmark; do
			for side in A B; do
				say "$benchmark, $side, $((++n)) of $((TURNS * $# * 2))"
				run $side "$turn" "$benchmark"
			done
		done
	done
	python3 "$ROOT/perf/table.py" --compare "$TMP/runs" "$a" "$b"
}

main "$@"
