/* SPDX-License-Identifier: BSD-3-Clause */
/* SDP: what is found stands in it, and a copy of all lines is the original, but for an empty line.
 */
#include "../../lib/sdp.h"
#include "must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct sdp_text t, const char *p, size_t size)
{
	must(t.at >= p && t.at + t.len <= p + size);
}

static void look(const struct sdp *s, int media, const char *p, size_t size)
{
	static const char *const names[] = { "rtcp", "fingerprint", "path", "setup" };
	struct sdp_text v;

	for (size_t n = 0; n < 4; n++) {
		for (int i = sdp_attr(s, media, names[n], 0, &v); i >= 0;
		     i = sdp_attr(s, media, names[n], i + 1, &v)) {
			must(i < s->n_line && sdp_line_is(&s->line[i], names[n]));
			if (v.at)
				inside(v, p, size);
		}
	}
}

static bool same(const struct wr *w, const char *copy, const char *p, size_t size)
{
	size_t n = wr_len(w) < size ? wr_len(w) : size, left = size - n;

	return !w->failed && memcmp(copy, p, n) == 0 &&
	       (!left ||
		(n && p[n - 1] == '\n' &&
		 ((left == 1 && p[n] == '\n') || (left == 2 && memcmp(p + n, "\r\n", 2) == 0))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sdp s;
	const char *p = (const char *)data, *why;
	char *out = malloc(size + 2);
	struct wr w = wr_init(out, size + 2);
	int where;

	must(out != NULL);
	if (sdp_parse(&s, p, size, &where, &why)) {
		must(s.n_line >= 3 && s.n_line <= SDP_LINES_MAX && s.n_media <= SDP_MEDIA_MAX);
		for (int i = 0; i < s.n_media; i++) {
			const struct sdp_media *m = &s.media[i];

			must(m->line < m->end && m->end <= s.n_line);
			must(m->conn.line < s.n_line && m->ports);
			inside(m->type, p, size);
			inside(m->proto, p, size);
			inside(m->format, p, size);
			look(&s, i, p, size);
		}
		look(&s, SDP_SESSION, p, size);
		sdp_copy(&w, &s, 0, s.n_line);
		/* A last line without an end gets one. */
		must(same(&w, out, p, size));
	} else {
		must(why && where >= 1);
	}
	free(out);
	return 0;
}
