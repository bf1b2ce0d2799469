/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_client.h"
#include "dp_hostile.h"

/* Length of the message that begins with these bytes; 0: not known yet. */
static uint32_t message_len(const uint8_t *p, uint32_t len)
{
	uint32_t body;

	if (len < 4)
		return 0;
	body = (uint32_t)(p[2] << 8 | p[3]);
	MUST(p[0] >> 6 < 2);
	return p[0] >> 6 == 0 ? 20 + body : 4 + (body + 3) / 4 * 4;
}

static void got(struct host *h, const uint8_t *p, uint32_t n)
{
	struct stream_client *c = h->arg;
	uint32_t len;

	if (c->left)
		return;
	MUST(c->hears + n <= sizeof(c->hear));
	memcpy(c->hear + c->hears, p, n);
	c->hears += n;
	while ((len = message_len(c->hear, c->hears)) && len <= c->hears) {
		c->heard(c, c->hear, len);
		c->hears -= len;
		memmove(c->hear, c->hear + len, c->hears);
	}
	MUST(len <= sizeof(c->hear) - HOST_MSS);
}

void stream_connect(struct stream_client *c, const struct sock_addr *addr,
		    const struct sock_addr *to, uint16_t worker)
{
	c->h = host_new(ACCESS, addr, to, 0, 0);
	c->h->worker = worker;
	c->h->got = got;
	c->h->arg = c;
	c->h->source = c->say;
	c->addr = *addr;
	c->left = c->junk = false;
	c->says = c->hears = 0;
	host_connect_put(c->h);
}

bool stream_lives(const struct stream_client *c)
{
	return c->h && !c->left && !c->h->rst && !c->h->fin_rcvd && !c->h->fin;
}

bool stream_say(struct stream_client *c, const void *bytes, uint32_t len, uint32_t held)
{
	if (len > sizeof(c->say) - c->says)
		return false;
	memcpy(c->say + c->says, bytes, len);
	c->says += len;
	c->h->to_send = c->says - held;
	return true;
}

void stream_free(struct stream_client *c)
{
	c->h->to_send = c->says;
}

bool stream_slow(const struct stream_client *c)
{
	return c->h->stop || c->h->to_send < c->says;
}

void stream_stop(struct stream_client *c, bool stop)
{
	c->h->ack_due |= c->h->open && c->h->stop && !stop;
	c->h->stop = stop;
}

void stream_fin(struct stream_client *c)
{
	stream_free(c);
	c->h->fin = true;
}

void stream_rst(struct stream_client *c)
{
	host_rst_put(c->h);
	c->left = true;
}

bool stream_again(struct stream_client *c)
{
	struct host *h = c->h;

	if (!h || !h->open || h->rst || h->fin_sent || h->acked >= h->sent)
		return false;
	h->sent = h->acked;
	return true;
}
