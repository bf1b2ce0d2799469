#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The same segments and verbs go to Linux's TCP and to ours, and both say the same: differ.py has
# what is compared, what is not and why. The same seed plays the same scripts: one is always played,
# others are of the day, and each is printed.
#
#   differ_test.sh                    what the suite runs
#   differ_test.sh ARGUMENT...        other arguments of differ.py, as --lanes 5000 --seed 7
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2046 # words
(($#)) || set -- --seed 1 $(seq -f "--seed %.0f" "$(date +%Y%m%d)0" "$(date +%Y%m%d)4")
topology
# Answers to each wrong segment, no memory of earlier connections, and no RST ends TIME-WAIT.
sysctl_in fltcp-linux ipv4/tcp_rfc1337=1 ipv4/tcp_invalid_ratelimit=0 ipv4/tcp_challenge_ack_limit=2147483647 \
	ipv4/tcp_no_metrics_save=1 ipv4/tcp_ecn=1 ipv4/tcp_syncookies=0
kernel_up linux "$TMP/kernel.sock"
TIME_WAIT_MS=60000 agent_up
in_ns fltcp-box python3 "$TCP/differ.py" --linux "$TMP/kernel.sock" --agent "$AGENT_SOCKET" \
	"$@" || fail "Linux and we differ"
agent_down
