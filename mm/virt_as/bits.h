/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bit for each page of a range, with two summaries. See bits.c.
 *
 * Nothing in here knows of logs, maps or locks, so that the same source can be
 * tested and raced in user space.
 */
#ifndef _MM_VIRT_AS_BITS_H
#define _MM_VIRT_AS_BITS_H

#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/virt_as_mark.h>

/* Pages of a word, and of a group: a word of words. */
#define VIRT_AS_WORD_PAGES	64U
#define VIRT_AS_WORD_SHIFT	6
#define VIRT_AS_GROUP_PAGES	4096U

struct virt_as_word;

struct virt_as_bits *virt_as_bits_alloc(u64 first, u64 nr);

u64 virt_as_bits_next(const struct virt_as_bits *bits, u64 word, u64 end);
unsigned int virt_as_bits_take_some(struct virt_as_bits *live, u64 *next, u64 end,
				    struct virt_as_word *taken, unsigned int room);

/* The first word of @words that is not 0, from @i on; or @end. */
static __always_inline u64
virt_as_first_nonzero(const unsigned long *words, u64 i, u64 end)
{
	/* Four a turn: this is all that clean memory costs. */
	for (; i + 4 <= end; i += 4) {
		if (READ_ONCE(words[i]) | READ_ONCE(words[i + 1]) |
		    READ_ONCE(words[i + 2]) | READ_ONCE(words[i + 3]))
			break;
	}
	while (i < end && !READ_ONCE(words[i]))
		i++;
	return i;
}

/**
 * struct virt_as_bits_walk - over the words that may have a bit set
 * @groups: bits of groups that come, in one word of groups
 * @words: bits of words that come, in one group
 * @group: number of the first group of that word of groups
 * @word: number of the first word of that group
 * @end: where to end, a number of a word
 *
 * What is set meanwhile may be missed.
 */
struct virt_as_bits_walk {
	unsigned long groups;
	unsigned long words;
	u64 group;
	u64 word;
	u64 end;
};

static __always_inline void
virt_as_bits_walk_begin(struct virt_as_bits_walk *walk, const struct virt_as_bits *bits,
			u64 word, u64 end)
{
	u64 group = word / BITS_PER_LONG;
	unsigned long groups;

	*walk = (struct virt_as_bits_walk) {
		.group = round_down(group, BITS_PER_LONG),
		.word = round_down(word, BITS_PER_LONG),
		.end = end,
	};
	if (word >= end)
		return;
	groups = READ_ONCE(bits->groups[group / BITS_PER_LONG]) >> (group % BITS_PER_LONG);
	if (groups & 1)
		walk->words = READ_ONCE(bits->words[group]) & (~0UL << (word % BITS_PER_LONG));
	walk->groups = (groups & ~1UL) << (group % BITS_PER_LONG);
}

/* The next word of groups that is not 0. */
static __always_inline bool
virt_as_bits_walk_on(struct virt_as_bits_walk *walk, const struct virt_as_bits *bits)
{
	u64 nr = BITS_TO_LONGS(BITS_TO_LONGS(walk->end));
	u64 i = walk->group / BITS_PER_LONG + 1;

	if (i >= nr)
		return false;
	walk->groups = READ_ONCE(bits->groups[i]);
	if (!walk->groups) {
		i = virt_as_first_nonzero(bits->groups, i + 1, nr);
		if (i >= nr)
			return false;
		walk->groups = READ_ONCE(bits->groups[i]);
	}
	walk->group = i * BITS_PER_LONG;
	return true;
}

/* False if there is no more. */
static __always_inline bool
virt_as_bits_walk_next(struct virt_as_bits_walk *walk, const struct virt_as_bits *bits,
		       u64 *word)
{
	while (!walk->words) {
		u64 group;

		while (!walk->groups) {
			if (!virt_as_bits_walk_on(walk, bits))
				return false;
		}
		group = walk->group + __ffs(walk->groups);
		walk->groups &= walk->groups - 1;
		walk->words = READ_ONCE(bits->words[group]);
		walk->word = group * BITS_PER_LONG;
	}
	*word = walk->word + __ffs(walk->words);
	walk->words &= walk->words - 1;
	return *word < walk->end;
}

/**
 * virt_as_bits_take - take the live bits of a word
 * @live: the live bits
 * @word: number of the word, counted from the first
 *
 * What was written before the mark of a bit that is returned is visible to the
 * caller, and what is not is marked again.
 *
 * Context: Log lock held: one at a time. Writers may mark meanwhile.
 * Return: The bits that were set.
 */
static __always_inline u64 virt_as_bits_take(struct virt_as_bits *live, u64 word)
{
	unsigned long *words = live->words;
	u64 group = word / BITS_PER_LONG;
	u64 mask;

	clear_bit(word, words);
	/* (A) in bits.c: the word bit before the page bits. */
	smp_mb__after_atomic();
	/* Fully ordered. Pairs with smp_mb() in virt_as_mark(): data before bits. */
	mask = xchg(&live->pages[word], 0);

	if (!READ_ONCE(words[group])) {
		unsigned long *groups = live->groups;

		clear_bit(group, groups);
		/* (B) in bits.c: the group bit before another look at the words. */
		smp_mb__after_atomic();
		if (READ_ONCE(words[group]))
			set_bit(group, groups);
	}
	return mask;
}

/**
 * virt_as_bits_add - set bits of a log
 * @bits: the bits of a log
 * @word: number of the word, counted from the first
 * @mask: which to set
 *
 * Context: Log lock held, or nobody else has @bits yet.
 * Return: How many were not set before.
 */
static __always_inline unsigned int
virt_as_bits_add(struct virt_as_bits *bits, u64 word, u64 mask)
{
	u64 fresh = mask & ~bits->pages[word];

	if (!fresh)
		return 0;
	bits->pages[word] |= fresh;
	__set_bit(word, bits->words);
	__set_bit(word / BITS_PER_LONG, bits->groups);
	return hweight64(fresh);
}

/**
 * virt_as_bits_remove - clear bits of a log
 * @bits: the bits of a log
 * @word: number of the word, counted from the first
 * @mask: which to clear
 *
 * Context: Log lock held.
 * Return: How many were set.
 */
static __always_inline unsigned int
virt_as_bits_remove(struct virt_as_bits *bits, u64 word, u64 mask)
{
	u64 group = word / BITS_PER_LONG;
	u64 gone = mask & bits->pages[word];

	bits->pages[word] &= ~gone;
	if (!bits->pages[word]) {
		__clear_bit(word, bits->words);
		if (!bits->words[group])
			__clear_bit(group, bits->groups);
	}
	return hweight64(gone);
}

/* The number of the word, in the whole gpa space, that has a page. */
static inline u64 virt_as_word_of(u64 page)
{
	return page >> VIRT_AS_WORD_SHIFT;
}

/* Where @bits begin and end, in words of the whole gpa space. */
static inline u64 virt_as_bits_first_word(const struct virt_as_bits *bits)
{
	return virt_as_word_of(bits->first);
}

static inline u64 virt_as_bits_end_word(const struct virt_as_bits *bits)
{
	return virt_as_word_of(bits->first) + bits->nr_words;
}

/**
 * virt_as_word_mask - the pages of a word that are in a range
 * @word: number of a word in the whole gpa space
 * @first: first page of the range
 * @last: last page of the range, inclusive
 *
 * Return: A bit for each; 0 if the word is not in the range. Example, pages 70 to
 * 130: word 1 all but its first six, word 2 its first three.
 */
static inline u64 virt_as_word_mask(u64 word, u64 first, u64 last)
{
	u64 begin = word << VIRT_AS_WORD_SHIFT;
	u64 mask = U64_MAX;

	if (last < begin || first > begin + (VIRT_AS_WORD_PAGES - 1))
		return 0;
	if (first > begin)
		mask <<= first - begin;
	if (last < begin + (VIRT_AS_WORD_PAGES - 1))
		mask &= U64_MAX >> (begin + (VIRT_AS_WORD_PAGES - 1) - last);
	return mask;
}

#endif /* _MM_VIRT_AS_BITS_H */
