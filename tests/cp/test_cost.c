/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a changed configuration costs (--check-config): the keys for which fairlead-dp has to be
 * started again, and what becomes of the state files. Nothing is told where nothing changes, or
 * nothing runs.
 */
#include "tests/world/cp_env.h"

#include "cp/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char said[1024];

static const char *told(const struct config *c)
{
	FILE *f = fmemopen(said, sizeof(said), "w");

	memset(said, 0, sizeof(said));
	cost_tell(c, f);
	fclose(f);
	return said;
}

static void restarts_are_told(void **state)
{
	struct env *e = *state;
	struct config *c = &e->conf;

	assert_string_equal(told(c), "");
	c->peers.relay_to_relay = !c->peers.relay_to_relay;
	assert_string_equal(told(c), "");
	c->dataplane.peers++;
	c->listener[c->n_listener] = c->listener[0];
	c->listener[c->n_listener++].addr.port = be16_make(9);
	told(c);
	assert_non_null(strstr(said, "fairlead-dp has to be started again for dataplane.peers: "
				     "connections over TCP and TLS end"));
	assert_non_null(strstr(said, "control.state: allocations are carried over"));
	c->n_listener--;
	c->dataplane.peers--;
	assert_string_equal(told(c), "");
	c->turn.allocations_max--;
	told(c);
	assert_null(strstr(said, "fairlead-dp"));
	assert_non_null(strstr(said, "control.state: allocations are carried over"));
	c->turn.allocations_max++;
}

static void where_nothing_runs_nothing_is_told(void **state)
{
	struct env *e = *state;
	char path[CONFIG_STR_MAX + 16];

	snprintf(path, sizeof(path), "%s.dataplane", e->conf.control.state);
	unlink(path);
	unlink(e->conf.control.state);
	e->conf.dataplane.peers++;
	assert_string_equal(told(&e->conf), "");
	e->conf.dataplane.peers--;
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(restarts_are_told),
		T(where_nothing_runs_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
