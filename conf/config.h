/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_CONFIG_H
#define FL_CONF_CONFIG_H

/*
 * The configuration: one YAML file read by both processes. One schema (schema.c) drives parsing,
 * ranges, defaults and the help text (config_help()), of which the sample file and fairlead.yaml(5)
 * are made. Every error is one sentence that names file, line and key.
 * Over 600 lines, since it is the same table once more: a member for each key.
 */
#include "../lib/addr.h"
#include "../lib/ctl_abi.h"

#include <stdio.h>

enum {
	CONFIG_ADDRS_MAX = 64,	  /* addresses of one port */
	CONFIG_GATEWAYS_MAX = 8,  /* of both families */
	CONFIG_ROUTES_MAX = 64,	  /* routes of one port, gateways included */
	CONFIG_PREFIXES_MAX = 64, /* entries of allow and deny */
	CONFIG_SECRETS_MAX = 8,
	CONFIG_SECRET_FILES_MAX = 4,
	CONFIG_ROLES_MAX = 16,
	CONFIG_RADIUS_MAX = 4,		      /* servers */
	CONFIG_USER_MAX = 64,		      /* of the machine, or a group */
	CONFIG_DOMAINS_MAX = CTL_DOMAINS_MAX, /* TLS domains */
	CONFIG_CERTIFICATES_MAX = 64,	      /* of all domains */
	CONFIG_SERVICES_MAX = 16,
	CONFIG_NAMES_MAX = 16,	/* host names, ALPN names, suites or groups of one entry */
	CONFIG_CRYPTO_MAX = 16, /* crypto CPUs */
	CONFIG_REALMS_MAX = 32,
	CONFIG_ALTERNATES_MAX = 8,
	CONFIG_RELAYS_SPARE = 8, /* that reloads may add: there is room for them from the start */
	CONFIG_NG_PROXIES_MAX = 8,
	CONFIG_HEP_MAX = 4,
	CONFIG_H248_CONTROLLERS_MAX = 8,
	CONFIG_IPSEC_MAX = 16, /* addresses, and blocks of those inside */
	SERVICE_NONE = 0xffff,
	SERVICE_TURN = 0xfffe, /* chosen as such by ALPN */
	LISTENER_GONE = 0xffff,
	CONFIG_FRAGMENTS_EACH = 8, /* buffers for each packet in reassembly, on average */
	CONFIG_WAITING_MAX = 2048, /* packets that wait for neighbours, all of a worker's */
	CONFIG_HANDOVER = 2048,	   /* see config_handover() */
	CONFIG_PATH_MAX = 108,	   /* fits sun_path */
	CONFIG_STR_MAX = 256,
	CONFIG_MEMBERS_MAX = 8, /* devices of a bond */
	CONFIG_EAL_MAX = 32,	/* arguments, and log levels, for DPDK's start */
	CONFIG_EAL_LEN = 128,
};

enum config_hugepages { HUGEPAGES_AUTO, HUGEPAGES_YES, HUGEPAGES_NO };
enum config_idle { IDLE_SLEEP, IDLE_POLL };
enum config_transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_DTLS };
extern const char *const config_transport_name[]; /* ends with NULL */

struct config_dataplane {
	uint16_t workers[CTL_WORKERS_MAX]; /* CPU of each */
	uint16_t n_workers;
	uint16_t main_cpu; /* service thread */
	enum config_hugepages hugepages;
	uint32_t memory_mb; /* DPDK's heap */
	enum config_idle idle;
	uint32_t idle_max_us; /* longest nap */
	uint32_t mbufs;	      /* per worker */
	uint32_t sessions;    /* per worker */
	uint32_t peers;	      /* per worker: permissions and channels beyond each session's first */
	uint32_t neighbours;  /* per worker */
	uint32_t neighbour_queue; /* packets waiting for one neighbour */
	uint32_t fragments;	  /* per worker: packets in reassembly; see CONFIG_FRAGMENTS_EACH */
	uint32_t fragment_timeout_ms;
	uint32_t ring_slots;   /* of each command and event ring, power of two */
	uint32_t binding_rate; /* Binding answers per second and source prefix (/24, /56) */
	uint32_t request_rate; /* punted requests per second and source prefix; 0: any */
	uint32_t icmp_rate;    /* echo replies, and errors, per second and source prefix */
	char socket[CONFIG_PATH_MAX];
	/* For DPDK's start (conf/eal.h) */
	char eal[CONFIG_EAL_MAX][CONFIG_EAL_LEN];
	char log_level[CONFIG_EAL_MAX][CONFIG_EAL_LEN];
	uint16_t n_eal, n_log_level;
};

enum config_congestion { CONGESTION_CUBIC, CONGESTION_RENO };
enum config_cookies { COOKIES_AUTO, COOKIES_ALWAYS, COOKIES_NEVER };

/* The TCP stack of each worker. */
struct config_tcp {
	uint32_t connections;	  /* per worker */
	uint32_t half_open;	  /* per worker: in SYN-RECEIVED; SYN cookies beyond that */
	uint32_t time_wait;	  /* per worker: entries */
	uint32_t time_wait_ms;	  /* 2 MSL */
	uint32_t buffers;	  /* per worker: packet buffers all connections may hold */
	uint32_t send_buffer;	  /* bytes a connection */
	uint32_t receive_buffer;  /* bytes a connection */
	uint32_t reorder_buffer;  /* bytes a connection: out of order */
	uint32_t media_queue;	  /* bytes a connection: datagrams for a slow client */
	uint32_t media_age_ms;	  /* and how long one may wait */
	uint32_t handshake_ms;	  /* SYN-RECEIVED at most */
	uint32_t connect_timeout; /* seconds; RFC 6062 4.3 */
	uint32_t bind_timeout;	  /* seconds; RFC 6062 4.3, 4.4 */
	uint32_t idle_timeout;	  /* seconds: a client without allocation */
	uint32_t frame_ms;	  /* a message begun is whole after that */
	uint32_t stall_timeout;	  /* seconds: data unacknowledged, or window closed */
	uint32_t slow_rate;	  /* bytes a second of what waits; 0: any will do */
	uint32_t linger;	  /* seconds: FIN-WAIT-2 at most */
	uint32_t keepalive;	  /* seconds of silence before a probe; 0: none */
	enum config_cookies cookies;
	enum config_congestion congestion;
	bool ecn;
};

/* Handshakes and records of all domains. */
struct config_tls {
	uint16_t
	    crypto_cpus[CONFIG_CRYPTO_MAX]; /* of crypto threads; none: each worker does its own */
	uint16_t n_crypto_cpus;
	uint32_t handshakes;	  /* per worker: under way */
	uint32_t waiting;	  /* per worker: connections that wait for one of those */
	uint32_t handshake_ms;	  /* from the connection's opening to Finished */
	uint32_t connections;	  /* per worker */
	uint32_t associations;	  /* of DTLS, per worker */
	uint32_t dtls_handshakes; /* of DTLS, per worker: under way */
	uint32_t key_updates;	  /* that one connection may ask for, a minute (RFC 8446 5.5) */
	uint32_t ticket_lifetime; /* seconds; an epoch of ticket keys is as long */
	char ticket_secret[CONFIG_STR_MAX]; /* file; empty: one made in the state directory */
	uint32_t ticket_secret_line;	    /* where the file says so */
	char provider[CONFIG_STR_MAX];	    /* OpenSSL provider; empty: none */
	uint32_t provider_line;		    /* where the file says so */
	char engine[CONFIG_STR_MAX];	    /* OpenSSL engine; empty: none */
	uint32_t engine_line;
	uint32_t engine_timeout_ms; /* a job that takes longer: on without either */
};

enum config_tls_profile { PROFILE_MODERN, PROFILE_TS33210 };
enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };
enum config_client_cert { CLIENT_CERT_NONE, CLIENT_CERT_ASK, CLIENT_CERT_REQUIRE };

/* A TLS domain (R48). */
struct config_domain {
	char name[CTL_NAME_MAX];
	enum config_tls_profile profile; /* suites, groups and signatures where none are listed */
	enum config_tls_version version_min, version_max;
	char suite[CONFIG_NAMES_MAX][64]; /* OpenSSL's names, most wanted first */
	char group[CONFIG_NAMES_MAX][32];
	uint16_t n_suite, n_group;
	enum config_client_cert client_cert;
	char client_ca[CONFIG_STR_MAX]; /* file of CA certificates; empty: whatever it shows is
					   taken */
	bool tickets;
	bool psk;					 /* external PSKs (R65) */
	bool gone;					 /* see kept.h */
	uint32_t suite_line, group_line, client_ca_line; /* where the file says so */
};

/* A chain and its key; several of one domain may have the same names (ECDSA, RSA). */
struct config_certificate {
	char domain[CTL_NAME_MAX];
	char chain[CONFIG_STR_MAX], key[CONFIG_STR_MAX]; /* PEM files */
	char name[CONFIG_NAMES_MAX][CONFIG_STR_MAX];	 /* none: those in the certificate */
	uint16_t n_name;
	uint16_t domain_index;	       /* set by config_load() */
	uint32_t chain_line, key_line; /* where the file says so */
};

enum config_crlf { CRLF_PASS, CRLF_ANSWER };
enum config_proxy { PROXY_NONE, PROXY_V2 };
enum config_service_tls { SERVICE_TLS_END, SERVICE_TLS_PASS };

/* What else than TURN is reached through TLS listeners (R2). */
struct config_service {
	char name[CTL_NAME_MAX];
	char domain[CTL_NAME_MAX];		     /* empty: all */
	char alpn[CONFIG_NAMES_MAX][32];	     /* protocol names that choose it */
	char host[CONFIG_NAMES_MAX][CONFIG_STR_MAX]; /* names (SNI) that choose it */
	uint16_t n_alpn, n_host;
	bool sip; /* also chosen by first bytes that are SIP, or a CRLF keep-alive */
	enum config_service_tls tls; /* ended here, or passed as it comes: chosen by alpn alone */
	struct sock_addr backend;    /* TCP */
	enum config_proxy proxy;     /* what tells the back end who the client is */
	enum config_crlf crlf;	     /* RFC 5626 4.4.1 */
	uint16_t domain_index;	     /* set by config_load(); CONFIG_DOMAINS_MAX: all */
	/* Its place, set by config_load(); fairlead-dp keeps it over reloads, whatever its place.
	 */
	uint16_t id;
};

struct config_route {
	struct ip_prefix to;
	struct ip_addr via;
};

enum config_bond { BOND_NONE, BOND_ACTIVE_BACKUP, BOND_LACP };

struct config_port {
	char name[CTL_NAME_MAX];
	char device[CONFIG_STR_MAX]; /* conf/device.h reads it */
	uint16_t mtu;
	enum config_bond bond;
	char member[CONFIG_MEMBERS_MAX][CONFIG_STR_MAX]; /* devices of a bond, likewise */
	uint16_t n_member;
	uint32_t device_line, mtu_line, member_line; /* where the file says so */
	uint16_t vlan;				     /* 0: untagged */
	uint16_t shares; /* 1 + index of the first port of the same device; 0: that is this one */
	uint16_t rx_desc, tx_desc;
	struct ip_prefix addr[CONFIG_ADDRS_MAX]; /* own address and its on-link subnet */
	uint16_t n_addr;
	struct config_route route[CONFIG_ROUTES_MAX]; /* gateways are routes to 0/0 and ::/0 */
	uint16_t n_route;
	bool gone; /* see kept.h; it has neither addresses nor routes then */
};

struct config_listener {
	struct sock_addr addr;
	enum config_transport transport;
	char domain[CTL_NAME_MAX];  /* of a TLS listener */
	char service[CTL_NAME_MAX]; /* every connection is passed to it; empty: TURN */
	uint16_t domain_index;	    /* set by config_load() */
	uint16_t service_index;	    /* the same, valid if has_service */
	bool has_service;
};

/*
 * What a listener is known by, in one process and for its life: the place is its number there,
 * which neither the order of the file nor other listeners change (listener.h).
 */
struct listener_place {
	struct sock_addr addr;
	uint16_t transport; /* enum config_transport */
	uint16_t listener;  /* its index in the list now, or LISTENER_GONE */
};

struct config_relay {
	struct ip_addr addr;
	uint16_t port_min, port_max;
	bool turn;		  /* allocations are given its ports */
	char realm[CTL_NAME_MAX]; /* terminations in this realm are; empty: none */
	uint16_t realm_index;	  /* set by config_load(); CONFIG_REALMS_MAX: none */
	char worker[4];		  /* its number, as text; empty: ports are dealt out to all */
	uint16_t owner;		  /* set by config_load(): 1 + that number, 0: none */
	bool gone;		  /* see kept.h */
};

/* An address realm: a network that terminations of contexts are in (R28). */
struct config_realm {
	char name[CTL_NAME_MAX];
	char domain[CTL_NAME_MAX]; /* TLS domain of its terminations, unless told another (R48) */
	uint16_t domain_index;	   /* set by config_load(); CONFIG_DOMAINS_MAX: none */
	uint32_t domain_line;
	bool gone; /* see kept.h */
};

/* Associations with phones (TS 33.203): at which addresses of ours, and which ports they protect.
 */
struct config_ipsec {
	struct ip_addr addr[CONFIG_IPSEC_MAX];
	struct ip_prefix inner[CONFIG_IPSEC_MAX];
	uint16_t n_addr, n_inner;
	uint16_t udp_port;		   /* of ESP in UDP (RFC 3948) */
	uint16_t server_port, client_port; /* protected: phones', and ours to them */
	uint16_t sip_port; /* the first of those that their SIP in UDP goes on from; 0: none does */
	uint32_t phones;   /* per worker */
	uint32_t window;   /* of the anti-replay check, packets */
	uint32_t keepalive; /* seconds between keep-alives of ESP in UDP; 0: none */
};

/* A SIP proxy that is told, by XML-RPC, of calls that end here without an order. */
struct config_ng_proxy {
	struct ip_addr addr;
	uint16_t port;
	char path[CONFIG_STR_MAX];
};

/* A controller of H.248. */
enum config_controller {
	CONTROLLER_UDP,
	CONTROLLER_TCP,
	CONTROLLER_TLS,
	CONTROLLER_SCTP,
	CONTROLLER_TRANSPORTS
};
extern const char *const config_controller_name[]; /* by that */

struct config_h248_controller {
	struct ip_addr addr;
	uint16_t port;
	enum config_controller transport;
	char name[CONFIG_STR_MAX]; /* of its certificate; empty: its address */
};

/* Who hears by HEP3 how calls were heard. */
struct config_hep {
	struct ip_addr addr;
	uint16_t port;
	uint32_t id;		       /* ours, as it has it */
	char password[CONFIG_STR_MAX]; /* file; empty: none */
};

/* The access gateway: contexts of two terminations, and who controls them. */
struct config_gateway {
	uint32_t contexts;	  /* per worker */
	uint32_t streams;	  /* per worker: of these, contexts of TCP and TLS */
	uint32_t srtp;		  /* per worker: terminations that are SRTP */
	uint32_t lifetime;	  /* seconds: of a context that is never deleted */
	uint32_t urgent;	  /* contexts of a worker, kept for urgent calls */
	uint32_t urgent_ports;	  /* pairs of ports of a worker's share, likewise */
	uint32_t answer_timeout;  /* seconds: with one termination, or no remote address */
	uint32_t connect_timeout; /* seconds: of terminations that were told to begin */
	uint32_t ended_timeout;	  /* seconds: a context whose connections have ended is kept */
	uint32_t fingerprint_ms;  /* a certificate waits to be judged (R51) */
	uint32_t latch_ms;	  /* a remote address is learnt anew (R14) */
	uint32_t inactivity;	  /* seconds of silence of both sides that end a context; 0: none */
	uint32_t delete_delay;	  /* seconds: from a command of ng to delete until it is done */
	uint32_t events;	  /* that are kept for controllers to fetch */
	struct ip_addr ng_addr;
	uint16_t ng_port;	    /* UDP; 0: no ng */
	uint16_t ng_websocket_port; /* TCP; 0: none */
	struct ip_prefix ng_allow[CONFIG_PREFIXES_MAX];
	uint16_t n_ng_allow;
	uint32_t ng_rate; /* commands a second and source; 0: no limit */
	struct config_ng_proxy ng_proxy[CONFIG_NG_PROXIES_MAX];
	uint16_t n_ng_proxy;
	struct config_h248_controller h248_controller[CONFIG_H248_CONTROLLERS_MAX];
	uint16_t n_h248_controller; /* 0: no H.248 */
	struct ip_addr h248_addr;
	uint16_t h248_port;
	char h248_name[CONFIG_STR_MAX];	   /* a host name; empty: the address */
	char h248_profile[CONFIG_STR_MAX]; /* name/version */
	bool h248_brief;
	char h248_names[CONFIG_STR_MAX]; /* file; empty: as mg_names.def has them */
	uint32_t h248_overload;		 /* percent */
	/* Files (PEM) for controllers by TLS. */
	char h248_certificate[CONFIG_STR_MAX], h248_key[CONFIG_STR_MAX], h248_ca[CONFIG_STR_MAX];
	struct config_hep hep[CONFIG_HEP_MAX];
	uint16_t n_hep;
};

/* Where clients are sent that are not served here (RFC 8489 10). */
struct config_alternate {
	struct sock_addr addr;
	char domain[CONFIG_STR_MAX]; /* what its certificate says; empty: not told */
};

struct config_turn {
	char realm[CONFIG_STR_MAX];
	char software[CONFIG_STR_MAX];		 /* empty: no SOFTWARE attribute */
	uint32_t lifetime_default, lifetime_max; /* seconds */
	uint32_t permission_lifetime, channel_lifetime, reservation_lifetime; /* seconds */
	uint32_t allocations_max;					      /* in all */
	/* Set by fairlead-cp when it has its state file: most that a reload can have; 0: any. */
	uint32_t allocations_places;
	uint32_t allocations_per_user; /* 0: no limit */
	uint32_t permissions_per_allocation;
	uint32_t channels_per_allocation;
	uint32_t connections_per_allocation;	/* of a TCP allocation: connections to peers */
	uint32_t session_rate, session_packets; /* a second, each way: of an allocation; 0: any */
	uint32_t user_rate, user_packets;	/* likewise, of all of a user */
	struct config_alternate alternate[CONFIG_ALTERNATES_MAX];
	uint16_t n_alternate;
	bool rfc5766_channels; /* numbers up to CHANNEL_MAX_RFC5766 may be bound */
};

struct config_auth {
	char users_db[CONFIG_STR_MAX];
	char rest_secret[CONFIG_SECRETS_MAX][CONFIG_STR_MAX];
	uint16_t n_rest_secret;
	char rest_file[CONFIG_SECRET_FILES_MAX][CONFIG_STR_MAX]; /* files with secrets */
	uint16_t n_rest_file;
	bool md5;		 /* offer the MD5 key derivation */
	bool sha256;		 /* offer SHA-256 */
	uint32_t nonce_lifetime; /* seconds */
};

struct config_peers {
	struct ip_prefix allow[CONFIG_PREFIXES_MAX]; /* special ones, and parts of deny */
	struct ip_prefix deny[CONFIG_PREFIXES_MAX];  /* the narrower wins, of equals this */
	uint16_t n_allow, n_deny;
	bool relay_to_relay; /* a client may reach another client's of its realm */
};

/* What a user of the control socket may do; each may do what those before it may. */
enum config_may { CONFIG_MAY_LOOK, CONFIG_MAY_OPERATE, CONFIG_MAY_ADMINISTER };
extern const char *const config_may_name[]; /* ends with NULL, as the schema wants it */

/* Who has a role: a user, or the members of a group. A name or a number; one of the two is "". */
struct config_role {
	char user[CONFIG_USER_MAX], group[CONFIG_USER_MAX];
	enum config_may may;
};

struct config_control {
	char socket[CONFIG_PATH_MAX];  /* JSON-RPC */
	char state[CONFIG_STR_MAX];    /* allocation table */
	char contexts[CONFIG_STR_MAX]; /* context table */
	uint32_t term_drain;	       /* seconds; 0: not drained */
	struct ip_addr metrics_addr;
	uint16_t metrics_port; /* TCP; 0: no metrics over HTTP */
	char metrics_certificate[CONFIG_STR_MAX], metrics_key[CONFIG_STR_MAX]; /* "": no TLS */
	char metrics_user[CONFIG_USER_MAX];
	char metrics_password[CONFIG_STR_MAX]; /* its file; "": nobody is asked */
	struct config_role role[CONFIG_ROLES_MAX];
	uint16_t n_role; /* 0: whoever can connect may administer */
};

/* What a certificate may do: one with that common name, or alternative name. */
struct config_grant {
	char name[CONFIG_STR_MAX];
	enum config_may may;
};

/* JSON-RPC over HTTPS, for those who are elsewhere. */
struct config_management {
	struct ip_addr addr;
	uint16_t port;					       /* TCP; 0: none */
	char certificate[CONFIG_STR_MAX], key[CONFIG_STR_MAX]; /* ours */
	char ca[CONFIG_STR_MAX];			       /* of those who may connect */
	struct config_grant grant[CONFIG_ROLES_MAX];
	uint16_t n_grant;
};

/* Accounting (RFC 2866). */
struct config_radius_server {
	struct ip_addr addr;
	uint16_t port;
	char secret[CONFIG_STR_MAX]; /* its file */
};

struct config_radius {
	struct config_radius_server server[CONFIG_RADIUS_MAX]; /* the first that answers */
	uint16_t n_server;				       /* 0: no accounting */
	char nas_identifier[CONFIG_USER_MAX];		       /* "": the name of the machine */
	uint32_t timeout, tries;			       /* seconds of one, of each server */
	uint32_t queue;					       /* records; a power of two */
};

/* Vendor attributes that have what AKA needs: their numbers. */
struct config_aka_attributes {
	uint16_t rand, autn, xres, ck, ik, auts;
};

/* Vectors of AKA from a home network by RADIUS. */
struct config_aka {
	struct config_radius_server server[CONFIG_RADIUS_MAX]; /* the first that answers */
	uint16_t n_server;
	char nas_identifier[CONFIG_USER_MAX]; /* "": the name of the machine */
	uint32_t timeout_ms, tries;	      /* of one, of each server */
	uint32_t vendor;		      /* IANA's number; 0: there are no servers */
	struct config_aka_attributes attributes;
};

struct config_records {
	char file[CONFIG_STR_MAX]; /* "": none */
	uint32_t size_mb;	   /* MiB of one file */
	uint32_t files;		   /* of them, the newest included */
	uint32_t update_minutes;   /* 0: none */
	uint32_t queue;		   /* records; a power of two */
	bool syslog;
};

/*
 * Beside a file stands the directory of its parts. A part's name has at most CONFIG_PART_NAME bytes
 * with the NUL; all parts together, CONFIG_PARTS_BYTES.
 */
#define CONFIG_PARTS_DIR "conf.d"
enum {
	CONFIG_PARTS_MAX = 64,
	CONFIG_FILES_MAX = 1 + CONFIG_PARTS_MAX,
	CONFIG_PART_NAME = 64,
	CONFIG_PARTS_BYTES = 1 << 20,
	CONFIG_WHERE_MAX = CONFIG_STR_MAX + CONFIG_PART_NAME + 24,
};

/* Members that end in _line say where a value stands: config_where() makes text of them. */
struct config {
	char file[CONFIG_STR_MAX];
	char part[CONFIG_PARTS_MAX][CONFIG_PART_NAME]; /* names in conf.d, in their order */
	uint16_t n_part;
	struct config_dataplane dataplane;
	struct config_tcp tcp;
	struct config_tls tls;
	struct config_domain domain[CONFIG_DOMAINS_MAX];
	uint16_t n_domain;
	struct config_certificate certificate[CONFIG_CERTIFICATES_MAX];
	uint16_t n_certificate;
	struct config_service service[CONFIG_SERVICES_MAX];
	uint16_t n_service;
	struct config_port port[CTL_PORTS_MAX];
	uint16_t n_port;
	struct config_listener listener[CTL_LISTENERS_MAX];
	uint16_t n_listener;
	struct listener_place place[CTL_PLACES_MAX]; /* of listeners; use listener.h */
	uint16_t n_place;			     /* 0: as they stand in the list */
	struct config_relay relay[CTL_RELAYS_MAX];
	uint16_t n_relay;
	struct config_realm realm[CONFIG_REALMS_MAX];
	uint16_t n_realm;
	struct config_gateway gateway;
	struct config_ipsec ipsec;
	struct config_turn turn;
	struct config_auth auth;
	struct config_peers peers;
	struct config_control control;
	struct config_management management;
	struct config_records records;
	struct config_radius radius;
	struct config_aka aka;
	bool others_read; /* a file may be read by others than owner and group */
	/* Of config_load_all() alone: nothing that is copied has it. */
	struct config_lines *lines;
};

enum { CONFIG_ERRORS_MAX = 50 };

/* What is wrong with a file, in the order of its lines. */
struct config_errors {
	unsigned n;	/* mistakes found; the first CONFIG_ERRORS_MAX are kept */
	bool unchecked; /* what could not be read was not compared with the rest */
	struct config_error {
		unsigned line;		       /* 0: of the file as a whole */
		char text[3 * CONFIG_STR_MAX]; /* a sentence with file, line and key */
	} error[CONFIG_ERRORS_MAX];
};

/*
 * Reads and checks a file. On failure returns NULL, and errors has each mistake: those of single
 * values, and what contradicts itself among the sections whose values are right. It knows the line
 * of each key. Free with config_free(), which wipes secrets.
 */
struct config *config_load_all(const char *path, struct config_errors *errors);
/* The same without lines; on failure the first mistake of the file is written into err. */
struct config *config_load(const char *path, char *err, size_t errlen);
void config_free(struct config *c);
/* control.socket, also of a file that has mistakes elsewhere. False if it is not to be had. */
bool config_load_socket(const char *path, char socket[CONFIG_PATH_MAX]);

/* "FILE:LINE" of a line, or "FILE" where the line's number is 0. */
struct config_where {
	char text[CONFIG_WHERE_MAX];
};
struct config_where config_where(const struct config *c, uint32_t line);
/* The path of a part, from 0. */
void config_part_path(const struct config *c, unsigned part, char *text, size_t len);

/*
 * Whether there are secrets in the file, and others than its owner and group may read it (or could
 * when it was loaded).
 */
bool config_shows_secrets(const struct config *c);

/* Whether anything may speak TLS or DTLS: a listener that is or was there, or terminations of
 * contexts. */
bool config_has_tls(const struct config *c);
/* Whether a listener is for DTLS, or was. */
bool config_has_dtls(const struct config *c);
/* Whether terminations may have DTLS-SRTP. */
bool config_has_dtls_srtp(const struct config *c);
/*
 * DTLS associations a worker has room for: tls.associations where a listener is for DTLS, and
 * those of terminations, a few more than gateway.srtp.
 */
uint32_t config_associations(const struct config *c);
/* Whether a listener's packets are UDP. */
static inline bool config_is_udp(enum config_transport t)
{
	return t == TRANSPORT_UDP || t == TRANSPORT_DTLS;
}

/* The address a as a port has it, with its subnet; NULL: none of ours. */
const struct ip_prefix *config_own_addr(const struct config *c, const struct ip_addr *a);
/*
 * SIP in UDP of the phone in that slot goes on to a back end from this port, one a phone; 0 if
 * there are none.
 */
static inline uint16_t config_sip_port(const struct config *c, uint32_t worker, uint32_t slot)
{
	const struct config_ipsec *i = &c->ipsec;

	return i->sip_port ? (uint16_t)(i->sip_port + worker * i->phones + slot) : 0;
}

/* Whether SIP in UDP of phones comes to l. */
bool config_is_sip_port(const struct config *c, const struct config_listener *l);

/* Whether phones have a inside tunnels (ipsec.inner). */
bool config_is_inner(const struct config_ipsec *c, const struct ip_addr *a);

bool config_port_has(const struct config_port *p, const struct ip_addr *a);

/*
 * Whether TCP may go out by a port: it has, or had, a listener of TCP or TLS, may be a relay of TCP
 * allocations or of terminations that are streams, or lead to the back end of a service.
 */
bool config_port_has_tcp(const struct config *c, const struct config_port *p);

/*
 * What the device of the first port that names it must have for all that do, which differ by their
 * VLAN: the most that any of them wants.
 */
struct config_device {
	uint16_t n_ports;
	uint16_t rx_desc, tx_desc;
	uint16_t mtu;
	uint16_t mtu_port; /* index of the port that wants it */
	bool tagged;	   /* a port has a VLAN */
	bool bond;
	bool tcp; /* config_port_has_tcp() */
};
struct config_device config_device(const struct config *c, uint16_t port);

/* Packet buffers that a worker needs where a device has so many receive queues, n_workers at most.
 */
uint64_t config_mbufs_needed(const struct config *c, uint32_t queues);

/*
 * Packets that may be on the way from one worker to another. Above eight workers fewer, so that
 * what all may send to one, and the rings to one, do not grow with their number.
 */
static inline uint32_t config_handover(uint32_t n_workers)
{
	uint32_t n = CONFIG_HANDOVER;

	while (n * n_workers > 8 * CONFIG_HANDOVER)
		n /= 2;
	return n;
}

/* Whether r names a relay, and a port of its range. */
static inline bool config_relay_has(const struct config *c, const struct ctl_relay *r)
{
	uint16_t port = be16_get(r->port);

	return r->relay < c->n_relay && !c->relay[r->relay].gone &&
	       port >= c->relay[r->relay].port_min && port <= c->relay[r->relay].port_max;
}

/* Worker that has a port of a relay: the relay's own, or by the port (relay_port_worker()). */
static inline uint32_t config_relay_worker(const struct config *c, uint32_t relay, uint16_t port)
{
	const uint16_t owner = c->relay[relay].owner;

	return owner ? owner - 1u : relay_port_worker(port, c->dataplane.n_workers);
}

/*
 * What both processes must agree on, a line for each thing, which begins with its key and a colon.
 * The caller's to free; NULL: no memory.
 */
char *config_agreed(const struct config *c);

/* Digest of what both processes must agree on: workers, sizes, devices. The other of its text. */
uint64_t config_digest(const struct config *c);
uint64_t config_agreed_digest(const char *text);

/* Prints every key with type, range, default and unit. */
void config_help(FILE *out);

/* How another value of a key takes effect. */
enum config_applied {
	APPLIED_UNSAID,
	APPLIED_LIVE, /* at a reload, by fairlead-cp alone */
	APPLIED_BOTH, /* at a reload, by both processes */
	APPLIED_CP,   /* at a restart of fairlead-cp */
	APPLIED_DP,   /* at a restart of fairlead-dp; fairlead-cp is restarted after it */
};
const char *config_applied_text(enum config_applied how);

/* A key, and its value in one configuration or in two. */
struct config_change {
	const char *key; /* "listeners[2].port" */
	/* As text, secrets hidden; NULL: the list has no such entry. */
	const char *from, *to;
	enum config_applied applied;
	const char *lost; /* what that costs */
	const char *why;  /* it needs a restart; NULL: it needs none */
	/* Of such a key, where the file has the new value, for config_where(); 0: nowhere. */
	uint32_t line;
};
typedef void config_tell(void *arg, const struct config_change *c);

/*
 * What waits for a restart although its keys are live: the first of a kind, for which only a start
 * of fairlead-dp prepares, and what hangs on it, or more than a start made room for.
 */
enum {
	CONFIG_WAITS_MAX =
	    2 * (CTL_LISTENERS_MAX + CTL_RELAYS_MAX) + CONFIG_REALMS_MAX + CONFIG_SERVICES_MAX + 16
};
struct config_wait {
	char key[40]; /* in the file: "listeners[2]", which stands for all that is in it */
	enum config_applied applied;
	const char *why;
};
struct config_waits {
	uint16_t n;
	struct config_wait wait[CONFIG_WAITS_MAX];
};
/* The one that a key is in; NULL: it does not wait. w may be NULL. */
const struct config_wait *config_waits_find(const struct config_waits *w, const char *key);

/*
 * Tells every key of the first that has another value in the second, in the order of the file.
 * waits, of config_merge(), may be NULL.
 */
void config_compare(const struct config *from, const struct config *to,
		    const struct config_waits *waits, config_tell *tell, void *arg);
/* Tells every key; from is its value, to is NULL. */
void config_each(const struct config *c, config_tell *tell, void *arg);
/*
 * What runs once the live keys of a checked file are taken, but for those in waits, and all others
 * stay as they run. NULL, and one sentence in err, if the two do not fit together. Free with
 * config_free().
 */
struct config *config_merge(const struct config *runs, const struct config *fresh,
			    struct config_waits *waits, char *err, size_t errlen);
/* Whether a key that is APPLIED_BOTH has another value. */
bool config_both_differ(const struct config *a, const struct config *b);
/* Digest of the values of keys that are APPLIED_BOTH. */
uint64_t config_both_digest(const struct config *c);
/* The service with an id; NULL: there is none any more. */
const struct config_service *config_service_by_id(const struct config *c, uint16_t id);

/* Prints for every key a line of it, how it is applied and what is lost, with tabs between. */
void config_applied_list(FILE *out);

#endif
