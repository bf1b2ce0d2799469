/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_flags.h"

#include "../../lib/sdp.h"
#include "../context/context.h"
#include "ng_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static bool take_word(struct ng_flags *f, const char *key, const struct ng_word *words,
		      const char *given)
{
	const struct ng_word *w = ng_word_find(words, given);

	if (!w) {
		unknown(f, key, given);
		return true;
	}
	/* "SDES-no-X" is "no-X" of SDES, and that has no such words in its turn. */
	if (w->of)
		return take_word(f, w->of, ng_key_find(w->of)->words, given + strlen(w->name) - 1);
	if (w->effect == NG_REFUSED)
		return refuse(f, "%.32s: \"%.64s\" is not served", key, given);
	f->flags = (f->flags & ~w->clear) | w->set;
	return true;
}

/* One word or a list of them. */
static bool take_words(struct ng_flags *f, const char *key, const struct ng_word *words,
		       const json_t *v)
{
	const size_t n = json_is_array(v) ? json_array_size(v) : 1;

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
		if (strcmp(c->realm[r].name, name) == 0) {
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
	const size_t n = json_array_size(v);

	if (!json_is_array(v) || n > 2)
		return refuse(f, "%s must be one realm or two", key);
	for (uint32_t i = 0; i < n; i++) {
		if (!take_realm(f, key, json_array_get(v, i), c, i))
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

static take_fn *const takes[NG_TAKES] = {
	[NG_TAKE_CALL] = take_call,
	[NG_TAKE_FROM] = take_from,
	[NG_TAKE_TO] = take_to,
	[NG_TAKE_SDP] = take_sdp,
	[NG_TAKE_PROTO] = take_proto,
	[NG_TAKE_SOURCE] = take_source,
	[NG_TAKE_ADDRESS] = take_media_address,
	[NG_TAKE_DIRECTION] = take_direction,
	[NG_TAKE_INTERFACE_FROM] = take_interface_from,
	[NG_TAKE_INTERFACE_TO] = take_interface_to,
	[NG_TAKE_FAMILY] = take_family,
	[NG_TAKE_TOS] = take_tos,
	[NG_TAKE_CODE] = take_code,
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
	if (k->effect == NG_REFUSED)
		return refuse(f, "\"%.64s\" is not served", name);
	return !takes[k->take] || takes[k->take](f, k->name, v, c);
}

bool ng_flags_read(struct ng_flags *f, const json_t *command, const struct config *c)
{
	const char *key;
	json_t *v;

	*f = (struct ng_flags){ .realm = { NG_NOT_GIVEN, NG_NOT_GIVEN },
				.family = NG_NOT_GIVEN,
				.dscp = NG_NOT_GIVEN };
	json_object_foreach((json_t *)command, key, v)
	{
		if (!take_key(f, key, v, c))
			return false;
	}
	if (f->flags & NG_WEBRTC && !f->proto)
		f->proto = "UDP/TLS/RTP/SAVPF";
	return true;
}
