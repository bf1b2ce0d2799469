/* SPDX-License-Identifier: BSD-3-Clause */
#include "snapshot.h"
#include "worker.h"

#include <stdlib.h>

/* Beats of a worker's clock after which what it had in hand is of a later turn. */
enum { BEATS = 2 };

struct snapshot *snapshot_hold(struct snapshot *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void snapshot_drop(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	config_free(s->conf);
	free(s);
}

struct snapshot *snapshot_now(const struct dplane *dp)
{
	return atomic_load_explicit(&dp->live, memory_order_acquire);
}

static const struct config_service *service_named(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->n_service; i++) {
		if (strcmp(c->service[i].name, name) == 0)
			return &c->service[i];
	}
	return NULL;
}

/* An id that no service has; a number that was used comes again after all others only. */
static uint16_t id_fresh(struct dplane *dp, const struct config *runs)
{
	do
		dp->service_id = (uint16_t)((dp->service_id + 1) % SERVICE_TURN);
	while (config_service_by_id(runs, dp->service_id));
	return dp->service_id;
}

/* Handshakes and connections under way know a service by its id, whatever its place is now. */
static void ids_keep(struct dplane *dp, const struct config *runs, struct config *c)
{
	const struct config_service *had;

	for (unsigned i = 0; i < c->n_service; i++) {
		had = service_named(runs, c->service[i].name);
		c->service[i].id = had ? had->id : id_fresh(dp, runs);
	}
}

struct snapshot *snapshot_make(struct dplane *dp, const struct config *fresh,
			       struct config_waits *waits, char *err, size_t errlen)
{
	const struct config *runs = snapshot_conf(dp);
	struct snapshot *s = calloc(1, sizeof(*s));

	snprintf(err, errlen, "out of memory");
	if (!s)
		return NULL;
	s->refs = 1;
	s->number = snapshot_number(dp) + 1;
	s->conf = config_merge(runs, fresh, waits, err, errlen);
	if (!s->conf) {
		free(s);
		return NULL;
	}
	ids_keep(dp, runs, s->conf);
	return s;
}

static uint64_t beat(const struct dplane *dp, unsigned worker)
{
	return atomic_load_explicit(&dp->worker[worker]->clock.beat, memory_order_acquire);
}

void snapshot_publish(struct dplane *dp, struct snapshot *s)
{
	struct snapshot *old = atomic_exchange(&dp->live, snapshot_hold(s));

	if (!old)
		return;
	for (unsigned i = 0; i < dp->n_workers; i++)
		old->beat[i] = beat(dp, i);
	old->next = dp->retired;
	dp->retired = old;
}

static bool is_over(const struct dplane *dp, const struct snapshot *s)
{
	for (unsigned i = 0; i < dp->n_workers; i++) {
		if (beat(dp, i) - s->beat[i] < BEATS)
			return false;
	}
	return true;
}

void snapshot_turn(struct dplane *dp)
{
	struct snapshot **at = &dp->retired, *s;

	while ((s = *at) != NULL) {
		if (!is_over(dp, s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		snapshot_drop(s);
	}
}

void snapshot_close(struct dplane *dp)
{
	struct snapshot *s;

	snapshot_drop(atomic_exchange(&dp->live, NULL));
	while ((s = dp->retired) != NULL) {
		dp->retired = s->next;
		snapshot_drop(s);
	}
}
