/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SIP_FRAME_H
#define FL_LIB_SIP_FRAME_H

/*
 * Where SIP messages begin and end in a byte stream (RFC 3261 7, 18.3), and what stands between
 * them: keep-alives (RFC 5626 4.4.1). A message is headers up to an empty line and a body as long
 * as Content-Length says, nothing else is looked at. Nothing is kept but struct sip_frame, and
 * nothing depends on how the stream was cut.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	SIP_PING_LEN = 4,	 /* CRLF CRLF */
	SIP_METHOD_MAX = 32,	 /* bytes of a method's name; the longest registered has 9 */
	SIP_BEGIN_MAX = 34,	 /* to as many bytes sip_begins() never says SIP_MORE */
	SIP_HEAD_MAX = 65536,	 /* bytes of start line and headers */
	SIP_BODY_MAX = INT32_MAX /* bytes that Content-Length may announce */
};

enum sip_verdict { SIP_NO, SIP_YES, SIP_MORE /* too few bytes to tell */ };

/*
 * Whether a stream that starts with these n > 0 bytes is SIP (RFC 3261 7.1, 7.2, 7.5): a token, a
 * space and the letter that begins a URI's scheme; or "SIP/2.0 "; or CRLF. HTTP has a slash, or an
 * asterisk, where the letter is.
 */
enum sip_verdict sip_begins(const uint8_t *p, uint32_t n);

/* Whether a ping (CRLF CRLF) stands at p, n > 0 bytes; to be asked between messages only. */
enum sip_verdict sip_ping(const uint8_t *p, uint32_t n);

/* Zeroed: before the first message. */
struct sip_frame {
	uint32_t left;	/* of the body; in the headers what Content-Length says */
	uint32_t head;	/* bytes of the message's head so far */
	uint8_t state;	/* enum sip_state */
	uint8_t at;	/* bytes of the word under way that matched */
	uint8_t length; /* enum sip_length */
};

enum sip_state {
	SIP_BETWEEN,
	SIP_VERSION, /* start line: the first word, when it may be a response's version */
	SIP_METHOD,  /* when it is not */
	SIP_SCHEME,  /* first letter of a request's URI */
	SIP_URI,     /* the rest of a request's line */
	SIP_LINE,    /* of a line that says nothing about length */
	SIP_LF,	     /* CR was the line's end: LF must follow */
	SIP_BREAK,   /* behind a line: what comes first on the next? */
	SIP_NAME,    /* of a header */
	SIP_COLON,   /* after Content-Length */
	SIP_VALUE,   /* of Content-Length */
	SIP_EMPTY,   /* CR of the empty line: LF must follow */
	SIP_BODY,
	SIP_LOST,
};

/* What is known of Content-Length. */
enum sip_length {
	LENGTH_NONE,
	LENGTH_OPEN,   /* colon, no digit yet */
	LENGTH_DIGITS, /* the last byte was one */
	LENGTH_CLOSED, /* white space behind them */
	LENGTH_KNOWN,  /* that header has ended */
};

/*
 * Goes on with the n > 0 bytes that come next. Returns how many belong together: up to the end of
 * a message, or one CR or LF between messages, or all of them.
 */
uint32_t sip_frame_scan(struct sip_frame *f, const uint8_t *p, uint32_t n);

/* The next byte is not inside a message. */
static inline bool sip_frame_between(const struct sip_frame *f)
{
	return f->state == SIP_BETWEEN;
}

/*
 * This is no SIP, or a message whose end cannot be told: no Content-Length or two, a bare CR or
 * LF, a head or body that is too long. It stays so.
 */
static inline bool sip_frame_lost(const struct sip_frame *f)
{
	return f->state == SIP_LOST;
}

#endif
