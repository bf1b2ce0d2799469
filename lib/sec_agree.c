/* SPDX-License-Identifier: BSD-3-Clause */
#include "sec_agree.h"
#include "sip_scan.h"

#include <string.h>
#include <strings.h>

/* Of a token (RFC 3261 25.1); of a value also what a host has, which may stand there. */
static bool is_word(char c, bool value)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-.!%*_+`'~", c) != NULL) || (value && c && strchr("[]:", c) != NULL);
}

/* A mark stands behind each word but the last, so what is written is one byte more than was read.
 */
static const char *word_take(struct sip_scan *s, bool value)
{
	const char *word = s->out;

	while (s->pos < s->end && is_word(*s->pos, value))
		*s->out++ = *s->pos++;
	if (s->out == word)
		return NULL;
	*s->out++ = '\0';
	return word;
}

/* As it stands, with quotes and backslashes. */
static const char *quoted_take(struct sip_scan *s)
{
	const char *text = s->out;
	bool escaped = true; /* the opening quote */

	for (; s->pos < s->end; escaped = !escaped && s->pos[-1] == '\\') {
		if ((unsigned char)*s->pos < ' ' || *s->pos == 0x7f)
			return NULL;
		*s->out++ = *s->pos++;
		if (s->pos[-1] == '"' && !escaped) {
			*s->out++ = '\0';
			return text;
		}
	}
	return NULL;
}

const char *sec_param(const struct sec_mechanism *m, const char *name)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (strcasecmp(m->param[i].name, name) == 0)
			return m->param[i].value;
	return NULL;
}

static bool param_take(struct sip_scan *s, struct sec_mechanism *m)
{
	struct sec_param p = { .value = "" };

	p.name = word_take(s, false);
	if (!p.name || m->n == SEC_PARAMS || sec_param(m, p.name))
		return false;
	if (sip_mark_take(s, '='))
		p.value = s->pos < s->end && *s->pos == '"' ? quoted_take(s) : word_take(s, true);
	if (!p.value)
		return false;
	m->param[m->n++] = p;
	return true;
}

bool sec_list_parse(const char *value, size_t len, struct sec_list *out)
{
	struct sip_scan s = { value, value + len, out->text };

	out->n = 0;
	if (len > SEC_LIST_MAX)
		return false;
	sip_space_skip(&s);
	do {
		struct sec_mechanism *m = &out->mechanism[out->n];

		if (out->n++ == SEC_MECHANISMS)
			return false;
		m->n = 0;
		m->name = word_take(&s, false);
		if (!m->name)
			return false;
		while (sip_mark_take(&s, ';'))
			if (!param_take(&s, m))
				return false;
	} while (sip_mark_take(&s, ','));
	return s.pos == s.end;
}

/* ---- two lists ---- */

static bool value_same(const char *a, const char *b)
{
	return *a == '"' ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

static bool mechanism_same(const struct sec_mechanism *a, const struct sec_mechanism *b)
{
	if (strcasecmp(a->name, b->name) != 0 || a->n != b->n)
		return false;
	/* No name is there twice, so as many that are found are all. */
	for (uint32_t i = 0; i < a->n; i++) {
		const char *value = sec_param(b, a->param[i].name);

		if (!value || !value_same(a->param[i].value, value))
			return false;
	}
	return true;
}

/* The next from *at on that is not of media; NULL at the end. */
static const struct sec_mechanism *next(const struct sec_list *l, uint32_t *at)
{
	while (*at < l->n) {
		const struct sec_mechanism *m = &l->mechanism[(*at)++];

		if (!sec_param(m, "mediasec"))
			return m;
	}
	return NULL;
}

bool sec_list_same(const struct sec_list *a, const struct sec_list *b)
{
	uint32_t i = 0, k = 0;

	for (;;) {
		const struct sec_mechanism *x = next(a, &i), *y = next(b, &k);

		if (!x || !y)
			return !x && !y;
		if (!mechanism_same(x, y))
			return false;
	}
}
