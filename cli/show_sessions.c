/* SPDX-License-Identifier: BSD-3-Clause */
/* What sessions prints. */
#include "show.h"

#include "field.h"
#include "grid.h"
#include "talkers.h"
#include "units.h"

#include <string.h>

enum { TEXT_MAX = 512 };

/* " tcp" behind an address, nothing for UDP. */
static const char *via(const json_t *session, const char *key)
{
	return strcmp(get_str(session, key), "tcp") == 0 ? " tcp" : "";
}

static const char *relayed(const json_t *session, char *buf, size_t len)
{
	const char *tcp = via(session, "relay_transport");
	size_t i, used = 0;
	json_t *addr;

	snprintf(buf, len, "-");
	json_array_foreach(json_object_get(session, "relayed"), i,
			   addr) if (used < len && json_is_string(addr)) used +=
	    (size_t)snprintf(buf + used, len - used, "%s%s%s", used ? " " : "",
			     json_string_value(addr), tcp);
	return buf;
}

static void sessions_peers(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "CLIENT", 0, 30 }, { "WHAT", 0, 0 }, { "PEER", 0, 30 }, { "EXPIRES", 1, 0 }
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char left[UNIT_STR_MAX], what[UNIT_STR_MAX];
	size_t i, j;
	json_t *s, *p;

	json_array_foreach(list, i, s)
	{
		const char *client = get_str(s, "client");

		json_array_foreach(json_object_get(s, "permissions"), j, p)
		    grid_row(g, client, "permission", get_str(p, "peer"),
			     unit_seconds(get_int(p, "expires_s"), left, sizeof(left)));
		json_array_foreach(json_object_get(s, "channels"), j, p)
		{
			snprintf(what, sizeof(what), "channel %s", get_str(p, "channel"));
			grid_row(g, client, what, get_str(p, "peer"),
				 unit_seconds(get_int(p, "expires_s"), left, sizeof(left)));
		}
	}
	fputc('\n', out);
	grid_print(g, 0, out);
}

/* "12,345" packets and "1.23 MB" of one way, to two cells; "-" where they are not known. */
static void use_cells(const json_t *session, const char *way, char packets[UNIT_STR_MAX],
		      char bytes[UNIT_STR_MAX])
{
	const json_t *use = json_object_get(session, way);

	snprintf(packets, UNIT_STR_MAX, "-");
	snprintf(bytes, UNIT_STR_MAX, "-");
	if (!json_is_object(use))
		return;
	unit_count(get_int(use, "packets"), packets, UNIT_STR_MAX);
	unit_bytes(get_int(use, "bytes"), bytes, UNIT_STR_MAX);
}

/* How long nothing came either way; "never" if nothing did. */
static const char *heard(const json_t *session, char *buf, size_t len)
{
	static const char *const ways[] = { "to_peer", "to_client" };
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < N_OF(ways); i++) {
		const json_t *use = json_object_get(session, ways[i]);

		if (json_is_integer(json_object_get(use, "silent_s")) &&
		    get_int(use, "silent_s") < least)
			least = get_int(use, "silent_s");
	}
	if (least == INT64_MAX)
		snprintf(buf, len, "never");
	else
		unit_clock(least, buf, len);
	return buf;
}

static void sessions_traffic(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "CLIENT", 0, 30 },   { "AGE", 1, 0 },	  { "TO PEER", 1, 0 }, { "BYTES", 1, 0 },
		{ "TO CLIENT", 1, 0 }, { "BYTES", 1, 0 }, { "LAST", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char text[6][UNIT_STR_MAX];
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		use_cells(s, "to_peer", text[1], text[2]);
		use_cells(s, "to_client", text[3], text[4]);
		grid_row(g, get_str(s, "client"),
			 unit_clock(get_int(s, "age_s"), text[0], UNIT_STR_MAX), text[1], text[2],
			 text[3], text[4], heard(s, text[5], UNIT_STR_MAX));
	}
	fputc('\n', out);
	grid_print(g, 0, out);
}

static bool has_rates(const json_t *session)
{
	return json_is_integer(json_object_get(json_object_get(session, "to_peer"), "bytes_per_s"));
}

/* "50/s" packets and "8.60 kB/s" of one way, to two cells. */
static void rate_cells(const json_t *session, const char *way, char packets[UNIT_STR_MAX],
		       char bytes[UNIT_STR_MAX])
{
	const json_t *use = json_object_get(session, way);

	talkers_packets(use, packets);
	talkers_bytes(json_object_get(use, "bytes_per_s"), bytes);
}

/* What those relay now of which it is known, if there are any. */
static void sessions_rates(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "CLIENT", 0, 30 },	   { "NOW TO PEER", 1, 0 }, { "BYTES", 1, 0 },
		{ "NOW TO CLIENT", 1, 0 }, { "BYTES", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char text[4][UNIT_STR_MAX];
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		if (!has_rates(s))
			continue;
		rate_cells(s, "to_peer", text[0], text[1]);
		rate_cells(s, "to_client", text[2], text[3]);
		grid_row(g, get_str(s, "client"), text[0], text[1], text[2], text[3]);
	}
	grid_print_below(g, out);
}

void show_sessions(const json_t *result, bool peers, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "USER", 0, 15 },   { "CLIENT", 0, 21 }, { "RELAYED", 0, 21 }, { "SESSION", 1, 0 },
		{ "EXPIRES", 1, 0 }, { "PERMS", 1, 0 },	  { "CHANS", 1, 0 },
	};
	const json_t *list = json_object_get(result, "sessions");
	struct grid *g;
	size_t i;
	json_t *s;

	if (json_array_size(list) == 0) {
		fputs("No sessions.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, s)
	{
		char client[TEXT_MAX], addrs[TEXT_MAX], session[TEXT_MAX], left[UNIT_STR_MAX];
		char perms[UNIT_STR_MAX], chans[UNIT_STR_MAX];

		snprintf(session, sizeof(session), "%lld/%lld", (long long)get_int(s, "worker"),
			 (long long)get_int(s, "slot"));
		snprintf(perms, sizeof(perms), "%zu",
			 json_array_size(json_object_get(s, "permissions")));
		snprintf(chans, sizeof(chans), "%zu",
			 json_array_size(json_object_get(s, "channels")));
		snprintf(client, sizeof(client), "%s%s", get_str(s, "client"), via(s, "transport"));
		grid_row(g, get_str(s, "user"), client, relayed(s, addrs, sizeof(addrs)), session,
			 unit_seconds(get_int(s, "expires_s"), left, sizeof(left)), perms, chans);
	}
	grid_print(g, 0, out);
	sessions_traffic(list, out);
	sessions_rates(list, out);
	if (peers)
		sessions_peers(list, out);
	if (!json_is_null(json_object_get(result, "cursor")))
		fputs("\nThere may be more: see --limit.\n", out);
}
