/* SPDX-License-Identifier: BSD-3-Clause */
#include "listener.h"
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

/*
 * Reads files by the schema. libyaml gives a tree for each, with the line of every node; the walk
 * below is led by the schema through all of them at once, so that neither the depth of a file nor
 * its anchors lead it anywhere.
 */

/* A node, and the file that it is in. */
struct value {
	yaml_document_t *doc;
	yaml_node_t *node;
	unsigned file;
};

/* What the files have for one key, in their order. */
struct values {
	unsigned n;
	struct value v[CONFIG_FILES_MAX];
};

static unsigned value_line(const struct value *v)
{
	return line_make(v->file, v->node->start_mark.line + 1);
}

static struct value value_of(const struct value *map, int node)
{
	return (struct value){ map->doc, yaml_document_get_node(map->doc, node), map->file };
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
	return config_place_add(r, field, line);
}

static bool read_map(struct config_reader *r, const struct schema_key *keys,
		     const struct values *maps, unsigned line, void *base);

/* One value: a scalar, or a map by its keys. */
static bool read_item(struct config_reader *r, const struct schema_key *k, const struct value *v,
		      void *field)
{
	const yaml_node_t *node = v->node;
	const char *text = node_text(node);
	bool plain =
	    node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (k->type == SCHEMA_MAP)
		return read_map(r, k->keys, &(struct values){ 1, { *v } }, value_line(v), field);
	if (text == NULL)
		return config_fail(r, value_line(v), r->key, "must be a single value");
	if (!plain && (k->type == SCHEMA_UINT || k->type == SCHEMA_PORT || k->type == SCHEMA_BOOL))
		return config_fail(r, value_line(v), r->key, "must be a %s, not a string",
				   k->type == SCHEMA_BOOL ? "truth value" : "number");
	return read_text(r, k, text, value_line(v), field);
}

/* Maps of several files are one; of single values there is one. */
static bool read_single(struct config_reader *r, const struct schema_key *k,
			const struct values *in, void *field)
{
	if (k->type == SCHEMA_MAP)
		return read_map(r, k->keys, in, value_line(&in->v[0]), field);
	if (in->n > 1)
		return config_fail(r, value_line(&in->v[1]), r->key, "is given already, in %s",
				   config_in_line(r, value_line(&in->v[0])));
	return read_item(r, k, &in->v[0], field);
}

static size_t list_length(const yaml_node_t *n)
{
	return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
}

/* Lists of several files are one behind the other. */
static bool read_list(struct config_reader *r, const struct schema_key *k, const struct values *in,
		      char *base)
{
	size_t keylen = strlen(r->key);
	uint16_t *count = (uint16_t *)(void *)(base + k->count_off);
	const struct value *l;
	size_t n = 0, at = 0;
	bool ok = true;

	for (l = in->v; l < in->v + in->n; l++) {
		if (l->node->type != YAML_SEQUENCE_NODE)
			return config_fail(r, value_line(l), r->key, "must be a list");
		n += list_length(l->node);
	}
	if (n < k->items_min || n > k->items_max)
		return config_fail(r, value_line(l - 1), r->key,
				   "has %zu entries, and %u to %u are possible", n, k->items_min,
				   k->items_max);
	for (l = in->v; l < in->v + in->n; l++) {
		for (size_t i = 0; i < list_length(l->node); i++) {
			struct value v = value_of(l, l->node->data.sequence.items.start[i]);

			snprintf(r->key + keylen, sizeof(r->key) - keylen, "[%zu]", at++);
			/* Two keys may fill one array, as gateways and routes do: append. */
			ok &= read_item(r, k, &v, base + k->off + (size_t)*count * k->size);
			(*count)++;
		}
	}
	return ok;
}

/* What a key means that is in no file. */
static bool read_default(struct config_reader *r, const struct schema_key *k, unsigned line,
			 char *base)
{
	uint16_t *count = (uint16_t *)(void *)(base + k->count_off);
	char item[64];

	if (k->type == SCHEMA_MAP && k->items_max == 0)
		return read_map(r, k->keys, &(struct values){ 0 }, line, base + k->off);
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
	r->guess = guess;
	ok = config_fail(r, line, r->key, "no such key: did you mean %s?", guess->name);
	r->guess = NULL;
	return ok;
}

/*
 * Whether every key of a map is known and given once. It ends where no more mistakes are kept, so
 * that the work for a file of many keys is bounded.
 */
static bool map_check(struct config_reader *r, const struct schema_key *keys,
		      const struct value *map, uint64_t *guessed)
{
	yaml_node_pair_t *start = map->node->data.mapping.pairs.start;
	size_t keylen = strlen(r->key);
	bool ok = true;

	for (yaml_node_pair_t *p = start;
	     p < map->node->data.mapping.pairs.top && r->errors->n < CONFIG_ERRORS_MAX; p++) {
		const struct value key = value_of(map, p->key);
		const char *name = node_text(key.node);

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%.40s", keylen ? "." : "",
			 name ? name : "?");
		if (key_find(keys, name) == NULL) {
			ok = key_unknown(r, keys, name, value_line(&key), guessed);
			continue;
		}
		for (yaml_node_pair_t *q = start; q < p; q++) {
			const struct value first = value_of(map, q->key);

			if (!node_is(first.node, name))
				continue;
			ok = config_fail(r, value_line(&key), r->key, "is given already, in %s",
					 config_in_line(r, value_line(&first)));
			break;
		}
	}
	r->key[keylen] = '\0';
	return ok;
}

/* What maps have for a key: of each the first. */
static struct values maps_get(const struct values *maps, const char *name)
{
	struct values found = { 0 };

	for (unsigned i = 0; i < maps->n; i++) {
		const struct value *map = &maps->v[i];
		yaml_node_pair_t *p = map->node->data.mapping.pairs.start;

		for (; p < map->node->data.mapping.pairs.top; p++) {
			if (node_is(yaml_document_get_node(map->doc, p->key), name)) {
				found.v[found.n++] = value_of(map, p->value);
				break;
			}
		}
	}
	return found;
}

/* A map by its schema, in the schema's order; maps has none if all is left to defaults. */
static bool read_map(struct config_reader *r, const struct schema_key *keys,
		     const struct values *maps, unsigned line, void *base)
{
	size_t keylen = strlen(r->key);
	uint64_t guessed = 0;
	bool ok = true;

	for (const struct value *m = maps->v; m < maps->v + maps->n; m++)
		if (m->node->type != YAML_MAPPING_NODE)
			return config_fail(r, value_line(m), r->key, "must be a map of keys");
	for (const struct value *m = maps->v; m < maps->v + maps->n; m++)
		ok &= map_check(r, keys, m, &guessed);
	for (const struct schema_key *k = keys; k->name; k++) {
		const struct values in = maps_get(maps, k->name);

		snprintf(r->key + keylen, sizeof(r->key) - keylen, "%s%s", keylen ? "." : "",
			 k->name);
		/* What is misspelt is told once, and not as missing too. */
		if (!in.n && k - keys < 64 && guessed >> (k - keys) & 1)
			continue;
		if (!in.n)
			ok &= read_default(r, k, line, base);
		else if (k->items_max)
			ok &= read_list(r, k, &in, base);
		else
			ok &= read_single(r, k, &in, (char *)base + k->off);
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

static bool read_syntax(struct config_reader *r, unsigned file, yaml_parser_t *p,
			yaml_document_t *doc)
{
	size_t line;

	if (yaml_parser_load(p, doc))
		return true;
	line = (p->problem_mark.line ? p->problem_mark.line : p->mark.line) + 1;
	return config_fail(r, line_make(file, line), "", "this is not YAML: %s",
			   p->problem ? p->problem : "?");
}

/* One file, which has one document. */
static bool read_stream(struct config_reader *r, unsigned file, FILE *f, yaml_document_t *doc)
{
	yaml_document_t second;
	yaml_parser_t parser;
	yaml_node_t *root;
	bool ok;

	if (!yaml_parser_initialize(&parser))
		return config_fail(r, line_make(file, 0), "", "out of memory");
	yaml_parser_set_input_file(&parser, f);
	ok = read_syntax(r, file, &parser, doc);
	if (ok && read_syntax(r, file, &parser, &second)) {
		root = yaml_document_get_root_node(&second);
		if (root)
			config_fail(r, line_make(file, root->start_mark.line + 1), "",
				    "a second document begins here");
		document_wipe(&second);
	}
	parser_wipe(&parser);
	return ok;
}

/* The file, and what stands beside it; false if one of them is none of YAML. */
static bool read_files(struct config_reader *r, FILE *f, yaml_document_t *docs, struct values *in)
{
	bool ok = config_parts_find(r);

	for (unsigned file = 0; file <= r->c->n_part; file++) {
		FILE *part = file ? config_part_open(r, file) : f;
		struct value v = { &docs[in->n], NULL, file };

		if (!part || !read_stream(r, file, part, v.doc))
			ok = false;
		else
			in->v[in->n++] = v;
		if (file && part)
			fclose(part);
	}
	return ok;
}

/* A part may have nothing but comments in it. */
static void read_trees(struct config_reader *r, const struct values *in)
{
	struct values maps = { 0 };

	for (unsigned i = 0; i < in->n; i++) {
		struct value v = in->v[i];

		v.node = yaml_document_get_root_node(v.doc);
		if (v.node)
			maps.v[maps.n++] = v;
		else if (v.file == 0) {
			config_fail(r, 1, "", "the file is empty");
			return;
		}
	}
	read_map(r, schema_top, &maps, value_line(&maps.v[0]), r->c);
}

static void read_all(struct config_reader *r, FILE *f)
{
	yaml_document_t *docs = calloc(CONFIG_FILES_MAX, sizeof(*docs));
	struct values in = { 0 };

	if (!docs) {
		config_fail(r, 1, "", "out of memory");
		return;
	}
	if (read_files(r, f, docs, &in))
		read_trees(r, &in);
	for (unsigned i = 0; i < in.n; i++)
		document_wipe(in.v[i].doc);
	free(docs);
}

/* What concerns no line of the file. */
static struct config *load_fail(struct config_errors *e, const char *path, const char *what)
{
	e->n = 1;
	e->error[0].line = 0;
	snprintf(e->error[0].text, sizeof(e->error[0].text), "%s: %s", path, what);
	return NULL;
}

/* Also where there are mistakes; NULL if it cannot be read. The reader begins with zeros. */
static struct config *load(struct config_reader *r, const char *path, struct config_errors *errors)
{
	char why[160];
	struct stat st;
	FILE *f;

	r->errors = errors;
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
	r->c = calloc(1, sizeof(*r->c));
	if (r->c == NULL) {
		fclose(f);
		return load_fail(errors, path, "out of memory");
	}
	snprintf(r->c->file, sizeof(r->c->file), "%s", path);
	r->c->others_read = st.st_mode & S_IROTH;
	read_all(r, f);
	config_check(r);
	fclose(f);
	r->c->lines = config_lines_take(r);
	return r->c;
}

struct config *config_load_all(const char *path, struct config_errors *errors)
{
	struct config_reader r = { 0 };
	struct config *c = load(&r, path, errors);

	if (!errors->n)
		return c;
	config_free(c);
	return NULL;
}

bool config_load_socket(const char *path, char socket[CONFIG_PATH_MAX])
{
	struct config_errors *errors = malloc(sizeof(*errors));
	struct config_reader r = { 0 };
	struct config *c = errors ? load(&r, path, errors) : NULL;
	const bool found = c && config_is_read(&r, "control.socket");

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
	if (c == NULL) {
		snprintf(err, errlen, "%s", errors->error[0].text);
	} else {
		config_lines_free(c->lines);
		c->lines = NULL;
	}
	free(errors);
	return c;
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	config_lines_free(c->lines);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

bool config_shows_secrets(const struct config *c)
{
	return c->others_read && c->auth.n_rest_secret;
}

bool config_has_tls(const struct config *c)
{
	for (uint16_t i = 0; i < listener_places(c); i++)
		if (listener_place(c, i).transport == TRANSPORT_TLS ||
		    listener_place(c, i).transport == TRANSPORT_DTLS)
			return true;
	for (uint16_t i = 0; i < c->n_realm && c->gateway.contexts && c->gateway.streams; i++)
		if (c->realm[i].domain_index != CONFIG_DOMAINS_MAX)
			return true;
	return false;
}

bool config_has_dtls(const struct config *c)
{
	for (uint16_t i = 0; i < listener_places(c); i++)
		if (listener_place(c, i).transport == TRANSPORT_DTLS)
			return true;
	return false;
}

bool config_has_dtls_srtp(const struct config *c)
{
	return c->gateway.contexts && c->gateway.srtp;
}

/* Of terminations some more than there may be: who may be one of two has a handshake under way. */
uint32_t config_associations(const struct config *c)
{
	const uint32_t srtp = config_has_dtls_srtp(c) ? c->gateway.srtp : 0;

	return (config_has_dtls(c) ? c->tls.associations : 0) + (srtp ? srtp + srtp / 4 + 16 : 0);
}

bool config_port_has(const struct config_port *p, const struct ip_addr *a)
{
	for (uint16_t i = 0; i < p->n_addr; i++)
		if (ip_eq(&p->addr[i].ip, a))
			return true;
	return false;
}

const struct ip_prefix *config_own_addr(const struct config *c, const struct ip_addr *a)
{
	for (unsigned i = 0; i < c->n_port; i++) {
		for (unsigned j = 0; j < c->port[i].n_addr; j++) {
			if (ip_eq(&c->port[i].addr[j].ip, a))
				return &c->port[i].addr[j];
		}
	}
	return NULL;
}

bool config_is_sip_port(const struct config *c, const struct config_listener *l)
{
	const struct config_ipsec *i = &c->ipsec;

	for (uint16_t k = 0; k < i->n_addr; k++)
		if (ip_eq(&i->addr[k], &l->addr.ip))
			return i->sip_port && l->transport == TRANSPORT_UDP &&
			       be16_get(l->addr.port) == i->server_port;
	return false;
}

bool config_is_inner(const struct config_ipsec *c, const struct ip_addr *a)
{
	return ip_in_prefixes(a, c->inner, c->n_inner);
}

bool config_port_has_tcp(const struct config *c, const struct config_port *p)
{
	const bool streams = c->gateway.contexts && c->gateway.streams;
	bool listens = false; /* for clients over TCP, whose allocations may be of TCP */

	for (uint16_t i = 0; i < listener_places(c); i++) {
		const struct listener_place l = listener_place(c, i);

		if (config_is_udp(l.transport))
			continue;
		if (c->n_service || config_port_has(p, &l.addr.ip))
			return true;
		listens = true;
	}
	for (uint16_t i = 0; i < c->n_relay; i++)
		if (config_port_has(p, &c->relay[i].addr) &&
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
