#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# R70 across a change of the boundary, with the programs that were before it: each commit named, or those
# before the last two changes of CTL_ABI_VERSION, is built outside of the tree's own builds, and
# tests/e2e/upgrade_from.sh takes a relay under load from its programs to these.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ ${1:-} != -* ]] || { echo "Usage: tests/upgrade.sh [COMMIT]..."; exit $(($1 == "--help" ? 0 : 2)); }

if (($# == 0)); then
	mapfile -t changes < <(git log -n 2 --format=%H -G '^#define CTL_ABI_VERSION ' -- lib/ctl_abi.h)
	((${#changes[@]} == 2)) || { echo "upgrade: no history of lib/ctl_abi.h in this clone" >&2; exit 1; }
	set -- "${changes[@]/%/~1}"
fi
for commit; do
	commit=$(git rev-parse --short "$commit^{commit}")
	old=$PWD/build-old/$commit
	if [[ ! -e $old/meson.build ]]; then
		mkdir -p "$old"
		git archive "$commit" | tar -x -C "$old"
	fi
	echo "upgrade: building $commit, boundary $(sed -n 's/^#define CTL_ABI_VERSION \([0-9]*\).*/\1/p' "$old/lib/ctl_abi.h")"
	{
		[[ -f $old/build/build.ninja ]] || meson setup "$old/build" "$old"
		ninja -C "$old/build" fairlead-dp fairlead-cp fairlead
	} >"$old/log" 2>&1 || { tail -n 20 "$old/log" >&2; exit 1; }
	tests/e2e/upgrade_from.sh "$old"
done
