/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_GRID_H
#define FL_CLI_GRID_H

/*
 * A table for a terminal. Columns are as wide as their widest cell, up to a limit; a longer cell
 * goes on in the next line, broken at a space where there is one, so nothing is lost. Control
 * characters become '?', for names come from outside.
 */
#include "tone.h"

#include <stddef.h>
#include <stdio.h>

enum {
	GRID_COLS_MAX = 12,
	GRID_WIDTH = 100,    /* characters of a line, where a terminal is not narrower, */
	GRID_WIDTH_MIN = 60, /* and of a last column's where it is narrower than this */
	GRID_GAP = 2,	     /* spaces between columns */
};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

struct grid_col {
	const char *title;
	int right;  /* numbers stand on the right */
	size_t max; /* characters; 0: no limit, for the last column what is left of the line */
};

struct grid;

/* The terminal has so many columns: last columns are folded to fit. 0: not known. */
void grid_fit(size_t columns);

/* cols is kept by reference. Allocation failure ends the program. */
struct grid *grid_new(const struct grid_col *cols, size_t n);

/* Adds a row of as many strings as there are columns; NULL is an empty cell. Copies. */
void grid_row(struct grid *g, ...);
void grid_cells(struct grid *g, const char *const *cell);

/* Colours a cell of the row that was added last. */
void grid_tone(struct grid *g, size_t col, enum tone tone);

/* What a terminal would obey becomes '?', in place; returns s. */
char *grid_plain(char *s);

/* Prints the titles (if any) and the rows, each line after indent spaces, and frees the grid. */
void grid_print(struct grid *g, size_t indent, FILE *out);
/* The same below what was printed before, with an empty line between; nothing if it has no row. */
void grid_print_below(struct grid *g, FILE *out);
void grid_free(struct grid *g);

#endif
