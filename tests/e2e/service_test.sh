#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One port, several services (R2): kamailio, which knows TCP only, is reached through TLS on 443: chosen
# by ALPN, by name (SNI), by first bytes; from openssl s_client through squid's CONNECT (R4) as well;
# while coturn's client relays through the same port. CRLF keep-alives (R3, RFC 5626) are answered by
# kamailio where they are passed, by Fairlead where it answers. A listener may be a service's alone,
# of TLS or of TCP. By the PROXY protocol kamailio is told each client's address. When kamailio is gone, connections end in order and the reason is counted (R54).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"
PROXY=3128 SIP=5060 PLAIN=5070 ONLY=5071 TOLD=5072 NGINX=5080

start_kamailio()
{
	start "$TMP/kamailio.log" in_peer kamailio -DD -E -f "$TMP/kamailio.cfg" -m 32 -M 4 -Y "$TMP"
	KAMAILIO=$PID
	await 20 listens_tcp fl-peer $SIP || fail "kamailio does not listen: $(tail -n 3 "$TMP/kamailio.log")"
}

stop_kamailio()
{
	kill "$KAMAILIO"
	await 20 ended "$KAMAILIO" || fail "kamailio does not end"
}

# sip WHAT ARGUMENT...: of service_client.py
sip()
{
	in_client timeout 60 /usr/bin/python3 "$E2E/service_client.py" "${@:2}" 2>"$TMP/client.log" ||
		fail "$1: $(tail -n 1 "$TMP/client.log")"
	note "$1"
}

# served WHAT NUMBER: so many connections reached a back end since the last time.
served()
{
	local now
	now=$(counter tls_service)
	assert_num "$1: connections passed to a back end" $((now - SERVED)) -eq "$2"
	SERVED=$now
}

nothing_lost()
{
	await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
	assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
		no_permission relay_port no_session tcp_closed tcp_port tcp_seq)" ""
}

cat >"$TMP/kamailio.cfg" <<END
debug=0
log_stderror=yes
auto_aliases=no
children=1
tcp_children=2
listen=tcp:$PEER4:$SIP
listen=tcp:[$PEER6]:$SIP
loadmodule "sl.so"
loadmodule "pv.so"
request_route {
	sl_send_reply("200", "OK");
}
END
start_kamailio
squid_start $PROXY 443

# ---- who gets a connection; keep-alives pass ----

drops_mark
start_peer
SERVED=$(counter tls_service)
relayed=$(to_clients)
bad=$(tcp_ends frame_bad)
also relays "TURN on the same port" 400 -t -S -p 443 -n 200 -m 2 -c -e "$PEER4" "$SERVER4"
sip "by ALPN" --alpn sip options ping burst options
sip "by name" --sni sip.fairlead.test options split options
sip "by first bytes" options
sip "by first bytes, a keep-alive" ping options
sip "over IPv6" --server "$SERVER6" --sni sip.fairlead.test options ping
served "by ALPN, name and first bytes" 5
sip "ALPN says TURN" --alpn stun.turn binding
sip "first bytes say TURN" binding
sip "neither" junk closed
served "not SIP" 0
assert_num "ended for their first bytes" "$(tcp_ends frame_bad)" -gt "$bad"
all_end
assert_eq "messages relayed to clients" $(($(to_clients) - relayed)) 400
sip "through squid" --via $PROXY options ping options
in_client timeout 30 /usr/bin/python3 - $PROXY <<'END' || fail "openssl s_client through squid: see above"
import os, sys
sys.path.insert(0, os.environ["E2E"])
from service_client import request
from tlslib import s_client

with s_client("-proxy", f"127.0.0.1:{sys.argv[1]}", "-quiet", "-verify_quiet", "-verify_return_error",
              "-servername", "sip.fairlead.test") as p:
    p.send(request(1))
    p.until(r"SIP/2\.0 200 .*\r\n\r\n")
END
note "openssl s_client through squid"
served "through squid" 2
assert_num "keep-alives answered here" "$(counter tls_crlf)" -eq 0
nothing_lost

# ---- keep-alives are answered here, the back end is reached over IPv6, also from listeners of its own ----

stop_kamailio # the namespaces go
relay_config 's/^    crlf: pass$/    crlf: answer/' "s/^    backend: .*/    backend: \"$PEER6\"/" \
	"s/^relays:/  - {address: $SERVER4, port: $PLAIN, transport: tcp, service: sip}\\n&/" \
	"s/^relays:/  - {address: $SERVER4, port: $ONLY, transport: tls, service: sip}\\n&/"
start_kamailio
drops_mark
SERVED=$(counter tls_service)
sip "answered here, by ALPN" --alpn sip ping options ping split burst ping options
sip "answered here, by first bytes" ping options burst
served "answered here" 2
assert_num "keep-alives answered here" "$(counter tls_crlf)" -eq 7
sip "by a listener of TCP" --plain --port $PLAIN options ping burst options
sip "by a listener of TLS" --port $ONLY options ping burst
served "by their own listeners" 2
assert_num "keep-alives answered there" "$(counter tls_crlf)" -eq 11
assert_num "streams that could not be cut" "$(counter tls_sip_lost)" -eq 0

# ---- the back end is told who the client is (R94): Kamailio 5.6 turns ports round (its issue 3683), nginx does not ----

stop_kamailio
listens() { printf 's/^relays:/  - {address: "%s", port: %s, transport: %s, service: %s}\\n&/' "$@"; }
relay_config 's/^    proxy-protocol: none$/    proxy-protocol: v2/' \
	"s/^services:/&\\n  - {name: told, backend: $PEER4, port: $NGINX, proxy-protocol: v2}/" \
	"$(listens "$SERVER4" $PLAIN tcp sip)" "$(listens "$SERVER4" $TOLD tcp told)" \
	"$(listens "$SERVER6" $TOLD tcp told)" "$(listens "$SERVER4" $ONLY tls told)"
# shellcheck disable=SC2016 # kamailio's
sed -i -e '1i tcp_accept_haproxy=yes' -e '/sl_send_reply/i append_to_reply("X-Source: $si\\r\\n");' \
	-e '/loadmodule "sl.so"/a loadmodule "textops.so"' "$TMP/kamailio.cfg"
cat >"$TMP/nginx.conf" <<END
daemon off;
pid $TMP/nginx.pid;
error_log $TMP/nginx.log;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream {
	server {
		listen $PEER4:$NGINX proxy_protocol;
		return "\$proxy_protocol_addr \$proxy_protocol_port \$proxy_protocol_server_addr \$proxy_protocol_server_port";
	}
}
END
start_kamailio
start "$TMP/nginx.out" in_peer nginx -c "$TMP/nginx.conf"
await 20 listens_tcp fl-peer $NGINX || fail "nginx does not listen: $(tail -n 3 "$TMP/nginx.log")"
drops_mark
sip "told to Kamailio, over TLS" --alpn sip known options ping known
sip "told to Kamailio, by first bytes" options known
sip "told to Kamailio, over IPv6" --server "$SERVER6" --sni sip.fairlead.test known
sip "told to Kamailio, over TCP" --plain --port $PLAIN known ping known
sip "told to nginx, over TCP" --plain --port $TOLD told
sip "told to nginx, over IPv6" --plain --server "$SERVER6" --port $TOLD told
sip "told to nginx, over TLS" --port $ONLY told
nothing_lost

# ---- the back end is down ----

stop_kamailio
down=$(tcp_ends backend)
sip "nobody listens" --alpn sip closed
sip "nobody listens, with a request under way" begin closed
ended_for_backend() { (($(tcp_ends backend) == down + 2)); }
await 5 ended_for_backend || fail "ended for backend: $(tcp_ends backend), not $((down + 2))"
sip "nobody listens, over TCP" --plain --port $PLAIN closed
sip "TURN all the same" binding
start_kamailio
sip "it is back" --alpn sip options ping
nothing_lost
