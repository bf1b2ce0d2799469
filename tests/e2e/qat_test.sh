#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The real qatengine, which is Debian 13's and made for its OpenSSL 3.5: dp/tls/engine.c loads it
# there as fairlead-dp does, says whether it found a device, and makes handshakes with it. There is
# none on most machines: then, and without the engine, OpenSSL alone makes them; a slow engine and a
# slow provider of ours stand for a device. The system is made once, in the build directory.
#
# Alone: it needs the registry, which no lane reaches.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

DEBIAN13=$BUILD/debian13
HANDSHAKES=64

# Unpacked is enough for a program to run there: what configures packages takes longer than all else.
debian13()
{
	local log=$TMP/debootstrap.log new=$DEBIAN13.new package
	[[ ! -d $DEBIAN13 ]] || return 0
	rm -rf "$new"
	debootstrap --foreign --variant=minbase --include=libssl3t64,qatengine trixie "$new" >"$log" 2>&1 ||
		fail "Debian 13 cannot be made: $(tail -n 3 "$log")"
	for package in $(<"$new/debootstrap/base"); do
		dpkg-deb -x "$new/var/cache/apt/archives/$package"_*.deb "$new"
	done
	rm -rf "$new/var/cache/apt" "$new/var/lib/apt/lists" "$new/debootstrap"
	mv "$new" "$DEBIAN13"
}

# report KIND NAME: to $TMP/report.
report()
{
	timeout 60 chroot "$DEBIAN13" /root/accel_report "$1" "$2" >"$TMP/report" 2>&1 ||
		fail "$1 $2: $(<"$TMP/report")"
	note "$(sed -n 's/^accelerator: //p' "$TMP/report"); $(grep ^handshakes: "$TMP/report")"
}

says() { grep -q "$1" "$TMP/report"; }

debian13
cp "$BUILD/tests/accel/accel_report" "$BUILD"/tests/accel/slow_{engine,provider}.so "$DEBIAN13/root/"

report engine qatengine
assert "OpenSSL is Debian 13's" says '^OpenSSL 3\.5'
assert "it is loaded" says '^accelerator: tls.engine qatengine'
assert "it is well" says '^it is well'
assert "all handshakes finish" says "^handshakes: $HANDSHAKES done, .* 0 wait"
if says '(no device)'; then
	note "there is no QAT device: what qatengine does with one is not shown"
else
	assert "the device signs" says "done, $HANDSHAKES of them by the accelerator"
fi

report engine no_such_engine
assert "says so" says '^accelerator: .*: tls.engine: no_such_engine cannot be loaded: '
assert "all handshakes finish" says "^handshakes: $HANDSHAKES done, 0 of them by the accelerator, 0 wait"

for kind in engine provider; do
	SLOW_MS=1 report $kind /root/slow_$kind.so
	assert "it signs" says "^handshakes: $HANDSHAKES done, $HANDSHAKES of them by the accelerator, 0 wait"
done
