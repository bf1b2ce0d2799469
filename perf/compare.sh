#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two commits beside each other, each built as it was in a worktree of its own that goes again; or two
# builds that are there.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
TURNS=${TURNS:-5}
PID=
declare -A NAME=() BUILD=() # of sides A and B

usage()
{
	cat <<-'END'
	Usage: perf/compare.sh A B [BENCHMARK...]

	Runs each BENCHMARK of A and B, commits or build directories, in turn (a b a b ...) on CPU 1, and
	prints medians and the ratio of B to A, with the lowest and the highest, as a Markdown table. A
	BENCHMARK is a program of perf/ with its arguments that prints one JSON object; these by default:

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

# place SIDE COMMIT|DIRECTORY
place()
{
	if [[ -f $2/build.ninja ]]; then
		NAME[$1]=$2
		BUILD[$1]=$(cd "$2" && pwd -P)
	else
		NAME[$1]=$(git -C "$ROOT" rev-parse --verify --quiet --short "$2^{commit}") ||
			die "$2 is no commit and no build directory"
	fi
}

# build SIDE PROGRAM...: unless it is built.
build()
{
	local commit=${NAME[$1]} at=$TMP/$1
	[[ -z ${BUILD[$1]:-} ]] || return 0
	say "building $commit"
	git -C "$ROOT" worktree add --detach "$at" "$commit" >"$TMP/log" 2>&1 || die "$(tail -n 1 "$TMP/log")"
	wait_for meson setup "$at/build" "$at" >"$TMP/log" 2>&1 &&
		wait_for ninja -C "$at/build" "${@:2}" >"$TMP/log" 2>&1 ||
		die "$commit does not build: $(tail -n 5 "$TMP/log")"
	BUILD[$1]=$at/build
}

# run SIDE TURN BENCHMARK
run()
{
	local words
	read -ra words <<<"$3"
	wait_for taskset -c 1 "${BUILD[$1]}/perf/${words[0]}" "${words[@]:1}" >"$TMP/out" 2>"$TMP/log" ||
		die "$3 of $1 failed: $(tail -n 3 "$TMP/log")"
	python3 "$ROOT/perf/figures.py" run compare "$1" "$2" "benchmark=$3" <"$TMP/out" >>"$TMP/runs"
}

main()
{
	local turn side benchmark programs=() n=0
	if [[ ${1:-} == --help || ${1:-} == -h ]]; then usage && return; fi
	(($# >= 2)) || { usage >&2; return 2; }
	[[ $TURNS =~ ^[1-9][0-9]{0,5}$ ]] || die "TURNS: '$TURNS' is no number of turns"
	place A "$1"
	place B "$2"
	shift 2
	(($#)) || set -- 'bench_relay -n 1000' 'bench_relay -n 100000'
	for benchmark; do programs+=("perf/${benchmark%% *}"); done
	TMP=$(mktemp -d)
	trap on_exit EXIT
	trap 'exit 130' INT TERM
	for side in A B; do build $side "${programs[@]}"; done
	for turn in $(seq "$TURNS"); do
		for benchmark; do
			for side in A B; do
				say "$benchmark, $side, $((++n)) of $((TURNS * $# * 2))"
				run $side "$turn" "$benchmark"
			done
		done
	done
	python3 "$ROOT/perf/table.py" --compare "$TMP/runs" "${NAME[A]}" "${NAME[B]}"
}

main "$@"
