// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts things in the order of 64-bit keys: a radix sort, for map.c.
 *
 * It sorts by one digit after the other, the lowest first, and only by bits in
 * which keys differ. So its time grows with the number of things alone, by one
 * turn for each digit, whatever order a caller has thought up. Example, keys of
 * 0x7000 to 0x7fff in steps of 0x10: only 8 bits differ, so one turn.
 *
 *	sort = virt_as_sort_alloc(nr);
 *	virt_as_sort_add(sort, key, index, named);	up to nr times
 *	virt_as_sort(sort);
 *	sort->places[0 .. sort->nr - 1]	ascend
 *	kvfree(sort);
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "sort.h"

/**
 * virt_as_sort_alloc - room for things that are to be sorted
 * @nr: number of things
 *
 * Context: May sleep to allocate.
 * Return: What is to be given to kvfree(), or NULL.
 */
struct virt_as_sort *virt_as_sort_alloc(u32 nr)
{
	struct virt_as_sort *sort;

	sort = kvmalloc(struct_size(sort, room, 2 * (size_t)nr),
			GFP_KERNEL_ACCOUNT);
	if (!sort)
		return NULL;
	sort->nr = 0;
	sort->places = sort->room;
	sort->spare = sort->room + nr;
	return sort;
}

/* Things that have the same digit stay in the order that they are in. */
static void by_digit(struct virt_as_sort *sort, unsigned int shift, u32 mask)
{
	const struct virt_as_place *from = sort->places;
	const struct virt_as_place *end = from + sort->nr;
	const struct virt_as_place *place;
	struct virt_as_place *to = sort->spare;
	u32 *starts = sort->starts;
	u32 start = 0;
	u32 digit;

	memset(starts, 0, (mask + 1) * sizeof(*starts));
	for (place = from; place < end; place++)
		starts[place->key >> shift & mask]++;
	for (digit = 0; digit <= mask; digit++) {
		u32 nr = starts[digit];

		starts[digit] = start;
		start += nr;
	}
	for (place = from; place < end; place++)
		to[starts[place->key >> shift & mask]++] = *place;
	swap(sort->places, sort->spare);
}

/**
 * virt_as_sort - make the keys of virt_as_sort::places ascend
 * @sort: things that were added
 */
void virt_as_sort(struct virt_as_sort *sort)
{
	/* Twice as many digits as things: often one turn does. */
	u32 digits = 2 * roundup_pow_of_two(max(sort->nr, 1U));
	u32 mask = min_t(u32, digits, 1 << VIRT_AS_DIGIT_BITS) - 1;
	bool sorted = true;
	u64 differ = 0;
	u32 i;

	for (i = 1; i < sort->nr; i++) {
		differ |= sort->places[i].key ^ sort->places[0].key;
		if (sort->places[i].key < sort->places[i - 1].key)
			sorted = false;
	}
	while (differ && !sorted) {
		unsigned int shift = __ffs(differ);

		by_digit(sort, shift, mask);
		differ &= ~((u64)mask << shift);
	}
}
