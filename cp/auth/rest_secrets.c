/* SPDX-License-Identifier: BSD-3-Clause */
#include "rest_secrets.h"

#include "secret_file.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = REST_FILE_LINES * CONFIG_STR_MAX };

/* Takes a line, without its end. NULL, or what is wrong with it. */
static const char *line_take(struct rest_secrets *s, const char *line, size_t len)
{
	char *to = s->text[s->n];

	if (len == 0)
		return "has an empty line";
	if (len >= sizeof(s->text[0]))
		return "has a secret of more than 255 bytes";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return "holds a control character";
	memcpy(to, line, len);
	to[len] = '\0';
	s->n++;
	return NULL;
}

/* The secrets of a file's text; at least one, since there is a first byte. */
static const char *lines_take(struct rest_secrets *s, const char *text, size_t len)
{
	const char *end = text + len, *fault = NULL;

	for (int i = 0; text < end && !fault; i++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		const char *stop = eol ? eol : end;

		if (i == REST_FILE_LINES)
			return "has more than two lines: the new secret and the one before it are "
			       "possible";
		fault = line_take(s, text, (size_t)(stop - text));
		text = stop + 1;
	}
	return fault;
}

static bool file_take(struct rest_secrets *s, const char *path, char *err, size_t errlen)
{
	char text[FILE_MAX], why[128];
	size_t len = secret_file_load(path, text, 1, sizeof(text), why, sizeof(why));
	const char *fault = len ? lines_take(s, text, len) : why;

	OPENSSL_cleanse(text, sizeof(text));
	if (fault)
		snprintf(err, errlen, "auth.rest-secret-files: %s %s", path, fault);
	return !fault;
}

/* All secrets as they are now. */
static bool secrets_load(const struct rest_watch *w, struct rest_secrets *s, char *err,
			 size_t errlen)
{
	memset(s, 0, sizeof(*s));
	for (uint16_t i = 0; i < w->n_file; i++)
		if (!file_take(s, w->file[i], err, errlen))
			return false;
	for (uint16_t i = 0; i < w->given.n; i++)
		memcpy(s->text[s->n++], w->given.text[i], sizeof(s->text[0]));
	return true;
}

bool rest_watch_open(struct rest_watch *w, const struct config *c, char *err, size_t errlen)
{
	memset(w, 0, sizeof(*w));
	w->n_file = c->auth.n_rest_file;
	memcpy(w->file, c->auth.rest_file, sizeof(w->file));
	w->given.n = c->auth.n_rest_secret;
	memcpy(w->given.text, c->auth.rest_secret, sizeof(c->auth.rest_secret));
	if (!secrets_load(w, &w->in_force, err, errlen))
		return false;
	w->seen = w->in_force;
	return true;
}

/* What is wrong is told once, and only if it is still wrong at the next look. */
static bool doubt(struct rest_watch *w, const char *why, char *line, size_t len)
{
	const bool again = strcmp(w->doubt, why) == 0;

	snprintf(w->doubt, sizeof(w->doubt), "%s", why);
	if (!again || strcmp(w->problem, why) == 0)
		return false;
	snprintf(w->problem, sizeof(w->problem), "%s", why);
	snprintf(line, len, "%s; the secrets that were read before stay in force", why);
	return true;
}

static bool take(struct rest_watch *w, const struct rest_secrets *fresh, char *line, size_t len)
{
	const bool same = memcmp(fresh, &w->in_force, sizeof(*fresh)) == 0;
	const bool still = memcmp(fresh, &w->seen, sizeof(*fresh)) == 0;
	const bool mended = w->problem[0] != '\0';

	w->seen = *fresh;
	w->doubt[0] = '\0';
	if (!still || (same && !mended))
		return false;
	w->in_force = *fresh;
	w->problem[0] = '\0';
	snprintf(line, len, "auth.rest-secret-files were read again: %u secrets are in force",
		 fresh->n);
	return true;
}

bool rest_watch_turn(struct rest_watch *w, uint64_t now, char *line, size_t len)
{
	struct rest_secrets fresh;
	char why[REST_LINE_MAX];
	bool told;

	if (!w->n_file || now == w->looked)
		return false;
	w->looked = now;
	told = secrets_load(w, &fresh, why, sizeof(why)) ? take(w, &fresh, line, len)
							 : doubt(w, why, line, len);
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return told;
}
