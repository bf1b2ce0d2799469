/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_flags.h"

#include "../../lib/sdp.h"
#include "../context/context.h"
#include "ng_media.h"
#include "ng_rtpp.h"
#include "ng_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 2, 3))) static bool refuse(struct ng_flags *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->err, sizeof(f->err), fmt, ap);
	va_end(ap);
	return false;
}

/* It is left out, as rtpengine does, and that is told. */
static void unknown(struct ng_flags *f, const char *key, const char *word)
{
	if (!f->n_unknown++)
		snprintf(f->unknown, sizeof(f->unknown), "%.64s%s%.64s", key, word ? ": " : "",
			 word ? word : "");
}

/* Text without NUL; NULL: it is none. */
static const char *text(const json_t *v)
{
	const char *s = json_string_value(v);

	return s && strlen(s) == json_string_length(v) ? s : NULL;
}

static const char *const codec_ops[NG_CODEC_OPS] = {
	[NG_CODEC_STRIP] = "strip",   [NG_CODEC_EXCEPT] = "except",
	[NG_CODEC_OFFER] = "offer",   [NG_CODEC_IGNORE] = "ignore",
	[NG_CODEC_ACCEPT] = "accept", [NG_CODEC_CONSUME] = "consume",
	[NG_CODEC_MASK] = "mask",     [NG_CODEC_TRANSCODE] = "transcode",
	[NG_CODEC_SET] = "set",
};

/* The operation that a text begins with; *rest is what is behind the hyphen, "" at its end. */
static enum ng_codec_op codec_op(const char *given, const char **rest)
{
	for (enum ng_codec_op op = 0; op < NG_CODEC_OPS; op++) {
		const size_t n = strlen(codec_ops[op]);

		if (strncasecmp(given, codec_ops[op], n) == 0 && (!given[n] || given[n] == '-')) {
			*rest = given + n + (given[n] != 0);
			return op;
		}
	}
	return NG_CODEC_OPS;
}

/* A codec by its name, with or without its rate and what follows. */
static void codec_add(struct ng_flags *f, enum ng_codec_op op, const char *name)
{
	if (op == NG_CODEC_OPS || !name || !*name || f->n_codec == NG_CODECS_MAX) {
		unknown(f, "codec", name);
		return;
	}
	f->codec[f->n_codec].op = op;
	f->codec[f->n_codec++].name = name;
}

/* "strip-PCMA" */
static bool take_codec_text(struct ng_flags *f, const char *given)
{
	const char *name = given;
	const enum ng_codec_op op = codec_op(given, &name);

	codec_add(f, op, name);
	return true;
}

/* ---- SDES ---- */

static void suites_add(struct ng_suites *s, enum srtp_suite suite)
{
	if (s->mask >> suite & 1)
		return;
	s->mask |= (uint16_t)(1u << suite);
	s->suite[s->n++] = (uint8_t)suite;
}

/* "AES_CM_128_HMAC_SHA1_80;AES_CM_128_HMAC_SHA1_32". What is not served is never offered. */
static void take_suites(struct ng_flags *f, enum ng_suites_of what, const char *given)
{
	struct ng_suites *const to[] = { [NG_SUITES_NO] = &f->sdes_no,
					 [NG_SUITES_ONLY] = &f->sdes_only,
					 [NG_SUITES_ORDER] = &f->sdes_order,
					 [NG_SUITES_LIKED] = &f->sdes_liked };

	f->sdes_only_given |= what == NG_SUITES_ONLY;
	while (*given) {
		const size_t n = strcspn(given, ";");
		const enum srtp_suite suite = srtp_suite_find(given, n);

		if (suite < SRTP_SUITES)
			suites_add(to[what], suite);
		given += n + (given[n] == ';');
	}
}

static bool take_word(struct ng_flags *f, const char *key, const struct ng_word *words,
		      const char *given)
{
	const struct ng_word *w = ng_word_find(words, given);

	if (!w) {
		unknown(f, key, given);
		return true;
	}
	if (w->of && strcmp(w->of, "sdp-attr") == 0) {
		if (ng_attr_take_word(f, given + strlen(w->name) - 1))
			unknown(f, w->of, given);
		return true;
	}
	if (w->of && strcmp(w->of, "codec") == 0)
		return take_codec_text(f, strncasecmp(given, "codec", 5) == 0 ? given + 6 : given);
	/* "SDES-no-X" is "no-X" of SDES, and that has no such words in its turn. */
	if (w->of)
		return take_word(f, w->of, ng_key_find(w->of)->words, given + strlen(w->name) - 1);
	if (w->effect == NG_REFUSED)
		return refuse(f, "%.32s: \"%.64s\" is not served", key, given);
	f->flags = (f->flags & ~w->clear) | w->set;
	f->srtp = (f->srtp & ~w->srtp_clear) | w->srtp;
	f->sdp_flags |= w->sdp;
	if (w->suites)
		take_suites(f, w->suites, given + strlen(w->name) - 1);
	return true;
}

/* "force,trickle" is a list of two. They are kept, for what they name is not copied. */
static const json_t *split(struct ng_flags *f, const json_t *v)
{
	const char *given = text(v);
	json_t *list;

	if (!given || !strchr(given, ','))
		return v;
	list = json_array();
	while (*given) {
		const size_t n = strcspn(given, ",");

		json_array_append_new(list, json_stringn_nocheck(given, n));
		given += n + (given[n] == ',');
	}
	if (!f->split)
		f->split = json_array();
	json_array_append_new(f->split, list);
	return list;
}

/* One word, or a list of them. */
static bool take_words(struct ng_flags *f, const char *key, const struct ng_word *words,
		       const json_t *v)
{
	size_t n;

	v = split(f, v);
	n = json_is_array(v) ? json_array_size(v) : 1;
	for (size_t i = 0; i < n; i++) {
		const char *given = text(json_is_array(v) ? json_array_get(v, i) : v);

		if (!given)
			unknown(f, key, "no text");
		else if (!take_word(f, key, words, given))
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
	const bool good = take_text(f, key, v, CTL_NAME_MAX, &f->proto);

	(void)c;
	if (good && strcmp(f->proto, "accept") == 0)
		f->proto = NULL;
	return good;
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

static bool take_party(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	f->has_party = true;
	return take_address(f, key, v, &f->party);
}

/* ["IP4", "192.0.2.1"], or the address alone. */
static bool take_source(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	const char *s = text(json_is_array(v) ? json_array_get(v, 1) : v);

	(void)c;
	f->has_source = s && ip_parse(s, &f->source);
	if (!f->has_source)
		unknown(f, key, s);
	return true;
}

/* Media would go another way than was asked for. */
static bool take_realm(struct ng_flags *f, const char *key, const json_t *v, const struct config *c,
		       uint32_t side)
{
	const char *name = text(v);

	for (size_t r = 0; name && r < c->n_realm; r++) {
		if (!c->realm[r].gone && strcmp(c->realm[r].name, name) == 0) {
			f->realm[side] = (int)r;
			return true;
		}
	}
	return refuse(f, "%s: there is no realm \"%.32s\"", key, name ? name : "?");
}

static bool take_interface_from(struct ng_flags *f, const char *key, const json_t *v,
				const struct config *c)
{
	return take_realm(f, key, v, c, 0);
}

static bool take_interface_to(struct ng_flags *f, const char *key, const json_t *v,
			      const struct config *c)
{
	return take_realm(f, key, v, c, 1);
}

static bool take_direction(struct ng_flags *f, const char *key, const json_t *v,
			   const struct config *c)
{
	uint32_t side = 0;
	json_t *realm;
	size_t i;

	if (!json_is_array(v))
		return refuse(f, "%s must be one realm or two", key);
	json_array_foreach(v, i, realm)
	{
		const char *name = text(realm);

		/* How one of several is chosen: a realm's addresses are its own matter. */
		if (name && strcmp(name, "round-robin-calls") == 0)
			continue;
		if (side == 2)
			return refuse(f, "%s must be one realm or two", key);
		if (!take_realm(f, key, realm, c, side++))
			return false;
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

/* As a number, or as text that is one. */
static bool number(const json_t *v, uint32_t max, uint32_t *n)
{
	const char *s = text(v);
	const struct sdp_text digits = { s, s ? (uint32_t)strlen(s) : 0 };
	const json_int_t i = json_integer_value(v);

	*n = (uint32_t)i;
	return json_is_integer(v) ? i >= 0 && i <= max : s && sdp_number(digits, max, n);
}

static bool take_tos(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	uint32_t n;

	(void)c;
	if (number(v, UINT8_MAX, &n))
		f->dscp = (int)n >> 2;
	else
		unknown(f, key, "no number from 0 to 255");
	return true;
}

static bool take_code(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	uint32_t n;

	(void)c;
	if (number(v, 699, &n) && n >= 100)
		f->code = (int)n;
	else
		unknown(f, key, "no number from 100 to 699");
	return true;
}

static bool take_branch(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	(void)c;
	f->branch = text(v);
	if (f->branch && !*f->branch)
		f->branch = NULL;
	if (!text(v))
		unknown(f, key, "no text");
	return true;
}

/* Kamailio says it twice, as a number and as text. */
static bool take_delay(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	uint32_t n;

	(void)c;
	if (number(v, NG_DELAY_MAX, &n))
		f->delay = (int)n;
	else
		unknown(f, key, "no number from 0 to 3600");
	return true;
}

/* One text or a list of them; NULL behind the last, and for what is none. */
static const char *text_at(const json_t *v, size_t i, bool *more)
{
	*more = i < (json_is_array(v) ? json_array_size(v) : 1);
	return *more ? text(json_is_array(v) ? json_array_get(v, i) : v) : NULL;
}

static void take_codecs(struct ng_flags *f, enum ng_codec_op op, const json_t *v)
{
	const char *name;
	bool more;

	for (size_t i = 0; name = text_at(v, i, &more), more; i++)
		codec_add(f, op, name);
}

/* {"strip": ["PCMA", "G722"]} */
static bool take_codec(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	const char *op, *rest;
	json_t *list;

	(void)c;
	if (!json_is_object(v))
		unknown(f, key, "no dictionary");
	json_object_foreach((json_t *)v, op, list) take_codecs(f, codec_op(op, &rest), list);
	return true;
}

/* "codec-strip": "PCMA" */
static bool take_codec_op(struct ng_flags *f, const char *key, const json_t *v,
			  const struct config *c)
{
	const char *rest;

	(void)c;
	take_codecs(f, codec_op(key + strlen("codec-"), &rest), v);
	return true;
}

static bool take_remove(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	const char *name;
	bool more;

	(void)c;
	for (size_t i = 0; name = text_at(v, i, &more), more; i++) {
		const struct sdp_text t = { name, name ? (uint32_t)strlen(name) : 0 };
		const uint32_t type = ng_type_find(t);

		if (type)
			f->remove |= 1u << type;
		else
			unknown(f, key, name);
	}
	return true;
}

/* {"strip": ["all"]}, or names; "strip" is all. */
static bool take_extmap(struct ng_flags *f, const char *key, const json_t *v,
			const struct config *c)
{
	const char *s = text(v), *name;
	const json_t *in = json_object_get(v, "strip");
	bool more;

	(void)c;
	if (s && strcmp(s, "strip") == 0)
		f->flags |= NG_STRIP_EXTMAP;
	else if (!in && !json_object_get(v, "mask"))
		unknown(f, key, s);
	for (size_t i = 0; in && (name = text_at(in, i, &more), more); i++) {
		if (name && strcmp(name, "all") == 0)
			f->flags |= NG_STRIP_EXTMAP;
		else if (name && *name && f->n_extmap < NG_EXTMAPS_MAX)
			f->extmap[f->n_extmap++] = name;
		else
			unknown(f, key, name);
	}
	if (json_object_get(v, "mask"))
		unknown(f, key, "mask");
	return true;
}

static bool take_attr(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	(void)c;
	for (uint32_t n = ng_attr_take(f, v); n; n--)
		unknown(f, key, "no attribute, or too much");
	return true;
}

static bool take_label(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	const char *s = text(v);

	(void)c;
	f->label_useless = !s || !*s || strlen(s) >= NG_LABEL_MAX;
	f->label = f->label_useless ? NULL : s;
	if (f->label_useless && !(s && !*s))
		unknown(f, key, "no text of up to 31 bytes");
	return true;
}

static bool take_key(struct ng_flags *f, const char *name, const json_t *v, const struct config *c);

/* Of Kamailio since 6, which does not take its script's flags apart any more. */
static bool take_rtpp(struct ng_flags *f, const char *key, const json_t *v, const struct config *c)
{
	uint32_t n_unknown = 0;
	const char *name;
	json_t *in;

	if (!text(v) || f->rtpp) {
		unknown(f, key, "no text");
		return true;
	}
	f->rtpp = ng_rtpp_parse(text(v), &n_unknown);
	if (!f->rtpp)
		return refuse(f, "out of memory");
	for (; n_unknown; n_unknown--)
		unknown(f, key, "brackets, or too much");
	json_object_foreach(f->rtpp, name, in)
	{
		if (!take_key(f, name, in, c))
			return false;
	}
	return true;
}

static take_fn *const takes[NG_TAKES] = {
	[NG_TAKE_CALL] = take_call,
	[NG_TAKE_FROM] = take_from,
	[NG_TAKE_TO] = take_to,
	[NG_TAKE_SDP] = take_sdp,
	[NG_TAKE_PROTO] = take_proto,
	[NG_TAKE_SOURCE] = take_source,
	[NG_TAKE_ADDRESS] = take_media_address,
	[NG_TAKE_PARTY] = take_party,
	[NG_TAKE_DIRECTION] = take_direction,
	[NG_TAKE_INTERFACE_FROM] = take_interface_from,
	[NG_TAKE_INTERFACE_TO] = take_interface_to,
	[NG_TAKE_FAMILY] = take_family,
	[NG_TAKE_TOS] = take_tos,
	[NG_TAKE_CODE] = take_code,
	[NG_TAKE_BRANCH] = take_branch,
	[NG_TAKE_DELAY] = take_delay,
	[NG_TAKE_RTPP] = take_rtpp,
	[NG_TAKE_CODEC] = take_codec,
	[NG_TAKE_CODEC_OP] = take_codec_op,
	[NG_TAKE_REMOVE] = take_remove,
	[NG_TAKE_EXTMAP] = take_extmap,
	[NG_TAKE_ATTR] = take_attr,
	[NG_TAKE_LABEL] = take_label,
};

static bool take_key(struct ng_flags *f, const char *name, const json_t *v, const struct config *c)
{
	const struct ng_key *k = ng_key_find(name);

	if (!k) {
		unknown(f, name, NULL);
		return true;
	}
	if (k->words)
		return take_words(f, k->name, k->words, v);
	/* Of "codec-*" it is what was given that says which. */
	return !takes[k->take] || takes[k->take](f, strchr(k->name, '*') ? name : k->name, v, c);
}

bool ng_flags_read(struct ng_flags *f, const json_t *command, const struct config *c)
{
	const char *key;
	json_t *v;

	*f = (struct ng_flags){ .realm = { NG_NOT_GIVEN, NG_NOT_GIVEN },
				.family = NG_NOT_GIVEN,
				.dscp = NG_NOT_GIVEN,
				.delay = NG_NOT_GIVEN };
	json_object_foreach((json_t *)command, key, v)
	{
		if (!take_key(f, key, v, c))
			return false;
	}
	if (f->flags & NG_WEBRTC && !f->proto)
		f->proto = "UDP/TLS/RTP/SAVPF";
	if (f->sdp_flags & NG_SDP_PROVISIONAL && (!f->code || f->code >= 200))
		f->code = NG_CODE_PROVISIONAL;
	return true;
}

void ng_flags_free(struct ng_flags *f)
{
	json_decref(f->rtpp);
	json_decref(f->split);
	f->rtpp = f->split = NULL;
}
