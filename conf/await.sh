# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# await SECONDS COMMAND...: until it succeeds; false when the time is over. Never sleep instead.
await()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}
