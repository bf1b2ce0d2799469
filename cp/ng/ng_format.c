/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_format.h"

#include <string.h>
#include <strings.h>

/* Payload types that need no a=rtpmap (RFC 3551 6). */
static const struct {
	uint8_t type;
	const char *name;
} statics[] = {
	{ 0, "PCMU/8000" },    { 3, "GSM/8000" },    { 4, "G723/8000" },   { 5, "DVI4/8000" },
	{ 6, "DVI4/16000" },   { 7, "LPC/8000" },    { 8, "PCMA/8000" },   { 9, "G722/8000" },
	{ 10, "L16/44100/2" }, { 11, "L16/44100" },  { 12, "QCELP/8000" }, { 13, "CN/8000" },
	{ 14, "MPA/90000" },   { 15, "G728/8000" },  { 16, "DVI4/11025" }, { 17, "DVI4/22050" },
	{ 18, "G729/8000" },   { 26, "JPEG/90000" }, { 31, "H261/90000" }, { 32, "MPV/90000" },
	{ 33, "MP2T/90000" },  { 34, "H263/90000" },
};

/* The payload type that an attribute is of, and what is behind it. False: of none. */
static bool type_of(const struct sdp_line *l, const char *name, uint32_t *type,
		    struct sdp_text *rest)
{
	const uint32_t n = (uint32_t)strlen(name);
	struct sdp_text word;

	if (!sdp_line_is(l, name) || l->value.len <= n)
		return false;
	*rest = (struct sdp_text){ l->value.at + n + 1, l->value.len - n - 1 };
	return sdp_word(rest, &word) && sdp_number(word, NG_FORMATS_MAX - 1, type);
}

/* Whether it is what a flag names: a payload type, "all", or a name with as much behind as is told.
 */
static bool codec_is(struct sdp_text codec, uint32_t type, const char *told)
{
	const uint32_t n = (uint32_t)strlen(told);
	uint32_t number;

	if (strcmp(told, "all") == 0 || strcmp(told, "full") == 0)
		return true;
	if (sdp_number((struct sdp_text){ told, n }, NG_FORMATS_MAX - 1, &number))
		return number == type;
	return codec.len >= n && strncasecmp(codec.at, told, n) == 0 &&
	       (codec.len == n || codec.at[n] == '/');
}

/* No media by themselves. */
static bool is_aside(struct sdp_text codec)
{
	return codec_is(codec, NG_FORMATS_MAX, "telephone-event") ||
	       codec_is(codec, NG_FORMATS_MAX, "CN");
}

/* Each type's codec, as in "opus/48000/2": the first that is told, else the RFC's. */
static void codecs_read(struct ng_formats *o, const struct sdp *s, int i)
{
	struct sdp_text rest;
	uint32_t type;

	for (int line = s->media[i].end - 1; line > s->media[i].line; line--) {
		if (type_of(&s->line[line], "rtpmap", &type, &rest))
			o->codec[type] = rest;
	}
	for (size_t k = 0; k < sizeof(statics) / sizeof(statics[0]); k++) {
		struct sdp_text *codec = &o->codec[statics[k].type];

		if (!codec->at)
			*codec =
			    (struct sdp_text){ statics[k].name, (uint32_t)strlen(statics[k].name) };
	}
}

/* Formats as they are. False: they are not those of RTP, and are left alone. */
static bool formats_read(struct ng_formats *o, const struct sdp *s, int i)
{
	struct sdp_text rest = s->media[i].format, word;
	uint32_t type;

	*o = (struct ng_formats){ 0 };
	while (sdp_word(&rest, &word)) {
		if (o->n == NG_FORMATS_MAX || !sdp_number(word, NG_FORMATS_MAX - 1, &type))
			return false;
		o->type[o->n++] = (uint8_t)type;
	}
	codecs_read(o, s, i);
	return true;
}

static bool is_told(const struct ng_flags *f, struct sdp_text codec, uint32_t type, uint32_t ops)
{
	for (uint32_t k = 0; k < f->n_codec; k++) {
		if (ops & 1u << f->codec[k].op && codec_is(codec, type, f->codec[k].name))
			return true;
	}
	return false;
}

/* Only the first that carries media, and what goes with it. */
static void single(struct ng_formats *o)
{
	bool any = false;

	for (uint32_t k = 0; k < o->n; k++) {
		if (o->gone[o->type[k]] || is_aside(o->codec[o->type[k]]))
			continue;
		o->gone[o->type[k]] = any;
		any = true;
	}
}

/* "111/111": what a packet of RED has in it, the first of which is the one that counts. */
static bool red_of(const struct ng_formats *o, uint32_t type, struct sdp_text fmtp, uint32_t *of)
{
	uint32_t n = 0;

	while (n < fmtp.len && fmtp.at[n] != '/')
		n++;
	return codec_is(o->codec[type], NG_FORMATS_MAX, "red") &&
	       sdp_number((struct sdp_text){ fmtp.at, n }, NG_FORMATS_MAX - 1, of);
}

/* "apt=96" */
static bool apt_of(struct sdp_text fmtp, uint32_t *of)
{
	return fmtp.len > 4 && memcmp(fmtp.at, "apt=", 4) == 0 &&
	       sdp_number((struct sdp_text){ fmtp.at + 4, fmtp.len - 4 }, NG_FORMATS_MAX - 1, of);
}

/* Retransmission and repetition of what is gone have no use (RFC 4588 8.1, 2198). */
static void follow(struct ng_formats *o, const struct sdp *s, int i)
{
	for (int line = s->media[i].line + 1; line < s->media[i].end; line++) {
		struct sdp_text rest;
		uint32_t type, of;

		if (type_of(&s->line[line], "fmtp", &type, &rest) &&
		    (apt_of(rest, &of) || red_of(o, type, rest, &of)) && o->gone[of])
			o->gone[type] = true;
	}
}

/* Whether something is left that carries media, if anything did. */
static bool any_left(const struct ng_formats *o)
{
	bool any = false;

	for (uint32_t k = 0; k < o->n; k++) {
		if (is_aside(o->codec[o->type[k]]))
			continue;
		if (!o->gone[o->type[k]])
			return true;
		any = true;
	}
	return !any;
}

/* Those that are left; the ones that are told to be offered first, as they were told. */
static void order(struct ng_formats *o, const struct ng_flags *f)
{
	const struct ng_formats was = *o;
	bool put[NG_FORMATS_MAX] = { false };

	o->n = 0;
	for (uint32_t k = 0; k <= f->n_codec; k++) {
		if (k < f->n_codec && f->codec[k].op != NG_CODEC_OFFER)
			continue;
		for (uint32_t n = 0; n < was.n; n++) {
			const uint8_t type = was.type[n];

			if (o->gone[type] || put[type] ||
			    (k < f->n_codec && !codec_is(o->codec[type], type, f->codec[k].name)))
				continue;
			put[type] = true;
			o->type[o->n++] = type;
		}
	}
}

void ng_formats_make(struct ng_formats *o, const struct sdp *s, int i, const struct ng_flags *f,
		     bool offer)
{
	const uint32_t strip = 1 << NG_CODEC_STRIP | 1 << NG_CODEC_MASK | 1 << NG_CODEC_IGNORE;
	const uint32_t keep = 1 << NG_CODEC_EXCEPT | 1 << NG_CODEC_OFFER | 1 << NG_CODEC_TRANSCODE |
			      1 << NG_CODEC_SET | 1 << NG_CODEC_ACCEPT;
	const bool one = !offer && f->flags & NG_SINGLE_CODEC;

	o->changed = false;
	if ((!f->n_codec && !one) || !formats_read(o, s, i))
		return;
	for (uint32_t k = 0; k < o->n; k++) {
		const struct sdp_text codec = o->codec[o->type[k]];

		o->gone[o->type[k]] =
		    is_told(f, codec, o->type[k], strip) && !is_told(f, codec, o->type[k], keep);
	}
	if (one)
		single(o);
	/* An m-line without any would be none (rtpengine restores them, too). */
	if (!any_left(o))
		memset(o->gone, 0, sizeof(o->gone));
	follow(o, s, i);
	o->changed = true;
	order(o, f);
}

bool ng_formats_drop(const struct ng_formats *o, const struct sdp_line *l)
{
	struct sdp_text rest;
	uint32_t type;

	return o->changed &&
	       (type_of(l, "rtpmap", &type, &rest) || type_of(l, "fmtp", &type, &rest) ||
		type_of(l, "rtcp-fb", &type, &rest)) &&
	       o->gone[type];
}

const char *ng_formats_missing(const struct sdp *s, int i, const struct ng_flags *f)
{
	struct ng_formats o;

	if (!f->n_codec || !formats_read(&o, s, i))
		return NULL;
	for (uint32_t k = 0; k < f->n_codec; k++) {
		bool any = false;

		if (f->codec[k].op != NG_CODEC_TRANSCODE && f->codec[k].op != NG_CODEC_SET)
			continue;
		for (uint32_t n = 0; n < o.n && !any; n++)
			any = codec_is(o.codec[o.type[n]], o.type[n], f->codec[k].name);
		if (!any)
			return f->codec[k].name;
	}
	return NULL;
}
