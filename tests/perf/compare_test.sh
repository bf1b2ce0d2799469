#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# perf/compare.sh: what it says of figures that are known, what it refuses, that it leaves nothing
# behind; and that it runs the benchmarks of a build, here beside itself.
set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
REAL=${FAIRLEAD_BUILD:-$ROOT/build}
HERE=$(mktemp -d /tmp/fairlead-compare.XXXXXX)
trap 'rm -rf "$HERE"' EXIT
export TMPDIR=$HERE/tmp # of compare.sh
mkdir "$TMPDIR"
cd "$HERE"

fail()
{
	echo "compare: $*: $(tail -n 5 "$HERE/out")" >&2
	exit 1
}

# gives SIDE FIGURE...: a build whose benchmark says one after the other; it keeps who ran when.
gives()
{
	mkdir -p "$1/perf"
	touch "$1/build.ninja"
	printf '%s\n' "${@:2}" >"$1/figures"
	cat >"$1/perf/bench" <<-'END'
	#!/bin/sh
	cd "$(dirname "$0")/.." || exit
	echo "$(basename "$PWD") $*" >>../order
	echo "words before the figures"
	head -n 1 figures
	sed -i 1d figures
	END
	chmod +x "$1/perf/bench"
}

# compare RC WORD...: leaves what it said in out, and nothing else.
compare()
{
	local rc=0
	"$ROOT/perf/compare.sh" "${@:2}" >out 2>err </dev/null || rc=$?
	cat err >>out
	((rc == $1)) || fail "exit code $rc and not $1 with: ${*:2}"
	[[ -z $(ls "$TMPDIR") ]] || fail "left: $(ls "$TMPDIR")"
}

said() { grep -qF -- "$1" out || fail "does not say '$1'"; }

# ---- arithmetic: medians; of the ratios too, whose turns belong together ----

gives old '{"ns": 100, "of": {"x": 8}, "n": 5}' '{"ns": 200, "of": {"x": 8}, "n": 5}' \
	'{"ns": 400, "of": {"x": 9}, "n": 5}'
gives new '{"ns": 300, "of": {"x": 4}, "n": 5}' '{"ns": 100, "of": {"x": 9}, "n": 5}' \
	'{"ns": 300, "of": {"x": 9}, "n": 5}'
TURNS=3 compare 0 old new 'bench -n 7'
diff - <(grep '^|' out) <<-'END' || fail "another table"
| benchmark | figure | old | new | ratio |
|---|---|---|---|---|
| bench -n 7 | ns | 200 | 300 | 0.75 (0.50 to 3.00) |
| bench -n 7 | of.x | 8 | 9 | 1.00 (0.50 to 1.12) |
END
[[ $(tr '\n' , <order) == "old -n 7,new -n 7,old -n 7,new -n 7,old -n 7,new -n 7," ]] || fail "in no turn: $(<order)"

# ---- what it refuses ----

compare 0 --help
said Usage
compare 2
compare 2 old
said Usage
compare 1 old no-such-commit bench
said "no-such-commit is no commit and no build directory"
TURNS=0 compare 1 old new bench
said "TURNS: '0'"
compare 1 old new bench # whose figures are used up
said "no figures came"
compare 1 old new none
said "none of A failed"
printf '#!/bin/sh\necho at fault >&2; exit 3\n' >new/perf/bench
echo '{"ns": 1}' >old/figures
compare 1 old new bench
said "bench of B failed: at fault"

# ---- interrupted: the benchmark ends, too ----

mkfifo begun
printf '#!/bin/sh\necho $$ >%s/begun\nexec sleep 600\n' "$HERE" >old/perf/bench
"$ROOT/perf/compare.sh" old new bench >out 2>&1 </dev/null &
pid=$!
read -r bench <begun
kill -TERM $pid
rc=0
wait $pid || rc=$?
((rc == 130)) || fail "exit code $rc when interrupted"
[[ -z $(ls "$TMPDIR") ]] || fail "left: $(ls "$TMPDIR")"
for ((i = 0; i < 100; i++)); do
	[[ -e /proc/$bench ]] || break
	sleep 0.1
done
[[ ! -e /proc/$bench ]] || fail "the benchmark goes on"

# ---- a build beside itself ----

TURNS=1 compare 0 "$REAL" "$REAL" 'bench_relay -n 10 -r 10'
said '| bench_relay -n 10 -r 10 | '
