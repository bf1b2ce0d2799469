/* SPDX-License-Identifier: BSD-3-Clause */
#include "joined.h"
#include "../boundary.h"

#include <string.h>

static void joined_tell(struct worker *w, enum ctl_joined what, const struct splice_end *about,
			const struct joined_of *of)
{
	struct evt_joined *e = evt_record(w);
	struct ctl_conn_info client;

	if (!e) {
		count(w, CNT_TCP_JOINED_UNTOLD);
		return;
	}
	tcp_info(w, about->a, &client);
	*e = (struct evt_joined){ .hdr = { EVT_JOINED, sizeof(*e), 0 },
				  .sid = of->sid,
				  .client = tcp_name(w, about->a),
				  .from = client.remote,
				  .to = client.local,
				  .age_s = client.age_s,
				  .what = (uint16_t)what,
				  .why = (uint16_t)about->why };
	tcp_addrs(w, about->b, &e->own, &e->peer);
	memcpy(e->passed, about->passed, sizeof(e->passed));
	if (of->service)
		memcpy(e->service, of->service, strnlen(of->service, sizeof(e->service) - 1));
	evt_publish(w);
}

void joined_begun(struct worker *w, struct tcp_conn *client, struct tcp_conn *other,
		  const struct joined_of *of)
{
	joined_tell(w, JOINED_BEGUN, &(struct splice_end){ .a = client, .b = other }, of);
}

void joined_over(struct worker *w, const struct splice_end *e, const struct joined_of *of)
{
	joined_tell(w, JOINED_ENDED, e, of);
}
