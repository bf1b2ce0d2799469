#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP allocations (RFC 6062) with a real web server as peer: a download byte for byte over IPv4 and
# IPv6, connections that come in, half-closes, a reader that stops, RST passed on both ways, the
# errors of 4.3 to 4.5, and the allocation's end; with one worker, and with two. Every packet is
# accounted for (R74).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$TMP/www"
head -c $((8 << 20)) /dev/urandom >"$TMP/www/file"
chmod -R a+rX "$TMP"
cat >"$TMP/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $TMP/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path $TMP/body;
	proxy_temp_path $TMP/proxy;
	fastcgi_temp_path $TMP/fastcgi;
	uwsgi_temp_path $TMP/uwsgi;
	scgi_temp_path $TMP/scgi;
	server { listen 8080; listen [::]:8080; root $TMP/www; }
}
END

start_nginx() # in a namespace that a restart of the relay makes anew
{
	start "$TMP/nginx.log" in_peer nginx -c "$TMP/nginx.conf"
	await 10 listens_tcp fl-peer 8080 || fail "nginx does not listen: $(tail -n 2 "$TMP/nginx.log")"
}

start_nginx
show()
{
	local spliced
	drops_mark
	spliced=$(counter tcp_spliced)
	timeout 80 python3 "$E2E/tcp_alloc.py" "$BUILD/fairlead" "$CONFIG" "$TMP/www/file" || fail "see above"
	assert_num "pairs joined" "$(counter tcp_spliced)" -gt "$spliced"
	await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
	# Ends by RST leave segments on their way; a connection nobody may open is answered with RST.
	assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other tcp_closed tcp_port \
		tcp_seq tcp_cookie no_permission)" ""
}

show
# A client's data connection may be another worker's than the peer's: it moves there.
relay_config 's/^  workers: .*/  workers: [0, 1]/' >"$TMP/quickstart"
start_nginx
show
assert_num "connections that moved" "$(counter tcp_moved)" -gt 0
