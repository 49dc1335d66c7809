// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a log: what it covers, and making some of it dirty or clean.
 *
 * The bits of a log are touched under the log lock only, and no hold of that touches
 * more than VIRT_AS_HOLD_PAGES pages. A table of spans is made without that lock, and
 * under the commit lock, so that there is one in the making at a time.
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "log.h"
#include "object.h"

/* Words of a map of the largest size, every region of which begins within a word. */
static u64 max_map_words(void)
{
	return virt_as_max_logged_pages / VIRT_AS_WORD_PAGES + 2ULL * virt_as_max_regions;
}

/*
 * A table that covers more, up to @max_words. What the next commit would drop does not
 * count, unless it is as much again: something may keep commits from dropping it.
 */
static struct virt_as_spans *extend(struct virt_as_log *log,
				    const struct virt_as_runs *wanted,
				    const struct virt_as_runs *in_use, u64 max_words)
{
	u64 kept, all;

	mutex_lock(&log->as->log_lock);
	kept = virt_as_spans_kept(log->spans, wanted, in_use);
	all = log->spans->nr_words;
	mutex_unlock(&log->as->log_lock);
	return virt_as_spans_extend(log->spans, wanted, in_use,
				    min(max_words - min(max_words, kept),
					2 * max_words - min(2 * max_words, all)));
}

/**
 * virt_as_log_extend - have a log cover a map that is to be published
 * @log: the log
 * @wanted: what the map has
 * @in_use: what the map has that it replaces
 *
 * A map of the largest size fits in beside as much that has left it.
 *
 * Context: Commit lock held; may sleep to allocate.
 * Return: 0, and virt_as_log::next is set; -ENOMEM or -EDQUOT.
 */
int virt_as_log_extend(struct virt_as_log *log, const struct virt_as_runs *wanted,
		       const struct virt_as_runs *in_use)
{
	struct virt_as_spans *next;

	lockdep_assert_held(&log->as->commit_lock);

	/* Under the commit lock nobody else replaces the table. */
	next = extend(log, wanted, in_use, 2 * max_map_words());
	if (IS_ERR(next))
		return PTR_ERR(next);
	mutex_lock(&log->as->log_lock);
	log->next = next;
	mutex_unlock(&log->as->log_lock);
	return 0;
}

/**
 * virt_as_log_ready - whether poll() of a log has something to tell
 * @log: the log
 */
bool virt_as_log_ready(const struct virt_as_log *log)
{
	return log->threshold && READ_ONCE(log->nr_dirty) >= log->threshold;
}

/**
 * virt_as_log_notify - dirty pages were added: tell who polls
 * @log: the log
 *
 * Context: Log lock held.
 */
void virt_as_log_notify(struct virt_as_log *log)
{
	if (virt_as_log_ready(log))
		wake_up_all(&log->wait);
}

/**
 * virt_as_log_add_words - virt_as_log_add() of some words, ascending
 * @log: the log
 * @words: the words
 * @nr: number of @words
 *
 * Context: Log lock held.
 */
void virt_as_log_add_words(struct virt_as_log *log, const struct virt_as_word *words,
			   unsigned int nr)
{
	const struct virt_as_word *end = words + nr;
	struct virt_as_bits *bits = NULL;
	u64 first = 0, nr_words = 0;
	u64 added = 0;

	for (; words < end; words++) {
		u64 word = words->gpa >> (VIRT_AS_WORD_SHIFT + PAGE_SHIFT);

		if (unlikely(word - first >= nr_words)) {
			const struct virt_as_span *span = virt_as_spans_at(log->spans, word);

			if (!span || span->begin > word)
				continue;
			bits = span->bits;
			first = span->begin;
			nr_words = span->end - first;
		}
		added += virt_as_bits_add(bits, word - first, words->mask);
	}
	WRITE_ONCE(log->nr_dirty, log->nr_dirty + added);
}

/* One hold of virt_as_log_fill() or virt_as_log_remove(): up to some words. */
static u64 change_some(struct virt_as_log *log, u64 first, u64 last, bool set)
{
	u64 word = virt_as_word_of(first);
	u64 end = virt_as_word_of(last) + 1;
	unsigned int left = VIRT_AS_HOLD_WORDS;

	lockdep_assert_held(&log->as->log_lock);

	while (word < end && left--) {
		struct virt_as_span *span;
		u64 mask;

		if (set) {
			span = virt_as_spans_at(log->spans, word);
			if (!span)
				return end;
			word = max(word, span->begin);
		} else {
			word = virt_as_spans_next(log->spans, word, end, &span);
		}
		if (word >= end)
			return end;
		mask = virt_as_word_mask(word, first, last);
		if (set)
			virt_as_log_add(log, word, mask);
		else
			WRITE_ONCE(log->nr_dirty, log->nr_dirty -
				   virt_as_bits_remove(span->bits,
						       word - span->begin, mask));
		word++;
	}
	return word;
}

static void change(struct virt_as_log *log, u64 first, u64 last, bool set)
{
	struct virt_as *as = log->as;
	u64 end = virt_as_word_of(last) + 1;
	u64 word = virt_as_word_of(first);

	while (word < end) {
		mutex_lock(&as->log_lock);
		word = change_some(log, max(first, word << VIRT_AS_WORD_SHIFT), last, set);
		if (set)
			virt_as_log_notify(log);
		mutex_unlock(&as->log_lock);
		cond_resched();
	}
}

/**
 * virt_as_log_fill - make a range of pages dirty in a log
 * @log: the log
 * @first: first page
 * @last: last page, inclusive; what the log does not cover is passed over
 *
 * Context: May sleep; takes the log lock.
 */
void virt_as_log_fill(struct virt_as_log *log, u64 first, u64 last)
{
	change(log, first, last, true);
}

/**
 * virt_as_log_remove - make a range of pages clean in a log
 * @log: the log
 * @first: first page
 * @last: last page, inclusive
 *
 * Live bits stay: what is marked now is dirty again after the next drain.
 *
 * Context: May sleep; takes the log lock.
 */
void virt_as_log_remove(struct virt_as_log *log, u64 first, u64 last)
{
	change(log, first, last, false);
}

static bool covers(struct virt_as_log *log, const struct virt_as_run *run)
{
	const struct virt_as_span *span;
	u64 word = run->begin;

	mutex_lock(&log->as->log_lock);
	while (word < run->end) {
		span = virt_as_spans_at(log->spans, word);
		if (!span || span->begin > word)
			break;
		word = span->end;
	}
	mutex_unlock(&log->as->log_lock);
	return word >= run->end;
}

/**
 * virt_as_log_cover - see to it that a log covers a range
 * @log: the log, in use, so that what it covers it goes on to cover
 * @first: first page
 * @last: last page, inclusive
 *
 * Context: May sleep; takes the commit lock.
 * Return: 0, -ENOMEM, -EDQUOT, or -EINTR.
 */
int virt_as_log_cover(struct virt_as_log *log, u64 first, u64 last)
{
	struct virt_as_runs *runs __free(kvfree) = NULL;
	struct virt_as *as = log->as;
	struct virt_as_spans *next;

	runs = kvmalloc(struct_size(runs, run, 1), GFP_KERNEL_ACCOUNT);
	if (!runs)
		return -ENOMEM;
	runs->nr = 1;
	runs->run[0].begin = virt_as_word_of(first);
	runs->run[0].end = virt_as_word_of(last) + 1;
	if (covers(log, &runs->run[0]))
		return 0;

	/* Tables are made under it, one at a time. */
	if (mutex_lock_interruptible(&as->commit_lock))
		return -EINTR;
	/* Half of what there may be, so that what is marked is in no commit's way. */
	next = extend(log, runs, runs, max_map_words());
	if (!IS_ERR(next)) {
		mutex_lock(&as->log_lock);
		virt_as_spans_install(&log->spans, next, false);
		mutex_unlock(&as->log_lock);
	}
	mutex_unlock(&as->commit_lock);
	return PTR_ERR_OR_ZERO(next);
}
