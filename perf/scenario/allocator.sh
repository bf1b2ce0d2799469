#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 1.5 min: latency of UDP media beside TLS handshakes, with jemalloc and with libc's allocator
#
# A step of scenario tls, with results of its own.
export SCENARIO=allocator
exec "$(dirname "${BASH_SOURCE[0]}")/tls.sh" allocator
