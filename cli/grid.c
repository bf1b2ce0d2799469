/* SPDX-License-Identifier: BSD-3-Clause */
#include "grid.h"

#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_MIN = 8 }; /* what the last column gets when the others left nothing */

static size_t line = GRID_WIDTH; /* grid_fit() */

struct grid {
	const struct grid_col *cols;
	size_t n_cols;
	size_t n_rows, room;
	struct grid_cell {
		char *text;
		enum tone tone;
	} * cell; /* [n_rows][n_cols] */
};

struct grid *grid_new(const struct grid_col *cols, size_t n)
{
	struct grid *g = calloc(1, sizeof(*g));

	if (!g)
		err(1, NULL);
	g->cols = cols;
	g->n_cols = n < GRID_COLS_MAX ? n : GRID_COLS_MAX;
	return g;
}

/* C0, DEL, and C1 as UTF-8 (c2 80 to c2 9f). */
char *grid_plain(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
	return s;
}

static char *copy_plain(const char *s)
{
	char *copy = strdup(s ? s : "");

	if (!copy)
		err(1, NULL);
	return grid_plain(copy);
}

void grid_cells(struct grid *g, const char *const *cell)
{
	if (g->n_rows == g->room) {
		g->room = g->room ? 2 * g->room : 16;
		g->cell = reallocarray(g->cell, g->room * g->n_cols, sizeof(*g->cell));
		if (!g->cell)
			err(1, NULL);
	}
	for (size_t i = 0; i < g->n_cols; i++)
		g->cell[g->n_rows * g->n_cols + i] =
		    (struct grid_cell){ copy_plain(cell[i]), TONE_PLAIN };
	g->n_rows++;
}

void grid_tone(struct grid *g, size_t col, enum tone tone)
{
	if (g->n_rows && col < g->n_cols)
		g->cell[(g->n_rows - 1) * g->n_cols + col].tone = tone;
}

void grid_row(struct grid *g, ...)
{
	const char *cell[GRID_COLS_MAX];
	va_list ap;

	va_start(ap, g);
	for (size_t i = 0; i < g->n_cols; i++)
		cell[i] = va_arg(ap, const char *);
	va_end(ap);
	grid_cells(g, cell);
}

void grid_fit(size_t columns)
{
	line = GRID_WIDTH;
	if (columns && columns < line)
		line = columns < GRID_WIDTH_MIN ? GRID_WIDTH_MIN : columns;
}

/* Characters of UTF-8 text; every character is taken for one column. */
static size_t width_of(const char *s, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Bytes of s that make up its first line of at most max characters. */
static size_t line_break(const char *s, size_t max)
{
	size_t chars = 0, space = 0, i;

	for (i = 0; s[i]; i++) {
		if (((unsigned char)s[i] & 0xc0) == 0x80)
			continue;
		if (chars++ == max)
			return s[i] == ' ' || space == 0 ? i : space;
		if (s[i] == ' ')
			space = i;
	}
	return i;
}

/* Characters of the widest line of s once it is folded to max. */
static size_t folded_width(const char *s, size_t max)
{
	size_t widest = 0;

	while (*s) {
		size_t bytes = line_break(s, max), w = width_of(s, bytes);

		widest = w > widest ? w : widest;
		for (s += bytes; *s == ' '; s++)
			;
	}
	return widest;
}

static void widths(const struct grid *g, size_t indent, size_t *width)
{
	size_t used = indent;

	for (size_t c = 0; c < g->n_cols; c++) {
		size_t max = g->cols[c].max ? g->cols[c].max : SIZE_MAX;

		if (c == g->n_cols - 1 && !g->cols[c].max)
			max = used + LAST_MIN < line ? line - used : LAST_MIN;
		width[c] = folded_width(g->cols[c].title, max);
		for (size_t r = 0; r < g->n_rows; r++) {
			size_t w = folded_width(g->cell[r * g->n_cols + c].text, max);

			width[c] = w > width[c] ? w : width[c];
		}
		used += width[c] + GRID_GAP;
	}
}

static void pad(size_t n, FILE *out)
{
	while (n--)
		fputc(' ', out);
}

/*
 * Prints one line of the row (NULL: of the titles) and moves each cell on to its rest. True if more
 * is left.
 */
static bool line_print(const struct grid *g, size_t indent, const size_t *width, const char **rest,
		       const struct grid_cell *row, FILE *out)
{
	bool more = false;
	size_t owed = indent; /* spaces held back, so that no line ends in them */

	for (size_t c = 0; c < g->n_cols; c++) {
		size_t bytes = line_break(rest[c], width[c]);
		size_t fill = width[c] - width_of(rest[c], bytes);
		enum tone tone = row ? row[c].tone : TONE_PLAIN;

		if (bytes) {
			pad(owed + (g->cols[c].right ? fill : 0), out);
			fputs(tone_begin(tone), out);
			fwrite(rest[c], 1, bytes, out);
			fputs(tone_end(tone), out);
			owed = g->cols[c].right ? 0 : fill;
		} else {
			owed += fill;
		}
		owed += GRID_GAP;
		rest[c] += bytes;
		while (*rest[c] == ' ')
			rest[c]++;
		more |= *rest[c] != '\0';
	}
	fputc('\n', out);
	return more;
}

void grid_print(struct grid *g, size_t indent, FILE *out)
{
	const char *rest[GRID_COLS_MAX];
	size_t width[GRID_COLS_MAX];
	bool titled = false;

	widths(g, indent, width);
	for (size_t c = 0; c < g->n_cols; c++) {
		rest[c] = g->cols[c].title;
		titled |= *rest[c] != '\0';
	}
	while (titled && line_print(g, indent, width, rest, NULL, out))
		;
	for (size_t r = 0; r < g->n_rows; r++) {
		const struct grid_cell *row = &g->cell[r * g->n_cols];

		for (size_t c = 0; c < g->n_cols; c++)
			rest[c] = row[c].text;
		while (line_print(g, indent, width, rest, row, out))
			;
	}
	grid_free(g);
}

void grid_print_below(struct grid *g, FILE *out)
{
	if (g->n_rows == 0) {
		grid_free(g);
		return;
	}
	fputc('\n', out);
	grid_print(g, 0, out);
}

void grid_free(struct grid *g)
{
	for (size_t i = 0; i < g->n_rows * g->n_cols; i++)
		free(g->cell[i].text);
	free(g->cell);
	free(g);
}
