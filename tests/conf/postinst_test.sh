#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the package does to a relay that runs: the control process is restarted; the dataplane as well only
# where it has another boundary, or does not tell, and what becomes of it is said. Where no systemd runs
# nothing is. The commands it calls are replaced by such as note how they were called. postinst_test.sh POSTINST
set -euo pipefail
POSTINST=$1

if [[ ${2:-} != --apart ]]; then
	exec unshare --mount "$0" "$1" --apart
fi
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
mount -t tmpfs tmpfs /run
export PATH=$TMP:$PATH CALLS=$TMP/calls

fail()
{
	echo "postinst: $*" >&2
	exit 1
}

# stub COMMAND LINE
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$TMP/$1" && chmod 755 "$TMP/$1"; }

# upgrade WANTED BOUNDARY-RUNNING ACTIVE: the calls, one after the other.
upgrade()
{
	: >"$CALLS"
	stub fairlead "printf '%s\n' '$2'"
	stub systemctl "case \"\$*\" in *is-active*) exit $3 ;; esac; echo systemctl \$* >>\"\$CALLS\""
	sh "$POSTINST" configure 0.0.9 >"$TMP/said" 2>&1 || fail "it fails: $(<"$TMP/said")"
	[[ $(paste -sd ';' "$CALLS") == "$1" ]] || fail "it called '$(paste -sd ';' "$CALLS")', not '$1'"
}

stub fairlead-cp "echo 'fairlead-cp 0.1.0, jemalloc, boundary 10'"
stub deb-systemd-invoke "echo invoke \$* >>\"\$CALLS\""
stub dpkg-statoverride "echo statoverride \$* >>\"\$CALLS\""
RELOAD='systemctl --system daemon-reload'
CP='invoke try-restart fairlead-cp.service'
BOTH='invoke try-restart fairlead-dp.service fairlead-cp.service'

upgrade '' '    "abi": 10,' 0
mkdir -p /run/systemd/system
upgrade "$RELOAD;$CP" '    "abi": 10,' 0
grep -q 'fairlead-dp goes on as it was' "$TMP/said" || fail "it does not say what goes on: $(<"$TMP/said")"
upgrade "$RELOAD;$CP" '    "abi": 10,' 3
[[ ! -s $TMP/said ]] || fail "nothing goes on, but it says: $(<"$TMP/said")"
# restarts FROM: the sentence.
restarts() { grep -q "(boundary $1, now 10), so both restart: UDP goes on after a moment, connections over TCP and TLS end" "$TMP/said" || fail "it says '$(<"$TMP/said")'"; }
upgrade "$RELOAD;$BOTH" '    "abi": 9,' 0
restarts 9
upgrade "$RELOAD;$BOTH" '    "abi": 100,' 0
restarts 100
upgrade "$RELOAD;$BOTH" 'no answer' 0
restarts 'not told'
upgrade "$RELOAD;$BOTH" 'no answer' 3
[[ ! -s $TMP/said ]] || fail "nothing runs, but it says: $(<"$TMP/said")"
