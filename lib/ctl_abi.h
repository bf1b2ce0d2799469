/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_CTL_ABI_H
#define FL_LIB_CTL_ABI_H

/*
 * The boundary between fairlead-dp and fairlead-cp: all that the two share. Any change here bumps
 * CTL_ABI_VERSION; tests/check-abi.sh compares a digest of this file, ring.h and the
 * .def files with the version and fails the build otherwise. Over 600 lines, since both sides are
 * built from one file, and the digest is of one.
 *
 * fairlead-dp creates a memfd that holds one struct region and everything it points to by
 * offset, and listens on a Unix socket (SOCK_SEQPACKET). fairlead-cp connects, sends
 * struct ctl_hello, and receives struct ctl_welcome with two descriptors (SCM_RIGHTS): the memfd,
 * and the eventfd that wakes the control process. Workers look at their command rings by
 * themselves. One control process at a time; the socket closes when either side dies.
 *
 * Times are seconds of CLOCK_MONOTONIC, which both processes share; a deadline d is over when
 * now >= d. All integers are host order unless they are be-types.
 *
 * It is longer than files here are, since it is read as one: what both processes must agree on.
 */
#include "addr.h"
#include "bpf.h"
#include "codec.h"
#include "counter.h"
#include "fingerprint.h"
#include "histogram.h"
#include "quality.h"
#include "ring.h"
#include "siphash.h"
#include "tcp_end.h"

#include <stdalign.h>
#include <stddef.h>

#define CTL_ABI_MAGIC UINT64_C(0x6461656c72696146) /* "Fairlead" */
#define CTL_ABI_VERSION 25u

enum {
	CTL_WORKERS_MAX = 64,
	CTL_PORTS_MAX = 16,
	CTL_LISTENERS_MAX = 64,
	CTL_PLACES_MAX = 256, /* listeners that a process has known so far */
	CTL_RELAYS_MAX = 256, /* relay addresses, of which a process knows, or knew */
	CTL_DOMAINS_MAX = 16, /* TLS domains, likewise */
	CTL_NAME_MAX = 32,    /* NUL included */
	CTL_TEXT_MAX = 192,
	CTL_IDENTITY_MAX = 256,	  /* bytes of a PSK identity */
	CTL_PSK_MAX = 64,	  /* bytes of a pre-shared key */
	CTL_FINGERPRINTS_MAX = 8, /* that a termination's other side may have */
	CTL_PROFILES_MAX = 4,	  /* of SRTP, by DTLS */
	CTL_FORMATS_MAX = 8,	  /* payload types of RTP that are told */
	CTL_MID_MAX = 16,	  /* name of an m-line, NUL included */
	CTL_BUNDLE_MAX = 4,	  /* m-lines of one transport, who carries it included */
	CTL_HOST_MAX = 128,	  /* host name, NUL included */
	CTL_UFRAG_MAX = 16,	  /* ICE user fragment of ours, NUL included */
	CTL_PWD_MAX = 40,	  /* ICE password of ours, NUL included */
	CTL_CERT_KEY = 8,	  /* bytes of a SHA-256 that name a certificate */
	CTL_DER_MAX = 4096,	  /* bytes of a certificate that is told whole */
	CTL_PAYLOAD_MAX = RING_MSG_SIZE - 80, /* bytes of STUN a punt or reply carries */
};

/* ---- the socket ---- */

struct ctl_hello {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t pid;
	uint64_t config_digest; /* of what both must agree on, see config_digest() */
	uint64_t live_digest;	/* of the file it runs with, see config_both_digest() */
};

enum ctl_verdict {
	CTL_WELCOME = 0,
	CTL_BAD_ABI = 1,
	CTL_BAD_CONFIG = 2, /* the two processes run different configurations */
	CTL_BUSY = 3,	    /* another control process is attached */
};

struct ctl_welcome {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t verdict; /* enum ctl_verdict; descriptors come with CTL_WELCOME only */
	uint64_t region_size;
	uint64_t config_digest;
	uint64_t live_digest; /* of the file it took last, as that of the hello */
};

/*
 * Once attached, the control process may ask for what is rare and slow, or too secret for shared
 * memory. One request at a time; each is answered by a struct msg_result with its seq.
 */
enum ctl_msg_type {
	MSG_TICKET_KEYS = 1, /* struct msg_ticket_keys */
	MSG_TLS_RELOAD,	     /* struct msg_hdr: read certificates and keys again */
	MSG_CONFIG,	     /* struct msg_config: take live keys of the file */
	MSG_RESULT,
};

struct msg_hdr {
	uint32_t type; /* enum ctl_msg_type */
	uint32_t seq;
};

/* What session tickets are sealed with (RFC 5077 4, AES-256-CBC and HMAC-SHA-256). */
struct ctl_ticket_key {
	uint8_t name[16]; /* stands in the ticket, in clear */
	uint8_t aes[32];
	uint8_t hmac[32];
};

/* Tickets are made with current and taken with any of the three. */
struct ctl_ticket_keys {
	struct ctl_ticket_key previous, current, next;
};

struct msg_ticket_keys {
	struct msg_hdr hdr;
	struct ctl_ticket_keys keys;
};

/* The file is to have the live keys of this digest, see config_both_digest(). */
struct msg_config {
	struct msg_hdr hdr;
	uint64_t digest;
};

struct msg_result {
	struct msg_hdr hdr;
	uint32_t ok;
	char text[CTL_TEXT_MAX * 2]; /* one sentence when it is not */
};

/* ---- the region ---- */

/* Batches of packets by size: none, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more. */
enum { CTL_BATCHES = 8 };

/* Place of a batch of n in such a list; the first that counts there is of 1 << place - 1. */
static inline uint32_t ctl_batch(uint32_t n)
{
	uint32_t bits = n ? 32 - (uint32_t)__builtin_clz(n) : 0;

	return bits < CTL_BATCHES ? bits : CTL_BATCHES - 1;
}

/* What one stage of the loop took so far. */
struct ctl_stage {
	alignas(32) _Atomic uint64_t cycles; /* of the time stamp counter, see region.tsc_hz */
	_Atomic uint64_t calls;
	_Atomic uint64_t items; /* see stage.def */
};

/* How long something took: by class (lib/histogram.h), and their sum. */
struct ctl_times {
	alignas(64) _Atomic uint64_t n[HISTOGRAM_CLASSES];
	_Atomic uint64_t sum;
};

/* Handshakes that are over, from the connection, or the ClientHello with its cookie, to the keys.
 */
enum ctl_handshake { CTL_HANDSHAKE_TLS, CTL_HANDSHAKE_DTLS, CTL_HANDSHAKES };

/* What a worker counts. Written by the worker only. */
struct ctl_counters {
	alignas(64) _Atomic uint64_t cnt[CNT_MAX];
	alignas(64) _Atomic uint64_t drop[DROP_MAX];
	alignas(64) _Atomic uint64_t end[TCP_END_MAX]; /* connections by what ended them */
	alignas(64) struct ctl_stage stage[STAGE_MAX];
	struct ctl_times turn; /* those that found something to do; in cycles */
	struct ctl_times handshake[CTL_HANDSHAKES];	    /* in microseconds */
	alignas(64) _Atomic uint64_t rx_burst[CTL_BATCHES]; /* receives from ports, by packets */
	alignas(64) _Atomic uint64_t tx_batch[CTL_BATCHES]; /* transmits, by packets */
	/* Looks at flows of RTP, each some seconds (lib/quality.h): by class, and their sum. */
	alignas(64) _Atomic uint64_t quality[QUALITIES][QUALITY_CLASSES];
	_Atomic uint64_t quality_sum[QUALITIES];
};

/* Traffic of one worker on one port. Written by the worker only. */
struct ctl_port_counters {
	alignas(64) _Atomic uint64_t rx_packets;
	_Atomic uint64_t rx_bytes;
	_Atomic uint64_t tx_packets;
	_Atomic uint64_t tx_bytes;
	_Atomic uint64_t tx_full; /* packets the port did not take */
};

/* What the service thread knows of a port; rewritten once a second, seq is odd meanwhile. */
struct ctl_port_info {
	_Atomic uint32_t seq;
	uint32_t link_up;
	uint32_t speed_mbps; /* 0: unknown */
	uint32_t mtu;
	uint32_t rx_queues;
	uint32_t tx_queues;
	uint32_t rx_desc; /* of each queue, as the device has them */
	uint32_t tx_desc;
	uint32_t vlan;	 /* 0: untagged */
	uint32_t shares; /* 1 + index of the port whose device it is, too, which tells of that; 0:
			    its own */
	uint8_t mac[6];
	uint8_t out;  /* its device is away, or being opened anew */
	uint8_t gone; /* a reload has taken it out, or it was not published yet: of no interest */
	char name[CTL_NAME_MAX];
	char driver[CTL_NAME_MAX];
	char steering[CTL_TEXT_MAX]; /* how packets reach the right worker */
	char offloads[CTL_TEXT_MAX]; /* what the port does itself */
	char bursts[CTL_TEXT_MAX];   /* the driver's functions that receive and send */
	char members[CTL_TEXT_MAX];  /* of a bond: name, link, and whether they are used */
	uint64_t rx_missed;	     /* by the device, for want of descriptors */
	uint64_t rx_nombuf;
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t conflicts; /* claims of others for addresses of the port, heard so far */
	uint64_t outages;   /* times that the device had to be closed */
};

enum { CTL_XSTATS_MAX = 512, CTL_XSTAT_NAME = 64 };

/*
 * What a port's driver counts, by the driver's names (rte_eth_xstats). Names are written once, at
 * start; values by the service thread once a second, seq is odd meanwhile.
 */
struct ctl_xstats {
	_Atomic uint32_t seq;
	uint32_t n;	/* of the entries below, the driver's first */
	uint32_t total; /* that the driver has */
	uint32_t pad;
	struct ctl_xstat {
		uint64_t value;
		char name[CTL_XSTAT_NAME];
	} stat[CTL_XSTATS_MAX];
};

/*
 * One TCP connection of a worker, for display. Written by the worker only, which goes round its
 * connections a few at a time: an entry may be seconds old. seq is odd while it is written.
 */
struct ctl_conn_info {
	alignas(64) _Atomic uint32_t seq;
	uint32_t gen; /* 0: no connection here */
	struct sock_addr local, remote;
	uint8_t state; /* enum tcp_state */
	uint8_t role;  /* enum ctl_conn_role */
	uint16_t mss;
	uint32_t srtt_us;
	uint32_t cwnd;	     /* bytes */
	uint32_t snd_wnd;    /* the peer's window, bytes */
	uint32_t rcv_wnd;    /* ours, bytes */
	uint32_t unacked;    /* bytes sent and not acknowledged */
	uint32_t send_queue; /* bytes, those included */
	uint32_t recv_queue; /* bytes not taken yet */
	uint32_t retransmits;
	uint32_t session; /* slot, or UINT32_MAX */
	uint32_t age_s;
	uint32_t silent_s;    /* since its last segment came, whatever it was */
	uint16_t tls_version; /* 0x0303, 0x0304, 0xfefd; 0: none, or its handshake is not over */
	uint16_t tls_suite;   /* IANA number */
	uint16_t tls_domain;  /* place in region.domain */
	uint16_t tls_resumed;
	uint8_t
	    tls_cert[CTL_CERT_KEY];  /* that we have shown: how its SHA-256 begins; zeros: none */
	uint64_t rx_bytes, tx_bytes; /* of the stream */
	/*
	 * Of one that is joined with another (dp/tcp/splice.h): bytes that came by it and went on,
	 * and 1 + the index of the other if this is the client's, else 0.
	 */
	uint64_t passed;
	uint32_t joined;
	uint32_t rated_ms; /* when the rates are of: low bits of CLOCK_MONOTONIC */
	/* Segments with new data; datagrams of DTLS. */
	uint64_t rx_packets, tx_packets;
	struct ctl_conn_rate {
		uint32_t packets_per_s, bytes_per_s; /* of a second or more until rated_ms */
		uint32_t packets, bytes;	     /* lower halves of the counters then */
	} rx, tx;
};
_Static_assert(sizeof(struct ctl_conn_info) == 192, "three cache lines");

/*
 * Where connections from an address are: a place of the index is 1 + an index of ctl_conn_info, or
 * 0, and a hint: whoever reads it looks whether the entry is of that address. spilled: there was no
 * room for so many (lib/conn_index.h). Written by the worker only.
 */
enum { CTL_BUCKET = 7 };
struct ctl_conn_bucket {
	alignas(32) _Atomic uint32_t place[CTL_BUCKET];
	_Atomic uint32_t spilled;
};

/* Which way something is relayed. */
enum ctl_way { CTL_TO_PEER, CTL_TO_CLIENT, CTL_WAYS };

/*
 * What a session relayed, in the fewest bytes, since each packet looks at them. Written by the
 * worker only, word by word. It is begun when a session takes the slot, and what the last one
 * relayed can be read until then. A stream's bytes (RFC 6062) come in no packets.
 */
enum { CTL_USE_GEN = 16, CTL_USE_SECOND = 24 };
struct ctl_use {
	/* Of payload, above CTL_USE_GEN bits: the generation's lower half to peers, the upper. */
	_Atomic uint64_t bytes[CTL_WAYS];
	/* Above CTL_USE_SECOND bits: of the second, CLOCK_MONOTONIC, that the last came in. */
	_Atomic uint64_t packets[CTL_WAYS];
};
_Static_assert(sizeof(struct ctl_use) == 32, "two sessions in a cache line");

/*
 * What came from the remotes of a context's terminations, RTCP and what was dropped included; of
 * streams there are no packets. Written by the worker only, word by word, about once a second: the
 * packet path has counters of its own. gen is written last when a context takes the slot, and is 0
 * from when it goes.
 */
struct ctl_context_use {
	alignas(64) _Atomic uint32_t gen;
	_Atomic uint32_t at_ms; /* when it was written: low bits of CLOCK_MONOTONIC */
	struct ctl_side_use {
		_Atomic uint64_t packets, bytes;
		_Atomic uint32_t packets_per_s, bytes_per_s; /* since the time before */
	} side[2];
	_Atomic uint32_t heard_s[2]; /* seconds: when something last came; 0: nothing did */
};
_Static_assert(sizeof(struct ctl_context_use) == 64, "a context a cache line");

/*
 * A certificate of a TLS domain, as it is in force. Written by the service thread at start and at
 * each reload; seq is odd meanwhile.
 */
struct ctl_cert_info {
	alignas(64) _Atomic uint32_t seq;
	uint16_t domain;		/* place in region.domain */
	uint16_t certificate;		/* index in the configuration */
	uint64_t loaded;		/* seconds, CLOCK_REALTIME */
	uint64_t not_before, not_after; /* seconds since 1970 */
	uint8_t sha256[32];		/* of the certificate, DER */
	char type[CTL_NAME_MAX];	/* "EC P-256", "RSA 2048" */
	char subject[CTL_TEXT_MAX];
	char names[CTL_TEXT_MAX]; /* host names it serves, with spaces; cut when too long */
	char error[CTL_TEXT_MAX *
		   2];	  /* of the last reload, which left this one in force; empty: none */
	uint32_t der_len; /* 0: it is longer */
	uint8_t der[CTL_DER_MAX];
};

/* What a connection is for. */
enum ctl_conn_role {
	CONN_CLIENT, /* of a TURN client: control connection, or not known yet */
	CONN_PEER,   /* of a peer of a TCP allocation (RFC 6062), not bound yet */
	CONN_DATA,   /* one of two that are joined */
	CONN_OTHER,
	CONN_ROLES
};

/* Where a worker's parts are (offsets from the region's start) and their geometry. */
struct ctl_worker {
	uint64_t cmd_ring; /* struct ring_shm, written by the control process */
	uint64_t evt_ring; /* struct ring_shm, written by the worker */
	uint64_t counters; /* struct ctl_counters */
	uint64_t ports;	   /* struct ctl_port_counters[CTL_PORTS_MAX] */
	uint64_t conns;	   /* struct ctl_conn_info[conns_max] */
	uint64_t by_addr;  /* struct ctl_conn_bucket[conn_buckets(conns_max)] */
	uint64_t trace;	   /* struct ring_shm of CTL_TRACE_SLOTS, written by the worker */
	uint64_t use;	   /* struct ctl_use[sessions_max] */
	uint64_t gate_use; /* struct ctl_context_use[contexts_max] */
	uint32_t cmd_slots;
	uint32_t evt_slots;
	uint32_t cpu;
	uint32_t sessions_max; /* slots 0 .. sessions_max - 1 */
	uint32_t peers_max;    /* records beside the one each session holds */
	uint32_t conns_max;    /* TCP connections, and behind them DTLS associations */
	uint32_t contexts_max; /* slots 0 .. contexts_max - 1 */
	uint32_t pad;
};

/* A place in the dataplane where something impossible happened, see bug.h. */
struct ctl_bug {
	char where[64]; /* file:line */
	char expr[128];
	uint32_t warn; /* harmless */
	uint32_t count;
};

enum { CTL_BUGS_MAX = 16 };

/* All of them so far, the first CTL_BUGS_MAX one by one. Written by the service thread as above. */
struct ctl_bugs {
	_Atomic uint32_t seq;
	uint32_t n;
	uint64_t total; /* hits of all places */
	struct ctl_bug site[CTL_BUGS_MAX];
};

/*
 * Memory of the dataplane's allocator in bytes, see struct memory_use. Written by the service
 * thread once a second, one by one.
 */
struct ctl_memory {
	_Atomic uint64_t allocated, active, resident, retained;
};

/*
 * What the kernel knows of the dataplane's process, see struct process_use. Written by the service
 * thread once a second, one by one.
 */
struct ctl_process {
	_Atomic uint64_t cpu_us, virtual_bytes, resident_bytes, fds, fds_max, threads;
};

/*
 * A listener that is there, or was: what its place means for as long as the dataplane lives.
 * Written by the service thread before any worker knows of it, and never again. The control process
 * has places of its own (conf/listener.h): either may have begun with another list.
 */
struct ctl_listener {
	struct sock_addr addr;
	uint16_t transport; /* enum config_transport */
};

/* The same of a relay, and of a TLS domain (conf/kept.h). */
struct ctl_relay_place {
	struct ip_addr addr;
	uint16_t owner; /* 1 + number of the worker that has all its ports; 0: they are dealt out */
};

/* And of a port: with another tag, or MTU, it is another one. */
struct ctl_port_place {
	char name[CTL_NAME_MAX];
	uint16_t vlan, mtu;
};

struct ctl_domain_place {
	char name[CTL_NAME_MAX];
};

/*
 * Written by the dataplane before it listens; constant from then on, but for bugs, memory, process
 * and places.
 */
struct region {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t n_workers;
	uint64_t size;
	uint64_t config_digest;
	uint32_t pid;
	_Atomic uint32_t n_ports; /* places that are written; there is room for CTL_PORTS_MAX */
	uint64_t port_info;	  /* struct ctl_port_info[CTL_PORTS_MAX] */
	uint64_t xstats;	  /* struct ctl_xstats[CTL_PORTS_MAX] */
	uint64_t cert_info;	  /* struct ctl_cert_info[n_certs] */
	uint32_t n_certs;
	_Atomic uint32_t service_turns; /* of the service thread, which writes it; ten a second */
	uint64_t start_time;		/* seconds, CLOCK_MONOTONIC */
	uint64_t tsc_hz;		/* of the time stamp counter, as stages have it */
	uint64_t generation;		/* random, differs at each start of the dataplane */
	struct siphash_key conn_key;	/* of conn_bucket() */
	uint8_t dtls_sha256[32]; /* of the certificate of TERM_DTLS, DER; zeros: there is none */
	struct ctl_worker worker[CTL_WORKERS_MAX];
	struct ctl_bugs bugs;
	struct ctl_memory memory;
	struct ctl_process process;
	_Atomic uint32_t n_listener; /* places that are written */
	struct ctl_listener listener[CTL_PLACES_MAX];
	_Atomic uint32_t n_relay, n_domain; /* likewise */
	struct ctl_relay_place relay[CTL_RELAYS_MAX];
	struct ctl_domain_place domain[CTL_DOMAINS_MAX];
	struct ctl_port_place port[CTL_PORTS_MAX];
};

/*
 * Offset to pointer, with n bytes to be reached at the given alignment. NULL if that is not
 * inside the region. size is the size mapped, never the one read from the region.
 */
static inline void *region_at(void *base, uint64_t size, uint64_t off, uint64_t n, uint64_t align)
{
	if (off > size || n > size - off || off % align)
		return NULL;
	return (uint8_t *)base + off;
}

/* ---- messages ---- */

/*
 * A client's leg: where a message came from and where a reply goes. listener is the dataplane's
 * place of the listener (region.listener), which gives local address, port and transport. conn and
 * conn_gen name a TCP or TLS connection of the worker the message came from, or a DTLS association,
 * of which conn has the bit CTL_CONN_DTLS; conn_gen is 0 for UDP.
 */
#define CTL_CONN_DTLS UINT32_C(0x80000000)

struct ctl_leg {
	struct sock_addr client;
	uint16_t listener;
	uint32_t conn;
	uint32_t conn_gen;
};

/* No slot of a table, no index of a record. */
#define SLOT_NONE UINT32_MAX

/*
 * A session in the dataplane: slot of the worker's table, and a generation so that a message
 * about an earlier tenant of the slot is recognised. Slots are handed out by the control process.
 */
struct ctl_sid {
	uint32_t slot;
	uint32_t gen; /* never 0 */
};

/* Numbers of messages: msg.def says what each is for. 0 is none. */
enum ctl_cmd_type {
	CMD_NONE,
#define CMD(name, member, type) CMD_##name,
#define CMD_PAYLOAD CMD
#include "msg.def"
};

enum ctl_evt_type {
	EVT_NONE,
#define EVT(name, member, type) EVT_##name,
#define EVT_PAYLOAD EVT
#include "msg.def"
};

struct ctl_hdr {
	uint16_t type; /* enum ctl_cmd_type or enum ctl_evt_type */
	uint16_t len;  /* bytes of the message, this header included */
	uint32_t seq;  /* of the command; an event repeats that of the command it answers, or 0 */
};

enum ctl_session_flags {
	SESSION_FINGERPRINT = 1 << 0, /* the client uses FINGERPRINT: add it to Data indications */
	/*
	 * The client's session is another worker's: ChannelData and Send indications of this leg
	 * are handed to worker `redirect`, requests are not. Such a session has no relayed
	 * addresses, permissions or channels.
	 */
	SESSION_REDIRECT = 1 << 1,
	SESSION_TCP = 1 << 2, /* relayed transport is TCP (RFC 6062) */
};

enum { CTL_RELAY_NONE = 0xffff };

/* One relayed transport address: the dataplane's place of the relay (region.relay), and port. */
struct ctl_relay {
	uint16_t relay; /* CTL_RELAY_NONE: no address of this family */
	struct be16 port;
};

enum { RELAY_V4 = 0, RELAY_V6 = 1 };

struct cmd_session_set {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct ctl_leg leg;
	struct ctl_relay relay[2]; /* [RELAY_V4], [RELAY_V6] */
	uint32_t flags;
	uint32_t expiry;   /* seconds */
	uint16_t redirect; /* worker, with SESSION_REDIRECT; else 0 */
	uint16_t pad;
	/* A second, each way, of what its user may relay; 0: any. */
	uint32_t share; /* bytes of IP */
	uint32_t share_packets;
	uint64_t user; /* charged for packet buffers; 0: its user is not known */
};

struct cmd_session_del {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
};

struct cmd_perm_set {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct ip_addr peer;
	uint32_t expiry; /* seconds */
};

struct cmd_chan_set {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct sock_addr peer;
	uint16_t channel;
	uint32_t expiry;      /* of the binding */
	uint32_t perm_expiry; /* of the permission */
};

enum ctl_send_flags {
	/*
	 * The reply to a ConnectionBind that succeeded: what follows on this connection is no STUN
	 * any more, so it is not read until CMD_JOIN. Without it a connection that waits for the
	 * answer to a ConnectionBind goes on as before.
	 */
	SEND_HOLD = 1 << 0,
};

struct cmd_send {
	struct ctl_hdr hdr;
	struct ctl_leg leg;
	uint16_t flags; /* enum ctl_send_flags */
	uint16_t payload_len;
	uint8_t payload[CTL_PAYLOAD_MAX];
};

/* A TCP connection, or DTLS association, of the worker the message goes to, or comes from. */
struct ctl_conn {
	uint32_t idx;
	uint32_t gen; /* never 0 */
};

/*
 * The session has SESSION_TCP. Answered by EVT_CONNECTED or EVT_CONNECT_FAILED, within
 * tcp.connect-timeout. Until it is joined, a peer's connection lives for tcp.bind-timeout only,
 * whether the control process is there or not (RFC 6062 4.3, 4.4: 30 seconds).
 */
struct cmd_connect {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct sock_addr peer;
};

/*
 * Joins the client's connection (of this worker, held by SEND_HOLD) with a peer's connection of
 * worker peer_worker, to which it moves if that is another. If the peer's is gone, the client's is
 * closed. No answer: the bytes tell.
 */
struct cmd_join {
	struct ctl_hdr hdr;
	struct ctl_conn client;
	struct ctl_conn peer;
	uint32_t peer_worker;
	struct ctl_sid sid; /* of the allocation, on peer_worker: both end with it */
};

struct cmd_conn_close {
	struct ctl_hdr hdr;
	struct ctl_conn conn;
	uint32_t killed; /* 1: by an operator, and at once, whatever waits to be sent */
};

/* ---- contexts (R28, R42): two terminations, and what comes from one goes to the other ---- */

/* A context in the dataplane: slot of the worker's table and a generation, as of a session. */
struct ctl_cid {
	uint32_t slot;
	uint32_t gen; /* never 0 */
};

enum ctl_transport {
	TERM_NONE, /* there is no termination on this side */
	TERM_UDP,
	TERM_TCP,
	TERM_TLS,
};

/* Both terminations of a context are UDP, or neither is. */
enum ctl_term_flags {
	TERM_IN = 1 << 0,  /* gate: what the remote sends is taken */
	TERM_OUT = 1 << 1, /* gate: what the partner sends goes to the remote */
	/* UDP */
	TERM_RTP = 1 << 2, /* RTP, and RTCP on the port above (RFC 3550 11), which is ours, too */
	TERM_RTCP_MUX = 1 << 3, /* RTCP on the same port (RFC 5761); with TERM_RTP */
	TERM_ICE = 1 << 4,	/* ICE-lite (RFC 8445 2.5): the remote is who was nominated */
	/*
	 * The remote is who sends (R14): locked at once if that is the address given or the one
	 * that was sent to before, else after gateway.latch-ms from the first packet. With
	 * TERM_RTP only RTP and RTCP are learnt from, and RTCP only from RTP's host. With TCP:
	 * whoever connects.
	 */
	TERM_LATCH = 1 << 5,
	/*
	 * The remote has the address given, whatever its port. With TERM_LATCH it is learnt by any
	 * port of it. UDP without TERM_LATCH: sent to is the port given, and taken what comes from
	 * any (a remote that is asymmetric: RFC 4961 is not kept).
	 */
	TERM_LATCH_ADDR = 1 << 6,
	/* TCP and TLS */
	TERM_CONNECT = 1 << 7,	  /* TCP client; else server (R43) */
	TERM_TLS_CLIENT = 1 << 8, /* TLS client; else server (R44) */
	/*
	 * UDP, with TERM_LATCH: latched[0], latched[1] is of an earlier attempt. It is sent to
	 * until somebody is heard, who is learnt anew. Set with a new attempt by the control
	 * process, withdrawn with EVT_TERM.
	 */
	TERM_RELEARN = 1 << 9,
	TERM_RELEARN_RTCP = 1 << 10,
	/*
	 * UDP, with TERM_RTP: SRTP on this side (RFC 3711). Until CMD_SRTP_SET has brought the keys
	 * nothing passes.
	 */
	TERM_SRTP = 1 << 11,
	/*
	 * UDP, with TERM_SRTP: the keys come of DTLS on the same ports (RFC 5764), and of no
	 * command; we are its client with TERM_TLS_CLIENT. The remote's certificate has one of
	 * the fingerprints: before there is one no handshake begins. Another role, fingerprint or
	 * dtls_id begins another handshake, and until that is over the keys that there are serve.
	 */
	TERM_DTLS = 1 << 12,
	/* Of RTP that the remote sends telephone events do not pass (RFC 4733); by `format`. */
	TERM_NO_EVENTS = 1 << 13,
	/*
	 * With TERM_RTP: the payload that the remote sends is replaced by silence of its codec, by
	 * `format`; what has none (lib/codec.h) does not pass. RTCP does.
	 */
	TERM_SILENT = 1 << 14,
	/*
	 * With TERM_SRTP and TERM_RTCP_MUX: an m-line of a bundle (RFC 9143), whose transport is
	 * that of the context `bundle`, on the side of the same number: port, ICE, keys. The port
	 * of its own is kept, and nothing comes to it, until it leaves the bundle.
	 */
	TERM_BUNDLED = 1 << 15,
};

enum { CTL_DSCP_KEEP = 0xff };

/* What a payload type of RTP is, so that its timestamps are understood; codec 0: no entry. */
struct ctl_format {
	uint8_t type;
	uint8_t codec; /* enum codec */
};

/* What tells RTP of an m-line from that of others in its bundle (RFC 9143 9.2). */
struct ctl_demux {
	uint8_t types[16];     /* payload types, a bit each: types[type / 8] >> type % 8 */
	char mid[CTL_MID_MAX]; /* value of the header extension; "": it has no name */
	uint8_t mid_ext;       /* its number (RFC 8285); 0: it is not used */
	uint8_t pad[3];
};

/*
 * What a termination shall be. A change of attempt makes a termination of TCP or TLS begin: listen,
 * or connect to the remote (R58); 0: not yet. It does so once; what was begun goes on whatever else
 * changes, but the remote's certificate and address are judged again. Fingerprints may come later
 * than the handshake (R51). A change of attempt of UDP with TERM_LATCH makes the remote to be
 * learnt anew: after an offer or answer of that side, or a source that policy denies.
 */
struct ctl_term {
	uint8_t transport; /* enum ctl_transport */
	uint8_t attempt;
	uint16_t flags;		     /* enum ctl_term_flags */
	struct ctl_relay local;	     /* port: even, where RTCP has the one above */
	struct sock_addr remote[2];  /* RTP, or the only one; RTCP. Port 0: not known */
	struct sock_addr latched[2]; /* what was learnt, as EVT_TERM said. Port 0: nothing yet */
	uint8_t dscp;		     /* of packets to the remote; CTL_DSCP_KEEP: as they came */
	uint8_t n_fingerprint; /* TLS, DTLS: the remote's certificate has one of these (R50) */
	uint16_t domain;       /* TLS domain (R48), place in region.domain */
	uint32_t rate;	       /* bytes a second taken from the remote; 0: any */
	uint32_t burst;	       /* bytes taken at once, with rate */
	uint32_t inactivity;   /* seconds of silence of the remote that are told; 0: none are */
	char ufrag[CTL_UFRAG_MAX], pwd[CTL_PWD_MAX]; /* ours, with TERM_ICE */
	char host[CTL_HOST_MAX];		     /* TLS client: SNI; "": none */
	struct fingerprint fingerprint[CTL_FINGERPRINTS_MAX];
	uint32_t dtls_id; /* TERM_DTLS: of the association (RFC 8842 5.2); 0: it has no name */
	/* TERM_DTLS: profiles that may be agreed, most wanted first (enum srtp_suite); n 0: all. */
	uint8_t n_profile, profile[CTL_PROFILES_MAX], pad[3];
	struct ctl_format format[CTL_FORMATS_MAX]; /* with TERM_RTP; of its session description */
	struct ctl_cid bundle;			   /* with TERM_BUNDLED; of the same worker */
	struct ctl_demux demux; /* of an m-line of a bundle, also of the one that carries it */
};

enum ctl_context_flags {
	/*
	 * The end of one termination does not end the other: it is held, and neither read nor
	 * written, until the control process decides.
	 */
	CONTEXT_HOLD = 1 << 0,
};

/*
 * The whole of it each time, so that a replay is nothing else. A slot with another generation, or
 * none, is taken over; a termination that is not there any more is ended in order.
 */
struct cmd_context_set {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	uint32_t expiry; /* seconds */
	uint32_t flags;	 /* enum ctl_context_flags */
	struct ctl_term term[2];
};

/* CMD_CONTEXT_DEL, CMD_CONTEXT_AUDIT. */
struct cmd_context {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
};

/*
 * Side `side` of cid becomes side `to_side` of `to`, which has none there: its ports, what it has
 * learnt, its connection. CMD_CONTEXT_SET follows for both.
 */
struct cmd_context_move {
	struct ctl_hdr hdr;
	struct ctl_cid cid, to;
	uint8_t side, to_side;
	uint16_t pad;
};

enum ctl_srtp_flags {
	CTL_SRTP_CLEAR_RTP = 1 << 0,  /* UNENCRYPTED_SRTP (RFC 4568 6.3.2): authenticated only */
	CTL_SRTP_CLEAR_RTCP = 1 << 1, /* UNENCRYPTED_SRTCP */
};

/* A master key of SRTP. */
struct ctl_srtp_key {
	uint64_t mki;	   /* of mki_len bytes; 0 of them: there is none */
	uint64_t lifetime; /* packets of SRTP; 0: as many as there may be */
	uint8_t set;	   /* 0: there is no key, and the rest is zeros */
	uint8_t suite;	   /* enum srtp_suite */
	uint8_t mki_len;
	uint8_t pad[5];
	uint8_t master[48]; /* key, then salt; as many bytes as the suite has */
};

/*
 * The keys of a termination with TERM_SRTP, all of them each time; answered by EVT_CONTEXT_REFUSED
 * alone. A key that is the same goes on with its indexes. One that replaces another that the remote
 * sent by leaves that one valid for packets that are late. They are never told back, and wiped from
 * the ring once obeyed.
 */
struct cmd_srtp_set {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	uint8_t side;
	uint8_t flags; /* enum ctl_srtp_flags */
	uint8_t pad[6];
	struct ctl_srtp_key in, out; /* by which the remote sends, and we do; not the same */
};

enum ctl_refusal {
	REFUSED_FULL, /* no slot, no stream, no memory for it */
	REFUSED_PORT, /* another has its port */
	REFUSED_BAD,  /* impossible values */
	REFUSED_GONE, /* CMD_CONTEXT_MOVE: there is no such context or termination */
	REFUSALS
};

struct evt_context_refused {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	uint32_t why; /* enum ctl_refusal */
};

/* How a termination's remote heard its partner, over some seconds. */
struct ctl_heard {
	uint16_t mos;  /* hundredths, lib/emodel.h; 0: not known */
	uint16_t loss; /* hundredths of percents */
	uint32_t jitter_us;
	uint32_t rtt_us; /* from end to end; 0: not known */
	uint32_t leg_us; /* the part of it between us and that remote; 0: not known */
	uint32_t at;	 /* seconds: when */
};

/*
 * Of RTP that came from a termination's remote as far as here (RFC 3550 6.4.1, A.1, A.3, A.8); what
 * that remote says of its partner's by RTCP; and from both, how it heard.
 */
struct ctl_quality {
	uint32_t ssrc;	   /* the last source; with sources */
	uint8_t type;	   /* its payload type */
	uint8_t codec;	   /* enum codec */
	uint16_t sources;  /* so far, one after the other; 0: there was no RTP, and nothing else */
	uint64_t received; /* of sources, each number once */
	uint32_t lost;	   /* numbers that did not come */
	uint32_t reordered, duplicates;
	uint32_t bursts, burst_lost; /* RFC 3611 4.7.2, Gmin 16; lost in any of them */
	uint32_t jitter_us, jitter_max_us;
	uint32_t reports;   /* of RTCP from the remote, about its partner */
	uint32_t told_ssrc; /* who reported */
	uint32_t told_lost; /* so far */
	uint32_t told_jitter_us;
	uint16_t told_loss;		  /* hundredths of percents, of its last report */
	uint8_t told_mos_lq, told_mos_cq; /* tenths, of extended reports; 0: not told */
	uint32_t rtt_us;		  /* between us and the remote; 0: not known */
	uint32_t samples; /* that mean, lowest and highest are of: those with a MOS */
	struct ctl_heard mean, lowest, highest, last;
};

/* What came from a termination's remote. */
struct ctl_term_stats {
	uint64_t packets, bytes; /* of RTP, or of all but RTCP; of a stream bytes only */
	uint64_t rtcp_packets, rtcp_bytes;
	uint64_t dropped;	    /* packets that were not passed on */
	uint32_t checks;	    /* ICE checks answered */
	uint32_t silent_s;	    /* seconds since anything came; UINT32_MAX: nothing did */
	struct ctl_quality quality; /* with TERM_RTP */
};

struct evt_context_stats {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	struct ctl_term_stats term[2];
};

enum ctl_term_event {
	/*
	 * Connection open, handshake over, certificate judged (R53). TERM_DTLS: of a component,
	 * which has keys from now on.
	 */
	TERM_UP,
	TERM_UNJUDGED, /* handshake over; a fingerprint is waited for (R51) */
	/*
	 * why says how. Whoever asks again with CMD_CONTEXT_SET hears it again, and in a replay of
	 * the other two as well.
	 */
	TERM_ENDED,
	TERM_LATCHED, /* remote learnt */
	/* Nothing came for `inactivity` seconds; told once until something does. why: which kind */
	TERM_INACTIVE,
	/*
	 * A connection was not the remote's, or was lost before it was known to be: its handshake
	 * failed, it showed another certificate, it waited too long for a fingerprint. why says
	 * which; the termination listens on. Where another connection holds it all the same,
	 * TERM_UP or TERM_UNJUDGED of that one follows. TERM_DTLS: a handshake of a component
	 * failed, or its association has ended; the termination goes on with the keys that it has,
	 * and a client begins again.
	 */
	TERM_REFUSED,
	TERM_EVENTS
};

enum ctl_inactive {
	INACTIVE_MEDIA, /* no media, and no other packets */
	/*
	 * TERM_ICE: no check of a remote that renews its consent by checks (RFC 7675), for that
	 * long and 30 seconds at least. Media as if from there do not count.
	 */
	INACTIVE_CONSENT,
};

struct evt_term {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	uint8_t side;
	uint8_t what; /* enum ctl_term_event */
	/* enum tcp_end, with TERM_ENDED, TERM_REFUSED; enum ctl_inactive, with TERM_INACTIVE */
	uint16_t why;
	uint8_t attempt;		 /* it is about */
	uint8_t rtcp;			 /* with TERM_LATCHED, and of TERM_DTLS: 1: of RTCP */
	uint16_t tls_version, tls_suite; /* with TLS once it is up, else 0 */
	struct sock_addr remote;
	uint8_t sha256[32]; /* of the remote's certificate; zeros: none was shown */
};

/* The key of an identity; len 0: there is none. The worker wipes the slot once it has copied it. */
struct cmd_psk {
	struct ctl_hdr hdr;
	struct ctl_conn conn;
	uint16_t len; /* bytes of key */
	uint8_t key[CTL_PSK_MAX];
};

/* ---- IPsec associations with phones (RFC 4301, TS 33.203 7) ---- */

enum {
	CTL_IPSEC_LANES = 2,
	CTL_IPSEC_SLOT_BITS = 17,
	CTL_IPSEC_WORKER_BITS = 6,
	CTL_IPSEC_SALT = 4, /* bytes that go before the IV of AES-GCM and AES-GMAC */
};

/*
 * One association each way, for what goes between two ports: 33.203 has two lanes, the phone's
 * client port with our server port, and its server port with our client port.
 */
struct ctl_ipsec_lane {
	uint32_t spi_in, spi_out;  /* of what comes, which is ctl_ipsec_spi(), and of what goes */
	struct be16 local, remote; /* 0: any port, and any protocol */
};

enum ctl_ipsec_flags {
	CTL_IPSEC_TUNNEL = 1 << 0, /* tunnel mode; else transport mode */
	CTL_IPSEC_UDP = 1 << 1,	   /* ESP in UDP (RFC 3948) */
	CTL_IPSEC_ESN = 1 << 2,	   /* sequence numbers of 64 bits */
	/*
	 * Of a command: the keys in it are none, since who sends it has none. An association that
	 * is there goes on with its own, and one that is not is refused.
	 */
	CTL_IPSEC_KEPT = 1 << 3,
	/* Of a command: of all that the phone has, what is sent to it goes by these. */
	CTL_IPSEC_CURRENT = 1 << 4,
};

/* The associations with one phone, which share their keys. */
struct ctl_ipsec {
	struct ctl_sid id;
	uint64_t user;	   /* a hash of whose they are, for the control process; 0: nobody said */
	uint32_t expiry;   /* seconds */
	uint32_t flags;	   /* enum ctl_ipsec_flags */
	uint8_t transform; /* enum esp_transform */
	uint8_t pad;
	uint16_t window;	/* of the anti-replay check, packets */
	struct ip_addr local;	/* ours, outside; in transport mode inside as well */
	struct sock_addr outer; /* theirs, outside; port: of UDP, 0 where it is not known yet */
	struct ip_addr inner;	/* theirs, inside: in transport mode the same as outside */
	uint16_t n_lanes;	/* 1 or 2 */
	struct ctl_ipsec_lane lane[CTL_IPSEC_LANES];
};

/*
 * The whole of it each time. Numbers and IVs go on where the worker has the associations; where it
 * has not, they begin above `seq`. Wiped from the ring once obeyed. Answered where it is refused.
 */
struct cmd_ipsec_set {
	struct ctl_hdr hdr;
	struct ctl_ipsec s;
	uint32_t seq;
	uint8_t key[16]; /* of AES */
	uint8_t mac[20]; /* of HMAC-SHA1 */
	uint8_t salt[CTL_IPSEC_SALT];
};

/* CMD_IPSEC_DEL, CMD_IPSEC_AUDIT: each is answered. */
struct cmd_ipsec {
	struct ctl_hdr hdr;
	struct ctl_sid id;
};

enum ctl_ipsec_event {
	IPSEC_TOLD,    /* in an audit: there are these */
	IPSEC_STATS,   /* the answer to a command */
	IPSEC_REFUSED, /* CMD_IPSEC_SET could not be obeyed: why says so */
	IPSEC_USED,    /* the first packet of theirs has come */
	IPSEC_MOVED,   /* theirs come from another address or port of UDP, where ours go now */
	IPSEC_SPENT,   /* no more numbers: nothing can be sent */
	IPSEC_EVENTS
};

struct evt_ipsec {
	struct ctl_hdr hdr;
	struct ctl_ipsec s; /* without keys */
	uint16_t what;	    /* enum ctl_ipsec_event */
	uint16_t why;	    /* enum ctl_refusal */
	uint32_t silent_s;  /* since theirs came; UINT32_MAX: none did */
	uint32_t seq;	    /* the highest number of ours */
	uint32_t pad;
	uint64_t packets_in, bytes_in, packets_out, bytes_out; /* of what is inside, IP header on */
	uint64_t dropped;				       /* of theirs */
};

/*
 * The worker that has the associations of a phone, by its address inside: each worker can tell to
 * whom a packet for it goes.
 */
static inline uint32_t ctl_ipsec_worker(const struct ip_addr *inner, uint32_t workers)
{
	uint64_t hi, lo;

	memcpy(&hi, inner->b, 8);
	memcpy(&lo, inner->b + 8, 8);
	hi = (hi ^ lo) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)((hi >> 32) * workers >> 32);
}

/* What a phone's packets are known by. Never one of the reserved ones (RFC 4303 2.1). */
static inline uint32_t ctl_ipsec_spi(uint32_t worker, struct ctl_sid id, uint32_t lane)
{
	return (id.gen % 255 + 1) << 24 | worker << (CTL_IPSEC_SLOT_BITS + 1) | id.slot << 1 | lane;
}

static inline uint32_t ctl_ipsec_spi_worker(uint32_t spi)
{
	return spi >> (CTL_IPSEC_SLOT_BITS + 1) & ((1u << CTL_IPSEC_WORKER_BITS) - 1);
}

static inline uint32_t ctl_ipsec_spi_slot(uint32_t spi)
{
	return spi >> 1 & ((1u << CTL_IPSEC_SLOT_BITS) - 1);
}

/* ---- neighbours, for who asks (fairlead neighbours) ---- */

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE, /* asked, no answer yet; packets wait */
	NEIGH_REACHABLE,
	NEIGH_STALE,  /* no proof for a while; used, and asked again by unicast */
	NEIGH_FAILED, /* no answer */
};

enum { CTL_NEIGHBOURS = 50, CTL_NEIGHBOURS_SCAN = 256 };
#define CTL_NEIGHBOURS_END UINT32_MAX

/* A next hop of a worker. */
struct ctl_neighbour {
	struct ip_addr ip;
	uint8_t mac[6];	 /* zeros in NEIGH_INCOMPLETE and NEIGH_FAILED */
	uint8_t state;	 /* enum neigh_state, not NEIGH_FREE */
	uint8_t port;	 /* index */
	uint8_t gateway; /* 1: others are reached by it */
	uint8_t pad;
	uint16_t waiting; /* packets */
	uint32_t age_ms;  /* of the state; UINT32_MAX: that or more */
};

/*
 * From an entry of the table on: of the next CTL_NEIGHBOURS_SCAN those that are in use, max of
 * them at most. A table that changes meanwhile may tell one twice, or not at all.
 */
struct cmd_neighbours {
	struct ctl_hdr hdr;
	uint32_t from;
	uint16_t max;	   /* at most CTL_NEIGHBOURS */
	uint16_t gateways; /* only these */
};

struct evt_neighbours {
	struct ctl_hdr hdr;
	uint32_t next; /* where to go on; CTL_NEIGHBOURS_END: that was all */
	uint32_t n;
	struct ctl_neighbour neighbour[CTL_NEIGHBOURS];
};

/* ---- questions to other hosts, for who asks (fairlead ping, fairlead arping) ---- */

enum {
	CTL_PING_SIZE = 9600, /* bytes behind the ICMP header: as much as the largest MTU has */
	CTL_PING_TIMEOUT_MS = 5000,
	CTL_PING_ANY = UINT16_MAX, /* port: the one that the route names */
};

enum ping_what {
	PING_ECHO = 1, /* ICMP or ICMPv6 echo */
	PING_LINK,     /* ARP or neighbour solicitation, whatever is known of the neighbour */
};

/* One question. Answered by EVT_PING, when the reply is here or the time is over. */
struct cmd_ping {
	struct ctl_hdr hdr;
	struct ip_addr to;
	struct ip_addr from; /* an address of ours; ::, the port's */
	uint32_t timeout_ms;
	uint16_t port; /* index, or CTL_PING_ANY */
	uint16_t size; /* with PING_ECHO, of the payload */
	uint8_t what;  /* enum ping_what */
	uint8_t whole; /* no fragments are made of it */
	uint16_t pad;
};

enum ping_result {
	PING_REPLY,
	PING_ERROR,  /* an ICMP error came: its type and code */
	PING_SILENT, /* nothing did */
	/* It was not sent. */
	PING_NO_ROUTE, /* or none by that port */
	PING_OWN,      /* the address is ours */
	PING_SOURCE,   /* not an address of ours, or of another family; or the port has none */
	PING_OFF_LINK, /* PING_LINK: a gateway is between */
	PING_TOO_BIG,  /* for mtu, and not to be cut */
	PING_FULL,     /* too many at once, or no buffers */
	PING_RESULTS
};

struct evt_ping {
	struct ctl_hdr hdr;
	uint32_t rtt_us;       /* with PING_REPLY and PING_ERROR */
	struct ip_addr from;   /* who answered */
	struct ip_addr source; /* our address */
	struct ip_addr via;    /* the next hop */
	uint16_t port;	       /* index; with source and via if it was sent */
	uint16_t mtu;	       /* of an error that says so, or with PING_TOO_BIG; else 0 */
	uint8_t result;	       /* enum ping_result */
	uint8_t ttl;	       /* of the reply */
	uint8_t type, code;    /* of an ICMP error, as the family has them */
	uint8_t hop;	       /* enum neigh_state of the next hop, with PING_SILENT */
	uint8_t mac[6];	       /* with PING_LINK and PING_REPLY */
	uint8_t pad[5];
};

/* ---- what happens to packets, for who asks (fairlead trace, fairlead capture) ---- */

enum {
	CTL_TRACE_SLOTS = 1024,
	CTL_TRACE_BYTES =
	    RING_MSG_SIZE - 96, /* of a packet: a frame of Ethernet's size, and more */
	CTL_TRACE_STEPS = 240,	/* of a filter's program */
	CTL_TRACE_LEASE_S = 5,	/* a trace that is not asked for again ends by itself */
};
#define CTL_TRACE_ANY UINT32_MAX

enum ctl_trace_event {
	TRACE_RECEIVED,
	TRACE_HANDED, /* to this worker, by another */
	TRACE_PUNTED,
	TRACE_RELAYED,
	TRACE_WAITING,	/* a message for a client over TCP, until its stream takes it */
	TRACE_STREAMED, /* and when it was written there */
	TRACE_SENT,
	TRACE_DROPPED,
	TRACE_OPENED, /* plaintext of TLS that came, for a filter that wants it, */
	TRACE_SEALED, /* and that goes */
	TRACE_EVENTS
};

/*
 * Packets that have all that is given. An address ::, a port 0, CTL_TRACE_ANY: any. A packet that
 * is told of goes on to be, whatever becomes of its addresses; but the program has its say of each.
 */
struct ctl_trace_filter {
	struct sock_addr client, peer;
	struct sock_addr relayed; /* address of a session: its client's packets as well */
	uint32_t session;	  /* slot */
	uint32_t reason;	  /* enum drop */
	uint16_t drops;		  /* only what is dropped */
	uint16_t bytes;		  /* so many of each packet at most, from its IP header on */
	/*
	 * A capture: only frames, as received, sent and dropped, with bytes from the Ethernet
	 * header on, whose addresses are zeros where it is gone. Not what came inside of TLS: a
	 * dropped packet has bytes only if it is an IP packet of an address of ours.
	 */
	uint8_t frames;
	/*
	 * With frames: instead of those of TLS listeners what is inside of TLS, behind headers that
	 * are made up. No keys.
	 */
	uint8_t plaintext;
	uint16_t n_steps; /* of the program; 0: any frame. With frames */
};

/* id 0: the trace ends. That of the one under way: it goes on until then. */
struct cmd_trace {
	struct ctl_hdr hdr;
	uint32_t id;
	uint32_t until; /* seconds */
	struct ctl_trace_filter filter;
	struct bpf_step step[CTL_TRACE_STEPS];
};

/* What stands in a slot of the trace ring. */
struct ctl_trace {
	uint64_t us; /* CLOCK_MONOTONIC */
	uint32_t id;
	uint32_t lost;		   /* of this trace, so far, since the ring was full */
	uint32_t session;	   /* slot, CTL_TRACE_ANY if it is none's */
	uint32_t len;		   /* of the frame, or of the message */
	uint16_t event;		   /* enum ctl_trace_event */
	uint16_t reason;	   /* enum drop, with TRACE_DROPPED */
	struct sock_addr src, dst; /* :: where it is no IP packet */
	uint8_t proto;
	uint8_t port; /* index, of TRACE_RECEIVED and TRACE_SENT */
	uint16_t n_bytes;
	uint8_t bytes[CTL_TRACE_BYTES];
};
_Static_assert(sizeof(struct ctl_trace) <= RING_MSG_SIZE, "a record fits a slot");

/* A permission (channel 0, port 0), or a channel and the permission of its address. */
struct ctl_peer {
	struct sock_addr addr;
	uint16_t channel;
	uint32_t perm_expiry, chan_expiry; /* seconds */
};

enum { CTL_SESSION_PEERS = 64 };

/* What CMD_SESSION_SET and what came after it have made. One with more peers is told again. */
struct evt_session {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct ctl_leg leg;
	struct ctl_relay relay[2];
	uint32_t flags;
	uint32_t expiry;
	uint16_t redirect;
	uint16_t n_peer;
	struct ctl_peer peer[CTL_SESSION_PEERS];
};

/* As CMD_CONTEXT_SET would make it, with what was learnt since. */
struct evt_context {
	struct ctl_hdr hdr;
	struct ctl_cid cid;
	uint32_t expiry;
	uint32_t flags;
	struct ctl_term term[2];
};

struct evt_punt {
	struct ctl_hdr hdr;
	struct ctl_leg leg;
	struct ip_addr local; /* address the request came to */
	uint64_t rx_us;	      /* CLOCK_MONOTONIC, microseconds */
	uint16_t payload_len;
	uint8_t payload[CTL_PAYLOAD_MAX];
};

/* Answer to a command. peer and channel are those of EVT_PEER_REFUSED's command, else 0. */
struct evt_result {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct sock_addr peer; /* port 0: a permission */
	uint16_t channel;      /* 0: a permission */
};

/* EVT_CONNECTED, EVT_CONNECT_FAILED, EVT_PEER_ATTEMPT. */
struct evt_peer_conn {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct ctl_conn conn; /* of the worker the event comes from; 0 with EVT_CONNECT_FAILED */
	struct sock_addr peer;
	uint16_t why; /* enum tcp_end, with EVT_CONNECT_FAILED; TCP_END_EXISTS: code 446 */
};

/*
 * A client's connection that had a session (sid; its session is gone with it), or a peer's that
 * was not joined yet (sid of its allocation).
 */
struct evt_conn_gone {
	struct ctl_hdr hdr;
	struct ctl_sid sid;
	struct ctl_conn conn;
	uint16_t role; /* enum ctl_conn_role */
	uint16_t why;  /* enum tcp_end */
};

enum ctl_joined { JOINED_BEGUN, JOINED_ENDED, JOINED_EVENTS };

/* A client's connection was joined with a peer's, or a back end's; or the first of the two ended.
 */
struct evt_joined {
	struct ctl_hdr hdr;
	struct ctl_sid sid;	/* of the peer's allocation (RFC 6062); gen 0: it is of a service */
	struct ctl_conn client; /* its name */
	struct sock_addr from;	/* the client, */
	struct sock_addr to;	/* and our address that it came to */
	struct sock_addr own;	/* our address towards the other, */
	struct sock_addr peer;	/* and the other's */
	uint64_t passed[CTL_WAYS]; /* bytes */
	uint32_t age_s;		   /* of the client's connection */
	uint16_t what;		   /* enum ctl_joined */
	uint16_t why; /* enum tcp_end, with JOINED_ENDED: of the one that ended first */
	char service[CTL_NAME_MAX]; /* ""; it is of none, or that is gone */
};

/* Answered by CMD_PSK, or the handshake ends after tls.handshake-ms. */
struct evt_psk {
	struct ctl_hdr hdr;
	struct ctl_conn conn;
	uint16_t domain; /* place in region.domain */
	uint16_t identity_len;
	uint8_t identity[CTL_IDENTITY_MAX];
};

_Static_assert(sizeof(struct ctl_leg) == 28, "layout of the boundary");

/* Any message, in a private copy. */
union ctl_cmd {
	struct ctl_hdr hdr;
#define CMD(name, member, type) struct type member;
#define CMD_PAYLOAD CMD
#include "msg.def"
	uint8_t bytes[RING_MSG_SIZE];
};

union ctl_evt {
	struct ctl_hdr hdr;
#define EVT(name, member, type) struct type member;
#define EVT_PAYLOAD EVT
#include "msg.def"
	uint8_t bytes[RING_MSG_SIZE];
};

_Static_assert(sizeof(union ctl_cmd) == RING_MSG_SIZE && sizeof(union ctl_evt) == RING_MSG_SIZE,
	       "a message fits a slot");

/* A message as long as it always is, or as what it carries makes it. */
#define CTL_LEN(number, type) \
	case number:          \
		return h->len == sizeof(struct type);
#define CTL_LEN_PAYLOAD(number, type) \
	case number:                  \
		return h->len >= offsetof(struct type, payload) && h->len <= sizeof(struct type);

/* Whether a message of that type can be that long; of no known type none can. */
static inline bool ctl_cmd_len_valid(const struct ctl_hdr *h)
{
	switch (h->type) {
#define CMD(name, member, type) CTL_LEN(CMD_##name, type)
#define CMD_PAYLOAD(name, member, type) CTL_LEN_PAYLOAD(CMD_##name, type)
#include "msg.def"
	default:
		return false;
	}
}

static inline bool ctl_evt_len_valid(const struct ctl_hdr *h)
{
	switch (h->type) {
#define EVT(name, member, type) CTL_LEN(EVT_##name, type)
#define EVT_PAYLOAD(name, member, type) CTL_LEN_PAYLOAD(EVT_##name, type)
#include "msg.def"
	default:
		return false;
	}
}

#undef CTL_LEN
#undef CTL_LEN_PAYLOAD

/*
 * Which worker owns a relayed port. Pairs (even, odd) stay together for EVEN-PORT. They go round
 * the workers, and begin anew after RELAY_DEAL of them: so the owner hangs on seven bits of the
 * port, whatever the number of workers is, and a NIC's table of 128 queues has room for all that
 * these can be.
 */
enum { RELAY_DEAL = 128 };

static inline uint32_t relay_port_worker(uint16_t port, uint32_t n_workers)
{
	return (uint32_t)(port >> 1) % RELAY_DEAL % n_workers;
}

#endif
