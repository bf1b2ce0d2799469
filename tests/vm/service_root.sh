#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes of a machine that tests/package_test.sh has left one that service_check.sh can run in: systemd, the
# package that was built there, with the drivers that it depends on alone, one of the commit before the last change of
# the boundary, which it builds, and the programs that are asked for. Called by tests/clean-machine.sh --service.
set -euo pipefail

# shellcheck source=tests/drivers_purge.sh
. "$(dirname "${BASH_SOURCE[0]}")/../drivers_purge.sh"
WORK=/var/tmp/package # which the guest does not see
NEEDED=(coturn dbus iproute2 jq kmod openssl procps python3 systemd-coredump systemd-sysv udev)
APT=(quiet apt-get -q -y -o DPkg::Lock::Timeout=120)
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# quiet COMMAND...: its output only if it fails.
quiet() { "$@" >"$WORK/log" 2>&1 </dev/null || { tail -n 25 "$WORK/log" >&2; exit 1; }; }

# earlier: the package before the last change of CTL_ABI_VERSION, as /root/earlier.deb.
earlier()
{
	local git=(git -c "safe.directory=*" -C /fairlead) change
	change=$("${git[@]}" log -n 1 --format=%H -G '^#define CTL_ABI_VERSION ' -- lib/ctl_abi.h)
	rm -rf "$WORK/earlier" && mkdir -p "$WORK/earlier/fairlead"
	"${git[@]}" archive "$change~1" | tar -x -C "$WORK/earlier/fairlead"
	cd "$WORK/earlier/fairlead"
	sed -i '1s/)/~earlier)/' debian/changelog
	"${APT[@]}" build-dep --no-install-recommends ./
	DEB_BUILD_OPTIONS=noautodbgsym quiet dpkg-buildpackage -us -uc -b
	cp "$WORK"/earlier/fairlead_*.deb /root/earlier.deb
}

"${APT[@]}" install --no-install-recommends "${NEEDED[@]}"
systemctl -q disable coturn
earlier
drivers_purge "${APT[@]}"
cp "$WORK"/fairlead_*.deb /root/fairlead.deb
cp "$WORK/later.deb" /root/
"${APT[@]}" install --no-install-recommends /root/fairlead.deb
rm -f /usr/sbin/policy-rc.d # package_test.sh's: here services run
