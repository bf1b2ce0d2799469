/* SPDX-License-Identifier: BSD-3-Clause */
/* SDP: what is found stands in it, and what is written is read as it is: its copy is the same. */
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

/* A copy of all lines, into out; returns its length. */
static size_t copied(const struct sdp *s, char *out, size_t size)
{
	struct wr w = wr_init(out, size);

	sdp_copy(&w, s, 0, s->n_line);
	must(!w.failed);
	return wr_len(&w);
}

static void written(const struct sdp *s, size_t size)
{
	static struct sdp again;
	const size_t room = 2 * size + 256;
	char *out = malloc(2 * room), *twice = out + room;
	const char *why;
	size_t n, n_twice;
	int where;

	must(out != NULL);
	n = copied(s, out, room);
	must(sdp_parse(&again, out, n, &where, &why));
	must(again.n_line == s->n_line && again.n_media == s->n_media);
	n_twice = copied(&again, twice, room);
	must(n == n_twice && memcmp(out, twice, n) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sdp s;
	const char *p = (const char *)data, *why;
	int where;

	if (sdp_parse(&s, p, size, &where, &why)) {
		must(s.n_line >= 4 && s.n_line <= SDP_LINES_MAX && s.n_media <= SDP_MEDIA_MAX);
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
		written(&s, size);
		must(sdp_parse_fragment(&s, p, size, &where, &why));
	} else {
		must(why && where >= 1);
		if (sdp_parse_fragment(&s, p, size, &where, &why)) {
			for (int i = 0; i < s.n_media; i++)
				look(&s, i, p, size);
			look(&s, SDP_SESSION, p, size);
		}
	}
	return 0;
}
