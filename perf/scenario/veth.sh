#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 4 min: packets a second over AF_XDP on veth, flat out and without loss, beside testpmd and coturn
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=veth
SIZES=(64 172 1400)
COUNTS=(100 8000) # coturn takes two descriptors a session, and some machines give 20,000
# shellcheck source=perf/udp.sh
. "$ROOT/perf/udp.sh"

rig_begin "$TESTPMD" "$COTURN"
pages_up 2048
SESSIONS=131072
turns fairlead testpmd coturn
summarise_udp
