#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemons run on the allocator they were built for: what an option of the build, a linker that
# leaves libraries out or another one in the environment changes would show in figures only.
#   allocator_test.sh jemalloc|malloc PROGRAM...
set -euo pipefail
want=$1
shift
rc=0
for program; do
	told=$("$program" --version)
	[[ $told == *", $want "* ]] || { echo "$program: '$told' does not name $want" >&2; rc=1; }
done
exit $rc
