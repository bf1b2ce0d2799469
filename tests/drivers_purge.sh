# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# dpdk_installed: libdpdk-dev and DPDK's libraries and drivers, a package a line.
dpdk_installed()
{
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' libdpdk-dev 'librte-*' 2>/dev/null | sed -n 's/^installed //p'
}

# drivers_purge COMMAND...: by this command, which is apt-get's in the end, all of DPDK goes that a build has
# brought. libdpdk-dev depends on every driver, so a package that is installed beside it would never lack one.
drivers_purge()
{
	local all
	mapfile -t all < <(dpdk_installed)
	((!${#all[@]})) || "$@" purge "${all[@]}"
}
