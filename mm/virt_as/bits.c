// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bits: one for each page of a range of guest memory, and two summaries above, so
 * that what is clean costs nearly nothing to pass over: a TiB is 1,024 words of the
 * upper one.
 *
 *	groups	a bit for each word of words	4,096 pages
 *	words	a bit for each word of pages	   64 pages
 *	pages	a bit for each page
 *
 * The range begins at a multiple of 64 pages of the gpa space, so that the words of
 * any two sets of bits fall on each other and one is ORed into the other word by
 * word. Example, a region of pages 100 to 299: first is 64, four words, bit 36 of
 * the first one is page 100; the bits below it are never set.
 *
 * They are used in two ways. Live bits (live.c) are set by any number of writers
 * without a lock, and taken by one at a time. The bits of a log (spans.c) are only
 * touched under the log lock, by plain stores.
 *
 * Memory ordering of live bits, in which nothing may be lost. A marker works upwards,
 * who takes works downwards:
 *
 *	virt_as_mark_first()		virt_as_bits_take()
 *	  set page bit			  clear word bit
 *	  full barrier		(A)	  full barrier
 *	  word bit clear? set it	  take page bits
 *	  full barrier		(B)	  (words all clear) clear group bit
 *	  group bit clear? set it	  full barrier
 *					  words not clear? set group bit again
 *
 * (A) Either the marker sees the word bit clear, and sets it, or the taker sees the
 * page bit. (B) Likewise for words and groups. So when all markers have returned,
 * whatever is set below is summarized above. In between a page bit may be set and
 * not be found: its marker has not returned, and its write is in flight. But another
 * marker of the same group, who finds a bit set that is not summarized yet, may have
 * returned: also his write is found only when the first one has returned. Who must
 * not miss it waits for those who are in flight (HARVEST_SYNC).
 */
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/virt_as.h>
#include <linux/vmalloc.h>

#include "bits.h"

/* Not kvzalloc(): it rounds up to a power of two, which bits are just above. */
static void *zalloc(size_t size)
{
	if (size <= PAGE_SIZE)
		return kzalloc(size, GFP_KERNEL_ACCOUNT);
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/**
 * virt_as_bits_alloc - make bits, all clear
 * @first: first page of the range
 * @nr: number of pages, not 0
 *
 * Context: May sleep to allocate; ends early if the caller is being killed.
 * Return: Bits with one reference, or NULL.
 */
struct virt_as_bits *virt_as_bits_alloc(u64 first, u64 nr)
{
	u64 begin = round_down(first, VIRT_AS_WORD_PAGES);
	size_t nr_pages = virt_as_word_of(first + nr - 1 - begin) + 1;
	size_t nr_words = BITS_TO_LONGS(nr_pages);
	size_t nr_groups = BITS_TO_LONGS(nr_words);
	struct virt_as_bits *bits;

	bits = zalloc(struct_size(bits, pages, nr_pages + nr_words + nr_groups));
	if (!bits)
		return NULL;
	bits->first = begin;
	bits->nr_words = nr_pages;
	bits->words = bits->pages + nr_pages;
	bits->groups = bits->words + nr_words;
	refcount_set(&bits->refs, 1);
	return bits;
}

/**
 * virt_as_bits_get - take another reference
 * @bits: bits that the caller has a reference on
 */
void virt_as_bits_get(struct virt_as_bits *bits)
{
	refcount_inc(&bits->refs);
}
EXPORT_SYMBOL_GPL(virt_as_bits_get);

/**
 * virt_as_bits_put - drop a reference
 * @bits: the bits, or NULL
 *
 * Context: Any but hard interrupts.
 */
void virt_as_bits_put(struct virt_as_bits *bits)
{
	if (bits && refcount_dec_and_test(&bits->refs))
		kvfree(bits);
}
EXPORT_SYMBOL_GPL(virt_as_bits_put);

/**
 * virt_as_bits_next - the next word that may have a bit set
 * @bits: the bits
 * @word: where to begin, counted from the first word of @bits
 * @end: where to end, at most the number of words
 *
 * Context: Any; for the bits of a log under the log lock.
 * Return: Number of the word, from @word on; @end if there is none.
 */
u64 virt_as_bits_next(const struct virt_as_bits *bits, u64 word, u64 end)
{
	struct virt_as_bits_walk walk;
	u64 found;

	virt_as_bits_walk_begin(&walk, bits, word, end);
	return virt_as_bits_walk_next(&walk, bits, &found) ? found : end;
}

/**
 * virt_as_mark_first - set the live bit of a page, and the summaries
 * @live: the live bits
 * @bit: number of the page, counted from @live->first
 *
 * Context: As virt_as_mark(), which has the barrier after the data.
 */
void virt_as_mark_first(struct virt_as_bits *live, u64 bit)
{
	/* Fully ordered: (A) above. */
	if (test_and_set_bit(bit, live->pages))
		return;
	bit /= BITS_PER_LONG;
	if (test_bit(bit, live->words))
		return;
	/* Fully ordered: (B) above. */
	test_and_set_bit(bit, live->words);
	bit /= BITS_PER_LONG;
	if (!test_bit(bit, live->groups))
		set_bit(bit, live->groups);
}
EXPORT_SYMBOL_GPL(virt_as_mark_first);

/* The rest of virt_as_mark_range(), which otherwise would have to save registers. */
static noinline void mark_bits(struct virt_as_bits *live, u64 bit, u64 end)
{
	for (; bit < end; bit++) {
		if (!test_bit(bit, live->pages))
			virt_as_mark_first(live, bit);
	}
}

/**
 * virt_as_mark_range - guest memory was written
 * @live: the live bits of the region, not NULL
 * @gpa: first guest physical address, in the region of @live
 * @len: bytes, all in that region
 *
 * Context: As virt_as_mark().
 */
void virt_as_mark_range(struct virt_as_bits *live, u64 gpa, u64 len)
{
	u64 bit = (gpa >> PAGE_SHIFT) - live->first;
	u64 last = ((gpa + (len - 1)) >> PAGE_SHIFT) - live->first;

	/* Data before the bits are looked at. Pairs with virt_as_bits_take(). */
	smp_mb();
	/* Of no bytes, the last page is not above the first. */
	if (unlikely(bit != last || !test_bit(bit, live->pages)))
		mark_bits(live, bit, len ? last + 1 : bit);
}
EXPORT_SYMBOL_GPL(virt_as_mark_range);

/**
 * virt_as_mark_region - what virt_as_written() does if somebody logs
 * @region: a region of the map that the caller holds
 * @gpa: first guest physical address
 * @len: bytes, all in @region
 *
 * Context: In a section.
 */
void virt_as_mark_region(const struct virt_as_region *region, u64 gpa, u64 len)
{
	/* It may have ended just now. */
	struct virt_as_bits *live = READ_ONCE(region->live);

	if (live)
		virt_as_mark_range(live, gpa, len);
}
EXPORT_SYMBOL_GPL(virt_as_mark_region);

/**
 * virt_as_bits_take_some - take the live bits of some words
 * @live: the live bits
 * @next: where to begin, a number of a word; set to where to go on
 * @end: where to end, at most the number of words
 * @taken: set to what was taken, but for the region
 * @room: number of @taken
 *
 * Context: As virt_as_bits_take().
 * Return: How many words that are not 0. If it is less than @room, @next is @end.
 */
unsigned int virt_as_bits_take_some(struct virt_as_bits *live, u64 *next, u64 end,
				    struct virt_as_word *taken, unsigned int room)
{
	const struct virt_as_word *first = taken;
	const struct virt_as_word *full = taken + room;
	struct virt_as_bits_walk walk;
	u64 word;

	virt_as_bits_walk_begin(&walk, live, *next, end);
	while (virt_as_bits_walk_next(&walk, live, &word)) {
		u64 mask;

		if (taken == full) {
			*next = word;
			return room;
		}
		mask = virt_as_bits_take(live, word);
		if (!mask)
			continue;
		taken->gpa = (live->first + word * VIRT_AS_WORD_PAGES) << PAGE_SHIFT;
		taken->mask = mask;
		taken++;
	}
	*next = end;
	return taken - first;
}
