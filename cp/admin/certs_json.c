/* SPDX-License-Identifier: BSD-3-Clause */
#include "certs_json.h"

#include "../cert_info.h"
#include "rpc.h"
#include "stats.h"

#include <stdio.h>
#include <string.h>

/* The host names, which stand in one string with spaces. */
static json_t *names_json(char *names)
{
	json_t *list = json_array();
	char *save = NULL;

	for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save))
		json_array_append_new(list, rpc_text(n));
	return list;
}

static json_t *cert_json(const struct server *s, uint32_t cert)
{
	const struct config_certificate *conf = &s->conf->certificate[cert];
	char sha256[2 * sizeof(((struct ctl_cert_info *)0)->sha256) + 1];
	struct ctl_cert_info c;

	if (!stats_cert(s->link, cert, &c))
		return json_pack("{s:s, s:s, s:b, s:o}", "domain", conf->domain, "chain",
				 conf->chain, "loaded", 0, "error", rpc_text(c.error));
	for (size_t i = 0; i < sizeof(c.sha256); i++)
		snprintf(sha256 + 2 * i, 3, "%02x", c.sha256[i]);
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "domain",
			 conf->domain, "chain", conf->chain, "loaded", integer(c.loaded), "type",
			 rpc_text(c.type), "subject", rpc_text(c.subject), "names",
			 names_json(c.names), "not_before", integer(c.not_before), "not_after",
			 integer(c.not_after), "days_left",
			 json_integer(cert_days_left(c.not_after, s->wall)), "sha256", sha256,
			 "error", rpc_text(c.error));
}

json_t *certs_json(const struct server *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; dplink_attached(s->link) && i < s->conf->n_certificate; i++)
		json_array_append_new(list, cert_json(s, i));
	return list;
}
