/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection with the controller that is in charge, or is asked, where messages do not go by
 * UDP: TPKT over TCP or TLS (H.248.1 D.2), or SCTP (mg_sctp.c). The gateway connects. It comes and
 * goes with the association: its end is the association's.
 */
#include "mg_priv.h"

#include "../socket.h"
#include "../tls_socket.h"
#include "../../lib/tpkt.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20 /* bytes that wait for a controller which does not read */ };

struct mg_stream {
	struct mg *m;
	struct bufferevent *bev; /* NULL: it is of SCTP */
	struct mg_sctp *sctp;
	uint64_t number;
	const char *over; /* why nothing is sent any more; NULL: it goes on */
};

static const struct config_gateway *conf(const struct mg *m)
{
	return &m->s->conf->gateway;
}

/* ---- what comes ---- */

/* A packet that is whole is taken; false: there is none, or the stream is none of packets. */
static bool take_packet(struct mg_stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	const struct source_addr from = { .addr = *mg_controller(s->m), .stream = s->number };
	struct tpkt_head h;
	size_t len;

	if (evbuffer_copyout(in, &h, sizeof(h)) != sizeof(h))
		return false;
	len = tpkt_len(&h);
	if (!len) {
		s->m->stats.malformed++;
		mg_stream_end(s->m, "sends what is no TPKT");
		return false;
	}
	if (evbuffer_get_length(in) < TPKT_HEAD + len)
		return false;
	evbuffer_drain(in, TPKT_HEAD);
	evbuffer_remove(in, s->m->packet, len);
	mg_take(s->m, &from, s->m->packet, len);
	return true;
}

/* A message may end the connection, and begin another one. */
static void readable(struct bufferevent *bev, void *arg)
{
	struct mg_stream *s = arg;
	struct mg *m = s->m;
	const uint64_t number = s->number;

	(void)bev;
	while (m->stream && m->stream->number == number && !m->stream->over &&
	       take_packet(m->stream))
		;
}

/* ---- its end ---- */

static const char *tls_why(const struct bufferevent *bev, char *text, size_t len)
{
	SSL *ssl = bufferevent_openssl_get_ssl((struct bufferevent *)bev);
	unsigned long e = bufferevent_get_openssl_error((struct bufferevent *)bev);
	const long judged = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

	if (judged != X509_V_OK)
		snprintf(text, len, "shows a certificate that is refused: %s",
			 X509_verify_cert_error_string(judged));
	else if (e && ERR_reason_error_string(e))
		snprintf(text, len, "cannot be reached by TLS: %s", ERR_reason_error_string(e));
	else
		return NULL;
	return text;
}

static void happened(struct bufferevent *bev, short what, void *arg)
{
	struct mg_stream *s = arg;
	struct mg *m = s->m;
	const int error = EVUTIL_SOCKET_ERROR();
	char text[CTL_TEXT_MAX];
	const char *why = s->over;

	if (what & BEV_EVENT_CONNECTED)
		return;
	if (!why)
		why = tls_why(bev, text, sizeof(text));
	if (!why && what & BEV_EVENT_EOF)
		why = "closes the connection";
	if (!why) {
		snprintf(text, sizeof(text), "cannot be reached: %s", strerror(error));
		why = text;
	}
	ERR_clear_error();
	mg_stream_gone(m, why);
}

void mg_stream_gone(struct mg *m, const char *why)
{
	mg_stream_close(m);
	mg_assoc_broken(m, why);
}

void mg_stream_end(struct mg *m, const char *why)
{
	struct mg_stream *s = m->stream;

	if (!s || s->over)
		return;
	s->over = why;
	if (s->sctp) {
		mg_sctp_end(s->sctp, why);
		return;
	}
	bufferevent_disable(s->bev, EV_READ | EV_WRITE);
	/* Whoever is above in the stack may still hold it. */
	bufferevent_trigger_event(s->bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
}

/* What was said last goes, as far as the kernel takes it at once. */
static void flush(struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);
	const int len = (int)evbuffer_get_length(out);
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	const void *p = len ? evbuffer_pullup(out, len) : NULL;

	if (!p)
		return;
	if (!ssl)
		(void)!send(bufferevent_getfd(bev), p, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (SSL_is_init_finished(ssl))
		SSL_write(ssl, p, len);
}

void mg_stream_close(struct mg *m)
{
	if (!m->stream)
		return;
	if (m->stream->sctp) {
		mg_sctp_close(m->stream->sctp);
	} else {
		flush(m->stream->bev);
		tls_socket_finish(m->stream->bev);
		bufferevent_free(m->stream->bev);
	}
	free(m->stream);
	m->stream = NULL;
}

uint64_t mg_stream_number(const struct mg *m)
{
	return m->stream ? m->stream->number : 0;
}

/* ---- what goes ---- */

void mg_stream_send(struct mg *m, uint16_t sid, const char *p, size_t len)
{
	const struct tpkt_head h = tpkt_make(len);
	struct mg_stream *s = m->stream;

	if (!s || s->over)
		return;
	if (s->sctp) {
		if (!mg_sctp_send(s->sctp, sid, p, len))
			mg_stream_end(m, "does not read what it is sent");
		return;
	}
	if (evbuffer_get_length(bufferevent_get_output(s->bev)) + len > OUTPUT_MAX ||
	    bufferevent_write(s->bev, &h, sizeof(h)) != 0 || bufferevent_write(s->bev, p, len) != 0)
		mg_stream_end(m, "does not read what it is sent");
}

/* ---- its beginning ---- */

static struct bufferevent *speaker(struct mg *m, const struct config_h248_controller *c, int fd)
{
	if (c->transport == CONTROLLER_TLS)
		return tls_socket_connect(m->base, m->tls, fd, c->name, &c->addr);
	return bufferevent_socket_new(m->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

/* Connects by TCP, and TLS. */
static bool tcp_open(struct mg_stream *s)
{
	struct mg *m = s->m;
	int fd = socket_connect(&conf(m)->h248_addr, mg_controller(m));

	if (fd < 0)
		return false;
	s->bev = speaker(m, &m->conf[m->assoc.controller], fd);
	if (!s->bev) {
		close(fd);
		return false;
	}
	bufferevent_setcb(s->bev, readable, NULL, happened, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, TPKT_MAX);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	return true;
}

static bool sctp_open(struct mg_stream *s)
{
	s->sctp = mg_sctp_open(s->m, s->number);
	return s->sctp != NULL;
}

void mg_stream_open(struct mg *m)
{
	struct mg_stream *s = calloc(1, sizeof(*s));

	mg_stream_close(m);
	if (!s)
		return;
	s->m = m;
	s->number = ++m->last_stream;
	if (m->conf[m->assoc.controller].transport == CONTROLLER_SCTP ? sctp_open(s) : tcp_open(s))
		m->stream = s;
	else
		free(s);
}

bool mg_wants_tls(const struct config_gateway *c)
{
	for (uint16_t i = 0; i < c->n_h248_controller; i++) {
		if (c->h248_controller[i].transport == CONTROLLER_TLS)
			return true;
	}
	return false;
}

SSL_CTX *mg_stream_load(const struct config_gateway *c, char *err, size_t errlen)
{
	return tls_socket_load_mutual(TLS_client_method(), "gateway.h248-", c->h248_certificate,
				      c->h248_key, c->h248_ca, err, errlen);
}
