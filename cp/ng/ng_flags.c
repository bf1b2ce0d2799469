/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_flags.h"

#include "../../lib/sdp.h"
#include "../context/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A word of a list, or a key, and what becomes of it. */
enum effect {
	REFUSE, /* what it asks for is not here */
	AS_IS,	/* it says what is done anyway, or speaks of what is not here */
	SET,	/* gives the bits */
	CLEAR,	/* takes the bits */
};

struct word {
	const char *name; /* "x-*": and all that begin so */
	enum effect effect;
	uint32_t bits;
};

static const struct word flag_words[] = {
	{ "trust-address", CLEAR, NG_SIP_SOURCE },
	{ "SIP-source-address", SET, NG_SIP_SOURCE },
	{ "asymmetric", SET, NG_ASYMMETRIC },
	{ "no-rtcp-attribute", SET, NG_NO_RTCP },
	{ "full-rtcp-attribute", SET, NG_FULL_RTCP },
	{ "loop-protect", SET, NG_LOOP_PROTECT },
	{ "fatal", SET, NG_FATAL },
	{ "tls-client", SET, NG_TLS_CLIENT },
	{ "tls-server", SET, NG_TLS_SERVER },
	{ "symmetric", CLEAR, NG_ASYMMETRIC },
	{ "strict-source", SET, NG_STRICT_SOURCE },
	/*
	 * Remotes are learnt anew with each message of their side, never without one; ports are
	 * kept over re-offers, directions are left as they are.
	 */
	{ "media-handover", AS_IS, 0 },
	{ "port-latching", AS_IS, 0 },
	{ "original-sendrecv", AS_IS, 0 },
	{ "unidirectional", AS_IS, 0 },
	/* Realms are told by name; there is no bridge to turn on. */
	{ "auto", AS_IS, 0 },
	{ "force", AS_IS, 0 },
	{ "trickle-ICE", AS_IS, 0 },
	{ "NAT-wait", AS_IS, 0 },
	{ "pierce-NAT", AS_IS, 0 },
	{ "no-redis-update", AS_IS, 0 },
	{ "debug", AS_IS, 0 },
	{ "debugging", AS_IS, 0 },
	{ "all", AS_IS, 0 },
	/* No codec is looked at, so none is renegotiated, put in order or made to fit. */
	{ "allow-transcoding", AS_IS, 0 },
	{ "no-codec-renegotiation", AS_IS, 0 },
	{ "reuse-codecs", AS_IS, 0 },
	{ "reorder-codecs", AS_IS, 0 },
	{ "single-codec", AS_IS, 0 },
	{ "symmetric-codecs", AS_IS, 0 },
	{ "asymmetric-codecs", AS_IS, 0 },
	{ "no-jitter-buffer", AS_IS, 0 },
	{ "no-passthrough", AS_IS, 0 },
	{ "passthrough", AS_IS, 0 },
	{ "early-media", AS_IS, 0 },
	{ "SDES-off", AS_IS, 0 },
	{ "SDES-no", AS_IS, 0 },
	{ "SDES-disable", AS_IS, 0 },
	{ "SDES-no-*", AS_IS, 0 },
	{ NULL, 0, 0 },
};

static const struct word replace_words[] = {
	{ "origin", SET, NG_ORIGIN },
	{ "username", SET, NG_USERNAME },
	{ "session-name", SET, NG_SESSION_NAME },
	{ "zero-address", SET, NG_ZERO },
	{ "session-connection", AS_IS, 0 }, /* always */
	{ NULL, 0, 0 },
};

static const struct word mux_words[] = {
	{ "offer", SET, NG_MUX_OFFER },	  { "require", SET, NG_MUX_REQUIRE | NG_MUX_OFFER },
	{ "demux", SET, NG_MUX_DEMUX },	  { "accept", SET, NG_MUX_ACCEPT },
	{ "reject", SET, NG_MUX_REJECT }, { NULL, 0, 0 },
};

static const struct word ice_words[] = {
	{ "force", SET, NG_ICE_FORCE },	     { "force-relay", REFUSE, 0 },
	{ "remove", SET, NG_ICE_REMOVE },    { "default", SET, NG_ICE_DEFAULT },
	{ "optional", SET, NG_ICE_DEFAULT }, { NULL, 0, 0 },
};

/* There is no SRTP to be told how. */
static const struct word dtls_words[] = {
	{ "off", AS_IS, 0 },	 { "no", AS_IS, 0 },	 { "disable", AS_IS, 0 },
	{ "passive", AS_IS, 0 }, { "active", AS_IS, 0 }, { NULL, 0, 0 },
};

static const struct word sdes_words[] = {
	{ "off", AS_IS, 0 },	{ "no", AS_IS, 0 },	  { "disable", AS_IS, 0 },
	{ "no-*", AS_IS, 0 },	{ "only-*", AS_IS, 0 },	  { "pad", AS_IS, 0 },
	{ "nonew", AS_IS, 0 },	{ "lifetime", AS_IS, 0 }, { "unencrypted_srtp", AS_IS, 0 },
	{ "static", AS_IS, 0 }, { "order:*", AS_IS, 0 },  { NULL, 0, 0 },
};

static const struct word record_words[] = {
	{ "no", AS_IS, 0 },
	{ "off", AS_IS, 0 },
	{ NULL, 0, 0 },
};

static const struct word learning_words[] = {
	{ "delayed", AS_IS, 0 },
	{ "immediate", AS_IS, 0 },
	{ "heuristic", AS_IS, 0 },
	{ "off", SET, NG_ASYMMETRIC },
	{ NULL, 0, 0 },
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct ng_flags *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->err, sizeof(f->err), fmt, ap);
	va_end(ap);
	return false;
}

/* As rtpengine has it: a space is a hyphen. */
static bool name_is(const char *given, const char *name)
{
	for (; *given && *name; given++, name++) {
		if (*name == '*')
			return true;
		if ((*given == ' ' ? '-' : *given) != *name)
			return false;
	}
	return *given == *name || *name == '*';
}

static const struct word *word_find(const struct word *w, const char *given)
{
	while (w->name && !name_is(given, w->name))
		w++;
	return w->name ? w : NULL;
}

/* Text without NUL; NULL: it is none. */
static const char *text(const json_t *v)
{
	const char *s = json_string_value(v);

	return s && strlen(s) == json_string_length(v) ? s : NULL;
}

static bool take_word(struct ng_flags *f, const char *key, const struct word *words,
		      const json_t *v)
{
	const char *given = text(v);
	const struct word *w = given ? word_find(words, given) : NULL;

	if (!w || w->effect == REFUSE)
		return refuse(f, "%.32s: \"%.64s\" is not served", key, given ? given : "?");
	if (w->effect == SET)
		f->flags |= w->bits;
	else if (w->effect == CLEAR)
		f->flags &= ~w->bits;
	return true;
}

/* One word or a list of them. */
static bool take_words(struct ng_flags *f, const char *key, const struct word *words,
		       const json_t *v)
{
	json_t *item;
	size_t i;

	if (!json_is_array(v))
		return take_word(f, key, words, v);
	json_array_foreach(v, i, item)
	{
		if (!take_word(f, key, words, item))
			return false;
	}
	return true;
}

/* ---- keys of their own kind ---- */

typedef bool take_fn(struct ng_flags *f, const char *key, const json_t *v, const struct config *c);

static bool take_text(struct ng_flags *f, const char *key, const json_t *v, size_t max,
		      const char **out)
{
	*out = text(v);
	if (*out && **out && strlen(*out) < max)
		return true;
	return refuse(f, "%s must be text of 1 to %zu bytes", key, max - 1);
}

static bool take_call(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	return take_text(f, key, v, CONTEXT_CALL_MAX, &f->call);
}

static bool take_from(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	return take_text(f, key, v, CONTEXT_TAG_MAX, &f->from);
}

static bool take_to(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	return take_text(f, key, v, CONTEXT_TAG_MAX, &f->to);
}

static bool take_sdp(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	f->sdp = json_string_value(v);
	f->sdp_len = json_string_length(v);
	return f->sdp || refuse(f, "%s must be text", key);
}

static bool take_proto(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	return take_text(f, key, v, CTL_NAME_MAX, &f->proto);
}

static bool take_address(struct ng_flags *f, const char *key, const json_t *v, struct ip_addr *ip)
{
	const char *s = text(v);

	if (s && ip_parse(s, ip))
		return true;
	return refuse(f, "%s: \"%.64s\" is no address", key, s ? s : "?");
}

static bool take_media_address(struct ng_flags *f, const char *key, const json_t *v,
			       const struct config *c)
{
	(void)c;
	f->has_address = true;
	return take_address(f, key, v, &f->address);
}

/* ["IP4", "192.0.2.1"], or the address alone. */
static bool take_source(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	(void)c;
	f->has_source = true;
	if (!json_is_array(v))
		return take_address(f, key, v, &f->source);
	if (json_array_size(v) != 2)
		return refuse(f, "%s must be a family and an address", key);
	return take_address(f, key, json_array_get(v, 1), &f->source);
}

static bool take_direction(struct ng_flags *f, const char *key, const json_t *v,
			   const struct config *c)
{
	size_t n = json_array_size(v), r;

	if (!json_is_array(v) || n > 2)
		return refuse(f, "%s must be one realm or two", key);
	for (size_t i = 0; i < n; i++) {
		const char *name = text(json_array_get(v, i));

		for (r = 0; r < c->n_realm; r++) {
			if (name && strcmp(c->realm[r].name, name) == 0)
				break;
		}
		if (r == c->n_realm)
			return refuse(f, "%s: there is no realm \"%.32s\"", key, name ? name : "?");
		f->realm[i] = (int)r;
	}
	return true;
}

static bool take_family(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	const char *s = text(v);

	(void)c;
	if (s && strcmp(s, "IP4") == 0)
		f->family = 4;
	else if (s && strcmp(s, "IP6") == 0)
		f->family = 6;
	else
		return refuse(f, "%s must be IP4 or IP6", key);
	return true;
}

static bool take_tos(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	json_int_t n = json_integer_value(v);

	(void)c;
	if (!json_is_integer(v) || n < 0 || n > UINT8_MAX)
		return refuse(f, "%s must be a number from 0 to 255", key);
	f->dscp = (int)n >> 2;
	return true;
}

static bool take_code(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	const char *s = text(v);
	struct sdp_text digits = { s, s ? (uint32_t)strlen(s) : 0 };
	json_int_t n = json_integer_value(v);
	uint32_t code = 0;

	(void)c;
	if (s && sdp_number(digits, 699, &code))
		n = code;
	if (n < 100 || n > 699)
		return refuse(f, "%s must be a number from 100 to 699", key);
	f->code = (int)n;
	return true;
}

/* Every key there is. Without words and take: of no effect here. */
static const struct {
	const char *name;
	const struct word *words;
	take_fn *take;
} keys[] = {
	{ "command", NULL, NULL },
	{ "call-id", NULL, take_call },
	{ "from-tag", NULL, take_from },
	{ "to-tag", NULL, take_to },
	{ "sdp", NULL, take_sdp },
	{ "received-from", NULL, take_source },
	{ "flags", flag_words, NULL },
	{ "replace", replace_words, NULL },
	{ "rtcp-mux", mux_words, NULL },
	{ "ICE", ice_words, NULL },
	{ "transport-protocol", NULL, take_proto },
	{ "direction", NULL, take_direction },
	{ "address-family", NULL, take_family },
	{ "media-address", NULL, take_media_address },
	{ "TOS", NULL, take_tos },
	{ "sip-code", NULL, take_code },
	{ "SIP-code", NULL, take_code },
	{ "sip-response-code", NULL, take_code },
	{ "SIP-response-code", NULL, take_code },
	{ "endpoint-learning", learning_words, NULL },
	{ "DTLS", dtls_words, NULL },
	{ "DTLS-reverse", dtls_words, NULL },
	{ "DTLS-fingerprint", NULL, NULL },
	{ "SDES", sdes_words, NULL },
	{ "record-call", record_words, NULL },
	{ "ICE-lite", NULL, NULL }, /* we always are */
	/* Contexts are found by call and tags, and go at once. */
	{ "via-branch", NULL, NULL },
	{ "sip-message-type", NULL, NULL },
	{ "delete-delay", NULL, NULL },
	{ "label", NULL, NULL },
	{ "set-label", NULL, NULL },
	{ "from-label", NULL, NULL },
	{ "to-label", NULL, NULL },
	{ "metadata", NULL, NULL },
	{ "supports", NULL, NULL },
	{ "limit", NULL, NULL }, /* of list */
};

bool ng_flags_read(struct ng_flags *f, const json_t *command, const struct config *c)
{
	const size_t n = sizeof(keys) / sizeof(keys[0]);
	const char *key;
	json_t *v;
	size_t i;

	*f = (struct ng_flags){ .realm = { NG_NOT_GIVEN, NG_NOT_GIVEN },
				.family = NG_NOT_GIVEN,
				.dscp = NG_NOT_GIVEN };
	json_object_foreach((json_t *)command, key, v)
	{
		for (i = 0; i < n && !name_is(key, keys[i].name); i++)
			;
		if (i == n)
			return refuse(f, "\"%.64s\" is not served", key);
		if (keys[i].words && !take_words(f, keys[i].name, keys[i].words, v))
			return false;
		if (keys[i].take && !keys[i].take(f, keys[i].name, v, c))
			return false;
	}
	return true;
}
