/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <stddef.h>

/* Every key there is: type, place, range, default, unit, help. */

#define FIELD(s, m) .off = offsetof(struct s, m), .size = sizeof(((struct s *)0)->m)
#define LIST(s, m, n, lo, hi)                                                \
	.off = offsetof(struct s, m), .size = sizeof(((struct s *)0)->m[0]), \
	.count_off = offsetof(struct s, n), .items_min = lo, .items_max = hi
/* Longest string a field holds. */
#define STRING(s, m, lo) FIELD(s, m), .min = lo, .max = sizeof(((struct s *)0)->m) - 1
#define STRINGS(s, m, n, hi) \
	LIST(s, m, n, 0, hi), .min = 1, .max = sizeof(((struct s *)0)->m[0]) - 1

static const char *const names_hugepages[] = { "auto", "yes", "no", NULL };
static const char *const names_idle[] = { "sleep", "poll", NULL };
static const char *const names_cookies[] = { "auto", "always", "never", NULL };
static const char *const names_congestion[] = { "cubic", "reno", NULL };
static const char *const names_profile[] = { "modern", "ts33210", NULL };
static const char *const names_tls[] = { "tls1.2", "tls1.3", NULL };
static const char *const names_client_cert[] = { "none", "ask", "require", NULL };
static const char *const names_crlf[] = { "pass", "answer", NULL };
static const char *const names_transport[] = { "udp", "tcp", "tls", NULL };

/* clang-format off */
static const struct schema_key keys_dataplane[] = {
	{ "workers", SCHEMA_UINT, LIST(config_dataplane, workers, n_workers, 1, CTL_WORKERS_MAX),
	  .max = 1023, .def = "[0]",
	  .help = "CPU of each worker; a worker owns one queue of every port" },
	{ "main-cpu", SCHEMA_UINT, FIELD(config_dataplane, main_cpu),
	  .max = 1023, .def = "1",
	  .help = "CPU of the service thread; may be a worker's unless that polls" },
	{ "hugepages", SCHEMA_ENUM, FIELD(config_dataplane, hugepages),
	  .names = names_hugepages, .def = "auto",
	  .help = "yes fails without them, no runs on ordinary pages, auto takes what there is" },
	{ "memory-mb", SCHEMA_UINT, FIELD(config_dataplane, memory_mb),
	  .min = 64, .max = 1 << 20, .def = "512", .unit = "MiB",
	  .help = "DPDK's heap: pools and tables of all workers, taken at start" },
	{ "idle", SCHEMA_ENUM, FIELD(config_dataplane, idle),
	  .names = names_idle, .def = "sleep",
	  .help = "poll never rests; sleep naps when nothing comes, for machines that are shared" },
	{ "idle-max-us", SCHEMA_UINT, FIELD(config_dataplane, idle_max_us),
	  .min = 1, .max = 10000, .def = "100", .unit = "microseconds",
	  .help = "longest nap, which the first packet after a silence may have to wait" },
	{ "mbufs", SCHEMA_UINT, FIELD(config_dataplane, mbufs),
	  .min = 1024, .max = 1 << 24, .def = "32768", .unit = "packets a worker",
	  .help = "packet buffers; more than all descriptors, tcp.buffers, 8 a fragment, and 2048" },
	{ "sessions", SCHEMA_UINT, FIELD(config_dataplane, sessions),
	  .min = 1, .max = 1 << 24, .def = "16384", .unit = "sessions a worker",
	  .help = "one allocation takes one session" },
	{ "peers", SCHEMA_UINT, FIELD(config_dataplane, peers),
	  .min = 0, .max = 1 << 26, .def = "65536", .unit = "peers a worker",
	  .help = "permissions and channels beyond the first of each session" },
	{ "neighbours", SCHEMA_UINT, FIELD(config_dataplane, neighbours),
	  .min = 16, .max = 65535, .def = "1024", .unit = "neighbours a worker",
	  .help = "ARP and ND entries" },
	{ "neighbour-queue", SCHEMA_UINT, FIELD(config_dataplane, neighbour_queue),
	  .min = 0, .max = 256, .def = "16", .unit = "packets",
	  .help = "packets that wait for one neighbour to answer" },
	{ "fragments", SCHEMA_UINT, FIELD(config_dataplane, fragments),
	  .min = 16, .max = 1 << 20, .def = "512", .unit = "packets a worker",
	  .help = "packets in reassembly" },
	{ "fragment-timeout-ms", SCHEMA_UINT, FIELD(config_dataplane, fragment_timeout_ms),
	  .min = 10, .max = 60000, .def = "2000", .unit = "milliseconds",
	  .help = "how long a packet waits for its other fragments" },
	{ "ring-slots", SCHEMA_UINT, .pow2 = true, FIELD(config_dataplane, ring_slots),
	  .min = 64, .max = 1 << 20, .def = "1024", .unit = "messages",
	  .help = "command ring and event ring of each worker" },
	{ "binding-rate", SCHEMA_UINT, FIELD(config_dataplane, binding_rate),
	  .min = 1, .max = 4000000, .def = "1000", .unit = "a second",
	  .help = "Binding answers to one source prefix (IPv4 /24, IPv6 /56) by one worker" },
	{ "request-rate", SCHEMA_UINT, FIELD(config_dataplane, request_rate),
	  .min = 0, .max = 4000000, .def = "1000", .unit = "a second",
	  .help = "requests, and names of pre-shared keys, of one source prefix passed on to fairlead-cp; 0: no limit" },
	{ "icmp-rate", SCHEMA_UINT, FIELD(config_dataplane, icmp_rate),
	  .min = 1, .max = 1000000, .def = "1000", .unit = "a second",
	  .help = "ICMP to one source prefix by one worker: so many echo replies, and so many errors" },
	{ "socket", SCHEMA_STRING, STRING(config_dataplane, socket, 1),
	  .def = "/run/fairlead/dp.sock",
	  .help = "Unix socket where fairlead-cp meets fairlead-dp" },
	{ .name = NULL }
};

static const struct schema_key keys_tcp[] = {
	{ "connections", SCHEMA_UINT, FIELD(config_tcp, connections),
	  .min = 16, .max = 1 << 24, .def = "16384", .unit = "connections a worker",
	  .help = "of clients and of peers, open or opening" },
	{ "half-open", SCHEMA_UINT, FIELD(config_tcp, half_open),
	  .min = 1, .max = 1 << 24, .def = "1024", .unit = "connections a worker",
	  .help = "handshakes not finished; beyond that SYN cookies are sent" },
	{ "syn-cookies", SCHEMA_ENUM, FIELD(config_tcp, cookies),
	  .names = names_cookies, .def = "auto",
	  .help = "auto when half-open or connections is used up; never drops SYNs then" },
	{ "time-wait", SCHEMA_UINT, FIELD(config_tcp, time_wait),
	  .min = 16, .max = 1 << 24, .def = "16384", .unit = "entries a worker",
	  .help = "closed connections remembered; the oldest makes room" },
	{ "time-wait-ms", SCHEMA_UINT, FIELD(config_tcp, time_wait_ms),
	  .min = 1, .max = 240000, .def = "60000", .unit = "milliseconds",
	  .help = "how long a closed connection is remembered (2 MSL)" },
	{ "buffers", SCHEMA_UINT, FIELD(config_tcp, buffers),
	  .min = 64, .max = 1 << 24, .def = "8192", .unit = "packets a worker",
	  .help = "packet buffers that all connections may hold; part of dataplane.mbufs" },
	{ "send-buffer", SCHEMA_UINT, FIELD(config_tcp, send_buffer),
	  .min = 4096, .max = 1 << 28, .def = "262144", .unit = "bytes a connection",
	  .help = "sent and not acknowledged, or waiting" },
	{ "receive-buffer", SCHEMA_UINT, FIELD(config_tcp, receive_buffer),
	  .min = 4096, .max = 1 << 28, .def = "262144", .unit = "bytes a connection",
	  .help = "largest window offered" },
	{ "reorder-buffer", SCHEMA_UINT, FIELD(config_tcp, reorder_buffer),
	  .min = 0, .max = 1 << 28, .def = "131072", .unit = "bytes a connection",
	  .help = "what came out of order and waits for the rest" },
	{ "media-queue", SCHEMA_UINT, FIELD(config_tcp, media_queue),
	  .min = 2048, .max = 1 << 24, .def = "65536", .unit = "bytes a connection",
	  .help = "datagrams that wait for a slow client; the oldest is dropped" },
	{ "media-age-ms", SCHEMA_UINT, FIELD(config_tcp, media_age_ms),
	  .min = 1, .max = 10000, .def = "200", .unit = "milliseconds",
	  .help = "older datagrams that wait for a slow client are dropped" },
	{ "handshake-ms", SCHEMA_UINT, FIELD(config_tcp, handshake_ms),
	  .min = 100, .max = 120000, .def = "10000", .unit = "milliseconds",
	  .help = "a handshake not finished by then is forgotten" },
	{ "connect-timeout", SCHEMA_UINT, FIELD(config_tcp, connect_timeout),
	  .min = 1, .max = 120, .def = "30", .unit = "seconds",
	  .help = "of a Connect towards a peer; RFC 6062 section 5.2 says 30 at least" },
	{ "bind-timeout", SCHEMA_UINT, FIELD(config_tcp, bind_timeout),
	  .min = 1, .max = 120, .def = "30", .unit = "seconds",
	  .help = "a peer's connection waits so long for its ConnectionBind (RFC 6062)" },
	{ "idle-timeout", SCHEMA_UINT, FIELD(config_tcp, idle_timeout),
	  .min = 1, .max = 86400, .def = "60", .unit = "seconds",
	  .help = "a client's connection without allocation ends after so long without a request" },
	{ "frame-ms", SCHEMA_UINT, FIELD(config_tcp, frame_ms),
	  .min = 100, .max = 600000, .def = "10000", .unit = "milliseconds",
	  .help = "a message whose first byte came must be whole by then" },
	{ "stall-timeout", SCHEMA_UINT, FIELD(config_tcp, stall_timeout),
	  .min = 1, .max = 86400, .def = "60", .unit = "seconds",
	  .help = "data not acknowledged, or a window closed, for so long ends a connection" },
	{ "slow-rate", SCHEMA_UINT, FIELD(config_tcp, slow_rate),
	  .min = 0, .max = 1 << 20, .def = "64", .unit = "bytes a second",
	  .help = "who takes less of what waits, over twice stall-timeout, holds buffers for nothing and is ended; 0: nobody is" },
	{ "linger", SCHEMA_UINT, FIELD(config_tcp, linger),
	  .min = 1, .max = 86400, .def = "60", .unit = "seconds",
	  .help = "how long the other side may take to close after us" },
	{ "keepalive", SCHEMA_UINT, FIELD(config_tcp, keepalive),
	  .min = 0, .max = 86400, .def = "120", .unit = "seconds",
	  .help = "silence before a keep-alive probe; 0: none are sent" },
	{ "congestion", SCHEMA_ENUM, FIELD(config_tcp, congestion),
	  .names = names_congestion, .def = "cubic",
	  .help = "congestion control: RFC 9438, or RFC 5681" },
	{ "ecn", SCHEMA_BOOL, FIELD(config_tcp, ecn), .def = "true",
	  .help = "explicit congestion notification (RFC 3168) is negotiated" },
	{ .name = NULL }
};

static const struct schema_key keys_tls[] = {
	{ "crypto-cpus", SCHEMA_UINT, LIST(config_tls, crypto_cpus, n_crypto_cpus, 0, CONFIG_CRYPTO_MAX),
	  .max = 1023, .def = "[]",
	  .help = "CPUs that do handshakes and nothing else; none: each worker does its own, a step a turn" },
	{ "connections", SCHEMA_UINT, FIELD(config_tls, connections),
	  .min = 16, .max = 1 << 24, .def = "16384", .unit = "connections a worker",
	  .help = "of tcp.connections, those that may be TLS" },
	{ "handshakes", SCHEMA_UINT, FIELD(config_tls, handshakes),
	  .min = 1, .max = 65536, .def = "256", .unit = "handshakes a worker",
	  .help = "under way at a time; about 100 KB each" },
	{ "waiting", SCHEMA_UINT, FIELD(config_tls, waiting),
	  .min = 0, .max = 1 << 20, .def = "1024", .unit = "connections a worker",
	  .help = "that wait their turn for a handshake; beyond that they are reset" },
	{ "handshake-ms", SCHEMA_UINT, FIELD(config_tls, handshake_ms),
	  .min = 100, .max = 120000, .def = "10000", .unit = "milliseconds",
	  .help = "a connection whose handshake is not over by then ends" },
	{ "key-updates", SCHEMA_UINT, FIELD(config_tls, key_updates),
	  .min = 1, .max = 100000, .def = "60", .unit = "a minute",
	  .help = "KeyUpdates one connection may send before it is ended" },
	{ "ticket-lifetime", SCHEMA_UINT, FIELD(config_tls, ticket_lifetime),
	  .min = 2, .max = 604800, .def = "7200", .unit = "seconds",
	  .help = "how long a session may be resumed, and how often ticket keys change" },
	{ "ticket-secret", SCHEMA_STRING, STRING(config_tls, ticket_secret, 0), .def = "",
	  .help = "file with 32 bytes or more that nodes share, so that tickets of one are good at all; empty: made beside control.state" },
	{ "engine", SCHEMA_STRING, STRING(config_tls, engine, 0), .def = "",
	  .help = "OpenSSL engine for the private-key operations of handshakes, such as qatengine: name or path; empty: none" },
	{ "engine-timeout-ms", SCHEMA_UINT, FIELD(config_tls, engine_timeout_ms),
	  .min = 1, .max = 60000, .def = "500", .unit = "milliseconds",
	  .help = "a job that takes longer: OpenSSL signs until all have come back; one that never does keeps one of tls.handshakes for good, of which an engine has half at most" },
	{ .name = NULL }
};

static const struct schema_key keys_domain[] = {
	{ "name", SCHEMA_STRING, STRING(config_domain, name, 1),
	  .help = "what listeners and certificates call it" },
	{ "profile", SCHEMA_ENUM, FIELD(config_domain, profile),
	  .names = names_profile, .def = "modern",
	  .help = "suites, groups and signatures where none are listed; ts33210 is 3GPP TS 33.210 6.2 and TS 33.310" },
	{ "version-min", SCHEMA_ENUM, FIELD(config_domain, version_min),
	  .names = names_tls, .def = "tls1.2",
	  .help = "oldest version; what is older than TLS 1.2 is not served" },
	{ "version-max", SCHEMA_ENUM, FIELD(config_domain, version_max),
	  .names = names_tls, .def = "tls1.3",
	  .help = "newest version" },
	{ "suites", SCHEMA_STRING, STRINGS(config_domain, suite, n_suite, CONFIG_NAMES_MAX), .def = "[]",
	  .help = "OpenSSL's names, most wanted first: AES-GCM and ChaCha20-Poly1305 only" },
	{ "groups", SCHEMA_STRING, STRINGS(config_domain, group, n_group, CONFIG_NAMES_MAX), .def = "[]",
	  .help = "of key exchange, most wanted first, as OpenSSL names them" },
	{ "client-certificate", SCHEMA_ENUM, FIELD(config_domain, client_cert),
	  .names = names_client_cert, .def = "none",
	  .help = "whether clients are asked for one, or must have one" },
	{ "client-ca", SCHEMA_STRING, STRING(config_domain, client_ca, 0), .def = "",
	  .help = "PEM file of the CAs that clients' certificates must come from; empty: any is taken" },
	{ "tickets", SCHEMA_BOOL, FIELD(config_domain, tickets), .def = "true",
	  .help = "sessions may be resumed" },
	{ "psk", SCHEMA_BOOL, FIELD(config_domain, psk), .def = "false",
	  .help = "external pre-shared keys are taken, as fairlead-cp knows them; in TLS 1.3 by suites with SHA-256" },
	{ .name = NULL }
};

static const struct schema_key keys_certificate[] = {
	{ "domain", SCHEMA_STRING, STRING(config_certificate, domain, 1), .def = "default",
	  .help = "TLS domain it belongs to" },
	{ "chain", SCHEMA_STRING, STRING(config_certificate, chain, 1),
	  .help = "PEM file: the certificate, then those above it" },
	{ "key", SCHEMA_STRING, STRING(config_certificate, key, 1),
	  .help = "PEM file of its private key, unencrypted; read by fairlead-dp only" },
	{ "names", SCHEMA_STRING, STRINGS(config_certificate, name, n_name, CONFIG_NAMES_MAX), .def = "[]",
	  .help = "host names (SNI) it is for, *.example.org too; none: those it has; the first of a domain serves all others" },
	{ .name = NULL }
};

static const struct schema_key keys_service[] = {
	{ "name", SCHEMA_STRING, STRING(config_service, name, 1),
	  .help = "name in tables and counters" },
	{ "domain", SCHEMA_STRING, STRING(config_service, domain, 0), .def = "",
	  .help = "TLS domain it is reached through; empty: all" },
	{ "alpn", SCHEMA_STRING, STRINGS(config_service, alpn, n_alpn, CONFIG_NAMES_MAX), .def = "[]",
	  .help = "protocol names (ALPN) that choose it" },
	{ "hosts", SCHEMA_STRING, STRINGS(config_service, host, n_host, CONFIG_NAMES_MAX), .def = "[]",
	  .help = "host names (SNI) that choose it" },
	{ "sip", SCHEMA_BOOL, FIELD(config_service, sip), .def = "false",
	  .help = "chosen, too, when the first bytes are SIP or a CRLF keep-alive" },
	{ "backend", SCHEMA_ADDR, FIELD(config_service, backend.ip),
	  .help = "TCP back end: address" },
	{ "port", SCHEMA_PORT, FIELD(config_service, backend.port),
	  .min = 1, .max = 65535, .def = "5060",
	  .help = "and port" },
	{ "crlf", SCHEMA_ENUM, FIELD(config_service, crlf),
	  .names = names_crlf, .def = "pass",
	  .help = "keep-alives of SIP clients (RFC 5626 4.4.1): passed to the back end, or answered here" },
	{ .name = NULL }
};

static const struct schema_key keys_route[] = {
	{ "to", SCHEMA_PREFIX, FIELD(config_route, to),
	  .help = "destination" },
	{ "via", SCHEMA_ADDR, FIELD(config_route, via),
	  .help = "next hop, in a subnet of this port" },
	{ .name = NULL }
};

static const struct schema_key keys_port[] = {
	{ "name", SCHEMA_STRING, STRING(config_port, name, 1),
	  .help = "name in tables and counters" },
	{ "device", SCHEMA_STRING, STRING(config_port, device, 1),
	  .help = "PCI address (0000:01:00.0), or a DPDK virtual device with its arguments" },
	{ "mtu", SCHEMA_UINT, FIELD(config_port, mtu),
	  .min = 576, .max = 9600, .def = "1500", .unit = "bytes",
	  .help = "largest IP packet; with an IPv6 address 1280 or more" },
	{ "vlan", SCHEMA_UINT, FIELD(config_port, vlan),
	  .min = 0, .max = 4094, .def = "0",
	  .help = "tag of every frame; 0: untagged" },
	{ "rx-desc", SCHEMA_UINT, FIELD(config_port, rx_desc),
	  .min = 64, .max = 32768, .def = "1024", .unit = "packets a worker",
	  .help = "receive descriptors" },
	{ "tx-desc", SCHEMA_UINT, FIELD(config_port, tx_desc),
	  .min = 64, .max = 32768, .def = "1024", .unit = "packets a worker",
	  .help = "transmit descriptors" },
	{ "addresses", SCHEMA_PREFIX, LIST(config_port, addr, n_addr, 1, CONFIG_ADDRS_MAX),
	  .help = "own addresses, each with its on-link subnet" },
	{ "gateways", SCHEMA_GATEWAY,
	  .off = offsetof(struct config_port, route[0].via), .size = sizeof(struct config_route),
	  .count_off = offsetof(struct config_port, n_route), .items_max = 2, .def = "[]",
	  .help = "default gateways, at most one a family" },
	{ "routes", SCHEMA_MAP, LIST(config_port, route, n_route, 0, CONFIG_ROUTES_MAX - 2),
	  .def = "[]", .keys = keys_route,
	  .help = "further routes: {to: 192.0.2.0/24, via: 10.1.0.9}" },
	{ .name = NULL }
};

static const struct schema_key keys_listener[] = {
	{ "address", SCHEMA_ADDR, FIELD(config_listener, addr.ip),
	  .help = "address of a port" },
	{ "port", SCHEMA_PORT, FIELD(config_listener, addr.port),
	  .min = 1, .max = 65535, .def = "3478",
	  .help = "where clients send" },
	{ "transport", SCHEMA_ENUM, FIELD(config_listener, transport),
	  .names = names_transport, .def = "udp",
	  .help = "udp, tcp, or tls over TCP" },
	{ "domain", SCHEMA_STRING, STRING(config_listener, domain, 1), .def = "default",
	  .help = "TLS domain, for transport tls" },
	{ .name = NULL }
};

static const struct schema_key keys_relay[] = {
	{ "address", SCHEMA_ADDR, FIELD(config_relay, addr),
	  .help = "address of a port; relayed addresses are taken from it" },
	{ "port-min", SCHEMA_UINT, FIELD(config_relay, port_min),
	  .min = 1024, .max = 65535, .def = "49152",
	  .help = "first port to relay from" },
	{ "port-max", SCHEMA_UINT, FIELD(config_relay, port_max),
	  .min = 1024, .max = 65535, .def = "65535",
	  .help = "last port to relay from" },
	{ .name = NULL }
};

static const struct schema_key keys_turn[] = {
	{ "realm", SCHEMA_STRING, FIELD(config_turn, realm),
	  .min = 1, .max = 127,
	  .help = "realm of the credentials; changing it invalidates stored keys" },
	{ "software", SCHEMA_STRING, FIELD(config_turn, software),
	  .min = 0, .max = 127, .def = "",
	  .help = "SOFTWARE attribute of replies; empty: none" },
	{ "lifetime-default", SCHEMA_UINT, FIELD(config_turn, lifetime_default),
	  .min = 1, .max = 604800, .def = "600", .unit = "seconds",
	  .help = "of an allocation whose client asks for none, or for less" },
	{ "lifetime-max", SCHEMA_UINT, FIELD(config_turn, lifetime_max),
	  .min = 1, .max = 604800, .def = "3600", .unit = "seconds",
	  .help = "most an allocation may ask for" },
	{ "permission-lifetime", SCHEMA_UINT, FIELD(config_turn, permission_lifetime),
	  .min = 1, .max = 86400, .def = "300", .unit = "seconds",
	  .help = "of a permission; RFC 8656 section 9 says 300" },
	{ "channel-lifetime", SCHEMA_UINT, FIELD(config_turn, channel_lifetime),
	  .min = 1, .max = 86400, .def = "600", .unit = "seconds",
	  .help = "of a channel; RFC 8656 section 12 says 600" },
	{ "reservation-lifetime", SCHEMA_UINT, FIELD(config_turn, reservation_lifetime),
	  .min = 1, .max = 3600, .def = "30", .unit = "seconds",
	  .help = "how long the port above an EVEN-PORT allocation is held" },
	{ "allocations-max", SCHEMA_UINT, FIELD(config_turn, allocations_max),
	  .min = 1, .max = 1 << 30, .def = "16384", .unit = "allocations",
	  .help = "allocations in all; no more than the sessions of all workers" },
	{ "allocations-per-user", SCHEMA_UINT, FIELD(config_turn, allocations_per_user),
	  .min = 0, .max = 1 << 30, .def = "100", .unit = "allocations",
	  .help = "allocations one user may hold; 0: no limit" },
	{ "permissions-per-allocation", SCHEMA_UINT, FIELD(config_turn, permissions_per_allocation),
	  .min = 1, .max = 65535, .def = "64", .unit = "permissions",
	  .help = "peer addresses one allocation may permit at a time" },
	{ "channels-per-allocation", SCHEMA_UINT, FIELD(config_turn, channels_per_allocation),
	  .min = 0, .max = 4096, .def = "64", .unit = "channels",
	  .help = "peers one allocation may bind at a time" },
	{ "connections-per-allocation", SCHEMA_UINT, FIELD(config_turn, connections_per_allocation),
	  .min = 1, .max = 65535, .def = "16", .unit = "connections",
	  .help = "connections to peers one TCP allocation may have that are not bound yet" },
	{ "rfc5766-channels", SCHEMA_BOOL, FIELD(config_turn, rfc5766_channels), .def = "false",
	  .help = "also bind channel numbers 0x5000 to 0x7fff, as clients older than RFC 8656 pick" },
	{ .name = NULL }
};

static const struct schema_key keys_auth[] = {
	{ "users-db", SCHEMA_STRING, STRING(config_auth, users_db, 1),
	  .def = "/var/lib/fairlead/users.db",
	  .help = "SQLite file of users, made if it is not there" },
	{ "rest-secrets", SCHEMA_SECRET,
	  LIST(config_auth, rest_secret, n_rest_secret, 0, CONFIG_SECRETS_MAX),
	  .min = 1, .max = CONFIG_STR_MAX - 1, .def = "[]",
	  .help = "secrets of time-limited credentials; all are valid" },
	{ "md5", SCHEMA_BOOL, FIELD(config_auth, md5), .def = "true",
	  .help = "accept keys derived with MD5, which most clients use" },
	{ "sha256", SCHEMA_BOOL, FIELD(config_auth, sha256), .def = "true",
	  .help = "accept keys derived with SHA-256 (RFC 8489)" },
	{ "nonce-lifetime", SCHEMA_UINT, FIELD(config_auth, nonce_lifetime),
	  .min = 1, .max = 86400, .def = "600", .unit = "seconds",
	  .help = "after it a client is told 438 and uses the new nonce" },
	{ .name = NULL }
};

static const struct schema_key keys_peers[] = {
	{ "allow", SCHEMA_PREFIX, LIST(config_peers, allow, n_allow, 0, CONFIG_PREFIXES_MAX),
	  .def = "[]",
	  .help = "special-purpose blocks (RFC 6890) that are allowed all the same" },
	{ "deny", SCHEMA_PREFIX, LIST(config_peers, deny, n_deny, 0, CONFIG_PREFIXES_MAX),
	  .def = "[]",
	  .help = "blocks that are denied; wins over allow" },
	{ "relay-to-relay", SCHEMA_BOOL, FIELD(config_peers, relay_to_relay), .def = "true",
	  .help = "a client reaches another client's relayed address" },
	{ .name = NULL }
};

static const struct schema_key keys_control[] = {
	{ "socket", SCHEMA_STRING, STRING(config_control, socket, 1),
	  .def = "/run/fairlead/control.sock",
	  .help = "Unix socket the fairlead command talks to" },
	{ "state", SCHEMA_STRING, STRING(config_control, state, 1),
	  .def = "/var/lib/fairlead/allocations.state",
	  .help = "file of allocations, which a new fairlead-cp takes up" },
	{ "metrics-address", SCHEMA_ADDR, FIELD(config_control, metrics_addr),
	  .def = "127.0.0.1",
	  .help = "where metrics are served as plain text: GET /metrics" },
	{ "metrics-port", SCHEMA_UINT, FIELD(config_control, metrics_port),
	  .min = 0, .max = 65535, .def = "0",
	  .help = "TCP port of the metrics, 9643 by custom; 0: none are served" },
	{ .name = NULL }
};

const struct schema_key schema_top[] = {
	{ "dataplane", SCHEMA_MAP, FIELD(config, dataplane), .keys = keys_dataplane,
	  .help = "fairlead-dp: CPUs, memory and the sizes of its tables" },
	{ "tcp", SCHEMA_MAP, FIELD(config, tcp), .keys = keys_tcp,
	  .help = "the TCP stack: its tables, its buffers and its patience" },
	{ "tls", SCHEMA_MAP, FIELD(config, tls), .keys = keys_tls,
	  .help = "TLS: handshakes, tickets, accelerators" },
	{ "tls-domains", SCHEMA_MAP, LIST(config, domain, n_domain, 0, CONFIG_DOMAINS_MAX),
	  .def = "[]", .keys = keys_domain,
	  .help = "what TLS listeners offer and accept" },
	{ "certificates", SCHEMA_MAP, LIST(config, certificate, n_certificate, 0, CONFIG_CERTIFICATES_MAX),
	  .def = "[]", .keys = keys_certificate,
	  .help = "certificates and keys of TLS domains; read again by: fairlead tls reload" },
	{ "services", SCHEMA_MAP, LIST(config, service, n_service, 0, CONFIG_SERVICES_MAX),
	  .def = "[]", .keys = keys_service,
	  .help = "what else than TURN is reached through TLS listeners" },
	{ "ports", SCHEMA_MAP, LIST(config, port, n_port, 1, CTL_PORTS_MAX), .keys = keys_port,
	  .help = "network ports" },
	{ "listeners", SCHEMA_MAP, LIST(config, listener, n_listener, 1, CTL_LISTENERS_MAX),
	  .keys = keys_listener,
	  .help = "where clients reach the relay" },
	{ "relays", SCHEMA_MAP, LIST(config, relay, n_relay, 1, CTL_RELAYS_MAX), .keys = keys_relay,
	  .help = "where relayed addresses come from" },
	{ "turn", SCHEMA_MAP, FIELD(config, turn), .keys = keys_turn,
	  .help = "allocations: lifetimes and quotas" },
	{ "auth", SCHEMA_MAP, FIELD(config, auth), .keys = keys_auth,
	  .help = "who may use the relay" },
	{ "peers", SCHEMA_MAP, FIELD(config, peers), .keys = keys_peers,
	  .help = "whom clients may reach" },
	{ "control", SCHEMA_MAP, FIELD(config, control), .keys = keys_control,
	  .help = "fairlead-cp" },
	{ .name = NULL }
};
/* clang-format on */
