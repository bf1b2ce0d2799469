#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 5 s: time of one authentication, each way there is
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=auth TURN=1

rig_begin
bench "$BUILD/perf/bench_auth"
# Lines are "what it is   123 ns".
sed -nE 's/^(.*[^ ]) +([0-9]+) ns$/\1|\2/p' "$TMP/out" |
	while IFS='|' read -r what ns; do
		keep fairlead what="$what" <<<"{\"ns\": $ns}"
	done
