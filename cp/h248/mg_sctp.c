/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An association of SCTP with a controller (H.248.1 Annex D, TS 29.334 5.12), of the kernel: a
 * message is one of the association's, whole, of any stream; an answer goes by the stream that its
 * request came by, all else by the first. The gateway begins it.
 */
#include "mg_priv.h"

#include <errno.h>
#include <linux/sctp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OUTPUT_MAX = 1 << 20,  /* bytes that wait for a controller which does not read */
	MESSAGES_AT_ONCE = 64, /* then others have their turn */
	PPID_H248 = 7,	       /* payload protocol identifier (IANA) */
};

struct message {
	struct message *next;
	size_t len;
	uint16_t stream;
	char text[];
};

struct mg_sctp {
	struct mg *m;
	uint64_t number;
	int fd;
	struct event *in, *out, *over; /* out: while it connects, or does not take what is sent */
	bool connected;
	const char *why;		      /* it ends; NULL: it goes on */
	uint16_t n_out;			      /* streams that we have */
	size_t queued;			      /* bytes */
	struct message *queue, **last_queued; /* of what is to be sent */
	size_t len;			      /* of the message that is coming */
	char message[H248_MESSAGE_MAX];
};

/* ---- its end ---- */

/* It is told once, and not to whoever is above in the stack. */
static void over(evutil_socket_t fd, short what, void *arg)
{
	const struct mg_sctp *s = arg;

	(void)fd;
	(void)what;
	mg_stream_gone(s->m, s->why);
}

void mg_sctp_end(struct mg_sctp *s, const char *why)
{
	if (s->why)
		return;
	s->why = why;
	event_del(s->in);
	event_del(s->out);
	event_active(s->over, EV_TIMEOUT, 1);
}

static void ends_by(struct mg_sctp *s, int error)
{
	static char text[CTL_TEXT_MAX]; /* until it is told, and there is one */

	snprintf(text, sizeof(text), "cannot be reached: %s", strerror(error));
	mg_sctp_end(s, text);
}

/* ---- what goes ---- */

/* False: not now, or it ended. */
static bool message_send(struct mg_sctp *s, const char *text, size_t len, uint16_t stream)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct sctp_sndinfo))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(struct sctp_sndinfo)),
				.cmsg_level = IPPROTO_SCTP,
				.cmsg_type = SCTP_SNDINFO } };
	const struct sctp_sndinfo info = { .snd_sid = stream, .snd_ppid = htonl(PPID_H248) };
	struct iovec v = { (void *)text, len };
	const struct msghdr h = { .msg_iov = &v,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };

	memcpy(CMSG_DATA(&control.head), &info, sizeof(info));
	if (sendmsg(s->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	if (errno != EAGAIN && errno != EINTR)
		ends_by(s, errno);
	return false;
}

static void queue_send(struct mg_sctp *s)
{
	struct message *q;

	while ((q = s->queue) && !s->why && message_send(s, q->text, q->len, q->stream)) {
		s->queued -= q->len;
		s->queue = q->next;
		if (!s->queue)
			s->last_queued = &s->queue;
		free(q);
	}
	if (s->queue && !s->why)
		event_add(s->out, NULL);
}

bool mg_sctp_send(struct mg_sctp *s, uint16_t sid, const char *p, size_t len)
{
	const uint16_t stream = sid < s->n_out ? sid : 0;
	struct message *q;

	if (s->why)
		return true; /* it is lost, as on the way */
	if (s->connected && !s->queue && message_send(s, p, len, stream))
		return true;
	if (s->why)
		return true;
	q = s->queued + len <= OUTPUT_MAX ? malloc(sizeof(*q) + len) : NULL;
	if (!q)
		return false;
	*q = (struct message){ .len = len, .stream = stream };
	memcpy(q->text, p, len);
	*s->last_queued = q;
	s->last_queued = &q->next;
	s->queued += len;
	event_add(s->out, NULL);
	return true;
}

/* It stands now, or takes again what is sent. */
static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct mg_sctp *s = arg;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)what;
	if (!s->connected && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)) {
		ends_by(s, error);
		return;
	}
	if (!s->connected)
		s->n_out = mg_sctp_streams(fd);
	s->connected = true;
	queue_send(s);
}

/* ---- what comes ---- */

/* The stream that a message came by. */
static uint16_t stream_of(struct msghdr *h)
{
	struct sctp_rcvinfo info;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_SCTP && c->cmsg_type == SCTP_RCVINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			return info.rcv_sid;
		}
	}
	return 0;
}

/* A message that is whole is taken. False: there is none, or it ended. */
static bool take(struct mg_sctp *s)
{
	struct source_addr from = { .addr = *mg_controller(s->m), .stream = s->number };
	char control[CMSG_SPACE(sizeof(struct sctp_rcvinfo))];
	struct iovec v = { s->message + s->len, sizeof(s->message) - s->len };
	struct msghdr h = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	const ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);
	size_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		ends_by(s, errno);
	else if (n == 0)
		mg_sctp_end(s, "closes the association");
	if (n <= 0 || h.msg_flags & MSG_NOTIFICATION)
		return n > 0;
	s->len += (size_t)n;
	if (!(h.msg_flags & MSG_EOR) && s->len < sizeof(s->message))
		return true; /* a piece; others follow before anything else */
	if (!(h.msg_flags & MSG_EOR)) {
		s->m->stats.malformed++;
		mg_sctp_end(s, "sends a message that is too long");
		return false;
	}
	len = s->len;
	s->len = 0;
	from.sid = stream_of(&h);
	mg_take(s->m, &from, s->message, len);
	return true;
}

/* A message may end the association, and begin another one. */
static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct mg *m = ((struct mg_sctp *)arg)->m;
	const uint64_t number = ((struct mg_sctp *)arg)->number;
	struct mg_sctp *s = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < MESSAGES_AT_ONCE && mg_stream_number(m) == number && !s->why; i++) {
		if (!take(s))
			break;
	}
}

/* ---- its beginning ---- */

void mg_sctp_close(struct mg_sctp *s)
{
	struct message *q;

	while ((q = s->queue)) { /* what was said last goes, as far as the kernel takes it */
		if (s->connected && !s->why)
			message_send(s, q->text, q->len, q->stream);
		s->queue = q->next;
		free(q);
	}
	if (s->in)
		event_free(s->in);
	if (s->out)
		event_free(s->out);
	if (s->over)
		event_free(s->over);
	close(s->fd);
	free(s);
}

struct mg_sctp *mg_sctp_open(struct mg *m, uint64_t number)
{
	struct mg_sctp *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->m = m;
	s->number = number;
	s->n_out = 1;
	s->last_queued = &s->queue;
	s->fd = mg_sctp_connect(&m->s->conf->gateway.h248_addr, mg_controller(m));
	if (s->fd < 0) {
		free(s);
		return NULL;
	}
	s->in = event_new(m->base, s->fd, EV_READ | EV_PERSIST, readable, s);
	s->out = event_new(m->base, s->fd, EV_WRITE, writable, s);
	s->over = event_new(m->base, -1, 0, over, s);
	if (!s->in || !s->out || !s->over || event_add(s->in, NULL) || event_add(s->out, NULL)) {
		mg_sctp_close(s);
		return NULL;
	}
	return s;
}
