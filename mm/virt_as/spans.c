// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans: what one log covers of the gpa space, and what is dirty there.
 *
 * A log covers every region that there has been since it was opened. Its bits are
 * in spans, each a run of words of the gpa space (64 pages each) that follow each
 * other; no two spans have a word in common. Spans are made for what a new map has
 * and no span covers, never cut, never joined. Example, a log that was opened when
 * there was region A; then B came, which is larger than A and replaced it:
 *
 *	map	|   AAAAAAA       |		map	|BBBBBBBBBBBBBBBBB|
 *	spans	|   1111111       |		spans	|22211111113333333|
 *
 * and when B has left, all three stay for as long as they have dirty pages. A span
 * of which no map in use has a word is dropped when it is clean and a commit comes
 * along. So a log never forgets, and what it holds of the past is bounded by what
 * virt_as_spans_extend() may add.
 *
 * A table of spans is made before a commit is published, which may fail, and
 * installed with it, which may not. Both tables then share the bits of the old one.
 *
 * Locks: the bits and the installed table of a log are guarded by the log lock. A
 * table in the making belongs to who makes it, under the commit lock.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bits.h"
#include "map.h"
#include "spans.h"

/**
 * virt_as_runs_of_map - which words a map's logged regions have
 * @map: the map
 *
 * Context: May sleep to allocate.
 * Return: To be given to kvfree(), or NULL.
 */
struct virt_as_runs *virt_as_runs_of_map(const struct virt_as_map *map)
{
	struct virt_as_runs *runs;
	u32 nr = 0;
	u32 i;

	runs = kvmalloc(struct_size(runs, run, max(map->nr, 1U)), GFP_KERNEL_ACCOUNT);
	if (!runs)
		return NULL;
	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *region = &map->regions[i];
		u64 last = virt_as_region_last(region) >> PAGE_SHIFT;
		u64 begin = virt_as_word_of(region->gpa >> PAGE_SHIFT);
		u64 end = virt_as_word_of(last) + 1;

		if (region->type != VIRT_AS_TYPE_RAM)
			continue;
		/* Neighbours, and two regions that meet within a word. */
		if (nr && begin <= runs->run[nr - 1].end)
			runs->run[nr - 1].end = end;
		else
			runs->run[nr++] = (struct virt_as_run) { begin, end };
	}
	runs->nr = nr;
	return runs;
}

/* The first run that ends above @word. */
static u32 first_run(const struct virt_as_runs *runs, u64 word)
{
	u32 low = 0;
	u32 high = runs->nr;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (runs->run[middle].end > word)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool overlaps(const struct virt_as_span *span, const struct virt_as_runs *runs)
{
	u32 i = first_run(runs, span->begin);

	return i < runs->nr && runs->run[i].begin < span->end;
}

/*
 * Spans of a table, which is gone over when the map changes. A map has half as many
 * regions at most.
 */
#define VIRT_AS_MAX_SPANS	(128U << 10)

static bool is_dirty(const struct virt_as_span *span)
{
	u64 nr = span->bits->nr_words;

	return virt_as_bits_next(span->bits, 0, nr) < nr;
}

/**
 * virt_as_spans_kept - what a table holds that no commit would drop
 * @spans: an installed table, or NULL
 * @wanted: what is to be covered
 * @in_use: what is in use
 *
 * Context: Log lock held.
 * Return: Words of spans that are needed or have dirty pages.
 */
u64 virt_as_spans_kept(const struct virt_as_spans *spans,
		       const struct virt_as_runs *wanted,
		       const struct virt_as_runs *in_use)
{
	u64 words = 0;
	u32 i;

	for (i = 0; spans && i < spans->nr; i++) {
		const struct virt_as_span *span = &spans->span[i];

		cond_resched();
		if (overlaps(span, wanted) || overlaps(span, in_use) || is_dirty(span))
			words += span->end - span->begin;
	}
	return words;
}

static int append(struct virt_as_spans *to, u64 begin, u64 end)
{
	struct virt_as_bits *bits;

	bits = virt_as_bits_alloc(begin << VIRT_AS_WORD_SHIFT,
				  (end - begin) << VIRT_AS_WORD_SHIFT);
	if (!bits)
		return -ENOMEM;
	to->span[to->nr++] = (struct virt_as_span) {
		.bits = bits,
		.begin = begin,
		.end = end,
		.fresh = true,
		.needed = true,
	};
	return 0;
}

static void append_old(struct virt_as_spans *to, const struct virt_as_span *span,
		       const struct virt_as_runs *wanted,
		       const struct virt_as_runs *in_use)
{
	to->span[to->nr] = *span;
	to->span[to->nr++].needed = overlaps(span, wanted) || overlaps(span, in_use);
}

/* The old spans in order, and between them what is wanted and not covered. */
static int fill(struct virt_as_spans *to, const struct virt_as_spans *old,
		const struct virt_as_runs *wanted,
		const struct virt_as_runs *in_use, u64 max_words)
{
	u32 old_nr = old ? old->nr : 0;
	u64 covered = 0;
	u64 added = 0;
	u32 i = 0;
	u32 run;

	for (run = 0; run < wanted->nr; run++) {
		/* An old span may reach into the next run, and further. */
		u64 begin = max(wanted->run[run].begin, covered);
		u64 end = wanted->run[run].end;

		cond_resched();
		while (begin < end) {
			u64 stop = end;

			while (i < old_nr && old->span[i].begin <= begin) {
				append_old(to, &old->span[i], wanted, in_use);
				covered = old->span[i++].end;
				begin = max(begin, covered);
			}
			if (i < old_nr)
				stop = min(stop, old->span[i].begin);
			if (begin >= stop)
				continue;
			added += stop - begin;
			if (added > max_words || to->nr >= VIRT_AS_MAX_SPANS)
				return -EDQUOT;
			if (append(to, begin, stop))
				return -ENOMEM;
			begin = stop;
		}
	}
	while (i < old_nr)
		append_old(to, &old->span[i++], wanted, in_use);
	return 0;
}

/**
 * virt_as_spans_extend - a table that covers more than another
 * @old: the other; or NULL
 * @wanted: what must be covered
 * @in_use: what must stay covered if @old has it
 * @max_words: how many words may be added
 *
 * Context: May sleep to allocate. @old does not change meanwhile.
 * Return: A table to be given to virt_as_spans_install() or virt_as_spans_discard();
 * or ERR_PTR() of -ENOMEM or -EDQUOT.
 */
struct virt_as_spans *virt_as_spans_extend(const struct virt_as_spans *old,
					   const struct virt_as_runs *wanted,
					   const struct virt_as_runs *in_use,
					   u64 max_words)
{
	size_t old_nr = old ? old->nr : 0;
	struct virt_as_spans *to;
	int err;

	/* Every old span can cut a run once. */
	to = kvzalloc(struct_size(to, span, 2 * old_nr + wanted->nr + 1),
		      GFP_KERNEL_ACCOUNT);
	if (!to)
		return ERR_PTR(-ENOMEM);
	err = fill(to, old, wanted, in_use, max_words);
	if (err) {
		virt_as_spans_discard(to);
		return ERR_PTR(err);
	}
	return to;
}

/**
 * virt_as_spans_install - put a table in the place of the one that it was made from
 * @slot: where that is
 * @next: from virt_as_spans_extend()
 * @prune: drop what is clean and of no map in use
 *
 * Context: Log lock held.
 */
void virt_as_spans_install(struct virt_as_spans **slot,
			   struct virt_as_spans *next, bool prune)
{
	u32 nr = 0;
	u32 i;

	for (i = 0; i < next->nr; i++) {
		struct virt_as_span *span = &next->span[i];

		cond_resched();
		span->fresh = false;
		if (prune && !span->needed && !is_dirty(span)) {
			virt_as_bits_put(span->bits);
			continue;
		}
		next->span[nr++] = *span;
		next->nr_words += span->end - span->begin;
	}
	next->nr = nr;
	kvfree(*slot);
	*slot = next;
}

/**
 * virt_as_spans_discard - free a table that is not installed after all
 * @next: from virt_as_spans_extend(), or NULL
 */
void virt_as_spans_discard(struct virt_as_spans *next)
{
	u32 i;

	for (i = 0; next && i < next->nr; i++) {
		cond_resched();
		if (next->span[i].fresh)
			virt_as_bits_put(next->span[i].bits);
	}
	kvfree(next);
}

/**
 * virt_as_spans_free - free a table and all its bits
 * @spans: a table that was installed, or NULL
 */
void virt_as_spans_free(struct virt_as_spans *spans)
{
	u32 i;

	for (i = 0; spans && i < spans->nr; i++) {
		cond_resched();
		virt_as_bits_put(spans->span[i].bits);
	}
	kvfree(spans);
}

/**
 * virt_as_spans_search - the first span that ends above a word
 * @spans: the spans
 * @word: number of a word in the gpa space
 *
 * Context: Log lock held.
 * Return: The span, which may begin above @word, or NULL.
 */
struct virt_as_span *virt_as_spans_search(struct virt_as_spans *spans, u64 word)
{
	u32 low = 0;
	u32 high = spans->nr;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (spans->span[middle].end > word)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == spans->nr)
		return NULL;
	spans->last_used = low;
	return &spans->span[low];
}

/**
 * virt_as_spans_next - the next word that has dirty pages
 * @spans: the spans
 * @word: where to begin, a number of a word in the gpa space
 * @end: where to end
 * @span: set to the span that has the word
 *
 * Context: Log lock held.
 * Return: Number of the word, from @word on; @end if there is none.
 */
u64 virt_as_spans_next(struct virt_as_spans *spans, u64 word, u64 end,
		       struct virt_as_span **span)
{
	struct virt_as_span *at = virt_as_spans_at(spans, word);
	struct virt_as_span *stop = &spans->span[spans->nr];

	for (; at && at < stop && at->begin < end; at++) {
		u64 from = max(word, at->begin) - at->begin;
		u64 to = min(end, at->end) - at->begin;
		u64 found = virt_as_bits_next(at->bits, from, to);

		if (found < to) {
			*span = at;
			return at->begin + found;
		}
	}
	return end;
}
