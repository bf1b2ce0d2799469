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

bool config_fail(struct config_reader *r, unsigned line, const char *key, const char *what, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	snprintf(r->err, r->errlen, "%s:%u: %s%s%s", r->c->file, line, key, *key ? ": " : "", text);
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
	return config_fail(r, p->line, p->key, "%s", text);
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
		if (!read_item(r, doc, k, yaml_document_get_node(doc, *item),
			       base + k->off + (size_t)*count * k->size))
			return false;
		(*count)++;
	}
	return true;
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

/* Whether every key of the map is known and given once. */
static bool map_check(struct config_reader *r, yaml_document_t *doc, const struct schema_key *keys,
		      yaml_node_t *node)
{
	yaml_node_pair_t *start = node->data.mapping.pairs.start;
	size_t keylen = strlen(r->key);

	for (yaml_node_pair_t *p = start; p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const char *name = node_text(key);

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%.40s", keylen ? "." : "",
			 name ? name : "?");
		if (key_find(keys, name) == NULL)
			return config_fail(r, node_line(key), r->key, "no such key");
		for (yaml_node_pair_t *q = start; q < p; q++) {
			yaml_node_t *first = yaml_document_get_node(doc, q->key);

			if (strcmp(node_text(first), name) == 0)
				return config_fail(r, node_line(key), r->key,
						   "is given already, in line %u",
						   node_line(first));
		}
	}
	r->key[keylen] = '\0';
	return true;
}

static yaml_node_t *map_get(yaml_document_t *doc, yaml_node_t *node, const char *name)
{
	yaml_node_pair_t *p = node->data.mapping.pairs.start;

	for (; p < node->data.mapping.pairs.top; p++) {
		if (strcmp(node_text(yaml_document_get_node(doc, p->key)), name) == 0)
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

/* A map by its schema, in the schema's order; node is NULL if all of it is left to defaults. */
static bool read_map(struct config_reader *r, yaml_document_t *doc, const struct schema_key *keys,
		     yaml_node_t *node, unsigned line, void *base)
{
	size_t keylen = strlen(r->key);

	if (node && node->type != YAML_MAPPING_NODE)
		return config_fail(r, line, r->key, "must be a map of keys");
	if (node && !map_check(r, doc, keys, node))
		return false;
	for (const struct schema_key *k = keys; k->name; k++) {
		yaml_node_t *value = node ? map_get(doc, node, k->name) : NULL;
		bool ok;

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%s", keylen ? "." : "",
			 k->name);
		if (value == NULL)
			ok = read_default(r, k, line, base);
		else if (k->items_max)
			ok = read_list(r, doc, k, value, base);
		else
			ok = read_item(r, doc, k, value, (char *)base + k->off);
		if (!ok)
			return false;
	}
	r->key[keylen] = '\0';
	return true;
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

static bool read_stream(struct config_reader *r, FILE *f)
{
	yaml_document_t doc, second;
	yaml_parser_t parser;
	yaml_node_t *root;
	bool ok;

	if (!yaml_parser_initialize(&parser))
		return config_fail(r, 1, "", "out of memory");
	yaml_parser_set_input_file(&parser, f);
	ok = read_syntax(r, &parser, &doc);
	if (ok) {
		root = yaml_document_get_root_node(&doc);
		ok = root ? read_map(r, &doc, schema_top, root, node_line(root), r->c)
			  : config_fail(r, 1, "", "the file is empty");
		document_wipe(&doc);
	}
	if (ok && (ok = read_syntax(r, &parser, &second))) {
		root = yaml_document_get_root_node(&second);
		if (root)
			ok = config_fail(r, node_line(root), "", "a second document begins here");
		document_wipe(&second);
	}
	parser_wipe(&parser);
	return ok;
}

struct config *config_load(const char *path, char *err, size_t errlen)
{
	struct config_reader r = { .err = err, .errlen = errlen };
	FILE *f = fopen(path, "re");
	struct stat st;
	bool ok;

	if (f == NULL) {
		snprintf(err, errlen, "%s: cannot be opened: %s", path, strerror(errno));
		return NULL;
	}
	r.c = calloc(1, sizeof(*r.c));
	if (r.c == NULL) {
		snprintf(err, errlen, "%s: out of memory", path);
		fclose(f);
		return NULL;
	}
	snprintf(r.c->file, sizeof(r.c->file), "%s", path);
	r.c->others_read = fstat(fileno(f), &st) == 0 && st.st_mode & S_IROTH;
	ok = read_stream(&r, f) && config_check(&r);
	fclose(f);
	free(r.place);
	if (!ok) {
		config_free(r.c);
		return NULL;
	}
	return r.c;
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
