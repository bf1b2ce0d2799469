/* SPDX-License-Identifier: BSD-3-Clause */
#include "domain_int.h"

#include <openssl/err.h>
#include <pthread.h>
#include <rte_log.h>
#include <stdlib.h>
#include <time.h>

int domain_index = -1;

/* ---- life ---- */

static void set_unref(struct domain_set *set)
{
	uint16_t i;

	if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < CONFIG_DOMAINS_MAX; i++) {
		struct domain *d = &set->domain[i];

		for (uint32_t s = 0; s < d->n_server; s++)
			SSL_CTX_free(d->server[s].ctx);
		SSL_CTX_free(d->client);
		SSL_CTX_free(d->dtls[0]);
		SSL_CTX_free(d->dtls[1]);
		free(d->server);
		free(d->host);
		free(d->alpn);
	}
	for (i = 0; i < CONFIG_CERTIFICATES_MAX; i++)
		cert_free(&set->cert[i]);
	snapshot_drop(set->of);
	free(set);
}

void domains_free(struct domain_set *d)
{
	if (d)
		set_unref(d);
}

static void on_ssl_free(void *ssl, void *domain, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)ssl;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (domain)
		set_unref(((struct domain *)domain)->set);
}

static void domain_index_make(void)
{
	domain_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

static SSL *ssl_new(struct domain *d, SSL_CTX *ctx, bool client, void *arg)
{
	struct domain_set *set = d->set;
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;

	if (!ssl || SSL_set_app_data(ssl, arg) != 1 || SSL_set_ex_data(ssl, domain_index, d) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	if (client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *domain_ssl(struct domain_set *set, uint16_t i, bool client, void *arg)
{
	struct domain *d = &set->domain[i];

	return d->set ? ssl_new(d, client ? d->client : d->server[0].ctx, client, arg) : NULL;
}

/* Those of other names are of TLS: SSL_set_SSL_CTX(3) takes their certificates, and no method. */
SSL *domain_ssl_dtls(struct domain_set *set, uint16_t i, bool client, void *arg)
{
	struct domain *d = &set->domain[i];

	return d->set ? ssl_new(d, d->dtls[client], client, arg) : NULL;
}

/* ---- which certificates stand together ---- */

static bool in_domain(const struct domain *d, uint16_t cert)
{
	return d->set->conf->certificate[cert].domain_index == d->idx;
}

/* Certificate i joins certs, unless one of its kind, which comes first, is there. */
static void certs_join(const struct domain *d, uint64_t *certs, uint16_t i)
{
	for (uint16_t k = 0; k < CONFIG_CERTIFICATES_MAX; k++) {
		if (*certs >> k & 1 && cert_kind(&d->set->cert[k]) == cert_kind(&d->set->cert[i]))
			return;
	}
	*certs |= UINT64_C(1) << i;
}

/* Those for a name: exact ones first, then wildcards. */
static uint64_t certs_for(const struct domain *d, const char *name)
{
	uint16_t n = d->set->conf->n_certificate;
	char wild[CONFIG_STR_MAX];
	uint64_t certs = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (in_domain(d, i) && cert_has(&d->set->cert[i], name))
			certs_join(d, &certs, i);
	}
	for (uint16_t i = 0; host_wildcard(name, wild, sizeof(wild)) && i < n; i++) {
		if (in_domain(d, i) && cert_has(&d->set->cert[i], wild))
			certs_join(d, &certs, i);
	}
	return certs;
}

/* The domain's first, and those of another kind that have a name in common with it. */
static uint64_t certs_first(const struct domain *d)
{
	uint16_t n = d->set->conf->n_certificate, first = 0;
	uint64_t certs = 0;

	while (first < n && !in_domain(d, first))
		first++;
	if (first == n)
		return 0; /* external PSKs only */
	certs_join(d, &certs, first);
	for (uint32_t h = 0; h < d->set->cert[first].n_name; h++) {
		const char *name = d->set->cert[first].name[h];

		for (uint16_t i = 0; i < n; i++) {
			if (in_domain(d, i) && cert_has(&d->set->cert[i], name))
				certs_join(d, &certs, i);
		}
	}
	return certs;
}

/* The context that has just those certificates, made when there is none; false: err says why. */
static bool server_get(const struct domain_build *b, uint64_t certs, uint32_t *server)
{
	struct domain *d = b->d;
	struct server *grown;

	for (*server = 0; *server < d->n_server; ++*server) {
		if (d->server[*server].certs == certs)
			return true;
	}
	grown = realloc(d->server, (d->n_server + 1) * sizeof(*grown));
	if (!grown)
		return domain_fail(b, "no room for a context");
	d->server = grown;
	grown[d->n_server] = (struct server){ certs, domain_ctx(b, certs, 0) };
	if (!grown[d->n_server].ctx)
		return false;
	d->n_server++;
	return true;
}

static bool hosts_build(const struct domain_build *b)
{
	struct domain *d = b->d;
	uint16_t n = d->set->conf->n_certificate;
	size_t all = 0;

	for (uint16_t i = 0; i < n; i++)
		all += in_domain(d, i) ? d->set->cert[i].n_name : 0;
	d->host = calloc(all + 1, sizeof(*d->host));
	if (!d->host)
		return domain_fail(b, "no room for its names");
	for (uint16_t i = 0; i < n; i++) {
		const struct cert *c = &d->set->cert[i];

		for (uint32_t h = 0; in_domain(d, i) && h < c->n_name; h++)
			d->host[d->n_host++].name = c->name[h];
	}
	qsort(d->host, d->n_host, sizeof(*d->host), host_order);
	for (uint32_t h = 0; h < d->n_host; h++) {
		if (!server_get(b, certs_for(d, d->host[h].name), &d->host[h].server))
			return false;
	}
	return true;
}

/* Where anybody may speak DTLS in the domain. */
static bool dtls_build(const struct domain_build *b, uint64_t certs)
{
	struct domain *d = b->d;

	if (!config_has_dtls(d->set->conf) || d->conf->version_min == CONFIG_TLS_1_3)
		return true;
	for (int client = 0; client <= 1; client++) {
		d->dtls[client] = domain_ctx(b, certs, CTX_DTLS | (client ? CTX_CLIENT : 0));
		if (!d->dtls[client])
			return false;
	}
	return true;
}

static bool domain_build(struct domain *d, const struct cert_from *from, char *err, size_t errlen)
{
	struct domain_build b = { .d = d, .err = err, .errlen = errlen };
	uint64_t first = certs_first(d);
	uint32_t server;
	bool ok = true;

	if (d->conf->client_ca[0]) {
		b.ca = cert_load_ca(from, d->idx, err, errlen);
		ok = b.ca != NULL;
	}
	ok = ok && server_get(&b, first, &server) && hosts_build(&b) &&
	     (d->client = domain_ctx(&b, first, CTX_CLIENT)) != NULL && dtls_build(&b, first);
	if (ok && !alpn_build(d))
		ok = domain_fail(&b, "no room for protocol names");
	sk_X509_pop_free(b.ca, X509_free);
	ERR_clear_error(); /* a handshake on this thread would take them for its own */
	return ok;
}

struct domain_set *domains_create(const struct dplane *dp, struct snapshot *of,
				  OSSL_LIB_CTX *libctx, struct tls_files *files, uint16_t *at_fault,
				  char *err, size_t errlen)
{
	const struct config *conf = of ? of->conf : dp->conf;
	const struct cert_from from = { conf, dp->accel, libctx, files };
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct domain_set *set = calloc(1, sizeof(*set));

	pthread_once(&once, domain_index_make);
	*at_fault = CONFIG_CERTIFICATES_MAX;
	if (!set || domain_index < 0) {
		snprintf(err, errlen, "%s: tls-domains: out of memory", dp->conf->file);
		free(set);
		return NULL;
	}
	set->refs = 1;
	set->dp = dp;
	set->of = snapshot_hold(of);
	set->conf = conf;
	set->libctx = libctx;
	for (uint16_t i = 0; i < conf->n_certificate; i++) {
		if (cert_load(&set->cert[i], &from, i, err, errlen))
			continue;
		*at_fault = i;
		domains_free(set);
		return NULL;
	}
	for (uint16_t i = 0; i < conf->n_domain; i++) {
		if (conf->domain[i].gone)
			continue;
		set->domain[i] = (struct domain){ .set = set, .conf = &conf->domain[i], .idx = i };
		if (domain_build(&set->domain[i], &from, err, errlen))
			continue;
		domains_free(set);
		return NULL;
	}
	return set;
}

/* ---- for display ---- */

static struct ctl_cert_info *info_open(const struct dplane *dp, uint16_t i, uint32_t *seq)
{
	struct ctl_cert_info *info =
	    region_at(dp->region, dp->region_size, dp->cert_info + i * sizeof(*info), sizeof(*info),
		      alignof(struct ctl_cert_info));

	*seq = atomic_load_explicit(&info->seq, memory_order_relaxed) | 1;
	atomic_store_explicit(&info->seq, *seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return info;
}

static void info_close(struct ctl_cert_info *info, uint32_t seq)
{
	atomic_store_explicit(&info->seq, seq + 1, memory_order_release);
}

void domains_publish(const struct dplane *dp, const struct domain_set *d)
{
	uint64_t now = (uint64_t)time(NULL);
	uint32_t seq;

	for (uint16_t i = 0; i < d->conf->n_certificate; i++) {
		struct ctl_cert_info *info = info_open(dp, i, &seq);
		const char *what;

		cert_describe(&d->cert[i], info);
		info->certificate = i;
		info->loaded = now;
		info->error[0] = '\0';
		info_close(info, seq);
		what = now > info->not_after	? "has expired"
		       : now < info->not_before ? "is not valid yet"
						: NULL;
		if (what)
			RTE_LOG(WARNING, USER1,
				"%s: certificates[%u].chain: %s: %s; it is served all the same\n",
				config_where(dp->conf, d->cert[i].conf->chain_line).text, i,
				d->cert[i].conf->chain, what);
	}
}

void domains_publish_error(const struct dplane *dp, uint16_t at_fault, const char *error)
{
	uint32_t seq;

	for (uint16_t i = 0; i < snapshot_conf(dp)->n_certificate; i++) {
		struct ctl_cert_info *info;

		if (at_fault != i && at_fault != CONFIG_CERTIFICATES_MAX)
			continue;
		info = info_open(dp, i, &seq);
		snprintf(info->error, sizeof(info->error), "%s", error);
		info_close(info, seq);
	}
}
