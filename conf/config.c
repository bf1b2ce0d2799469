/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

/*
 * Reads a file by the schema. libyaml gives the tree with the line of every node; the walk below
 * is led by the schema, so that neither the depth of the file nor its anchors lead it anywhere.
 */

/* Bit of the section, a key of the top level, that a key is in; all if there is no such section. */
static uint64_t section_bit(const char *key)
{
	const size_t len = strcspn(key, ".[");

	for (unsigned i = 0; schema_top[i].name; i++)
		if (strlen(schema_top[i].name) == len && strncmp(schema_top[i].name, key, len) == 0)
			return UINT64_C(1) << i;
	return UINT64_MAX;
}

bool config_section_wrong(const struct config_reader *r, const char *section)
{
	return r->wrong & section_bit(section);
}

/* A mistake takes its place among the others, which stand in the order of the file. */
static void error_add(struct config_reader *r, unsigned line, const char *key, const char *text)
{
	struct config_errors *e = r->errors;
	struct config_error *at;

	if (e->n++ >= CONFIG_ERRORS_MAX)
		return;
	at = &e->error[e->n - 1];
	for (; at > e->error && at[-1].line > line; at--)
		at[0] = at[-1];
	at->line = line;
	snprintf(at->text, sizeof(at->text), "%s:%u: %s%s%s", r->c->file, line, key,
		 *key ? ": " : "", text);
}

bool config_fail(struct config_reader *r, unsigned line, const char *key, const char *what, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	r->wrong |= section_bit(r->guess ? r->guess : key);
	error_add(r, line, key, text);
	return false;
}

static const struct config_place *place_find(const struct config_reader *r, const void *field)
{
	static const struct config_place nowhere = { .line = 1 };

	for (size_t i = 0; i < r->n_place; i++) {
		if (r->place[i].at == field)
			return &r->place[i];
	}
	return &nowhere;
}

bool config_fail_at(struct config_reader *r, const void *field, const char *what, ...)
{
	const struct config_place *p = place_find(r, field);
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	error_add(r, p->line, p->key, text);
	return false;
}

unsigned config_line(const struct config_reader *r, const void *field)
{
	return place_find(r, field)->line;
}

static bool place_add(struct config_reader *r, const void *field, unsigned line)
{
	struct config_place *p;

	if (r->n_place == r->cap_place) {
		size_t cap = r->cap_place ? 2 * r->cap_place : 128;

		p = realloc(r->place, cap * sizeof(*p));
		if (p == NULL)
			return config_fail(r, line, r->key, "out of memory");
		r->place = p;
		r->cap_place = cap;
	}
	p = &r->place[r->n_place++];
	p->at = field;
	p->line = line;
	memcpy(p->key, r->key, sizeof(p->key));
	return true;
}

static unsigned node_line(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.line + 1;
}

/* Text of a scalar; NULL if the node is none or hides a NUL. */
static const char *node_text(const yaml_node_t *n)
{
	const char *s;

	if (n->type != YAML_SCALAR_NODE)
		return NULL;
	s = (const char *)n->data.scalar.value;
	return strlen(s) == n->data.scalar.length ? s : NULL;
}

static bool node_is(const yaml_node_t *n, const char *name)
{
	const char *text = node_text(n);

	return text && strcmp(text, name) == 0;
}

/* Sets a field and notes where its text came from. */
static bool read_text(struct config_reader *r, const struct schema_key *k, const char *text,
		      unsigned line, void *field)
{
	bool secret = k->type == SCHEMA_SECRET;
	bool shown = !secret && text[0] != '\0' && strpbrk(text, "\r\n\t\033") == NULL;
	char why[160];

	if (!schema_set(k, field, text, why, sizeof(why)))
		return config_fail(r, line, r->key, "%.64s%s%s", shown ? text : "",
				   shown ? " " : "", why);
	return place_add(r, field, line);
}

static bool read_map(struct config_reader *r, yaml_document_t *doc, const struct schema_key *keys,
		     yaml_node_t *node, unsigned line, void *base);

/* One value: a scalar, or a map by its keys. */
static bool read_item(struct config_reader *r, yaml_document_t *doc, const struct schema_key *k,
		      yaml_node_t *node, void *field)
{
	const char *text = node_text(node);
	bool plain =
	    node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (k->type == SCHEMA_MAP)
		return read_map(r, doc, k->keys, node, node_line(node), field);
	if (text == NULL)
		return config_fail(r, node_line(node), r->key, "must be a single value");
	if (!plain && (k->type == SCHEMA_UINT || k->type == SCHEMA_PORT || k->type == SCHEMA_BOOL))
		return config_fail(r, node_line(node), r->key, "must be a %s, not a string",
				   k->type == SCHEMA_BOOL ? "truth value" : "number");
	return read_text(r, k, text, node_line(node), field);
}

static bool read_list(struct config_reader *r, yaml_document_t *doc, const struct schema_key *k,
		      yaml_node_t *node, char *base)
{
	size_t keylen = strlen(r->key);
	uint16_t *count = (uint16_t *)(void *)(base + k->count_off);
	yaml_node_item_t *item;
	size_t n, i = 0;
	bool ok = true;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_fail(r, node_line(node), r->key, "must be a list");
	n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n < k->items_min || n > k->items_max)
		return config_fail(r, node_line(node), r->key,
				   "has %zu entries, and %u to %u are possible", n, k->items_min,
				   k->items_max);
	for (item = node->data.sequence.items.start; i < n; item++, i++) {
		snprintf(r->key + keylen, sizeof(r->key) - keylen, "[%zu]", i);
		/* Two keys may fill one array, as gateways and routes do: append. */
		ok &= read_item(r, doc, k, yaml_document_get_node(doc, *item),
				base + k->off + (size_t)*count * k->size);
		(*count)++;
	}
	return ok;
}

/* What a key means that is not in the file. */
static bool read_default(struct config_reader *r, const struct schema_key *k, unsigned line,
			 char *base)
{
	uint16_t *count = (uint16_t *)(void *)(base + k->count_off);
	char item[64];

	if (k->type == SCHEMA_MAP && k->items_max == 0)
		return read_map(r, NULL, k->keys, NULL, line, base + k->off);
	if (k->def == NULL && (k->items_max == 0 || k->items_min > 0))
		return config_fail(r, line, r->key, "is missing");
	if (k->items_max == 0)
		return read_text(r, k, k->def, line, base + k->off);
	/* A list's default is [] or one entry. */
	if (sscanf(k->def, "[%63[^]]]", item) != 1)
		return true;
	(*count)++;
	return read_text(r, k, item, line, base + k->off);
}

static const struct schema_key *key_find(const struct schema_key *keys, const char *name)
{
	for (; name && keys->name; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

/* A key that there is not. Bits of guessed keys are set, by their place in keys. */
static bool key_unknown(struct config_reader *r, const struct schema_key *keys, const char *name,
			unsigned line, uint64_t *guessed)
{
	const struct schema_key *guess = name ? schema_guess(keys, name) : NULL;
	bool ok;

	if (guess == NULL)
		return config_fail(r, line, r->key, "no such key");
	if (guess - keys < 64)
		*guessed |= UINT64_C(1) << (guess - keys);
	r->guess = keys == schema_top ? guess->name : NULL;
	ok = config_fail(r, line, r->key, "no such key: did you mean %s?", guess->name);
	r->guess = NULL;
	return ok;
}

/*
 * Whether every key of the map is known and given once. It ends where no more mistakes are kept, so
 * that the work for a file of many keys is bounded.
 */
static bool map_check(struct config_reader *r, yaml_document_t *doc, const struct schema_key *keys,
		      yaml_node_t *node, uint64_t *guessed)
{
	yaml_node_pair_t *start = node->data.mapping.pairs.start;
	size_t keylen = strlen(r->key);
	bool ok = true;

	for (yaml_node_pair_t *p = start;
	     p < node->data.mapping.pairs.top && r->errors->n < CONFIG_ERRORS_MAX; p++) {
		yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const char *name = node_text(key);

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%.40s", keylen ? "." : "",
			 name ? name : "?");
		if (key_find(keys, name) == NULL) {
			ok = key_unknown(r, keys, name, node_line(key), guessed);
			continue;
		}
		for (yaml_node_pair_t *q = start; q < p; q++) {
			yaml_node_t *first = yaml_document_get_node(doc, q->key);

			if (!node_is(first, name))
				continue;
			ok = config_fail(r, node_line(key), r->key, "is given already, in line %u",
					 node_line(first));
			break;
		}
	}
	r->key[keylen] = '\0';
	return ok;
}

static yaml_node_t *map_get(yaml_document_t *doc, yaml_node_t *node, const char *name)
{
	yaml_node_pair_t *p = node->data.mapping.pairs.start;

	for (; p < node->data.mapping.pairs.top; p++) {
		if (node_is(yaml_document_get_node(doc, p->key), name))
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

/* A map by its schema, in the schema's order; node is NULL if all of it is left to defaults. */
static bool read_map(struct config_reader *r, yaml_document_t *doc, const struct schema_key *keys,
		     yaml_node_t *node, unsigned line, void *base)
{
	size_t keylen = strlen(r->key);
	uint64_t guessed = 0;
	bool ok = true;

	if (node && node->type != YAML_MAPPING_NODE)
		return config_fail(r, line, r->key, "must be a map of keys");
	if (node)
		ok = map_check(r, doc, keys, node, &guessed);
	for (const struct schema_key *k = keys; k->name; k++) {
		yaml_node_t *value = node ? map_get(doc, node, k->name) : NULL;

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%s", keylen ? "." : "",
			 k->name);
		/* What is misspelt is told once, and not as missing too. */
		if (value == NULL && k - keys < 64 && guessed >> (k - keys) & 1)
			continue;
		if (value == NULL)
			ok &= read_default(r, k, line, base);
		else if (k->items_max)
			ok &= read_list(r, doc, k, value, base);
		else
			ok &= read_item(r, doc, k, value, (char *)base + k->off);
	}
	r->key[keylen] = '\0';
	return ok;
}

/* Secrets pass through the tree, so it is wiped before it is freed. */
static void document_wipe(yaml_document_t *doc)
{
	for (yaml_node_t *n = doc->nodes.start; n < doc->nodes.top; n++) {
		if (n->type == YAML_SCALAR_NODE)
			explicit_bzero(n->data.scalar.value, n->data.scalar.length);
	}
	yaml_document_delete(doc);
}

static void parser_wipe(yaml_parser_t *p)
{
	if (p->raw_buffer.start)
		explicit_bzero(p->raw_buffer.start,
			       (size_t)(p->raw_buffer.end - p->raw_buffer.start));
	if (p->buffer.start)
		explicit_bzero(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	yaml_parser_delete(p);
}

static bool read_syntax(struct config_reader *r, yaml_parser_t *p, yaml_document_t *doc)
{
	unsigned line;

	if (yaml_parser_load(p, doc))
		return true;
	line = (unsigned)(p->problem_mark.line ? p->problem_mark.line : p->mark.line) + 1;
	return config_fail(r, line, "", "this is not YAML: %s", p->problem ? p->problem : "?");
}

static void read_stream(struct config_reader *r, FILE *f)
{
	yaml_document_t doc, second;
	yaml_parser_t parser;
	yaml_node_t *root;

	if (!yaml_parser_initialize(&parser)) {
		config_fail(r, 1, "", "out of memory");
		return;
	}
	yaml_parser_set_input_file(&parser, f);
	if (read_syntax(r, &parser, &doc)) {
		root = yaml_document_get_root_node(&doc);
		if (root)
			read_map(r, &doc, schema_top, root, node_line(root), r->c);
		else
			config_fail(r, 1, "", "the file is empty");
		document_wipe(&doc);
	}
	if (parser.error == YAML_NO_ERROR && read_syntax(r, &parser, &second)) {
		root = yaml_document_get_root_node(&second);
		if (root)
			config_fail(r, node_line(root), "", "a second document begins here");
		document_wipe(&second);
	}
	parser_wipe(&parser);
}

/* What concerns no line of the file. */
static struct config *load_fail(struct config_errors *e, const char *path, const char *what)
{
	e->n = 1;
	e->error[0].line = 0;
	snprintf(e->error[0].text, sizeof(e->error[0].text), "%s: %s", path, what);
	return NULL;
}

/* Also where there are mistakes, with the sections that have any; NULL if it cannot be read. */
static struct config *load(const char *path, struct config_errors *errors, uint64_t *wrong)
{
	struct config_reader r = { .errors = errors };
	char why[160];
	struct stat st;
	FILE *f;

	errors->n = 0;
	errors->unchecked = false;
	f = fopen(path, "re");
	if (f == NULL) {
		snprintf(why, sizeof(why), "cannot be opened: %s", strerror(errno));
		return load_fail(errors, path, why);
	}
	if (fstat(fileno(f), &st) < 0 || S_ISDIR(st.st_mode)) {
		fclose(f);
		return load_fail(errors, path, "is a directory, not a file");
	}
	r.c = calloc(1, sizeof(*r.c));
	if (r.c == NULL) {
		fclose(f);
		return load_fail(errors, path, "out of memory");
	}
	snprintf(r.c->file, sizeof(r.c->file), "%s", path);
	r.c->others_read = st.st_mode & S_IROTH;
	read_stream(&r, f);
	config_check(&r);
	fclose(f);
	free(r.place);
	*wrong = r.wrong;
	return r.c;
}

struct config *config_load_all(const char *path, struct config_errors *errors)
{
	uint64_t wrong;
	struct config *c = load(path, errors, &wrong);

	if (!errors->n)
		return c;
	config_free(c);
	return NULL;
}

bool config_load_socket(const char *path, char socket[CONFIG_PATH_MAX])
{
	struct config_errors *errors = malloc(sizeof(*errors));
	uint64_t wrong = UINT64_MAX;
	struct config *c = errors ? load(path, errors, &wrong) : NULL;
	const bool found = c && !(wrong & section_bit("control"));

	if (found)
		memcpy(socket, c->control.socket, CONFIG_PATH_MAX);
	config_free(c);
	free(errors);
	return found;
}

struct config *config_load(const char *path, char *err, size_t errlen)
{
	struct config_errors *errors = malloc(sizeof(*errors));
	struct config *c;

	if (errors == NULL) {
		snprintf(err, errlen, "%s: out of memory", path);
		return NULL;
	}
	c = config_load_all(path, errors);
	if (c == NULL)
		snprintf(err, errlen, "%s", errors->error[0].text);
	free(errors);
	return c;
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	explicit_bzero(c, sizeof(*c));
	free(c);
}

bool config_shows_secrets(const struct config *c)
{
	return c->others_read && c->auth.n_rest_secret;
}

bool config_has_tls(const struct config *c)
{
	for (uint16_t i = 0; i < c->n_listener; i++)
		if (c->listener[i].transport == TRANSPORT_TLS)
			return true;
	for (uint16_t i = 0; i < c->n_realm && c->gateway.contexts && c->gateway.streams; i++)
		if (c->realm[i].domain_index != CONFIG_DOMAINS_MAX)
			return true;
	return false;
}

static bool port_has(const struct config_port *p, const struct ip_addr *a)
{
	for (uint16_t i = 0; i < p->n_addr; i++)
		if (ip_eq(&p->addr[i].ip, a))
			return true;
	return false;
}

bool config_port_has_tcp(const struct config *c, const struct config_port *p)
{
	const bool streams = c->gateway.contexts && c->gateway.streams;
	bool listens = false; /* for clients over TCP, whose allocations may be of TCP */

	for (uint16_t i = 0; i < c->n_listener; i++) {
		if (c->listener[i].transport == TRANSPORT_UDP)
			continue;
		if (c->n_service || port_has(p, &c->listener[i].addr.ip))
			return true;
		listens = true;
	}
	for (uint16_t i = 0; i < c->n_relay; i++)
		if (port_has(p, &c->relay[i].addr) &&
		    ((c->relay[i].turn && listens) || (*c->relay[i].realm && streams)))
			return true;
	return false;
}

struct config_device config_device(const struct config *c, uint16_t port)
{
	struct config_device d = { 0 };

	for (uint16_t i = port; i < c->n_port; i++) {
		const struct config_port *p = &c->port[i];

		if (i != port && p->shares != port + 1)
			continue;
		d.n_ports++;
		if (p->mtu > d.mtu)
			d.mtu_port = i;
		d.mtu = p->mtu > d.mtu ? p->mtu : d.mtu;
		d.rx_desc = p->rx_desc > d.rx_desc ? p->rx_desc : d.rx_desc;
		d.tx_desc = p->tx_desc > d.tx_desc ? p->tx_desc : d.tx_desc;
		d.tagged |= p->vlan != 0;
		d.bond |= p->bond != BOND_NONE;
		d.tcp |= config_port_has_tcp(c, p);
	}
	return d;
}
