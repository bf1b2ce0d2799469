#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the fuzzers found goes into the tree: as few and as small units as cover it.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$ROOT" || exit 1
FUZZERS=build-sanitized/tests/fuzz
CORPUS=tests/fuzz/corpus
FOUND=build-found
CRASHES=build-crashes
UNITS_MAX=300
KB_MAX=1024

usage()
{
	cat <<-END
	Usage: tests/fuzz/merge.sh [NAME... | --help]

	Minimises corpora of fuzz targets, all or those named: $CORPUS/NAME becomes
	what covers as much as it did together with what runs found ($FOUND/NAME), and says how
	many units there were and are. Units with a name of their own are seeds, which stay whatever
	they cover; those named by their hash are the fuzzer's. $FOUND/NAME is empty then.

	Where more than $UNITS_MAX units or $KB_MAX KB remain, how often a piece of code ran does not
	count, only that it did. The targets are those of build-sanitized/, made by tests/run.sh or

	    CC=clang meson setup build-sanitized -Db_sanitize=address,undefined -Db_lundef=false \\
	        -Dfuzz=true -Dbuildtype=debugoptimized -Db_ndebug=false && ninja -C build-sanitized
	END
}

say() { echo "merge.sh: $*" >&2; }

units() { find "$@" -type f 2>/dev/null | wc -l; }
kbytes() { find "$@" -type f -printf '%s\n' | awk '{ n += $1 } END { print int((n + 1023) / 1024) }'; }
too_many() { (($(units "$1") > UNITS_MAX || $(kbytes "$1") > KB_MAX)); }

# cover NAME TO OPTION...: seeds, and units of the fuzzer's that cover what they do not.
cover()
{
	local name=$1 to=$2 log rc=0
	shift 2
	rm -rf "$to"
	mkdir -p "$to" "$FOUND/$name" "$CRASHES"
	find "$CORPUS/$name" -type f -regextype posix-extended -not -regex '.*/[0-9a-f]{40}' -exec cp -t "$to" {} +
	log=$(mktemp)
	"$FUZZERS/fuzz_$name" -merge=1 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$CRASHES/$name-" \
		"$@" "$to" "$CORPUS/$name" "$FOUND/$name" >"$log" 2>&1 </dev/null || rc=$?
	((!rc)) || tail -n 20 "$log" >&2
	rm "$log"
	return $rc
}

merge()
{
	local name=$1 to=$FOUND/$1.merged before found
	before=$(units "$CORPUS/$name")
	found=$(units "$FOUND/$name")
	cover "$name" "$to" && { ! too_many "$to" || cover "$name" "$to" -use_counters=0; } || return
	if too_many "$to"; then
		say "$name: $(units "$to") units of $(kbytes "$to") KB are too many"
		return 1
	fi
	rm -rf "${CORPUS:?}/$name" "${FOUND:?}/$name"
	mv "$to" "$CORPUS/$name"
	echo "$name: $before units and $found found, now $(units "$CORPUS/$name") of $(kbytes "$CORPUS/$name") KB"
}

main()
{
	local names=("$@") name rc=0
	case ${1:-} in
	-h | --help) usage; exit ;;
	-*) usage >&2; exit 2 ;;
	esac
	(($#)) || mapfile -t names < <(ls "$CORPUS")
	for name in "${names[@]}"; do
		[[ -d $CORPUS/$name ]] || { say "there is no $CORPUS/$name"; exit 2; }
		[[ -x $FUZZERS/fuzz_$name ]] || { say "there is no $FUZZERS/fuzz_$name: see --help"; exit 1; }
	done
	export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	for name in "${names[@]}"; do
		merge "$name" || { say "$name stays as it was"; rc=1; }
		rm -rf "$FOUND/$name.merged"
	done
	exit $rc
}

main "$@"
