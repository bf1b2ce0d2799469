#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 15 s: instructions a relayed packet and an authentication takes, the same on every machine
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../instructions.sh"
