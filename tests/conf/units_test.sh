#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is installed belongs together: each program that a systemd unit names is installed there, the
# units and the sample are installed, and systemd takes the units. units_test.sh BUILD
set -euo pipefail
BUILD=$1
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

fail()
{
	echo "units: $*" >&2
	exit 1
}

meson introspect --installed "$BUILD" >"$TMP/installed.json"
# Not by what is built: paths that programs would be installed to.
python3 -c 'import json, sys
for path in json.load(open(sys.argv[1])).values():
    print(path)' "$TMP/installed.json" >"$TMP/installed"

for unit in fairlead-cp fairlead-dp; do
	grep -q "/systemd/system/$unit.service$" "$TMP/installed" || fail "$unit.service is not installed"
	file=$BUILD/conf/$unit.service
	programs=$(sed -nE 's/^Exec[A-Za-z]*=[-@:+!]*([^ ]*).*/\1/p' "$file" | grep -v '^/bin/')
	[[ -n $programs ]] || fail "$unit.service starts nothing"
	for program in $programs; do
		grep -qxF "$program" "$TMP/installed" || fail "$unit.service names $program, which nothing installs"
	done
done
grep -q '/doc/fairlead/fairlead.yaml$' "$TMP/installed" || fail "the sample is not installed"

command -v systemd-analyze >/dev/null || exit 0
# systemd looks for the programs, so the copies name ones that are there; it knows of keys that came
# with later versions only that it does not know them.
for unit in fairlead-cp fairlead-dp; do
	sed -E 's|^(Exec[A-Za-z]*=)[^ ]*fairlead-[cd]p|\1/bin/true|' "$BUILD/conf/$unit.service" >"$TMP/$unit.service"
done
said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$TMP"/fairlead-{cp,dp}.service 2>&1) ||
	fail "systemd-analyze: $said"
said=$(grep -vE "Unknown key (name )?'Restart(Steps|MaxDelaySec)'" <<<"$said" | grep "$TMP" || true)
[[ -z $said ]] || fail "systemd-analyze: $said"
