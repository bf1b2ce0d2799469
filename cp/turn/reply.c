/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to TURN requests. */
#include "turn.h"
#include "../../lib/bug.h"

static void reply_start(struct request *r, enum stun_class cls)
{
	stun_begin_reply(&r->b, r->reply.payload, sizeof(r->reply.payload), r->m, cls);
}

/*
 * SOFTWARE, the signature if there is a key, FINGERPRINT if the request had it; and off it goes.
 *
 * Who has not authenticated may be somebody else, in whose name the request was sent. He gets what
 * a client must have and no more: with a realm of 16 bytes or less a challenge is three times as
 * long as the shortest Allocate (RFC 8656 21.1). With a longer one the shortest get none: see
 * request_weighs().
 */
static void reply_finish(struct server *s, struct request *r)
{
	const char *software = s->conf->turn.software;
	uint32_t worker = r->worker;
	size_t len;

	if (software[0] && r->auth.code == 0)
		stun_put(&r->b, STUN_ATTR_SOFTWARE, software, strlen(software));
	if (r->auth.code == 0)
		auth_sign(&r->b, &r->auth);
	if (r->m->fingerprint.val)
		stun_put_fingerprint(&r->b);
	len = stun_end(&r->b);
	if (len == 0)
		return;
	r->reply.leg = *r->leg;
	r->reply.payload_len = (uint16_t)len;
	/*
	 * From where the request came, which was taken when there was room for this. A datagram
	 * goes behind what the session's worker was just told, and may be lost.
	 */
	if (r->alloc && !leg_is_stream(r->leg))
		worker = r->alloc->worker;
	dplink_cmd(s->link, worker, CMD_SEND, &r->reply,
		   (uint16_t)(offsetof(struct cmd_send, payload) + len));
}

void reply_begin(struct request *r)
{
	reply_start(r, STUN_SUCCESS);
}

void reply_success(struct server *s, struct request *r)
{
	s->stats.success[r->method]++;
	reply_finish(s, r);
}

static void error_start(struct server *s, struct request *r, int code)
{
	const int i = stun_error_index(code);

	if (!BUG_ON(i < 0)) {
		s->stats.error[i]++;
		s->errors[r->method][i]++;
	}
	reply_start(r, STUN_ERROR);
}

void reply_error(struct server *s, struct request *r, int code)
{
	error_start(s, r, code);
	if (r->auth.code)
		stun_put_error_code(&r->b, code);
	else
		stun_put_error(&r->b, code);
	if (code == 420)
		stun_put_unknown(&r->b, r->m->unknown, r->m->n_unknown);
	if (code == 401 || code == 438)
		auth_put_challenge(s->auth, &r->b, &r->leg->client, server_now(s));
	reply_finish(s, r);
}

void reply_redirect(struct server *s, struct request *r, const struct config_alternate *to)
{
	error_start(s, r, 300);
	stun_put_error(&r->b, 300);
	stun_put_addr(&r->b, STUN_ATTR_ALTERNATE_SERVER, &to->addr);
	if (*to->domain)
		stun_put(&r->b, STUN_ATTR_ALTERNATE_DOMAIN, to->domain, strlen(to->domain));
	reply_finish(s, r);
}
