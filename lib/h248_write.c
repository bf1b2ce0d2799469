/* SPDX-License-Identifier: BSD-3-Clause */
#include "h248.h"

#include <stdarg.h>
#include <stdio.h>

static void put(struct h248_out *o, const char *p, size_t len)
{
	uint8_t *to = wr_take(&o->w, len);

	if (to)
		memcpy(to, p, len);
}

static void put_str(struct h248_out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* White space that only people need. */
static void space(struct h248_out *o, const char *s)
{
	if (!o->brief)
		put_str(o, s);
}

/* What stands between an item and the one before. */
static void between(struct h248_out *o)
{
	if (o->depth && !o->first)
		put_str(o, ",");
	if (o->depth)
		space(o, " ");
	else
		put_str(o, "\n");
	o->first = false;
}

/* " = value", formatted where it goes. */
static void put_value(struct h248_out *o, const char *fmt, va_list args)
{
	size_t room;
	int n;

	if (!fmt)
		return;
	put_str(o, o->brief ? "=" : " = ");
	room = wr_left(&o->w);
	n = vsnprintf((char *)o->w.pos, room, fmt, args);
	/* It wants a byte for its NUL, too. */
	if (n < 0 || (size_t)n >= room)
		o->w.failed = true;
	else
		wr_take(&o->w, (size_t)n);
}

void h248_begin(struct h248_out *o, void *p, size_t len, bool brief, unsigned version,
		const char *mid)
{
	char text[8];

	*o = (struct h248_out){ .w = wr_init(p, len), .brief = brief };
	snprintf(text, sizeof(text), "/%u ", version);
	put_str(o, h248_spelt(o, H248_MEGACO));
	put_str(o, text);
	put_str(o, mid);
}

void h248_begin_part(struct h248_out *o, void *p, size_t len, bool brief, uint8_t depth)
{
	*o = (struct h248_out){
		.w = wr_init(p, len), .brief = brief, .depth = depth, .first = true
	};
}

void h248_put_part(struct h248_out *o, const struct h248_out *part)
{
	put(o, (const char *)part->w.start, wr_len(&part->w));
	o->first &= wr_len(&part->w) == 0;
	o->w.failed |= part->w.failed;
}

void h248_put(struct h248_out *o, enum h248_token token, const char *fmt, ...)
{
	va_list args;

	between(o);
	put_str(o, h248_spelt(o, token));
	va_start(args, fmt);
	put_value(o, fmt, args);
	va_end(args);
}

void h248_put_name(struct h248_out *o, const char *name, const char *fmt, ...)
{
	va_list args;

	between(o);
	put_str(o, name);
	va_start(args, fmt);
	put_value(o, fmt, args);
	va_end(args);
}

static void quote(struct h248_out *o, const char *text)
{
	put_str(o, "\"");
	for (; *text; text++) {
		bool fits = *text >= ' ' && *text <= '~' && *text != '"';

		put(o, fits ? text : " ", 1);
	}
	put_str(o, "\"");
}

void h248_put_quoted(struct h248_out *o, const char *text)
{
	between(o);
	quote(o, text);
}

void h248_put_text(struct h248_out *o, enum h248_token token, const char *text)
{
	between(o);
	put_str(o, h248_spelt(o, token));
	put_str(o, o->brief ? "=" : " = ");
	quote(o, text);
}

void h248_put_octets(struct h248_out *o, enum h248_token token, const void *p, size_t len)
{
	const char *text = p;

	between(o);
	put_str(o, h248_spelt(o, token));
	space(o, " ");
	put_str(o, "{\n");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '}')
			put_str(o, "\\");
		put(o, &text[i], 1);
	}
	put_str(o, "}");
}

void h248_open(struct h248_out *o)
{
	space(o, " ");
	put_str(o, "{");
	o->depth++;
	o->first = true;
}

void h248_close(struct h248_out *o)
{
	space(o, " ");
	put_str(o, "}");
	o->depth--;
	o->first = false;
}

void h248_put_error(struct h248_out *o, unsigned code, const char *text)
{
	h248_put(o, H248_ERROR, "%u", code);
	h248_open(o);
	h248_put_quoted(o, text);
	h248_close(o);
}
