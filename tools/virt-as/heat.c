// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cells of a heat map. A cell is 2^shift bytes of the gpa space, aligned to its
 * size; there is one wherever there is ordinary memory. A row is a given number of
 * cells, aligned to its size as well; there is one wherever there is a cell. The
 * size is the smallest that leaves no more rows than there is room for.
 */
#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "heat.h"

/* The part of a region that is ordinary memory and in the range. */
static bool clip(const struct virt_as_entry *region, const struct args *args, __u64 *first,
		 __u64 *last)
{
	if (region->type != VIRT_AS_TYPE_RAM)
		return false;
	*first = region->gpa;
	*last = region->gpa + region->len - 1;
	if (*first > args->last || *last < args->first)
		return false;
	if (*first < args->first)
		*first = args->first;
	if (*last > args->last)
		*last = args->last;
	return true;
}

/* How many rows and cells there would be of this size. */
static void count(const struct heat *heat, const struct map *map, const struct args *args,
		  __u64 *rows, __u64 *cells)
{
	__u64 next = 0;

	*rows = 0;
	*cells = 0;
	for (__u32 i = 0; i < map->nr; i++) {
		__u64 first, last;

		if (!clip(&map->entries[i], args, &first, &last))
			continue;
		first >>= heat->shift;
		last >>= heat->shift;
		if (*cells && first < next)
			first = next;
		if (first > last)
			continue;
		*rows += row_of(heat, last) - row_of(heat, first) + 1;
		if (*cells && row_of(heat, first) == row_of(heat, next - 1))
			(*rows)--;
		*cells += last - first + 1;
		next = last + 1;
	}
}

static void fill(struct heat *heat, const struct map *map, const struct args *args)
{
	for (__u32 i = 0; i < map->nr; i++) {
		__u64 first, last;

		if (!clip(&map->entries[i], args, &first, &last))
			continue;
		heat->len += last - first + 1;
		for (__u64 index = first >> heat->shift; index <= last >> heat->shift; index++) {
			__u64 begin = index << heat->shift;
			__u64 end = begin + (1ULL << heat->shift) - 1;

			if (!heat->nr || heat->cells[heat->nr - 1].index != index)
				heat->cells[heat->nr++].index = index;
			heat->cells[heat->nr - 1].len += (last < end ? last : end) -
							 (first > begin ? first : begin) + 1;
		}
	}
}

/* What was there is given up. @max_rows is not 0, @width at least 2, a power of two. */
void heat_build(struct heat *heat, const struct map *map, const struct args *args,
		unsigned int width, unsigned int max_rows)
{
	__u64 rows, cells;

	free(heat->cells);
	*heat = (struct heat) {
		.width = width, .shift = __builtin_ctzl(sysconf(_SC_PAGESIZE)),
	};
	/* With the halves of the space as cells there is one row. */
	for (;;) {
		count(heat, map, args, &rows, &cells);
		if (rows <= max_rows)
			break;
		heat->shift++;
	}
	heat->cells = calloc(cells + 1, sizeof(*heat->cells));
	if (!heat->cells)
		errx(STATUS_FAILED, "there is no memory for the picture");
	fill(heat, map, args);
}

void heat_clear(struct heat *heat)
{
	heat->elsewhere = 0;
	for (size_t i = 0; i < heat->nr; i++)
		heat->cells[i].dirty = 0;
}

/* The first cell whose index is not below @index. */
static size_t find(const struct heat *heat, __u64 index)
{
	size_t low = 0, high = heat->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heat->cells[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void heat_add(struct heat *heat, __u64 gpa, __u64 len)
{
	__u64 last = gpa + len - 1, rest = len;

	for (size_t i = find(heat, gpa >> heat->shift); i < heat->nr; i++) {
		struct cell *cell = &heat->cells[i];
		__u64 begin = cell_gpa(heat, cell);
		__u64 end = begin + (1ULL << heat->shift) - 1;
		__u64 part;

		if (begin > last)
			break;
		part = (last < end ? last : end) - (gpa > begin ? gpa : begin) + 1;
		cell->dirty += part;
		rest -= part;
	}
	heat->elsewhere += rest;
}

/* The highest for half of the cell or more, each one below for half as much. */
unsigned int heat_level(const struct cell *cell)
{
	unsigned int level = HEAT_LEVELS - 1;
	__u64 half = cell->len / 2;

	if (!cell->dirty)
		return 0;
	while (level > 1 && cell->dirty < half) {
		half /= 2;
		level--;
	}
	return level;
}
