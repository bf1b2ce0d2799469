# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs of coturn's client that must lose nothing, several side by side.
RUNNING=()
RELAYS_LEAST=100 # per cent of relays' messages that must come back

# relays WHAT MESSAGES ARGUMENT...: so many come back, but for RELAYS_LEAST. Over TLS (-S) the client takes
# one message of a record and forgets the rest; the busier the machine, the more of them share one. That
# none is lost there is shown by the relay's counter (to_clients), and with clients that can count
# (load.py, turn_load).
relays()
{
	local what=$1 messages=$2 log=$TMP/$1.log least=$(($2 * RELAYS_LEAST / 100))
	if [[ " $* " == *" -S "* ]]; then
		many "$@"
		return
	fi
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	(($(uclient_received "$log") == messages)) || fl drops
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -ge "$least"
	assert_num "$what: lost" "$(uclient_lost "$log")" -le $((messages - least))
	note "$what: $(uclient_received "$log") of $messages"
}

# to_clients: datagrams that were relayed to clients.
to_clients() { counter relay_to_client; }

# many WHAT MESSAGES ARGUMENT...: some of them come back, by the client's count.
many()
{
	local what=$1 messages=$2 log=$TMP/$1.log
	shift 2
	uclient "$log" "$@" || fail "$what: turnutils_uclient $*: $(tail -n 2 "$log")"
	assert_num "$what: messages that came back" "$(uclient_received "$log")" -gt 0
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
