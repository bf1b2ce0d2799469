#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# install.sh BUILD: the packages of package-lock.json in BUILD/e2e-node, unless they are there.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
MODULES=${1:?install.sh BUILD}/e2e-node

mkdir -p "$MODULES"
exec 9>"$MODULES.lock"
flock 9
! cmp -s "$HERE/package-lock.json" "$MODULES/installed-lock.json" || exit 0
rm -rf "$MODULES"
mkdir -p "$MODULES"
cp "$HERE"/package*.json "$MODULES"
npm ci --prefix "$MODULES" --no-audit --no-fund
cp "$HERE/package-lock.json" "$MODULES/installed-lock.json"
