# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs of coturn's client that must lose nothing, several side by side.
RUNNING=()

# relays WHAT MESSAGES ARGUMENT...: so many come back and none is lost. Over TLS (-S) the client takes
# one message of a record and forgets the rest; on a busy machine several share one, so half will do:
# that none is lost there is shown with clients that can count (load.py, turn_load).
relays()
{
	local what=$1 messages=$2 log=$TMP/$1.log
	if [[ " $* " == *" -S "* ]]; then
		many "$@"
		return
	fi
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	(($(uclient_received "$log") == messages)) || fl drops
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -eq "$messages"
	assert_num "$what: lost" "$(uclient_lost "$log")" -eq 0
	note "$what: $messages of $messages"
}

# many WHAT MESSAGES ARGUMENT...: half of them come back, at least.
many()
{
	local what=$1 messages=$2 log=$TMP/$1.log
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -ge $((messages / 2))
	note "$what: the client counts $(uclient_received "$log") of $messages"
}

# Side by side, since each client spends most of its time waiting for late messages.
also()
{
	"$@" &
	RUNNING+=($!)
}

all_end()
{
	local pid failed=0
	for pid in "${RUNNING[@]}"; do
		wait "$pid" || failed=1
	done
	RUNNING=()
	((!failed)) || exit 1
}
