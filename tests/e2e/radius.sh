# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# FreeRADIUS beside the relay.
SECRET=testing123
declare -A RADIUS=() # the server at a port

# radius_secret FILE: as the relay reads it.
radius_secret()
{
	(umask 077 && echo $SECRET >"$1")
	owned "$1"
}

# radius_start PORT auth|acct SECTIONS: what it is to do, in its own language; what is accounted is in
# $TMP/PORT/detail.
radius_start()
{
	mkdir -p "$TMP/$1"
	cp "$ROOT/conf/freeradius/dictionary.fairlead" "$TMP/$1/dictionary"
	: >"$TMP/$1/log"
	cat >"$TMP/$1/radiusd.conf" <<-END
	prefix = /usr
	libdir = /usr/lib/freeradius
	name = radius
	logdir = $TMP/$1
	run_dir = $TMP/$1
	pidfile = $TMP/$1/pid
	max_requests = 4096
	security {
	  status_server = no
	  reject_delay = 0
	  allow_vulnerable_openssl = yes
	}
	thread pool {
	  start_servers = 1
	  max_servers = 2
	  min_spare_servers = 1
	  max_spare_servers = 2
	}
	client relay {
	  ipaddr = 127.0.0.1
	  secret = $SECRET
	}
	modules {
	  detail {
	    filename = $TMP/$1/detail
	    permissions = 0600
	  }
	}
	server default {
	  listen {
	    type = $2
	    ipaddr = 127.0.0.1
	    port = $1
	  }
	  $3
	}
	END
	start "$TMP/$1/log" in_relay freeradius -f -l stdout -d "$TMP/$1"
	RADIUS[$1]=$PID
	await 20 grep -q 'Ready to process requests' "$TMP/$1/log" || fail "FreeRADIUS does not start: $(tail -n 3 "$TMP/$1/log")"
}

radius_stop()
{
	kill "${RADIUS[$1]}"
	await 20 ended "${RADIUS[$1]}" || fail "FreeRADIUS does not stop"
}

# ---- accounting ----

# accounts PORT: with what it hears in its detail file.
accounts()
{
	radius_start "$1" acct "preacct {
	  }
	  accounting {
	    detail
	  }"
}

# heard PORT ATTRIBUTE=VALUE...: a record of the detail file has all of them, which is in $TMP/heard then.
heard()
{
	local detail=$TMP/$1/detail
	shift
	[[ -s $detail ]] || return 1
	awk -v want="$(printf '\t%s\n' "$@")" 'BEGIN { RS = ""; n = split(want, w, "\n") }
		{ ok = 1; for (i = 1; i <= n; i++) if (w[i] != "" && !index($0 "\n", w[i] "\n")) ok = 0; if (ok) { print; found = 1 } }
		END { exit !found }' "$detail" >"$TMP/heard"
}
value() { sed -n "s/^\t$1 = //p" "$TMP/heard" | tail -n 1 | tr -d '"'; }
metric() { in_relay curl -sS http://127.0.0.1:9643/metrics | sed -n "s/^fairlead_$1 //p"; }
waits() { (($(metric radius_waiting) >= $1)); }
told() { [[ $(metric radius_waiting) == 0 ]]; }
