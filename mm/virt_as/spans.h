/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one log covers, and what is dirty in it. See spans.c.
 */
#ifndef _MM_VIRT_AS_SPANS_H
#define _MM_VIRT_AS_SPANS_H

#include <linux/types.h>

struct virt_as_bits;
struct virt_as_map;

/**
 * struct virt_as_run - neighbouring words of the gpa space
 * @begin: number of the first word
 * @end: number of the word after the last
 */
struct virt_as_run {
	u64 begin;
	u64 end;
};

/**
 * struct virt_as_runs - what is to be covered: ascending, apart from each other
 * @nr: number of @run
 * @run: the runs
 */
struct virt_as_runs {
	u32 nr;
	struct virt_as_run run[];
};

/**
 * struct virt_as_span - bits of neighbouring words
 * @bits: the bits
 * @begin: number of their first word in the gpa space
 * @end: number of the word after their last
 * @fresh: made for this table, and not yet in use
 * @needed: has words of a map that is in use
 */
struct virt_as_span {
	struct virt_as_bits *bits;
	u64 begin;
	u64 end;
	bool fresh;
	bool needed;
};

/**
 * struct virt_as_spans - the spans of a log
 * @nr: number of @span
 * @last_used: index of the span that was used last
 * @nr_words: words of all spans; set when the table is installed
 * @span: ascending, apart from each other
 */
struct virt_as_spans {
	u32 nr;
	u32 last_used;
	u64 nr_words;
	struct virt_as_span span[];
};

struct virt_as_runs *virt_as_runs_of_map(const struct virt_as_map *map);

struct virt_as_spans *virt_as_spans_extend(const struct virt_as_spans *old,
					   const struct virt_as_runs *wanted,
					   const struct virt_as_runs *in_use,
					   u64 max_words);
u64 virt_as_spans_kept(const struct virt_as_spans *spans,
		       const struct virt_as_runs *wanted,
		       const struct virt_as_runs *in_use);
void virt_as_spans_install(struct virt_as_spans **slot,
			   struct virt_as_spans *next, bool prune);
void virt_as_spans_discard(struct virt_as_spans *next);
void virt_as_spans_free(struct virt_as_spans *spans);

struct virt_as_span *virt_as_spans_search(struct virt_as_spans *spans, u64 word);
u64 virt_as_spans_next(struct virt_as_spans *spans, u64 word, u64 end,
		       struct virt_as_span **span);

/**
 * virt_as_spans_at - virt_as_spans_search(), with an eye to the one used last
 * @spans: the spans
 * @word: number of a word in the gpa space
 *
 * Context: Log lock held.
 * Return: As virt_as_spans_search().
 */
static inline struct virt_as_span *virt_as_spans_at(struct virt_as_spans *spans,
						    u64 word)
{
	struct virt_as_span *span = &spans->span[spans->last_used];

	/* Words come in order. */
	if (likely(spans->last_used < spans->nr && word >= span->begin &&
		   word < span->end))
		return span;
	return virt_as_spans_search(spans, word);
}

#endif /* _MM_VIRT_AS_SPANS_H */
