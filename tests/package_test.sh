#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The package, in a machine that has nothing (tests/clean-machine.sh --package): it is built from the tree
# and judged by lintian; it depends on the drivers of all NICs that we name; installed, with these alone, it has its
# user, directories and files with their modes and a configuration that is correct, and its ports open; the control
# process runs as its user and is asked
# by a member of its group; an upgrade keeps what an operator changed; removed and purged, nothing is left.
# No systemd runs here; what it does with the units is tests/vm's to show.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
# shellcheck source=tests/null_config.sh
. "$ROOT/tests/null_config.sh"
# shellcheck source=tests/drivers_purge.sh
. "$ROOT/tests/drivers_purge.sh"
WORK=/var/tmp/package
# Whoever installs the package has these: what every port needs, and the devices of doc/deploy.md and doc/arch/ports.md.
DRIVERS=(mempool-ring bus-auxiliary bus-pci bus-vdev bus-vmbus
	net-af-packet net-af-xdp net-bond net-e1000 net-ena net-gve net-i40e net-iavf net-ice net-ixgbe net-memif net-mlx5
	net-netvsc net-null net-tap net-vhost net-virtio net-vmxnet3)
STARTED=()
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { echo "package: $*"; }

fail()
{
	echo "package: FAILED: $*" >&2
	exit 1
}

stop() { ((${#STARTED[@]} == 0)) || kill "${STARTED[@]}" 2>/dev/null || true; }
trap stop EXIT

# quiet COMMAND...: its output only if it fails.
quiet() { "$@" >"$WORK/log" 2>&1 </dev/null || fail "$*: $(tail -n 25 "$WORK/log")"; }

# What the machine brought of its own, such as the way to its packages, stays.
apt_get() { quiet apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@"; }

# mode PATH WANTED: as "640 root fairlead".
mode() { [[ $(stat -c '%a %U %G' "$1") == "$2" ]] || fail "$1 is '$(stat -c '%a %U %G' "$1")', not '$2'"; }

# ---- build ----

build()
{
	say "building"
	rm -rf "$WORK" && mkdir -p "$WORK"
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	apt-get -q update >"$WORK/log" 2>&1 || true # an old list may do
	apt_get install --no-install-recommends dpkg-dev git lintian
	git -c safe.directory='*' clone -q "$ROOT" "$WORK/fairlead"
	cd "$WORK/fairlead"
	apt_get build-dep --no-install-recommends ./
	quiet dpkg-buildpackage -us -uc -b
	DEB=$(echo "$WORK"/fairlead_*.deb)
	[[ -e $DEB ]] || fail "there is no package"
	[[ -e $(echo "$WORK"/fairlead-dbgsym_*.deb) ]] || fail "there are no debug symbols"
	say "$(dpkg-deb -f "$DEB" Package Version Installed-Size | tr '\n' ' ')"
	depends
}

depends()
{
	local driver on
	on=$(dpkg-deb -f "$DEB" Depends)
	say "depends on $on"
	for driver in "${DRIVERS[@]}"; do # librte-net-ice23, librte-net-e1000-23
		[[ ", $on," =~ ,\ librte-$driver-?[0-9]+(\.[0-9]+)?[\ ,] ]] || fail "the package does not depend on the driver $driver"
	done
}

# Findings are printed, those that are overridden, too. They are mended, or overridden with a reason in debian/. Of one of Debian 12's lintian that of 13 takes no override:
# there is no start without systemd, which watches both processes by their notifications. Spelling is not judged in
# programs, where it finds words in the machine's code, others with each build.
judge()
{
	local others=spelling-error-in-binary
	[[ $(. /etc/os-release && echo "$VERSION_ID") != 12 ]] || others+=,package-supports-alternative-init-but-no-init.d-script
	say "lintian $(lintian --version)"
	lintian --no-cfg --allow-root --suppress-tags "$others" -i -I --show-overrides --tag-display-limit 0 "$WORK"/fairlead_*.changes >"$WORK/lintian" ||
		fail "lintian does not run, or has errors: $(<"$WORK/lintian")"
	sed 's/^/package: lintian: /' "$WORK/lintian"
	! grep -q '^[EWI]:' "$WORK/lintian" || fail "lintian has findings: $(<"$WORK/lintian")"
}

# ---- install ----

install()
{
	say "installing"
	drivers_purge apt_get
	apt_get install --no-install-recommends "$DEB"
	[[ -z $(dpdk_installed | grep -x libdpdk-dev) ]] || fail "drivers are there that the package does not depend on"
	getent passwd fairlead | grep -q ':/var/lib/fairlead:.*nologin$' || fail "there is no user fairlead"
	mode /etc/fairlead/fairlead.yaml "640 root fairlead"
	mode /etc/fairlead/tls "700 root root"
	mode /etc/fairlead/conf.d "750 root fairlead"
	mode /run/fairlead "750 fairlead fairlead"
	fairlead-cp --check-config /etc/fairlead/fairlead.yaml || fail "the configuration that is installed is wrong"
	fairlead-setup --dry-run || fail "fairlead-setup"
	[[ $(fairlead --version) == "fairlead "* && $(fairlead-dp --version) == "fairlead-dp "* ]] || fail "no version"
	[[ -s /usr/share/fairlead/fairlead.rules.yml && -s /usr/share/fairlead/fairlead.json ]] || fail "no rules, or no dashboard"
	[[ -s /usr/share/fairlead/fail2ban/fairlead.conf ]] || fail "no filter for fail2ban"
	bash -c '. /usr/share/bash-completion/completions/fairlead && complete -p fairlead' >/dev/null || fail "no completion"
	[[ -s /usr/share/zsh/vendor-completions/_fairlead && -s /usr/share/fish/vendor_completions.d/fairlead.fish ]] || fail "no completion of zsh, or of fish"
	local page
	for page in 1/fairlead.1 5/fairlead.yaml.5 8/fairlead-cp.8 8/fairlead-dp.8 8/fairlead-setup.8; do
		dpkg -L fairlead | grep -q "/man$page.gz\$" || fail "no manual $page"
	done
	for page in fairlead-dp.service fairlead-cp.service fairlead-setup.service fairlead.service; do
		dpkg -L fairlead | grep -q "/systemd/system/$page\$" || fail "no unit $page"
	done
	[[ $(dpkg-query -W -f '${Conffiles}' fairlead | grep -c /etc/fairlead/) == 2 ]] || fail "what is in /etc/fairlead is no conffile"
}

# ---- run, as the units would ----

attached() { fairlead --json status 2>/dev/null | grep -q '"attached": *true'; }

run()
{
	say "running"
	apt_get install --no-install-recommends "$1" openssl
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=relay.fairlead.test \
		-keyout /etc/fairlead/tls/ecdsa.key -out /etc/fairlead/tls/ecdsa.pem 2>/dev/null
	cp /etc/fairlead/tls/ecdsa.key /etc/fairlead/tls/rsa.key
	cp /etc/fairlead/tls/ecdsa.pem /etc/fairlead/tls/rsa.pem
	null_config /etc/fairlead/fairlead.yaml >"$WORK/null.yaml"
	cat "$WORK/null.yaml" >/etc/fairlead/fairlead.yaml # what its mode is, it stays
	command -v setpriv >/dev/null || fail "no setpriv"
	command -v fairlead-dp >/dev/null
	fairlead-dp >"$WORK/dp.log" 2>&1 &
	STARTED+=($!)
	await 60 grep -q ready "$WORK/dp.log" || fail "fairlead-dp: $(tail -n 5 "$WORK/dp.log")"
	mode /run/fairlead/dp.sock "600 fairlead root"
	install_state
	setpriv --reuid fairlead --regid fairlead --init-groups --inh-caps=-all \
		fairlead-cp --config /etc/fairlead/fairlead.yaml >"$WORK/cp.log" 2>&1 &
	STARTED+=($!)
	await 30 attached || fail "fairlead-cp: $(tail -n 5 "$WORK/cp.log")"
	mode /run/fairlead/control.sock "660 fairlead fairlead"
	fairlead user add demo --password-file - <<<secret >/dev/null || fail "no user can be made"
	mode /var/lib/fairlead/users.db "600 fairlead fairlead"
	setpriv --reuid nobody --regid fairlead --clear-groups fairlead status >/dev/null || fail "a member of the group is refused"
	! setpriv --reuid nobody --regid nogroup --clear-groups fairlead status >"$WORK/said" 2>&1 || fail "everybody may ask"
	grep -q "member of the socket's group" "$WORK/said" || fail "it says '$(<"$WORK/said")'"
	stop
	await 20 eval '! kill -0 "${STARTED[@]}" 2>/dev/null' || fail "they do not end"
	STARTED=()
}

# As StateDirectory= has it.
install_state() { command install -d -m 700 -o fairlead -g fairlead /var/lib/fairlead; }

# ---- upgrade, removal ----

# The same package of a later version.
later()
{
	rm -rf "$WORK/later"
	dpkg-deb -R "$DEB" "$WORK/later"
	sed -i 's/^Version: .*/&+later/' "$WORK/later/DEBIAN/control"
	quiet dpkg-deb --root-owner-group -b "$WORK/later" "$WORK/later.deb"
}

upgrade()
{
	local sum
	say "upgrading"
	later
	sum=$(md5sum </etc/fairlead/fairlead.yaml)
	chmod 0600 /etc/fairlead/fairlead.yaml
	apt_get install --no-install-recommends "$WORK/later.deb"
	[[ $(dpkg-query -W -f '${Version}' fairlead) == *+later ]] || fail "it was not upgraded"
	[[ $(md5sum </etc/fairlead/fairlead.yaml) == "$sum" ]] || fail "the operator's configuration is gone"
	mode /etc/fairlead/fairlead.yaml "600 root fairlead"
	[[ -e /var/lib/fairlead/users.db ]] || fail "the users are gone"
}

left() { find / -xdev \( -path "$ROOT" -o -path "$WORK" -o -path /proc -o -path /sys -o -path /var/cache/apt \) -prune -o -name '*fairlead*' -print; find /run -name '*fairlead*'; }

remove()
{
	say "removing, purging"
	apt_get remove fairlead
	[[ -e /etc/fairlead/fairlead.yaml && -e /var/lib/fairlead/users.db ]] || fail "a removal takes configuration or state"
	! command -v fairlead-dp >/dev/null || fail "a removal leaves programs"
	rm /etc/fairlead/tls/*
	apt_get purge fairlead
	[[ -z $(left) ]] || fail "a purge leaves: $(left)"
}

build
judge
install
run "$DEB"
upgrade
remove
say "good"
