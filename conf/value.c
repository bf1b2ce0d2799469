/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <inttypes.h>
#include <stddef.h>

/* One value: from text to its field. */

static bool set_number(const struct schema_key *k, void *field, const char *text, char *why,
		       size_t whylen)
{
	uint64_t v = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || text[n] != '\0') {
		snprintf(why, whylen, "must be a whole number");
		return false;
	}
	for (const char *p = text; *p; p++)
		v = v > UINT32_MAX ? v : v * 10 + (uint64_t)(*p - '0');
	if (v < k->min || v > k->max) {
		snprintf(why, whylen, "is out of range %" PRIu64 "..%" PRIu64, k->min, k->max);
		return false;
	}
	if (k->pow2 && (v & (v - 1))) {
		snprintf(why, whylen, "must be a power of two");
		return false;
	}
	if (k->type == SCHEMA_PORT) {
		struct be16 be = be16_make((uint16_t)v);
		memcpy(field, &be, sizeof(be));
	} else { /* little endian, as be.h asserts */
		memcpy(field, &v, k->size);
	}
	return true;
}

static bool set_enum(const struct schema_key *k, void *field, const char *text, char *why,
		     size_t whylen)
{
	int len;

	for (unsigned i = 0; k->names[i]; i++) {
		if (strcmp(text, k->names[i]) == 0) {
			memcpy(field, &i, sizeof(i));
			return true;
		}
	}
	len = snprintf(why, whylen, "must be one of");
	for (unsigned i = 0; k->names[i]; i++)
		len +=
		    snprintf(why + len, whylen - (size_t)len, "%s %s", i ? "," : "", k->names[i]);
	return false;
}

static bool set_bool(void *field, const char *text, char *why, size_t whylen)
{
	bool v = strcmp(text, "true") == 0;

	if (!v && strcmp(text, "false") != 0) {
		snprintf(why, whylen, "must be true or false");
		return false;
	}
	memcpy(field, &v, sizeof(v));
	return true;
}

static bool set_string(const struct schema_key *k, void *field, const char *text, char *why,
		       size_t whylen)
{
	size_t len = strlen(text);

	if (len < k->min || len > k->max) {
		snprintf(why, whylen, "must be %" PRIu64 " to %" PRIu64 " bytes long", k->min,
			 k->max);
		return false;
	}
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127) {
			snprintf(why, whylen, "holds a control character");
			return false;
		}
	}
	memcpy(field, text, len + 1);
	return true;
}

static bool set_addr(const struct schema_key *k, void *field, const char *text, char *why,
		     size_t whylen)
{
	struct ip_addr *via = field;

	if (!ip_parse(text, via)) {
		snprintf(why, whylen, "is not an IPv4 or IPv6 address");
		return false;
	}
	if (k->type == SCHEMA_GATEWAY) {
		struct config_route *route =
		    (struct config_route *)(void *)((char *)field -
						    offsetof(struct config_route, via));

		memset(&route->to, 0, sizeof(route->to));
		if (ip_is_v4(via)) {
			route->to.ip = ip_from_v4(be32_make(0));
			route->to.len = 96;
		}
	}
	return true;
}

bool schema_set(const struct schema_key *k, void *field, const char *text, char *why, size_t whylen)
{
	switch (k->type) {
	case SCHEMA_UINT:
	case SCHEMA_PORT:
		return set_number(k, field, text, why, whylen);
	case SCHEMA_BOOL:
		return set_bool(field, text, why, whylen);
	case SCHEMA_ENUM:
		return set_enum(k, field, text, why, whylen);
	case SCHEMA_STRING:
	case SCHEMA_SECRET:
		return set_string(k, field, text, why, whylen);
	case SCHEMA_ADDR:
	case SCHEMA_GATEWAY:
		return set_addr(k, field, text, why, whylen);
	case SCHEMA_PREFIX:
		if (ip_prefix_parse(text, field))
			return true;
		snprintf(why, whylen, "is not an IPv4 or IPv6 prefix such as 10.0.0.0/8");
		return false;
	case SCHEMA_OWN_ADDR:
		if (strchr(text, '/') && ip_prefix_parse(text, field))
			return true;
		snprintf(why, whylen,
			 "is not an IPv4 or IPv6 address with a length, such as 10.1.0.1/24");
		return false;
	case SCHEMA_MAP:
		break;
	}
	snprintf(why, whylen, "has no text form");
	return false;
}
