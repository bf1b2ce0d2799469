/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * H.248 in text (Annex B; R32): messages of the Iq profile are read and written the same, in the
 * long form and in the short one; how each piece is read; what is broken, and where; each bound.
 */
#include "tests/world/unit.h"
#include "tests/vectors/h248_vectors.h"
#include "lib/h248.h"

#include <stdio.h>
#include <strings.h>

static struct h248_message m;

static bool parse(const char *text)
{
	return h248_parse(&m, text, strlen(text));
}

/* ---- read, written, read ---- */

static void put_items(struct h248_out *o, const struct h248_message *from,
		      const struct h248_item *i)
{
	for (i = h248_child(from, i); i; i = h248_next(from, i)) {
		char name[2 * H248_NAME_MAX + 2], text[2048];

		if (!i->name.at) {
			snprintf(text, sizeof(text), "%.*s", H248_TEXT(i->value));
			h248_put_quoted(o, text);
			continue;
		}
		snprintf(name, sizeof(name), "%.*s%s%.*s", H248_TEXT(i->stamp),
			 i->stamp.at ? ":" : "", H248_TEXT(i->name));
		snprintf(text, sizeof(text), "%.*s", H248_TEXT(i->value));
		if (i->kind == H248_OCTETS) {
			size_t n = h248_unescape(i->value, text);

			/* The writer's own line end stands before it. */
			h248_put_octets(o, i->token, text + 1, n - 1);
			continue;
		}
		if (i->kind == H248_QUOTED && !i->token)
			h248_put_name(o, name, "\"%s\"", text);
		else if (i->kind == H248_QUOTED)
			h248_put_text(o, i->token, text);
		else if (i->token && !i->kind)
			h248_put(o, i->token, NULL);
		else if (i->token && i->kind <= H248_WORD)
			h248_put(o, i->token, "%s", text);
		else if (i->kind == H248_NONE)
			h248_put_name(o, name, NULL);
		else if (i->kind == H248_ONE_OF)
			h248_put_name(o, name, "{%s}", text);
		else if (i->kind == H248_ALL_OF || i->kind == H248_RANGE)
			h248_put_name(o, name, "[%s]", text);
		else
			h248_put_name(o, name, "%s", text);
		if (!i->body)
			continue;
		h248_open(o);
		put_items(o, from, i);
		h248_close(o);
	}
}

static void same_text(struct h248_text a, struct h248_text b)
{
	assert_int_equal(a.len, b.len);
	assert_int_equal(strncasecmp(a.at ? a.at : "", b.at ? b.at : "", a.len), 0);
}

static void same_items(const struct h248_message *a, const struct h248_message *b)
{
	assert_int_equal(a->n, b->n);
	same_text(a->mid, b->mid);
	for (unsigned i = 0; i < a->n; i++) {
		const struct h248_item *x = &a->item[i], *y = &b->item[i];

		assert_int_equal(x->token, y->token);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->next, y->next);
		assert_int_equal(x->child, y->child);
		assert_int_equal(x->body, y->body);
		same_text(x->stamp, y->stamp);
		same_text(x->value, y->value);
		if (x->token == H248_OTHER)
			same_text(x->name, y->name);
	}
}

static void test_vectors(void **state)
{
	static struct h248_message again;
	static char text[2][8192];

	(void)state;
	for (size_t i = 0; i < N_OF(h248_vectors); i++) {
		assert_true(parse(h248_vectors[i]));
		assert_int_equal(m.wrong_line, 0);
		for (int brief = 0; brief < 2; brief++) {
			struct h248_out o;
			char mid[64];

			snprintf(mid, sizeof(mid), "%.*s", H248_TEXT(m.mid));
			h248_begin(&o, text[brief], sizeof(text[0]), brief, m.version, mid);
			put_items(&o, &m, &m.item[0]);
			assert_false(o.w.failed);
			assert_true(h248_parse(&again, text[brief], wr_len(&o.w)));
			same_items(&m, &again);
		}
	}
}

/* ---- pieces ---- */

static void is(struct h248_text t, const char *s)
{
	assert_int_equal(t.len, strlen(s));
	assert_memory_equal(t.at, s, t.len);
}

static void test_message(void **state)
{
	const struct h248_item *i;

	(void)state;
	assert_true(
	    parse("\r\n; a comment ; with another\r\n!/3\t<mgc.example.net>:2944 ; here, too\n"
		  "T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold Boot\",AD=[2001:db8::1]:2944,"
		  "20261122T09300000}}}}k{1,7-9}Pending = 4 { }"));
	assert_int_equal(m.version, 3);
	is(m.mid, "<mgc.example.net>:2944");
	i = h248_child(&m, &m.item[0]);
	assert_int_equal(i->token, H248_TRANSACTION);
	is(i->value, "1");
	i = h248_child(&m, h248_child(&m, i));
	assert_int_equal(i->token, H248_SERVICE_CHANGE);
	is(i->value, "ROOT");
	i = h248_find(&m, i, H248_SERVICES);
	assert_non_null(i);
	assert_int_equal(h248_token(h248_find(&m, i, H248_METHOD)->value), H248_RESTART);
	is(h248_find(&m, i, H248_REASON)->value, "901 Cold Boot");
	is(h248_find(&m, i, H248_SC_ADDRESS)->value, "[2001:db8::1]:2944");
	is(h248_find(&m, i, H248_OTHER)->name, "20261122T09300000");
	assert_null(h248_find(&m, i, H248_DELAY));
	i = h248_next(&m, h248_child(&m, &m.item[0]));
	assert_int_equal(i->token, H248_RESPONSE_ACK);
	is(h248_next(&m, h248_child(&m, i))->name, "7-9");
	i = h248_next(&m, i);
	assert_int_equal(i->token, H248_PENDING);
	assert_true(i->body);
	assert_null(h248_child(&m, i));
	assert_null(h248_next(&m, i));

	assert_true(parse("AU=0x00000001:0x00000002:0x0123456789abcdef01234567 MEGACO/1 MTP{1234} "
			  "ER=402{\"no\"}"));
	assert_true(m.authenticated);
	is(m.mid, "MTP{1234}");
	assert_true(parse("MEGACO/1 gw1/site@example.net ER=402{\"no\"}"));
	is(m.mid, "gw1/site@example.net");
}

static const struct h248_item *only(const char *text)
{
	static char all[512];

	snprintf(all, sizeof(all), "!/3 [::1] T=1{%s}", text);
	assert_true(parse(all));
	return h248_child(&m, h248_child(&m, &m.item[0]));
}

static void list(const struct h248_item *i, enum h248_kind kind, const char *const *want, size_t n)
{
	struct h248_text left = i->value, v;

	assert_int_equal(i->kind, kind);
	for (size_t k = 0; k < n; k++) {
		assert_true(h248_list_next(&left, &v));
		is(v, want[k]);
	}
	assert_false(h248_list_next(&left, &v));
}

static void test_values(void **state)
{
	const struct h248_item *i;

	(void)state;
	i = only("gm/spr = [4000 : 5000]");
	list(i, H248_RANGE, (const char *const[]){ "4000", "5000" }, 2);
	i = only("x/y={ a , \"b } c\" ,d}");
	list(i, H248_ONE_OF, (const char *const[]){ "a", "b } c", "d" }, 3);
	i = only("A=[ip/a/1, ip/b/2]{AT{}}");
	list(i, H248_ALL_OF, (const char *const[]){ "ip/a/1", "ip/b/2" }, 2);
	assert_true(i->body);
	list(only("x/y=[]"), H248_ALL_OF, NULL, 0);
	assert_int_equal(only("x/y#3")->relation, '#');
	assert_int_equal(only("x/y>3")->relation, '>');
	i = only("20261122T09300012 : it/ito { mit = 0x1F }");
	is(i->stamp, "20261122T09300012");
	is(i->name, "it/ito");
	i = only("o-w-mf=ip/*");
	assert_int_equal(i->token, H248_MODIFY);
	assert_true(i->optional && i->wildcard);
	i = only("W-S=*");
	assert_int_equal(i->token, H248_SUBTRACT);
	assert_true(!i->optional && i->wildcard);
	assert_int_equal(only("W-O-S=*")->token, H248_OTHER);
	i = only("sg");
	assert_int_equal(i->token, H248_SIGNALS);
	assert_false(i->body);
	i = only("L{\r\nv=0\na=x:{y\\}\n}");
	assert_int_equal(i->kind, H248_OCTETS);
	is(i->value, "\r\nv=0\na=x:{y\\}\n");
	{
		char text[64];

		assert_int_equal(h248_unescape(i->value, text), i->value.len - 1);
		assert_memory_equal(text, "\r\nv=0\na=x:{y}\n", i->value.len - 1);
	}
	i = only("IP/A = ip/$");
	assert_true(h248_is(i->name, "ip/a"));
	assert_false(h248_is(i->name, "ip/"));
}

static bool number(const char *s, uint64_t max, uint64_t *n)
{
	return h248_number((struct h248_text){ s, (uint32_t)strlen(s) }, max, n);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "",	  "0x",	 "-1",	  "1a",
					   "0xg", "256", "0x100", "18446744073709551616" };
	uint64_t n;

	(void)state;
	assert_true(number("255", 255, &n) && n == 255);
	assert_true(number("0XfF", 255, &n) && n == 255);
	assert_true(number("000", 0, &n) && n == 0);
	assert_true(number("18446744073709551615", UINT64_MAX, &n) && n == UINT64_MAX);
	assert_false(number("18446744073709551616", UINT64_MAX, &n));
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_false(number(bad[i], 255, &n));
	assert_false(number("1", 0, &n));
}

/* ---- what is broken ---- */

/* How many items on the way to the fault are marked, and what is said. */
static void broken(const char *text, unsigned marked, uint32_t line, const char *why)
{
	const struct h248_item *i = &m.item[0];
	unsigned n = 0;

	assert_false(parse(text));
	assert_true(i->broken);
	while ((i = h248_child(&m, i))) {
		while (h248_next(&m, i)) {
			assert_false(i->broken);
			i = h248_next(&m, i);
		}
		if (!i->broken)
			break;
		n++;
	}
	assert_int_equal(n, marked);
	assert_int_equal(m.wrong_line, line);
	assert_string_equal(m.wrong, why);
}

static void test_broken(void **state)
{
	(void)state;
	broken("", 0, 1, "a name or a value is missing");
	broken("MEGACO [::1] T=1{}", 0, 1, "a message begins with MEGACO/version");
	broken("MEGACO/0 [::1] T=1{}", 0, 1, "a message begins with MEGACO/version");
	broken("MEGACO/x [::1] T=1{}", 0, 1, "a message begins with MEGACO/version");
	broken("HTTP/1 [::1] T=1{}", 0, 1, "a message begins with MEGACO/version");
	assert_int_equal(m.version, 0);
	broken("MEGACO/1 [::1 T=1{}", 0, 1, "a name of a gateway or controller has no end");
	broken("AU=1:2 MEGACO/1 [::1] T=1{}", 0, 1, "an Authentication header makes no sense");
	broken("MEGACO/1 [::1]\n", 1, 2, "a name or a value is missing");
	broken("MEGACO/1 [::1]\r\nT=1{C=2{MF=a,\r\nMF=b{M{O{MO=SR}}},\r\nMF=}}", 3, 4,
	       "a name or a value is missing");
	broken("MEGACO/1 [::1] T=1{C=2{MF=a MF=b}}", 2, 1, "a comma or a closing brace is missing");
	broken("MEGACO/1 [::1]\nT=1{C=2{MF=a}", 1, 2, "a comma or a closing brace is missing");
	broken("MEGACO/1 [::1]\nT=1{C=2{MF=a{L{\nv=0\n", 4, 4, "Local or Remote has no end");
	broken("!/1 [::1] T=1{C=-{N=a{x/y=\"b\nc\"}}}", 4, 1,
	       "a quoted text has a byte that may not be in one");
	broken("!/1 [::1] T=1{C=-{N=a{x/y=\"b}}}", 4, 1, "a quoted text has no end");
	broken("!/1 [::1] T=1{C=-{N=a{x/y=[a{]}}}", 4, 1,
	       "a list has a byte that may not be in one");
	broken("!/1 [::1] T=1{C=-{N=a{x/y=[a,b}}}", 4, 1,
	       "a list has a byte that may not be in one");
	broken("!/1 [::1] T=1{C=-{N=a{x/y={a:b}}}}", 4, 1, "a range is in brackets");
	broken("!/1 [::1] T=1{}, T=2{}", 1, 1, "a name or a value is missing");
	assert_false(h248_parse(&m, "!/1 [::1] T=1{}\0", 16));
	assert_string_equal(m.wrong, "a byte that may not be there");
}

static void test_bounds(void **state)
{
	static char text[H248_ITEMS_MAX * 4 + 4096];
	size_t n;

	(void)state;
	for (unsigned extra = 0; extra < 2; extra++) {
		n = (size_t)sprintf(text, "!/1 [::1] ");
		for (unsigned i = 0; i < H248_DEPTH_MAX + extra; i++)
			n += (size_t)sprintf(text + n, "a{");
		for (unsigned i = 0; i < H248_DEPTH_MAX + extra; i++)
			text[n++] = '}';
		text[n] = '\0';
		assert_int_equal(parse(text), extra == 0);

		n = (size_t)sprintf(text, "!/1 [::1] a{b");
		for (unsigned i = 3; i < H248_ITEMS_MAX + extra; i++)
			n += (size_t)sprintf(text + n, ",c");
		sprintf(text + n, "}");
		assert_int_equal(parse(text), extra == 0);
		assert_int_equal(m.n, H248_ITEMS_MAX);

		n = (size_t)sprintf(text, "!/1 [::1] a{");
		memset(text + n, 'b', H248_NAME_MAX + extra);
		strcpy(text + n + H248_NAME_MAX + extra, "}");
		assert_int_equal(parse(text), extra == 0);
	}
}

/* ---- writing ---- */

static void test_write(void **state)
{
	static const char longer[] =
	    "MEGACO/3 [::1]:2944\n"
	    "Reply = 7 { ImmAckRequired, Context = 1 { Modify = ip/a/1 { Local {\n"
	    "v=0\na={\\}\n} }, Error = 430 { \"no   such\" } }, x/y = \"z\" }\n"
	    "Pending = 8 { }";
	static const char brief[] = "!/3 [::1]:2944\nP=7{IA,C=1{MF=ip/a/1{L{\nv=0\na={\\}\n}},"
				    "ER=430{\"no   such\"}},x/y=\"z\"}\nPN=8{}";
	char text[512], piece[64];

	(void)state;
	for (unsigned b = 0; b < 2; b++) {
		const char *want = b ? brief : longer;

		for (size_t room = 1; room <= strlen(want) + 1; room++) {
			struct h248_out o, part;

			h248_begin(&o, text, room, b, 3, "[::1]:2944");
			h248_put(&o, H248_REPLY, "%u", 7);
			h248_open(&o);
			h248_put(&o, H248_IMM_ACK_REQUIRED, NULL);
			h248_put(&o, H248_CONTEXT, "1");
			h248_open(&o);
			h248_put(&o, H248_MODIFY, "%s", "ip/a/1");
			h248_open(&o);
			h248_begin_part(&part, piece, sizeof(piece), b, 3);
			h248_put_octets(&part, H248_LOCAL, "v=0\na={}\n", 9);
			h248_put_part(&o, &part);
			h248_close(&o);
			h248_put_error(&o, 430, "no \"\xc3such");
			h248_close(&o);
			h248_put_name(&o, "x/y", "\"%s\"", "z");
			h248_close(&o);
			h248_put(&o, H248_PENDING, "8");
			h248_open(&o);
			h248_close(&o);
			assert_int_equal(o.w.failed, room < strlen(want));
			if (o.w.failed)
				continue;
			assert_int_equal(wr_len(&o.w), strlen(want));
			assert_memory_equal(text, want, strlen(want));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_message),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_broken),	cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
