// SPDX-License-Identifier: GPL-2.0-only
/*
 * virt_as_mark() alone, as somebody calls it who writes guest memory in a way of
 * its own: with the live bits of the region at hand.
 *
 * Without a log there are none. With a log all marks of a page but the first find
 * its bit set. The first one is counted with bits of this file, which are cleared
 * before each loop: of live bits only a harvest can clear any. Each page has a word
 * and a group to itself, so that a mark either finds both summaries set or none.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include "bench.h"

#define WORDS		(VAB_PLACES * BITS_PER_LONG)
#define GROUP_SHIFT	(PAGE_SHIFT + 12)	/* 64 words of 64 pages */

/* The live bits of the place, if there is a log. */
static int look(struct vab_guest *g)
{
	int err, nr;

	memset(&g->cache, 0, sizeof(g->cache));
	err = virt_as_begin(&g->binding, &g->section);
	if (err)
		return err;
	nr = virt_as_translate(&g->section, &g->cache, vab_gpa(g, 0), VAB_LEN,
			       &g->segment, 1);
	g->live = nr == 1 ? READ_ONCE(g->segment.region->live) : NULL;
	return nr == 1 ? 0 : -EIO;
}

static void put(struct vab_guest *g)
{
	g->live = NULL;
	virt_as_end(&g->section);
}

static int begin(struct vab_guest *g, bool logged)
{
	int err = look(g);

	if (!err && !g->live == logged) {
		put(g);
		err = -EBADFD;
	}
	return err;
}

static int begin_unlogged(struct vab_guest *g)
{
	return begin(g, false);
}

static int begin_logged(struct vab_guest *g)
{
	return begin(g, true);
}

static bool is_marked(const struct vab_guest *g, u64 gpa)
{
	return test_bit((gpa >> PAGE_SHIFT) - g->live->first, g->live->pages);
}

/* Also says whether it was marked. */
static void end_logged(struct vab_guest *g)
{
	if (g->live && !is_marked(g, vab_gpa(g, 0)))
		g->failed |= 1;
	put(g);
}

static int begin_first(struct vab_guest *g)
{
	struct virt_as_bits *bits;
	u32 i;

	bits = kvzalloc(struct_size(bits, pages, WORDS + WORDS / BITS_PER_LONG + 1),
			GFP_KERNEL);
	if (!bits)
		return -ENOMEM;
	bits->nr_words = WORDS;
	bits->words = bits->pages + WORDS;
	bits->groups = bits->words + WORDS / BITS_PER_LONG;
	g->live = bits;
	for (i = 0; i < VAB_PLACES; i++)
		g->places[i] = (u64)i << GROUP_SHIFT;
	g->mask = VAB_PLACES - 1;
	return 0;
}

static void end_first(struct vab_guest *g)
{
	kvfree(g->live);
	g->live = NULL;
}

VAB_LOOP(mark, (virt_as_mark(READ_ONCE(g->live), gpa), 0))

/* At most VAB_PLACES times, each of another page; the summaries are @summary. */
static void mark_fresh(struct vab_guest *g, u32 n, u64 *insns, bool summary)
{
	struct virt_as_bits *bits = g->live;
	u32 i;

	bitmap_zero(bits->pages, WORDS * BITS_PER_LONG);
	memset(bits->words, summary ? 0xff : 0, WORDS / BITS_PER_BYTE);
	*bits->groups = summary ? ~0UL : 0;
	mark(g, n, insns);
	for (i = 0; i < n; i++)
		g->failed |= !is_marked(g, vab_gpa(g, i)) ||
			     !test_bit(i * BITS_PER_LONG, bits->words) ||
			     !test_bit(i, bits->groups);
}

static void mark_page(struct vab_guest *g, u32 n, u64 *insns)
{
	mark_fresh(g, n, insns, true);
}

static void mark_all(struct vab_guest *g, u32 n, u64 *insns)
{
	mark_fresh(g, n, insns, false);
}

const struct vab_op vab_mark_ops[] = {
	{ "virt_as_mark, no log", VAB_ANYWHERE,
	  .begin = begin_unlogged, .loop = mark, .end = put },
	{ "virt_as_mark, marked", VAB_ANYWHERE,
	  .begin = begin_logged, .loop = mark, .end = end_logged },
	{ "virt_as_mark, first of a page", VAB_ANYWHERE,
	  .begin = begin_first, .loop = mark_page, .end = end_first },
	{ "virt_as_mark, first of a group", VAB_ANYWHERE,
	  .begin = begin_first, .loop = mark_all, .end = end_first },
	{}
};
