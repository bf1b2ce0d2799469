/* SPDX-License-Identifier: BSD-3-Clause */
#include "whose.h"

#include "../lib/addr.h"
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

/* The ports that go with a host of the list from place i on; none if an earlier place has it. */
static int host_put(const json_t *addresses, size_t i, const char *way, bool first, FILE *out)
{
	char host[ADDR_STR_MAX];
	struct sock_addr a, b;
	const json_t *v;
	size_t j;
	int n = 0;

	sock_addr_parse(json_string_value(json_array_get(addresses, i)), &a);
	json_array_foreach(addresses, j, v)
	{
		sock_addr_parse(json_string_value(v), &b);
		if (!ip_eq(&a.ip, &b.ip))
			continue;
		if (j < i)
			return 0;
		if (n == 0)
			fprintf(out, "%s(%s host %s and %s port (", first ? "" : " or ", way,
				ip_format(&a.ip, host, sizeof(host)), way);
		fprintf(out, "%s%u", n++ ? " or " : "", be16_get(b.port));
	}
	fputs("))", out);
	return n;
}

char *whose_expression(const json_t *addresses, bool tagged)
{
	char *any = NULL, *all = NULL;
	size_t len;
	FILE *f = open_memstream(&any, &len);
	int n = 0;

	if (!f)
		return NULL;
	/* By direction first, and by host, so that libpcap's program is short. */
	for (int way = 0; way < 2; way++)
		for (size_t i = 0; i < json_array_size(addresses); i++)
			n += host_put(addresses, i, way ? "dst" : "src", n == 0, f);
	fclose(f);
	if (n && asprintf(&all, tagged ? "(%s) or (vlan and (%s))" : "(%s)", any, any) < 0)
		all = NULL;
	free(any);
	return all;
}

/* ---- whose they are ---- */

/* An address that is there; null is none. */
static void add(json_t *list, json_t *address)
{
	struct sock_addr a;

	if (json_is_string(address) && sock_addr_parse(json_string_value(address), &a))
		json_array_append(list, address);
}

/* Whether frames of some port have a VLAN's tag. */
static bool any_tagged(const json_t *ports)
{
	const json_t *p;
	bool any = false;
	size_t i;

	json_array_foreach(ports, i, p) any |= json_integer_value(json_object_get(p, "vlan")) != 0;
	return any;
}

/* Takes the list over. NULL after telling why not. */
static char *made(struct control_client *c, json_t *list, const char *what, const char *name)
{
	json_t *ports = cli_call(c, "ports", NULL);
	char *e, text[256];

	e = ports ? whose_expression(list, any_tagged(json_object_get(ports, "ports"))) : NULL;
	json_decref(list);
	if (!ports)
		return NULL;
	json_decref(ports);
	if (e)
		return e;
	snprintf(text, sizeof(text), "%s \"%s\" has no address now", what, name);
	cli_fail(text);
	return NULL;
}

char *whose_context(struct control_client *c, const char *id)
{
	json_t *context = cli_call(c, "context.show", json_pack("{s:s}", "context", id)), *t;
	json_t *list;
	size_t i;

	if (!context)
		return NULL;
	list = json_array();
	json_array_foreach(json_object_get(context, "terminations"), i, t)
	{
		add(list, json_object_get(t, "local"));
		add(list, json_object_get(t, "rtcp_local"));
	}
	json_decref(context);
	return made(c, list, "context", id);
}

char *whose_user(struct control_client *c, const char *name)
{
	json_t *result = cli_pages(c, "sessions", json_pack("{s:s}", "user", name), 0), *s;
	json_t *list, *relayed;
	size_t i, k;

	if (!result)
		return NULL;
	list = json_array();
	json_array_foreach(json_object_get(result, "sessions"), i, s)
	{
		add(list, json_object_get(s, "client"));
		json_array_foreach(json_object_get(s, "relayed"), k, relayed) add(list, relayed);
	}
	json_decref(result);
	return made(c, list, "user", name);
}
