# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For tests/e2e/*_test.sh, which begin so:
#
#   #!/usr/bin/env bash
#   # What this test pins, and where the standard or a requirement asks for it.
#   . "$(dirname "$0")/lib.sh"
#
# A test runs as root against the programs in build/ (or E2E_BUILD) and the namespaces of conf/quickstart.sh,
# which run when it begins. It passes when it ends with 0; skip() counts as a failure, since what
# did not run has shown nothing. What a test starts it ends: processes by start(), a configuration
# by relay_config().
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
# shellcheck source=conf/netns.sh
. "$ROOT/conf/netns.sh"
# shellcheck source=conf/owner.sh
. "$ROOT/conf/owner.sh"
BUILD=${E2E_BUILD:-$ROOT/build}
SAMPLE=$ROOT/conf/fairlead.yaml
E2E=$ROOT/tests/e2e
RUN=/run/fairlead-quickstart # its directories, and the configuration in force
STATE=/var/lib/fairlead-quickstart
OWN_RUN=$RUN/control OWN_STATE=$STATE/control # of fairlead-cp's user
CONFIG=$RUN/fairlead.yaml
NAME=$(basename "$0" _test.sh)
NS=fl # of the namespaces; a test with its own has another, and they go with it
TMP=$(mktemp -d "/tmp/fairlead-$NAME.XXXXXX")
CLIENT4=10.1.0.2 CLIENT6=fd00:1::2 # in fl-client
PEER4=10.2.0.2 PEER6=fd00:2::2	   # in fl-peer
SERVER4=10.1.0.1 SERVER6=fd00:1::1 # listeners
RELAY4=10.2.0.1 RELAY6=fd00:2::1   # relayed addresses
TLS=$STATE/tls CA=$TLS/ca.pem # certificates of conf/quickstart.sh
export ROOT BUILD SAMPLE CONFIG E2E RUN STATE OWN_RUN OWN_STATE CLIENT4 CLIENT6 PEER4 PEER6 SERVER4 SERVER6 RELAY4 RELAY6 TLS CA

STARTED=()
CAPTURES=()
OWN_CONFIG=
SAID= # by fail() or skip(), why it ends
AT_END= # a function that takes back what the test changed outside of $TMP
# shellcheck source=tests/e2e/far_end.sh
. "$ROOT/tests/e2e/far_end.sh"

on_exit()
{
	local rc=$? pid
	trap - EXIT
	((!rc)) || [[ -n $SAID ]] || echo "$NAME: ended with exit code $rc by: $BASH_COMMAND"
	((rc)) || far_end_right || rc=1
	if ((rc)) && [[ -e $TMP/drops ]]; then
		echo "$NAME: dropped meanwhile: $(drops 2>&1 | grep -vxF -f "$TMP/drops" | xargs)"
	fi
	# A lane's /run goes with it.
	((!rc)) || cp "$RUN"/*.log "$TMP" 2>/dev/null || true
	for pid in "${STARTED[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	[[ -z $AT_END ]] || "$AT_END" || true
	if [[ -n $OWN_CONFIG ]]; then
		"$ROOT/conf/quickstart.sh" --down >/dev/null || true
	fi
	[[ $NS == fl ]] || own_namespaces_del
	if ((rc == 0)); then
		rm -rf "$TMP"
	else
		echo "$NAME: what it wrote is in $TMP"
	fi
	exit "$rc"
}
trap on_exit EXIT
trap 'exit 130' INT TERM

# ---- verdicts ----

# fail SENTENCE...: the end of the test.
fail()
{
	SAID=1
	echo "$NAME: $*" >&2
	exit 1
}

# skip WHY: counts as failed; for what this machine cannot show.
skip()
{
	SAID=1
	echo "$NAME: skipped: $*" >&2
	exit 77
}

note() { echo "$NAME: $*"; }

# assert WHAT COMMAND...
assert()
{
	local what=$1
	shift
	"$@" || fail "$what: not so: $*"
}

# assert_num WHAT NUMBER OPERATOR NUMBER, as in: assert_num "lost packets" "$lost" -eq 0
assert_num()
{
	[[ $2 =~ ^-?[0-9]+$ ]] || fail "$1: '$2' is no number"
	# shellcheck disable=SC1072,SC1073
	test "$2" "$3" "$4" || fail "$1: $2 is not $3 $4"
}

# assert_eq WHAT GOT WANT
assert_eq() { [[ $2 == "$3" ]] || fail "$1: got '$2', want '$3'"; }

# ---- where ----

# in_ns NAMESPACE COMMAND...
in_ns()
{
	local IN
	netns_words "$1"
	"${IN[@]}" "${@:2}"
}

in_client() { in_ns "$NS-client" "$@"; }
in_relay() { in_ns "$NS-relay" "$@"; }
in_peer() { in_ns "$NS-peer" "$@"; }

own_namespaces_del()
{
	local n
	for n in client relay peer; do
		ip netns del "$NS-$n" 2>/dev/null || true
	done
}

# start LOG COMMAND...: in the background until the test ends; its PID is in $PID. The command is
# a program, or in_client and the like with one.
start()
{
	local log=$1 IN=()
	shift
	case $1 in
	in_client | in_relay | in_peer)
		netns_words "$NS-${1#in_}"
		shift
		;;
	esac
	"${IN[@]}" "$@" >"$log" 2>&1 </dev/null &
	PID=$!
	STARTED+=("$PID")
}

# listens NAMESPACE PORT: whether something has this UDP port. listens_tcp: this TCP port.
listens() { in_ns "$1" ss -Hlun "sport = :$2" | grep -q .; }
listens_tcp() { in_ns "$1" ss -Hltn "sport = :$2" | grep -q .; }

# squid_start PORT TO...: a proxy for clients that lets CONNECT through to these ports.
squid_start()
{
	local port=$1
	shift
	install -d -o proxy -g proxy "$TMP/squid"
	chmod a+x "$TMP"
	cat >"$TMP/squid.conf" <<-END
	http_port 127.0.0.1:$port
	acl listeners port $*
	http_access deny !CONNECT
	http_access deny !listeners
	http_access allow localhost
	cache deny all
	access_log none
	cache_log $TMP/squid/cache.log
	pid_filename $TMP/squid/pid
	coredump_dir $TMP/squid
	pinger_enable off
	shutdown_lifetime 0 seconds
	END
	start "$TMP/squid.log" in_client squid -N -f "$TMP/squid.conf"
	await 20 listens_tcp fl-client "$port" ||
		fail "squid does not listen: $(tail -n 2 "$TMP/squid.log")"
}

# start_peer [PORT]: coturn's echo in fl-peer, on PORT and the one above.
start_peer()
{
	start "$TMP/peer.log" in_peer turnutils_peer -p "${1:-3480}"
	await 10 listens "$NS-peer" "${1:-3480}" || fail "turnutils_peer does not listen"
}

# uclient_once LOG ARGUMENT...; uclient LOG ARGUMENT...: coturn's client in fl-client as user demo.
# It draws a channel number for each of two peers; once in 16384 clients it is the same one, and 400
# is the right answer (RFC 8656 12.2). That run is made again, but only once.
uclient_once()
{
	local log=$1
	shift
	in_client timeout "${UCLIENT_SECONDS:-60}" turnutils_uclient -u demo -w fairlead -r 3480 \
		"$@" >"$log" 2>&1
}
uclient()
{
	local rc=0
	uclient_once "$@" || rc=$?
	((rc == 0)) || ! grep -q 'channel bind: error 400' "$1" || { rc=0 && uclient_once "$@"; } || rc=$?
	return $rc
}

# What a uclient log says came back, and was lost.
uclient_received() { sed -n 's/.*tot_recv_msgs=\([0-9]*\).*/\1/p' "$1" | tail -n 1; }
uclient_lost() { sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$1" | tail -n 1; }

# capture NAME in_client|in_peer DEVICE: what passes there goes to $TMP/NAME.pcapng.
# captures_end: no more of it. What has passed may be written later: await it in the file first.
capture()
{
	start "$TMP/$1.log" "$2" dumpcap -q -i "$3" -w "$TMP/$1.pcapng"
	CAPTURES+=("$PID")
	await 10 grep -q '^File:' "$TMP/$1.log" || fail "dumpcap does not start: $(tail -n 2 "$TMP/$1.log")"
}
captures_end()
{
	local pid
	for pid in "${CAPTURES[@]}"; do
		kill -INT "$pid"
		await 10 ended "$pid" || fail "dumpcap does not end"
	done
	CAPTURES=()
}

# node_modules: sets MODULES to a directory with the packages of tests/e2e/node.
node_modules()
{
	# shellcheck disable=SC2034 # for the test
	MODULES=$BUILD/e2e-node
	"$E2E/node/install.sh" "$BUILD" >"$TMP/npm.log" 2>&1 ||
		fail "npm could not install its packages: $(tail -n 3 "$TMP/npm.log")"
}

# self_signed NAME...: certificates with their keys, as user agents have them.
self_signed()
{
	local name
	for name; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name" \
			-keyout "$TMP/$name.key" -out "$TMP/$name.crt" 2>"$TMP/openssl.log" ||
			fail "$(tail -n 1 "$TMP/openssl.log")"
		cat "$TMP/$name.key" "$TMP/$name.crt" >"$TMP/$name.pem"
	done
}

# ---- the relay ----

# fl ARGUMENT...: the fairlead command.
fl() { "$BUILD/fairlead" --config "$CONFIG" "$@"; }

# fl_json COMMAND FILTER: a part of its JSON, by jq.
fl_json() { fl --json "$1" | jq -r "$2"; }

# echoed PORT: an RTP packet of the client from port 40000 to the termination comes back through the peer.
echoed()
{
	in_client timeout 10 python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("'$CLIENT4'", 40000))
s.settimeout(0.3)
rtp = bytes([0x80, 0]) + bytes(170)
s.sendto(rtp, ("'$SERVER4'", int(sys.argv[1])))
sys.exit(s.recv(2000) != rtp)' "$1" 2>/dev/null
}

# counter NAME: of lib/counter.def, summed over the workers.
counter() { fl_json workers "[.workers[].counters.\"$1\"] | if any(. == null) then null else add end"; }

# drops_mark: from here on, drops_except counts. drops_except REASON...: the names of other reasons
# that dropped something.
drops() { fl_json drops '.drops[] | "\(.name) \(.total)"'; }
drops_mark() { drops >"$TMP/drops"; }
drops_except()
{
	drops | grep -vxF -f "$TMP/drops" | cut -d' ' -f1 | grep -vxF -f <(printf '%s\n' "$@") || true
}

# tcp_ends NAME: connections that ended for this reason of lib/tcp_end.def.
tcp_ends() { fl_json tcp ".ends[] | select(.name == \"$1\").total"; }

# accounted: whether every packet is accounted for (R74).
accounted() { fl --json accounting | jq -e '.total.difference == 0' >/dev/null; }

attached() { fl_json status .dataplane.attached 2>/dev/null | grep -qx true; }
# synced: and the dataplane has all that fairlead-cp knows.
synced() { attached && [[ $(fl_json status .dataplane.replaying) == false ]]; }

# dp_pid, cp_pid: of the running programs.
dp_pid() { cat "$RUN/fairlead-dp.pid"; }
cp_pid() { cat "$RUN/fairlead-cp.pid"; }

# ended PID: whether it is no more; one that nobody has waited for has ended too.
ended() { [[ ! -e /proc/$1/exe ]]; }

# start_cp [WORD...]: again, after the test has ended it; as a command of these words.
start_cp()
{
	local IN AS
	netns_words fl-relay
	owner_words "$OWN_RUN"
	"${IN[@]}" setsid "$@" "${AS[@]}" "$(owner_program "$BUILD/fairlead-cp" "$STATE")" --config "$CONFIG" >>"$RUN/fairlead-cp.log" 2>&1 \
		</dev/null &
	echo $! >"$RUN/fairlead-cp.pid"
	disown
}

# owned FILE...: of this test, is fairlead-cp's from now on.
owned() { chmod 711 "$TMP" && chown --reference="$OWN_RUN" "$@"; }

# relay_config SED...: restarts the relay with the sample configuration, edited by sed expressions;
# the next test gets the sample again. Fails if an expression changes nothing.
relay_config()
{
	local before
	cp "$SAMPLE" "$TMP/fairlead.yaml"
	while (($#)); do
		before=$(md5sum <"$TMP/fairlead.yaml")
		sed -i -e "$1" "$TMP/fairlead.yaml"
		[[ $before != "$(md5sum <"$TMP/fairlead.yaml")" ]] ||
			fail "'$1' changes nothing in conf/fairlead.yaml"
		shift
	done
	relay_start "$TMP/fairlead.yaml"
}

# relay_start FILE [BUILD]: restarts (with RELAY_STAYS_DOWN starts) the relay with another configuration, and other programs.
relay_start()
{
	OWN_CONFIG=1
	far_end_right || exit 1
	[[ -n ${RELAY_STAYS_DOWN:-} ]] || "$ROOT/conf/quickstart.sh" --down
	FAR_END=0
	FAIRLEAD_BUILD=${2:-$BUILD} FAIRLEAD_CONFIG=$1 "$ROOT/conf/quickstart.sh" --detach
}

far_end_mark
