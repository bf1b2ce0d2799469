/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_formats.h"

#include "../../lib/sdp.h"

#include <string.h>

/* "96 opus/48000/2": as a format, if its encoding is known. */
static bool read_rtpmap(struct sdp_text v, struct ctl_format *f)
{
	struct sdp_text type, encoding;
	uint32_t number, hz = 0;
	const char *slash, *end;
	enum codec codec;

	if (!sdp_word(&v, &type) || !sdp_number(type, 127, &number) || !sdp_word(&v, &encoding))
		return false;
	slash = memchr(encoding.at, '/', encoding.len);
	if (!slash)
		return false;
	for (end = slash + 1; end < encoding.at + encoding.len && *end >= '0' && *end <= '9'; end++)
		hz = hz > 1000000 ? hz : hz * 10 + (uint32_t)(*end - '0');
	codec = codec_find(encoding.at, (size_t)(slash - encoding.at), hz);
	*f = (struct ctl_format){ (uint8_t)number, (uint8_t)codec };
	return codec != CODEC_NONE;
}

static bool is_event(const struct ctl_format *f)
{
	return f->codec == CODEC_EVENT || f->codec == CODEC_EVENT_16000 ||
	       f->codec == CODEC_EVENT_48000;
}

/* If there are too many, events have the last places: they may be blocked. */
void ng_formats_read(const struct sdp *s, int i, struct ctl_format format[CTL_FORMATS_MAX])
{
	struct sdp_text v;
	uint32_t n = 0, last = CTL_FORMATS_MAX;
	struct ctl_format f;
	int line;

	for (line = sdp_attr(s, i, "rtpmap", 0, &v); line >= 0;
	     line = sdp_attr(s, i, "rtpmap", line + 1, &v)) {
		if (!v.at || !read_rtpmap(v, &f))
			continue;
		if (n < CTL_FORMATS_MAX)
			format[n++] = f;
		else if (is_event(&f) && last > CTL_FORMATS_MAX / 2)
			format[--last] = f;
	}
	if (n < CTL_FORMATS_MAX)
		memset(&format[n], 0, (CTL_FORMATS_MAX - n) * sizeof(format[0]));
}
