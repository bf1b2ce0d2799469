/* SPDX-License-Identifier: BSD-3-Clause */
#include "digest_auth.h"
#include "sip_scan.h"

#include <string.h>
#include <strings.h>

static const char *const param_name[DIGEST_PARAMS] = {
	[DIGEST_USERNAME] = "username",
	[DIGEST_REALM] = "realm",
	[DIGEST_NONCE] = "nonce",
	[DIGEST_URI] = "uri",
	[DIGEST_RESPONSE] = "response",
	[DIGEST_ALGORITHM] = "algorithm",
	[DIGEST_CNONCE] = "cnonce",
	[DIGEST_QOP] = "qop",
	[DIGEST_NC] = "nc",
	[DIGEST_AUTS] = "auts",
};

/* Of a token (RFC 3261 25.1), and what else stands in values without quotes, as in base64. */
static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-.!%*_+`'~/:=", c) != NULL);
}

/* A word of at least one character. It ends where `stop` or no token character is. */
static const char *word_take(struct sip_scan *s, char stop)
{
	const char *word = s->out;

	while (s->pos < s->end && is_token(*s->pos) && *s->pos != stop)
		*s->out++ = *s->pos++;
	if (s->out == word)
		return NULL;
	*s->out++ = '\0';
	return word;
}

/* What stands behind an opening quote, which is taken already. */
static const char *quoted_take(struct sip_scan *s)
{
	const char *text = s->out;

	while (s->pos < s->end && *s->pos != '"') {
		if (*s->pos == '\\' && ++s->pos == s->end)
			return NULL;
		if ((unsigned char)*s->pos < ' ' || *s->pos == 0x7f)
			return NULL;
		*s->out++ = *s->pos++;
	}
	if (s->pos == s->end)
		return NULL;
	s->pos++;
	*s->out++ = '\0';
	return text;
}

static enum digest_param param_find(const char *name)
{
	int p;

	for (p = 0; p < DIGEST_PARAMS; p++)
		if (strcasecmp(name, param_name[p]) == 0)
			break;
	return (enum digest_param)p;
}

static bool param_take(struct sip_scan *s, struct digest_auth *a)
{
	const char *name = word_take(s, '='), *value;
	enum digest_param p;

	if (!name || !sip_mark_take(s, '='))
		return false;
	if (s->pos < s->end && *s->pos == '"') {
		s->pos++;
		value = quoted_take(s);
	} else {
		value = word_take(s, '\0');
	}
	if (!value)
		return false;
	p = param_find(name);
	if (p == DIGEST_PARAMS)
		return true;
	if (a->value[p])
		return false;
	a->value[p] = value;
	return true;
}

bool digest_auth_parse(const char *value, size_t len, struct digest_auth *out)
{
	struct sip_scan s = { value, value + len, out->text };
	int n = 0;

	memset(out->value, 0, sizeof(out->value));
	if (len > DIGEST_AUTH_MAX)
		return false;
	sip_space_skip(&s);
	if ((size_t)(s.end - s.pos) < 7 || strncasecmp(s.pos, "Digest", 6) != 0 ||
	    !sip_is_space(s.pos[6]))
		return false;
	s.pos += 7;
	sip_space_skip(&s);
	/* What is written is never more than what was read: "=", quotes and commas go, NULs come.
	 */
	do {
		if (n++ == DIGEST_AUTH_COUNT || !param_take(&s, out))
			return false;
	} while (sip_mark_take(&s, ','));
	return s.pos == s.end;
}
