#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Lints the manual pages that are named, as they were built.
set -euo pipefail
rc=0
[[ $# -gt 0 ]]
for page; do
	if command -v mandoc >/dev/null; then
		out=$(mandoc -T lint -W warning "$page" 2>&1 || true)
	elif command -v man >/dev/null; then
		out=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
	else
		echo "neither mandoc nor man is installed" >&2
		exit 77
	fi
	if [ -n "$out" ]; then
		printf '%s: %s\n' "$page" "$out" >&2
		rc=1
	fi
done
exit $rc
