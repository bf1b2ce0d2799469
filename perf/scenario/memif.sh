#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 2.5 min: packets a second over memif, flat out and without loss, beside testpmd macswap on the same
#
# shellcheck source=perf/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
SCENARIO=memif
SIZES=(64 172 512 1024 1400)
COUNTS=(100 10000 100000)
# shellcheck source=perf/udp.sh
. "$ROOT/perf/udp.sh"

rig_begin "$TESTPMD"
pages_up 2048
SESSIONS=131072
turns fairlead testpmd
summarise_udp
