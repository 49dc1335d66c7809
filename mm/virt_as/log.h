/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_LOG_H
#define _MM_VIRT_AS_LOG_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "bits.h"
#include "spans.h"

struct virt_as;
struct virt_as_map;

/* Pages, and words of them, that one hold of the log lock takes or gives. */
#define VIRT_AS_HOLD_PAGES	4096U
#define VIRT_AS_HOLD_WORDS	(VIRT_AS_HOLD_PAGES / VIRT_AS_WORD_PAGES)

/**
 * struct virt_as_log - one consumer's view of what was written
 * @as: the address space, referenced
 * @refs: the open file, and commits that prepare for it
 * @node: in virt_as::logs; guarded by virt_as::log_lock
 * @threshold: dirty pages from which on poll() is to tell; 0: never
 * @closed: the file is gone; guarded by virt_as::log_lock
 * @users: harvests that may have to restore; no span is dropped under the log lock
 *	while there are any
 * @spans: what it covers, and what is dirty; guarded by virt_as::log_lock
 * @next: @spans as of the map that is being committed; guarded by virt_as::log_lock
 * @nr_dirty: dirty pages; written under virt_as::log_lock, read by anyone
 * @wait: woken when @nr_dirty may have reached @threshold
 * @harvests: harvests that have returned
 * @harvested: units that they reported
 * @restored: pages that could not be delivered
 */
struct virt_as_log {
	struct virt_as *as;
	refcount_t refs;
	struct list_head node;
	u64 threshold;
	bool closed;
	atomic_t users;
	struct virt_as_spans *spans;
	struct virt_as_spans *next;
	u64 nr_dirty;
	wait_queue_head_t wait;
	atomic64_t harvests;
	atomic64_t harvested;
	atomic64_t restored;
};

/* From here on something may have to be restored; before the log lock is taken. */
static inline void virt_as_log_use(struct virt_as_log *log)
{
	atomic_inc(&log->users);
}

static inline void virt_as_log_unuse(struct virt_as_log *log)
{
	atomic_dec(&log->users);
}

/**
 * virt_as_log_add - make pages dirty in a log
 * @log: the log
 * @word: number of a word in the gpa space
 * @mask: which of its pages; what the log does not cover is passed over
 *
 * Context: Log lock held.
 */
static inline void virt_as_log_add(struct virt_as_log *log, u64 word, u64 mask)
{
	struct virt_as_span *span = virt_as_spans_at(log->spans, word);

	if (unlikely(!span || span->begin > word))
		return;
	WRITE_ONCE(log->nr_dirty, log->nr_dirty +
				  virt_as_bits_add(span->bits, word - span->begin, mask));
}

void virt_as_setup_logs(struct virt_as *as);

struct virt_as_log *virt_as_log_open(struct virt_as *as, u32 flags, u64 threshold);
void virt_as_log_close(struct virt_as_log *log);
void virt_as_log_put(struct virt_as_log *log);
struct virt_as_log *virt_as_log_after(struct virt_as *as, struct virt_as_log *log);

void virt_as_log_add_words(struct virt_as_log *log, const struct virt_as_word *words,
			   unsigned int nr);
void virt_as_log_remove(struct virt_as_log *log, u64 first, u64 last);
void virt_as_log_fill(struct virt_as_log *log, u64 first, u64 last);
int virt_as_log_cover(struct virt_as_log *log, u64 first, u64 last);
void virt_as_log_notify(struct virt_as_log *log);
bool virt_as_log_ready(const struct virt_as_log *log);

int virt_as_log_extend(struct virt_as_log *log, const struct virt_as_runs *wanted,
		       const struct virt_as_runs *in_use);

#endif /* _MM_VIRT_AS_LOG_H */
