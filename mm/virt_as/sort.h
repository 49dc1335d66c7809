/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Things and their places. See sort.c.
 */
#ifndef _MM_VIRT_AS_SORT_H
#define _MM_VIRT_AS_SORT_H

#include <linux/types.h>

/* Bits of a digit, at most: fewer are quicker for few things. */
#define VIRT_AS_DIGIT_BITS	11

/**
 * struct virt_as_place - where something belongs
 * @key: what it is sorted by: a gpa or an hva
 * @index: what it is: an entry or a region
 * @named: of an entry that changes a region of the base map: that region
 */
struct virt_as_place {
	u64 key;
	u32 index;
	u32 named;
};

/**
 * struct virt_as_sort - things and their places
 * @nr: number of things
 * @places: the things
 * @spare: room for as many, which the next turn of the sort fills
 * @starts: for each digit, where in @spare the next thing goes that has it
 * @room: what @places and @spare point into
 */
struct virt_as_sort {
	u32 nr;
	struct virt_as_place *places;
	struct virt_as_place *spare;
	u32 starts[1 << VIRT_AS_DIGIT_BITS];
	struct virt_as_place room[];
};

struct virt_as_sort *virt_as_sort_alloc(u32 nr);
void virt_as_sort(struct virt_as_sort *sort);

/* Adds a thing, of which there is room for as many as were asked for. */
static inline void virt_as_sort_add(struct virt_as_sort *sort, u64 key,
				    u32 index, u32 named)
{
	struct virt_as_place *place = &sort->places[sort->nr++];

	place->key = key;
	place->index = index;
	place->named = named;
}

#endif /* _MM_VIRT_AS_SORT_H */
