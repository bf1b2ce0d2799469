#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes of a machine that tests/package_test.sh has left one that service_check.sh can run in: systemd, the
# package that was built there, and the programs that are asked for. Called by tests/clean-machine.sh --service.
set -euo pipefail

WORK=/var/tmp/package # which the guest does not see
NEEDED=(coturn dbus iproute2 jq kmod openssl procps python3 systemd-coredump systemd-sysv udev)
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${NEEDED[@]}" >"$WORK/log" 2>&1 ||
	{ tail -n 25 "$WORK/log" >&2; exit 1; }
systemctl -q disable coturn
cp "$WORK"/fairlead_*.deb /root/fairlead.deb
cp "$WORK/later.deb" /root/
apt-get -q -y install --no-install-recommends /root/fairlead.deb >"$WORK/log" 2>&1 ||
	{ tail -n 25 "$WORK/log" >&2; exit 1; }
rm -f /usr/sbin/policy-rc.d # package_test.sh's: here services run
