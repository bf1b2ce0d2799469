/* SPDX-License-Identifier: BSD-3-Clause */
#include "reload.h"
#include "region.h"
#include "snapshot.h"
#include "steer.h"
#include "tls/handshake.h"
#include "turn/limit.h"
#include "vlan.h"
#include "../conf/eal.h"

#include <rte_log.h>

static void log_level_set(const char *text)
{
	char component[CONFIG_EAL_LEN];

	snprintf(component, sizeof(component), "%.*s", (int)strcspn(text, ":"), text);
	rte_log_set_level_pattern(component, eal_log_level(text));
}

/* As eal_start() has it. */
void reload_log_levels(const struct config *c)
{
	const struct config_dataplane *d = &c->dataplane;

	for (uint32_t i = 0; i < EAL_LOG_USUAL; i++)
		log_level_set(eal_log_usual[i]);
	for (uint16_t i = 0; i < d->n_log_level; i++)
		log_level_set(d->log_level[i]);
}

/* All that can fail comes before anything changes. */
static bool take(struct dplane *dp, struct snapshot *s, struct tls_watch *watch, char *err,
		 size_t errlen)
{
	struct tls_watch fresh = *watch;

	/* Before they are read: what changes meanwhile is looked at again. */
	tls_watch_taken(&fresh, s->conf);
	if (!limit_add(dp, s->conf, err, errlen) || !vlans_fit(dp, s->conf, err, errlen) ||
	    !dplane_addrs_fit(dp, s->conf, err, errlen) ||
	    !dplane_relays_fit(dp, s->conf, err, errlen) || !steer_fits(dp, s->conf, err, errlen) ||
	    (dp->n_cryptos && !cryptos_reload(dp, s, err, errlen)))
		return false;
	*watch = fresh;
	reload_log_levels(s->conf);
	dplane_relays_add(dp, s->conf);
	region_places(dp, s->conf); /* whom requests may be of from here on */
	vlans_add(dp, s->conf);
	snapshot_publish(dp, s);
	vlans_drop(dp, s->conf);
	dplane_addrs_set(dp, s->conf);
	dplane_listeners_set(dp, s->conf);
	dplane_relays_set(dp, s->conf);
	for (uint16_t i = 0; i < dp->n_ports; i++)
		steer_reload(dp, &dp->port[i]);
	return true;
}

static void waits_tell(const struct config *fresh, const struct config_waits *waits)
{
	for (uint16_t i = 0; i < waits->n; i++)
		RTE_LOG(WARNING, USER1, "%s: %s waits for a restart of fairlead-dp: %s\n",
			fresh->file, waits->wait[i].key, waits->wait[i].why);
}

static bool take_fresh(struct dplane *dp, const struct config *fresh, struct tls_watch *watch,
		       char *err, size_t errlen)
{
	struct config_waits waits;
	struct snapshot *s = snapshot_make(dp, fresh, &waits, err, errlen);
	bool ok = s && (!config_both_differ(snapshot_conf(dp), s->conf) ||
			take(dp, s, watch, err, errlen));

	if (ok)
		waits_tell(fresh, &waits);
	snapshot_drop(s);
	return ok;
}

bool reload_file(struct dplane *dp, struct tls_watch *watch, uint64_t digest, char *err,
		 size_t errlen)
{
	struct config *fresh = config_load(dp->conf->file, err, errlen);
	bool ok = fresh && config_both_digest(fresh) == digest;

	if (fresh && !ok)
		snprintf(err, errlen,
			 "%s: fairlead-dp finds other values there than fairlead-cp: the file has "
			 "changed meanwhile, or each reads a file of its own",
			 dp->conf->file);
	ok = ok && take_fresh(dp, fresh, watch, err, errlen);
	config_free(fresh);
	return ok;
}
