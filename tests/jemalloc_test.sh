#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine without jemalloc gets no build that lacks it in silence: setup ends by a sentence that says how to go on,
# and what that says works. jemalloc_test.sh SOURCE
set -euo pipefail
SOURCE=$1
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

fail()
{
	echo "jemalloc: $*: $(tail -n 5 "$TMP/said")" >&2
	exit 1
}

# setup WORD...: of a new build, on a machine whose pkg-config knows no jemalloc.
setup()
{
	rm -rf "$TMP/build"
	PKG_CONFIG=$TMP/pkg-config meson setup "$TMP/build" "$SOURCE" -Dtests=false "$@" >"$TMP/said" 2>&1 </dev/null
}

cat >"$TMP/pkg-config" <<END
#!/bin/sh
for word; do [ "\$word" != jemalloc ] || exit 1; done
exec "$(command -v pkg-config)" "\$@"
END
chmod 755 "$TMP/pkg-config"
! setup || fail "a build is set up without jemalloc"
grep -q 'jemalloc is missing: install libjemalloc-dev, or build without it by -Djemalloc=disabled' "$TMP/said" ||
	fail "it does not say what to do"
setup -Djemalloc=disabled || fail "it cannot be done without jemalloc where that is asked for"
