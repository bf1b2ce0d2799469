# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# await SECONDS COMMAND...: until it succeeds; false when the time is over. Never sleep instead. AWAIT_TIMES: so many
# times as long, where the processor is slow.
await()
{
	local end=$((SECONDS + $1 * ${AWAIT_TIMES:-1}))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}
