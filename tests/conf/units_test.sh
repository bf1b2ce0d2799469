#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is installed belongs together: "meson install" puts there all that a machine needs, each program
# that a unit names is installed at that path, as is each manual that one names; systemd takes the units,
# the user and the directory. units_test.sh BUILD
set -euo pipefail
BUILD=$1
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
ROOT=$TMP/root
UNITS=(fairlead-cp.service fairlead-dp.service fairlead-setup.service fairlead.service)

fail()
{
	echo "units: $*" >&2
	exit 1
}

DESTDIR=$ROOT meson install -C "$BUILD" --no-rebuild >"$TMP/install" 2>&1 || fail "meson install: $(tail -n 5 "$TMP/install")"
(cd "$ROOT" && find . -type f | sed 's/^\.//') >"$TMP/installed"

# installed PATH...: each ends the path of a file.
installed()
{
	local path
	for path; do
		grep -q "$path\$" "$TMP/installed" || fail "$path is not installed"
	done
}

installed /bin/fairlead /sbin/fairlead-dp /sbin/fairlead-cp /sbin/fairlead-setup
installed /man1/fairlead.1 /man5/fairlead.yaml.5 /man8/fairlead-cp.8 /man8/fairlead-dp.8 /man8/fairlead-setup.8
installed /sysusers.d/fairlead.conf /tmpfiles.d/fairlead.conf /bash-completion/completions/fairlead \
	/zsh/site-functions/_fairlead /fish/vendor_completions.d/fairlead.fish
installed /fairlead/fairlead.rules.yml /fairlead/fairlead.json /fairlead/fail2ban/fairlead.conf /fairlead/freeradius/dictionary.fairlead
installed /doc/fairlead/fairlead.yaml /doc/fairlead/setup.conf
installed "${UNITS[@]/#//systemd/system/}"
while read -r program; do
	[[ $program != */bin/fairlead && $program != */sbin/fairlead* || -x $ROOT$program ]] || fail "$program cannot be run"
done <"$TMP/installed"

# Pages that doc/deploy.md sends its reader to are in the package.
for page in $(grep -oE 'doc/[a-z0-9/-]+\.md' "$SOURCE/doc/deploy.md" | sort -u); do
	grep -qxF "$page" "$SOURCE/debian/fairlead.docs" || fail "doc/deploy.md names $page, which debian/fairlead.docs leaves out"
done

# A program that a manual names by its path is at that path.
for page in $(grep '/man[0-9]/' "$TMP/installed"); do
	for program in $(grep -oE '/[a-z/]*/fairlead-(dp|cp|setup)\>' "$ROOT$page" | sort -u); do
		grep -qxF "$program" "$TMP/installed" || fail "$page names $program, which nothing installs"
	done
	! grep -q '@[a-z]*@' "$ROOT$page" || fail "$page holds $(grep '@[a-z]*@' "$ROOT$page")"
done
grep -q "usdt:/[a-z/]*/sbin/fairlead-dp:" "$ROOT$(grep '/fairlead-dp\.8$' "$TMP/installed")" || fail "fairlead-dp(8) names no probe by path"

# What no start of a healthy machine would miss, and a node does: pages and packet buffers locked, no keys in a core
# dump, an end by the watchdog and none by the kernel where memory is short, another user than root.
while read -r unit key; do
	file=$ROOT$(grep "/systemd/system/$unit\$" "$TMP/installed")
	grep -qxF "$key" "$file" || fail "$unit has no $key"
done <<-'END'
	fairlead-dp.service Type=notify
	fairlead-dp.service WatchdogSec=20
	fairlead-dp.service LimitMEMLOCK=infinity
	fairlead-dp.service LimitCORE=0
	fairlead-dp.service OOMScoreAdjust=-900
	fairlead-dp.service NoNewPrivileges=yes
	fairlead-cp.service Type=notify
	fairlead-cp.service WatchdogSec=10
	fairlead-cp.service LimitCORE=0
	fairlead-cp.service OOMScoreAdjust=-800
	fairlead-cp.service User=fairlead
	fairlead-cp.service RestartKillSignal=SIGINT
	fairlead-cp.service CapabilityBoundingSet=
	fairlead-setup.service Type=oneshot
END

for unit in "${UNITS[@]}"; do
	file=$ROOT$(grep "/systemd/system/$unit\$" "$TMP/installed")
	! grep -q '@[a-z]*@' "$file" || fail "$unit holds $(grep '@[a-z]*@' "$file")"
	[[ $unit != *.service ]] || ! grep -q '^ExecStart=.*/fairlead-' "$file" || grep -qx 'ProtectProc=invisible' "$file" ||
		fail "what runs in $unit sees everybody's processes"
	for program in $(sed -nE 's/^Exec[A-Za-z]*=[-@:+!]*([^ ]*).*/\1/p' "$file" | grep -v '^/bin/'); do
		grep -qxF "$program" "$TMP/installed" || fail "$unit names $program, which nothing installs"
	done
	for page in $(sed -n 's/^Documentation=//p' "$file"); do
		page=${page#man:}
		installed "/${page%(*}.${page: -2:1}"
	done
	for other in $(sed -nE 's/^(After|Before|Wants|PartOf|WantedBy)=//p' "$file"); do
		[[ $other != fairlead* || " ${UNITS[*]} " == *" $other "* ]] || fail "$unit names $other, which is not there"
	done
done

# systemd's own opinion, where it is installed. It looks for the programs, so the copies name ones that are
# there; it knows of keys that came with later versions only that it does not know them.
if command -v systemd-analyze >/dev/null; then
	mkdir "$TMP/units"
	for unit in "${UNITS[@]}"; do
		sed -E 's|^(Exec[A-Za-z]*=)[^ ]*fairlead-[a-z]+|\1/bin/true|' \
			"$ROOT$(grep "/systemd/system/$unit\$" "$TMP/installed")" >"$TMP/units/$unit"
	done
	said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$TMP"/units/* 2>&1) || fail "systemd-analyze: $said"
	said=$(grep -vE "Unknown key (name )?'Restart(Steps|MaxDelaySec)'" <<<"$said" | grep "$TMP" || true)
	[[ -z $said ]] || fail "systemd-analyze: $said"
fi
if command -v systemd-sysusers systemd-tmpfiles >/dev/null; then
	config() { echo "$ROOT$(grep "/$1.d/fairlead.conf\$" "$TMP/installed")"; }
	mkdir -p "$ROOT/etc"
	systemd-sysusers --root="$ROOT" "$(config sysusers)" >/dev/null 2>"$TMP/said" || fail "systemd-sysusers: $(<"$TMP/said")"
	grep -q '^fairlead:.*:/var/lib/fairlead:.*nologin$' "$ROOT/etc/passwd" || fail "there is no user fairlead"
	if ((EUID == 0)); then # who else could give it to that user
		systemd-tmpfiles --root="$ROOT" --create "$(config tmpfiles)" >"$TMP/said" 2>&1 || fail "systemd-tmpfiles: $(<"$TMP/said")"
		[[ $(stat -c '%a %u' "$ROOT/run/fairlead") == "750 $(sed -n 's/^fairlead:[^:]*:\([0-9]*\):.*/\1/p' "$ROOT/etc/passwd")" ]] ||
			fail "/run/fairlead is not the user's: $(stat -c '%a %u' "$ROOT/run/fairlead")"
	fi
fi
