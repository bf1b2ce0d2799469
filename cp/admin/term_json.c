/* SPDX-License-Identifier: BSD-3-Clause */
#include "term_json.h"

#include "../../lib/term.h"
#include "param.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { INACTIVITY_MAX = 86400 };

/* ---- words ---- */

const struct term_word term_transports[] = {
	{ "udp", TERM_UDP }, { "tcp", TERM_TCP }, { "tls", TERM_TLS }, { NULL, 0 }
};

const struct term_word term_events[] = {
	{ "up", 1 << TERM_UP },
	{ "unjudged", 1 << TERM_UNJUDGED },
	{ "ended", 1 << TERM_ENDED },
	{ "latched", 1 << TERM_LATCHED },
	{ "inactive", 1 << TERM_INACTIVE },
	{ "refused", 1 << TERM_REFUSED },
	{ NULL, 0 },
};

const struct term_word term_latch[] = {
	{ "off", 0 },
	{ "on", TERM_LATCH },
	{ "address", TERM_LATCH | TERM_LATCH_ADDR },
	{ "any-port", TERM_LATCH_ADDR },
	{ NULL, 0 },
};

const struct term_word term_tcp_role[] = { { "server", 0 },
					   { "client", TERM_CONNECT },
					   { NULL, 0 } };

const struct term_word term_tls_role[] = { { "server", 0 },
					   { "client", TERM_TLS_CLIENT },
					   { NULL, 0 } };

const struct term_word term_gate[] = {
	{ "open", TERM_IN | TERM_OUT },
	{ "in", TERM_IN },
	{ "out", TERM_OUT },
	{ "closed", 0 },
	{ NULL, 0 },
};

const struct term_word term_srtp_words[] = {
	{ "off", 0 },
	{ "sdes", TERM_SRTP },
	{ "dtls", TERM_SRTP | TERM_DTLS },
	{ NULL, 0 },
};

const char *term_word(const struct term_word *list, uint16_t value)
{
	while (list->word && list->value != value)
		list++;
	return list->word ? list->word : "?";
}

/* "udp, tcp or tls", for sentences. */
static const char *words(const struct term_word *list, char *buf, size_t len)
{
	size_t used = 0;

	*buf = '\0';
	for (const struct term_word *w = list; w->word && used < len; w++)
		used += (size_t)snprintf(buf + used, len - used, "%s%s",
					 w == list   ? ""
					 : w[1].word ? ", "
						     : " or ",
					 w->word);
	return buf;
}

/* The entry v names; NULL: none. */
static const struct term_word *word_find(const struct term_word *list, const json_t *v)
{
	const char *s = json_string_value(v);

	while (s && list->word && strcmp(list->word, s) != 0)
		list++;
	return s && list->word ? list : NULL;
}

/* ---- values ---- */

json_t *addr_json(const struct sock_addr *a)
{
	char buf[ADDR_STR_MAX];

	return be16_get(a->port) ? json_string(sock_addr_format(a, buf, sizeof(buf))) : json_null();
}

json_t *fingerprint_json(const struct fingerprint *fp)
{
	char text[FP_TEXT_MAX];

	fingerprint_format(fp, text, sizeof(text));
	return json_string(text);
}

json_t *fingerprints_json(const struct fingerprint *fp, uint32_t n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, fingerprint_json(&fp[i]));
	return list;
}

/* ---- one field: set from what a controller says, and got for what it is told ---- */

struct field;

struct ask {
	const struct config *conf;
	struct term_spec *w;
	struct term_keys *keys;
	bool fresh;
	const char *where;
	struct rpc_error *err;
};

struct field {
	/* Sets it to a value, or to the default with NULL. */
	bool (*set)(const struct ask *a, const struct field *f, const json_t *v);
	/* Its value, a new reference. NULL: it is not told. */
	json_t *(*get)(const struct config *conf, const struct field *f, const struct term_spec *w);
	/* Flags, by words, or without as true or false. */
	uint16_t mask;
	const struct term_word *word;
	/* A number or a bool of a specification; the default where it says none. */
	size_t at, size;
	uint32_t max, normal;
};

static const char *name_of(const struct field *f);

__attribute__((format(printf, 3, 4))) static bool bad(const struct ask *a, const struct field *f,
						      const char *fmt, ...)
{
	char text[CTL_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rpc_fail(a->err, RPC_BAD_PARAMS, "\"%s%s\" must be %s", a->where, name_of(f), text);
	return false;
}

static bool set_transport(const struct ask *a, const struct field *f, const json_t *v)
{
	const struct term_word *w = word_find(f->word, v);
	char text[CTL_TEXT_MAX];

	if (!w)
		return bad(a, f, "%s", words(f->word, text, sizeof(text)));
	a->w->term.transport = (uint8_t)w->value;
	return true;
}

static json_t *get_transport(const struct config *conf, const struct field *f,
			     const struct term_spec *w)
{
	(void)conf;
	return json_string(term_word(f->word, w->term.transport));
}

static bool set_flags(const struct ask *a, const struct field *f, const json_t *v)
{
	const struct term_word *w = v ? word_find(f->word, v) : f->word;
	char text[CTL_TEXT_MAX];

	if (!w)
		return bad(a, f, "%s", words(f->word, text, sizeof(text)));
	a->w->term.flags = (uint16_t)((a->w->term.flags & ~f->mask) | w->value);
	return true;
}

static json_t *get_flags(const struct config *conf, const struct field *f,
			 const struct term_spec *w)
{
	(void)conf;
	return json_string(term_word(f->word, w->term.flags & f->mask));
}

static bool set_flag(const struct ask *a, const struct field *f, const json_t *v)
{
	if (v && !json_is_boolean(v))
		return bad(a, f, "true or false");
	a->w->term.flags =
	    (uint16_t)((a->w->term.flags & ~f->mask) | (json_is_true(v) ? f->mask : 0));
	return true;
}

static json_t *get_flag(const struct config *conf, const struct field *f, const struct term_spec *w)
{
	(void)conf;
	return json_boolean(w->term.flags & f->mask);
}

/* A bool of a specification. */
static bool set_bool(const struct ask *a, const struct field *f, const json_t *v)
{
	if (v && !json_is_boolean(v))
		return bad(a, f, "true or false");
	*(bool *)((uint8_t *)a->w + f->at) = json_is_true(v);
	return true;
}

static bool set_number(const struct ask *a, const struct field *f, const json_t *v)
{
	const json_int_t n = v ? json_integer_value(v) : f->normal;
	uint8_t *at = (uint8_t *)a->w + f->at;

	if (v && (!json_is_integer(v) || n < 0 || n > f->max))
		return bad(a, f, "an integer of 0 to %u", f->max);
	if (f->size == sizeof(uint8_t))
		*at = (uint8_t)n;
	else if (f->size == sizeof(uint16_t))
		memcpy(at, &(uint16_t){ (uint16_t)n }, sizeof(uint16_t));
	else
		memcpy(at, &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
	return true;
}

/* null: the default, which is no number that could be given. */
static json_t *get_number(const struct config *conf, const struct field *f,
			  const struct term_spec *w)
{
	const uint8_t *at = (const uint8_t *)w + f->at;
	uint32_t n = 0;

	(void)conf;
	memcpy(&n, at, f->size); /* both processes are little endian (lib/be.h) */
	return n == f->normal && n > f->max ? json_null() : integer(n);
}

static bool set_family(const struct ask *a, const struct field *f, const json_t *v)
{
	const json_int_t n = v ? json_integer_value(v) : 4;

	if (n != 4 && n != 6)
		return bad(a, f, "4 or 6");
	a->w->v6 = n == 6;
	return true;
}

static bool set_realm(const struct ask *a, const struct field *f, const json_t *v)
{
	const char *s = json_string_value(v);

	for (uint16_t i = 0; s && i < a->conf->n_realm; i++) {
		if (!a->conf->realm[i].gone && strcmp(a->conf->realm[i].name, s) == 0) {
			a->w->realm = i;
			return true;
		}
	}
	return bad(a, f, "the name of one of the realms");
}

static json_t *get_realm(const struct config *conf, const struct field *f,
			 const struct term_spec *w)
{
	(void)f;
	return json_string(w->realm < conf->n_realm ? conf->realm[w->realm].name : "?");
}

static bool set_domain(const struct ask *a, const struct field *f, const json_t *v)
{
	const char *s = json_string_value(v);

	for (uint16_t i = 0; s && i < a->conf->n_domain; i++) {
		if (!a->conf->domain[i].gone && strcmp(a->conf->domain[i].name, s) == 0) {
			a->w->term.domain = i;
			return true;
		}
	}
	if (v)
		return bad(a, f, "the name of one of the tls-domains");
	a->w->term.domain = CONFIG_DOMAINS_MAX; /* the realm's */
	return true;
}

static json_t *get_domain(const struct config *conf, const struct field *f,
			  const struct term_spec *w)
{
	const uint16_t i = w->term.domain;

	(void)f;
	return i < conf->n_domain ? json_string(conf->domain[i].name) : json_null();
}

/* max: which of the two. */
static bool set_remote(const struct ask *a, const struct field *f, const json_t *v)
{
	struct sock_addr *to = &a->w->term.remote[f->max];
	const char *s = json_string_value(v);

	memset(to, 0, sizeof(*to));
	return !v || (s && sock_addr_parse(s, to)) ||
	       bad(a, f, "ADDRESS:PORT, as 192.0.2.1:5000 or [2001:db8::1]:5000");
}

static json_t *get_remote(const struct config *conf, const struct field *f,
			  const struct term_spec *w)
{
	(void)conf;
	return addr_json(&w->term.remote[f->max]);
}

/* A host name as SNI may have it (RFC 6066 3): no address, no dot at the end. */
static bool host_valid(const char *s)
{
	const size_t n = strlen(s);
	struct ip_addr ip;

	return n > 0 && n < CTL_HOST_MAX && s[0] != '.' && s[n - 1] != '.' && !ip_parse(s, &ip) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

static bool set_host(const struct ask *a, const struct field *f, const json_t *v)
{
	const char *s = json_string_value(v);

	memset(a->w->term.host, 0, sizeof(a->w->term.host));
	if (!v)
		return true;
	if (!s || !host_valid(s))
		return bad(a, f, "a host name");
	strcpy(a->w->term.host, s);
	return true;
}

static json_t *get_host(const struct config *conf, const struct field *f, const struct term_spec *w)
{
	(void)conf;
	(void)f;
	return json_string(w->term.host);
}

static bool set_tag(const struct ask *a, const struct field *f, const json_t *v)
{
	const char *s = json_string_value(v);

	memset(a->w->tag, 0, sizeof(a->w->tag));
	if (!v)
		return true;
	if (!s || strlen(s) >= sizeof(a->w->tag))
		return bad(a, f, "a string of less than %zu bytes", sizeof(a->w->tag));
	strcpy(a->w->tag, s);
	return true;
}

static json_t *get_tag(const struct config *conf, const struct field *f, const struct term_spec *w)
{
	(void)conf;
	(void)f;
	return rpc_text(w->tag);
}

static bool set_fingerprints(const struct ask *a, const struct field *f, const json_t *v)
{
	struct ctl_term *t = &a->w->term;
	const json_t *e;
	size_t i;

	memset(t->fingerprint, 0, sizeof(t->fingerprint));
	t->n_fingerprint = 0;
	if (v && (!json_is_array(v) || json_array_size(v) > CTL_FINGERPRINTS_MAX))
		return bad(a, f, "a list of at most %d", CTL_FINGERPRINTS_MAX);
	json_array_foreach(v, i, e)
	{
		const char *s = json_string_value(e);

		if (!s || !fingerprint_parse(s, strlen(s), &t->fingerprint[i]))
			return bad(a, f,
				   "a list of \"HASH AB:CD:...\", with sha-1, sha-224, sha-256, "
				   "sha-384 or sha-512 (RFC 8122; md5 is not taken)");
		t->n_fingerprint++;
	}
	return true;
}

static json_t *get_fingerprints(const struct config *conf, const struct field *f,
				const struct term_spec *w)
{
	const uint32_t n = w->term.n_fingerprint;

	(void)conf;
	(void)f;
	return fingerprints_json(w->term.fingerprint,
				 n < CTL_FINGERPRINTS_MAX ? n : CTL_FINGERPRINTS_MAX);
}

/* max: which of the two. */
static bool set_crypto(const struct ask *a, const struct field *f, const json_t *v)
{
	struct ctl_srtp_key *to = f->max ? &a->keys->srtp.out : &a->keys->srtp.in;

	*(f->max ? &a->keys->out : &a->keys->in) = v || !a->fresh;
	*to = (struct ctl_srtp_key){ 0 };
	return !v || term_keys_parse((json_t *)(uintptr_t)v, to) ||
	       bad(a, f, "an a=crypto of one key, by a suite that is served (RFC 4568)");
}

static bool set_notify(const struct ask *a, const struct field *f, const json_t *v)
{
	const struct term_word *w;
	char text[CTL_TEXT_MAX];
	uint8_t bits = 0;
	const json_t *e;
	size_t i;

	for (w = f->word; w->word && !v; w++)
		bits |= (uint8_t)w->value;
	if (v && !json_is_array(v))
		return bad(a, f, "a list");
	json_array_foreach(v, i, e)
	{
		w = word_find(f->word, e);
		if (!w)
			return bad(a, f, "a list of %s", words(f->word, text, sizeof(text)));
		bits |= (uint8_t)w->value;
	}
	a->w->notify = bits;
	return true;
}

static json_t *get_notify(const struct config *conf, const struct field *f,
			  const struct term_spec *w)
{
	json_t *list = json_array();

	(void)conf;
	for (const struct term_word *e = f->word; e->word; e++)
		if (w->notify & e->value)
			json_array_append_new(list, json_string(e->word));
	return list;
}

/* Of a row below: who sets the field and who gets it; what member of a specification a number is.
 */
#define BOTH(what) .set = set_##what, .get = get_##what
#define NUMBER(member, most, none)                                                                 \
	.at = offsetof(struct term_spec, member), .size = sizeof(((struct term_spec *)0)->member), \
	.max = most, .normal = none

static const struct field fields[TERM_FIELDS] = {
	[TERM_FIELD_transport] = { BOTH(transport), .word = term_transports },
	[TERM_FIELD_realm] = { BOTH(realm) },
	/* These two are told with the local address. */
	[TERM_FIELD_family] = { .set = set_family },
	[TERM_FIELD_port] = { .set = set_number, NUMBER(port, UINT16_MAX, 0) },
	[TERM_FIELD_remote] = { BOTH(remote) },
	[TERM_FIELD_rtcp_remote] = { BOTH(remote), .max = 1 },
	[TERM_FIELD_latch] = { BOTH(flags), .mask = TERM_LATCH | TERM_LATCH_ADDR,
			       .word = term_latch },
	[TERM_FIELD_gate] = { BOTH(flags), .mask = TERM_IN | TERM_OUT, .word = term_gate },
	[TERM_FIELD_silent] = { BOTH(flag), .mask = TERM_SILENT },
	[TERM_FIELD_rtp] = { BOTH(flag), .mask = TERM_RTP },
	[TERM_FIELD_rtcp_mux] = { BOTH(flag), .mask = TERM_RTCP_MUX },
	[TERM_FIELD_ice] = { BOTH(flag), .mask = TERM_ICE },
	/* What is done once, like begin. */
	[TERM_FIELD_ice_restart] = { .set = set_bool, .at = offsetof(struct term_spec, restart) },
	[TERM_FIELD_srtp] = { BOTH(flags), .mask = TERM_SRTP | TERM_DTLS, .word = term_srtp_words },
	[TERM_FIELD_crypto_in] = { .set = set_crypto },
	[TERM_FIELD_crypto_out] = { .set = set_crypto, .max = 1 },
	[TERM_FIELD_dtls_role] = { BOTH(flags), .mask = TERM_TLS_CLIENT, .word = term_tls_role },
	[TERM_FIELD_tcp_role] = { BOTH(flags), .mask = TERM_CONNECT, .word = term_tcp_role },
	[TERM_FIELD_tls_role] = { BOTH(flags), .mask = TERM_TLS_CLIENT, .word = term_tls_role },
	[TERM_FIELD_tls_domain] = { BOTH(domain) },
	[TERM_FIELD_fingerprints] = { BOTH(fingerprints) },
	[TERM_FIELD_host] = { BOTH(host) },
	[TERM_FIELD_begin] = { .set = set_bool, .at = offsetof(struct term_spec, begin) },
	[TERM_FIELD_dscp] = { BOTH(number), NUMBER(term.dscp, TERM_DSCP_MAX, CTL_DSCP_KEEP) },
	[TERM_FIELD_rate] = { BOTH(number), NUMBER(term.rate, UINT32_MAX, 0) },
	[TERM_FIELD_burst] = { BOTH(number), NUMBER(term.burst, UINT32_MAX, 0) },
	[TERM_FIELD_inactivity] = { BOTH(number), NUMBER(term.inactivity, INACTIVITY_MAX, 0) },
	[TERM_FIELD_notify] = { BOTH(notify), .word = term_events },
	[TERM_FIELD_tag] = { BOTH(tag) },
};

static const char *name_of(const struct field *f)
{
	return term_fields[f - fields].name;
}

/* ---- all of them ---- */

static bool all_known(const struct ask *a, const json_t *o, const char *const *but)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		const char *const *b = but;

		while (*b && strcmp(*b, key) != 0)
			b++;
		if (!*b && term_field_find(key) == TERM_FIELDS) {
			rpc_fail(a->err, RPC_BAD_PARAMS, "terminations have no \"%s%.64s\"",
				 a->where, key);
			return false;
		}
	}
	return true;
}

/* RFC 3550 11: RTCP is on the port above, unless somebody says where. */
static void derive_rtcp(struct ctl_term *t, const json_t *o)
{
	const uint16_t port = be16_get(t->remote[0].port);

	if (param(o, "rtcp_remote") || !(json_object_get(o, "remote") || json_object_get(o, "rtp")))
		return;
	memset(&t->remote[1], 0, sizeof(t->remote[1]));
	if (t->flags & TERM_RTP && port && port < UINT16_MAX)
		t->remote[1] = (struct sock_addr){ t->remote[0].ip, be16_make(port + 1) };
}

/* Defaults of one field that hang on another. */
static void derive(const struct ask *a, const json_t *o, bool fresh)
{
	struct ctl_term *t = &a->w->term;
	const bool client = t->flags & TERM_CONNECT;

	if (param(o, "realm") && !param(o, "tls_domain"))
		t->domain = CONFIG_DOMAINS_MAX;
	derive_rtcp(t, o);
	/* What was of DTLS goes with it. */
	if (t->transport == TERM_UDP && param(o, "srtp") && !(t->flags & TERM_DTLS)) {
		if (!param(o, "dtls_role"))
			t->flags &= (uint16_t)~TERM_TLS_CLIENT;
		if (!param(o, "fingerprints"))
			t->n_fingerprint = 0;
	}
	if (!fresh)
		return;
	if (!param(o, "family"))
		a->w->v6 = be16_get(t->remote[0].port) && !ip_is_v4(&t->remote[0].ip);
	if (t->transport == TERM_UDP)
		return;
	if (t->transport == TERM_TLS && client && !param(o, "tls_role"))
		t->flags |= TERM_TLS_CLIENT;
	if (!param(o, "begin"))
		a->w->begin = !client || be16_get(t->remote[0].port);
}

bool term_json_read(const struct config *conf, const json_t *o, const char *const *but, bool fresh,
		    const char *where, struct term_spec *w, struct term_keys *keys,
		    struct rpc_error *err)
{
	const struct ask a = { conf, w, keys, fresh, where, err };

	if (!all_known(&a, o, but))
		return false;
	for (unsigned int i = 0; i < TERM_FIELDS; i++) {
		const char *name = term_fields[i].name;
		const json_t *v = param(o, name);

		if (v && !(term_fields[i].of & 1 << w->term.transport)) {
			rpc_fail(err, RPC_BAD_PARAMS, "%s has no \"%s%s\"",
				 term_word(term_transports, w->term.transport), where, name);
			return false;
		}
		if (!(term_fields[i].of & 1 << w->term.transport))
			continue;
		if ((fresh || json_object_get(o, name)) && !fields[i].set(&a, &fields[i], v))
			return false;
	}
	if ((param(o, "silent") || param(o, "rtp")) && w->term.flags & TERM_SILENT &&
	    !(w->term.flags & TERM_RTP)) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"%ssilent\" needs \"rtp\"", where);
		return false;
	}
	derive(&a, o, fresh);
	return true;
}

void term_json_write(const struct config *conf, const struct term_spec *w, json_t *o)
{
	for (unsigned int i = 0; i < TERM_FIELDS; i++) {
		const struct field *f = &fields[i];

		if (f->get && term_fields[i].of & 1 << w->term.transport)
			json_object_set_new(o, term_fields[i].name, f->get(conf, f, w));
	}
}
