/* SPDX-License-Identifier: BSD-3-Clause */
#include "sip_frame.h"

#include <string.h>

#define VERSION "SIP/2.0 "
#define AT_END " SIP/2.0"
#define CONTENT_LENGTH "content-length"

static bool is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* RFC 3261 25.1. */
static bool is_token(uint8_t c)
{
	return is_alpha(c) || is_digit(c) || (c && strchr("-.!%*_+`'~", c));
}

enum sip_verdict sip_ping(const uint8_t *p, uint32_t n)
{
	if (memcmp(p, "\r\n\r\n", n < SIP_PING_LEN ? n : SIP_PING_LEN) != 0)
		return SIP_NO;
	return n < SIP_PING_LEN ? SIP_MORE : SIP_YES;
}

/* ---- the head of a message; each takes one byte and says what state follows ---- */

static enum sip_state byte_line(uint8_t c)
{
	return c == '\r' ? SIP_LF : c == '\n' ? SIP_LOST : SIP_LINE;
}

/* RFC 3261 7.1: a method is a token. */
static enum sip_state byte_method(struct sip_frame *f, uint8_t c)
{
	if (c == ' ' && f->at > 0)
		return SIP_SCHEME;
	return is_token(c) && f->at++ < SIP_METHOD_MAX ? SIP_METHOD : SIP_LOST;
}

/* The first word, while it may be the version of a response (7.2). */
static enum sip_state byte_version(struct sip_frame *f, uint8_t c)
{
	if (c == VERSION[f->at])
		return f->at++ == sizeof(VERSION) - 2 ? SIP_LINE : SIP_VERSION;
	return f->at > sizeof("SIP") - 1 ? SIP_LOST : byte_method(f, c);
}

/* The rest of a request's line ends with a space and the version. */
static enum sip_state byte_uri(struct sip_frame *f, uint8_t c)
{
	if (c == '\r')
		return f->at == sizeof(AT_END) - 1 ? SIP_LF : SIP_LOST;
	if (f->at < sizeof(AT_END) - 1 && c == AT_END[f->at])
		f->at++;
	else
		f->at = c == AT_END[0];
	return c == '\n' ? SIP_LOST : SIP_URI;
}

/* RFC 3261 7.3.1, 7.3.3, 20.14: Content-Length in any case, or l. */
static enum sip_state byte_name(struct sip_frame *f, uint8_t c)
{
	uint8_t lower = c >= 'A' && c <= 'Z' ? c | 0x20 : c;

	if (f->at == 0 && lower == 'l')
		f->at = sizeof(CONTENT_LENGTH) - 1;
	else if (f->at < sizeof(CONTENT_LENGTH) - 1 && lower == CONTENT_LENGTH[f->at])
		f->at++;
	else
		return byte_line(c);
	return f->at == sizeof(CONTENT_LENGTH) - 1 ? SIP_COLON : SIP_NAME;
}

static enum sip_state byte_colon(struct sip_frame *f, uint8_t c)
{
	if (is_space(c))
		return SIP_COLON;
	if (c != ':')
		return byte_line(c);
	if (f->length != LENGTH_NONE)
		return SIP_LOST;
	f->length = LENGTH_OPEN;
	return SIP_VALUE;
}

static enum sip_state byte_value(struct sip_frame *f, uint8_t c)
{
	if (c == '\r')
		return SIP_LF;
	if (is_space(c)) {
		f->length = f->length == LENGTH_DIGITS ? LENGTH_CLOSED : f->length;
		return SIP_VALUE;
	}
	if (!is_digit(c) || f->length == LENGTH_CLOSED ||
	    f->left > (uint32_t)(SIP_BODY_MAX - (c - '0')) / 10)
		return SIP_LOST;
	f->left = f->left * 10 + (c - '0');
	f->length = LENGTH_DIGITS;
	return SIP_VALUE;
}

/* A line that starts with white space goes on with the last header (RFC 3261 7.3.1). */
static enum sip_state byte_break(struct sip_frame *f, uint8_t c)
{
	bool open = f->length > LENGTH_NONE && f->length < LENGTH_KNOWN;

	if (is_space(c))
		return open ? byte_value(f, c) : SIP_LINE;
	if (f->length == LENGTH_OPEN)
		return SIP_LOST;
	if (open)
		f->length = LENGTH_KNOWN;
	f->at = 0;
	return c == '\r' ? SIP_EMPTY : byte_name(f, c);
}

/* A stream transport's messages must say how long they are (RFC 3261 18.3). */
static enum sip_state byte_empty(struct sip_frame *f, uint8_t c)
{
	if (c != '\n' || f->length != LENGTH_KNOWN)
		return SIP_LOST;
	return f->left ? SIP_BODY : SIP_BETWEEN;
}

static enum sip_state byte_head(struct sip_frame *f, uint8_t c)
{
	if (f->head++ == SIP_HEAD_MAX)
		return SIP_LOST;
	switch (f->state) {
	case SIP_VERSION:
		return byte_version(f, c);
	case SIP_METHOD:
		return byte_method(f, c);
	case SIP_SCHEME:
		f->at = 0;
		return is_alpha(c) ? SIP_URI : SIP_LOST;
	case SIP_URI:
		return byte_uri(f, c);
	case SIP_LINE:
		return byte_line(c);
	case SIP_LF:
		return c == '\n' ? SIP_BREAK : SIP_LOST;
	case SIP_BREAK:
		return byte_break(f, c);
	case SIP_NAME:
		return byte_name(f, c);
	case SIP_COLON:
		return byte_colon(f, c);
	case SIP_VALUE:
		return byte_value(f, c);
	default:
		return byte_empty(f, c);
	}
}

/* ---- streams ---- */

enum sip_verdict sip_begins(const uint8_t *p, uint32_t n)
{
	struct sip_frame f = { .state = SIP_VERSION };
	uint32_t i;

	if (p[0] == '\r')
		return n < 2 ? SIP_MORE : p[1] == '\n' ? SIP_YES : SIP_NO;
	for (i = 0; i < n && f.state <= SIP_SCHEME; i++)
		f.state = (uint8_t)byte_head(&f, p[i]);
	return f.state <= SIP_SCHEME ? SIP_MORE : sip_frame_lost(&f) ? SIP_NO : SIP_YES;
}

static uint32_t scan_body(struct sip_frame *f, uint32_t n)
{
	n = n < f->left ? n : f->left;
	f->left -= n;
	if (f->left == 0)
		f->state = SIP_BETWEEN;
	return n;
}

uint32_t sip_frame_scan(struct sip_frame *f, const uint8_t *p, uint32_t n)
{
	uint32_t i = 0;

	if (f->state == SIP_BETWEEN) {
		if (p[0] == '\r' || p[0] == '\n')
			return 1;
		*f = (struct sip_frame){ .state = SIP_VERSION };
	}
	while (i < n && f->state != SIP_BODY && f->state != SIP_LOST) {
		f->state = (uint8_t)byte_head(f, p[i++]);
		if (f->state == SIP_BETWEEN)
			return i;
	}
	return f->state == SIP_BODY ? i + scan_body(f, n - i) : n;
}
