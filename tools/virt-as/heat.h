/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's ordinary memory as cells of equal size, and how much of each is dirty.
 */
#ifndef VIRT_AS_TOOL_HEAT_H
#define VIRT_AS_TOOL_HEAT_H

#include "virt-as.h"

/**
 * struct cell - a part of the gpa space that has ordinary memory
 * @index: gpa over the size of a cell
 * @len: bytes of ordinary memory in it
 * @dirty: bytes that were found dirty
 */
struct cell {
	__u64 index;
	__u64 len;
	__u64 dirty;
};

/**
 * struct heat - the cells in order of gpa
 * @shift: a cell has 2^shift bytes
 * @width: cells in a row, a power of two
 * @len: bytes of ordinary memory in all
 * @elsewhere: bytes that were found dirty in no cell: they have left the map
 */
struct heat {
	unsigned int shift;
	unsigned int width;
	size_t nr;
	struct cell *cells;
	__u64 len;
	__u64 elsewhere;
};

#define HEAT_LEVELS	9	/* from 0, clean */

void heat_build(struct heat *heat, const struct map *map, const struct args *args,
		unsigned int width, unsigned int max_rows);
void heat_clear(struct heat *heat);
void heat_add(struct heat *heat, __u64 gpa, __u64 len);
unsigned int heat_level(const struct cell *cell);

static inline __u64 row_of(const struct heat *heat, __u64 index)
{
	return index / heat->width;
}

static inline __u64 cell_gpa(const struct heat *heat, const struct cell *cell)
{
	return cell->index << heat->shift;
}

#endif /* VIRT_AS_TOOL_HEAT_H */
