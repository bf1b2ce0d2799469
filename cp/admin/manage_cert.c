/* SPDX-License-Identifier: BSD-3-Clause */
#include "manage_cert.h"

#include "../log.h"
#include "../tls_socket.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

SSL_CTX *manage_cert_load(const struct config_management *c, char *err, size_t errlen)
{
	return tls_socket_load_mutual(TLS_server_method(), "management.", c->certificate, c->key,
				      c->ca, err, errlen);
}

/* ---- whose ---- */

static void role_take(const struct config_management *c, const ASN1_STRING *name,
		      struct rpc_caller *who)
{
	const size_t len = (size_t)ASN1_STRING_length(name);

	for (const struct config_grant *g = c->grant; g < c->grant + c->n_grant; g++) {
		if (strlen(g->name) != len ||
		    memcmp(g->name, ASN1_STRING_get0_data(name), len) != 0)
			continue;
		if (who->nobody || g->may > who->may)
			who->may = g->may;
		who->nobody = false;
	}
}

/* The last common name, which is the most specific one; NULL: it has none. */
static const ASN1_STRING *common_name(const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = -1, last = -1;

	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		last = at;
	return last < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last));
}

static const ASN1_STRING *alternative(const GENERAL_NAME *g)
{
	switch (g->type) {
	case GEN_DNS:
		return g->d.dNSName;
	case GEN_EMAIL:
		return g->d.rfc822Name;
	case GEN_URI:
		return g->d.uniformResourceIdentifier;
	default:
		return NULL;
	}
}

void manage_cert_judge(const struct config_management *c, const X509 *cert, struct rpc_caller *who)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_STRING *cn = common_name(cert), *shown = cn;

	who->nobody = true;
	who->may = CONFIG_MAY_LOOK;
	if (cn)
		role_take(c, cn, who);
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const ASN1_STRING *name = alternative(sk_GENERAL_NAME_value(all, i));

		if (name)
			role_take(c, name, who);
		shown = shown ? shown : name;
	}
	log_text(shown ? ASN1_STRING_get0_data(shown) : NULL,
		 shown ? (size_t)ASN1_STRING_length(shown) : 0, who->certificate);
	GENERAL_NAMES_free(all);
}
