// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harvest: read what is dirty in one log, and clear what was read.
 *
 * It goes over its range in holds of the log lock. In each it first has live bits
 * drained into all logs (drain_bits.c), and then takes from its own, as far as that
 * drain came and no more than VIRT_AS_HOLD_PAGES pages. What it takes becomes extents
 * in kernel memory, a few, neighbours joined. When these are full, or at the end, they are
 * delivered with no lock held. What cannot be delivered is made dirty again: nobody
 * will have read those pages on the strength of this harvest.
 *
 * A unit may be larger than a page. Example, units of 4 pages, pages 5, 6, 9 dirty:
 * page 5 makes the unit 4 to 7 an extent; 6 is in it, and only cleared; 9 makes 8 to
 * 11, which joins the first. A unit may be larger than a hold: then the next hold
 * goes on clearing it. To restore a unit all its pages are made dirty, which is more
 * than there was, and no harm.
 *
 * Several harvests, of one log or of several, may run at once.
 *
 * Locks: log_lock, in holds.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include <trace/events/virt_as.h>

#include "binding.h"
#include "bits.h"
#include "drain.h"
#include "drain_bits.h"
#include "grace.h"
#include "harvest.h"
#include "log.h"
#include "object.h"
#include "spans.h"

/**
 * struct harvest - a harvest under way
 * @log: the log
 * @reap: what is asked
 * @walk: how far live bits were drained
 * @next: the page with which to go on
 * @drained: live bits of pages before this one are drained
 * @covered: pages before this one are in an extent already
 * @units: units that may still be reported
 * @room: extents that may still be made
 * @full: ended by want of units or room
 * @nr: number of @extents
 * @extents: taken and not yet delivered, in units of pages
 */
struct harvest {
	struct virt_as_log *log;
	struct virt_as_reap *reap;
	struct virt_as_walk walk;
	u64 next;
	u64 drained;
	u64 covered;
	u64 units;
	u64 room;
	bool full;
	u32 nr;
	struct virt_as_extent *extents;
};

/*
 * Puts pages @first to before @end into an extent, whole units. False if there is no
 * room: in the batch, or because the caller has none.
 */
static __always_inline bool report(struct harvest *harvest, u64 first, u64 end)
{
	struct virt_as_extent *extent = &harvest->extents[harvest->nr];

	u64 len = (end - first) << PAGE_SHIFT;

	/* Neighbours are one, unless they were the whole space, which has no length. */
	if (harvest->nr && harvest->covered == first && extent[-1].len + len) {
		extent[-1].len += len;
	} else {
		harvest->full = !harvest->room;
		if (harvest->full || harvest->nr == VIRT_AS_HARVEST_BATCH)
			return false;
		extent->gpa = first << PAGE_SHIFT;
		extent->len = len;
		harvest->nr++;
		harvest->room--;
	}
	harvest->covered = end;
	harvest->units -= (end - first) >> harvest->reap->shift;
	return true;
}

/* Of the dirty pages of a word, the lowest run that can be taken at once; or 0. */
static __always_inline u64 take_run(struct harvest *harvest, u64 base, u64 mask,
				    unsigned int left)
{
	unsigned int shift = harvest->reap->shift;
	unsigned int bit = __ffs64(mask);
	u64 run = mask >> bit;
	u64 nr = ~run ? __ffs64(~run) : VIRT_AS_WORD_PAGES;
	u64 page = base + bit;
	u64 first, end;

	if (page < harvest->covered) {
		/* Of a unit that is reported already. */
		nr = min3(nr, (u64)left, harvest->covered - page);
		return GENMASK_ULL(bit + nr - 1, bit);
	}
	if (!harvest->units) {
		harvest->full = true;
		return 0;
	}
	nr = min3(nr, (u64)left, shift ? nr : harvest->units);
	first = round_down(page, 1ULL << shift);
	end = shift ? first + (1ULL << shift) : page + nr;
	if (!report(harvest, first, end))
		return 0;
	nr = min(nr, end - page);
	return GENMASK_ULL(bit + nr - 1, bit);
}

/*
 * One word of the log. Returns false if the hold, the batch or the harvest is full;
 * harvest->next is where to go on.
 */
static bool reap_word(struct harvest *harvest, struct virt_as_span *span, u64 word,
		      u64 end, unsigned int *left)
{
	bool peek = harvest->reap->flags & VIRT_AS_HARVEST_PEEK;
	struct virt_as_log *log = harvest->log;
	u64 base = word << VIRT_AS_WORD_SHIFT;
	u64 mask, taken = 0;
	u64 run;

	mask = span->bits->pages[word - span->begin];
	if (base < harvest->next || end - base < VIRT_AS_WORD_PAGES)
		mask &= virt_as_word_mask(word, harvest->next, end - 1);
	while (mask && *left) {
		run = take_run(harvest, base, mask, *left);
		if (!run)
			break;
		taken |= run;
		mask &= ~run;
		*left -= hweight64(run);
	}
	if (!peek && taken)
		WRITE_ONCE(log->nr_dirty, log->nr_dirty -
			   virt_as_bits_remove(span->bits, word - span->begin, taken));
	if (mask) {
		harvest->next = base + __ffs64(mask);
		return false;
	}
	harvest->next = min(end, base + VIRT_AS_WORD_PAGES);
	return true;
}

/* Takes from the log up to page @end; returns how many pages. */
static unsigned int reap_pages(struct harvest *harvest, u64 end)
{
	struct virt_as_spans *spans = harvest->log->spans;
	u64 end_word = virt_as_word_of(end - 1) + 1;
	unsigned int left = VIRT_AS_HOLD_PAGES;
	struct virt_as_span *span;
	u64 word;

	lockdep_assert_held(&harvest->log->as->log_lock);

	if (!harvest->log->nr_dirty) {
		harvest->next = end;
		return 0;
	}
	while (harvest->next < end) {
		word = virt_as_spans_next(spans, virt_as_word_of(harvest->next),
					  end_word, &span);
		if (word == end_word) {
			harvest->next = end;
			break;
		}
		harvest->next = max(harvest->next, word << VIRT_AS_WORD_SHIFT);
		if (!reap_word(harvest, span, word, end, &left))
			break;
	}
	return VIRT_AS_HOLD_PAGES - left;
}

/* One hold of the log lock. -ESTALE if the map is of another generation. */
static int hold(struct harvest *harvest)
{
	struct virt_as_reap *reap = harvest->reap;
	struct virt_as *as = harvest->log->as;
	unsigned int moved = 0, taken = 0;

	mutex_lock(&as->log_lock);
	if (reap->generation && READ_ONCE(as->generation) != reap->generation) {
		mutex_unlock(&as->log_lock);
		return -ESTALE;
	}
	/* For want of room it may be ahead of what was taken from the log. */
	if (harvest->drained <= harvest->next)
		moved = virt_as_drain_bits(as, &harvest->walk, harvest->next, reap->last,
					   &harvest->drained);
	if (harvest->drained > harvest->next)
		taken = reap_pages(harvest, harvest->drained);
	mutex_unlock(&as->log_lock);
	trace_virt_as_log_hold(as->id, moved, taken);
	return 0;
}

/**
 * virt_as_log_restore - what was taken and not delivered is dirty as before
 * @log: the log, in use
 * @first: first page
 * @last: last page, inclusive; all that the log covers in between becomes dirty
 *
 * Context: May sleep; takes the log lock.
 */
void virt_as_log_restore(struct virt_as_log *log, u64 first, u64 last)
{
	virt_as_log_fill(log, first, last);
	atomic64_add(last - first + 1, &log->restored);
	trace_virt_as_log_restore(log->as->id, last - first + 1);
}

static void restore(struct harvest *harvest, const struct virt_as_extent *extents,
		    u32 nr)
{
	u32 i;

	if (harvest->reap->flags & VIRT_AS_HARVEST_PEEK)
		return;
	for (i = 0; i < nr; i++) {
		u64 first = extents[i].gpa >> PAGE_SHIFT;

		virt_as_log_restore(harvest->log, first,
				    first + (extents[i].len >> PAGE_SHIFT) - 1);
	}
}

/* Hands on the first @nr extents. -EFAULT if that fails, and then none is left. */
static int deliver(struct harvest *harvest, u32 nr)
{
	struct virt_as_reap *reap = harvest->reap;
	struct virt_as_extent *extents = harvest->extents;
	u32 done = reap->deliver(reap->context, extents, nr);
	u32 i;

	reap->out_extents += done;
	for (i = 0; i < done; i++)
		reap->out_units += extents[i].len >> (PAGE_SHIFT + reap->shift);
	if (done < nr) {
		reap->out_next = extents[done].gpa >> PAGE_SHIFT;
		reap->out_more = true;
		restore(harvest, extents + done, harvest->nr - done);
		harvest->nr = 0;
		return -EFAULT;
	}
	harvest->nr -= nr;
	memmove(extents, extents + nr, harvest->nr * sizeof(*extents));
	return 0;
}

static int run(struct harvest *harvest)
{
	struct virt_as_reap *reap = harvest->reap;
	int err;

	for (;;) {
		err = hold(harvest);
		if (err)
			return err;
		/* Units that are reported are also cleared, to their ends. */
		if (harvest->next > reap->last || harvest->full ||
		    (!harvest->units && harvest->next >= harvest->covered))
			return 0;
		/* The last one may have neighbours. */
		if (harvest->nr == VIRT_AS_HARVEST_BATCH) {
			err = deliver(harvest, harvest->nr - 1);
			if (err)
				return err;
		}
		if (signal_pending(current))
			return 0;
		cond_resched();
	}
}

/* Where the next harvest is to begin; a unit that was not finished stays dirty. */
static void set_end(struct harvest *harvest)
{
	struct virt_as_reap *reap = harvest->reap;
	u64 next = max(harvest->next, harvest->covered);

	reap->out_next = round_down(next, 1ULL << reap->shift);
	reap->out_more = reap->out_next <= reap->last;
}

/*
 * Waits for all that is in flight. A job outlives its section if its task is killed,
 * but is a reader like it: one that was begun before the first grace period ended has
 * ended when another one has.
 */
static int synchronize(struct virt_as *as)
{
	int err;

	if (wait_event_freezable(as->wait, virt_as_drained(as)))
		return -EINTR;
	err = virt_as_sync_sections(as);
	/* Pairs with the end of a job: its marks are before its count. */
	if (!err && atomic_read_acquire(&as->nr_jobs))
		err = virt_as_sync_sections(as);
	return err;
}

static int collect(struct virt_as *as, const struct virt_as_reap *reap)
{
	bool sync = reap->flags & VIRT_AS_HARVEST_SYNC;
	int err = sync ? synchronize(as) : 0;

	/* Who binds right now has nothing yet that ended before this call. */
	if (err || list_empty_careful(&as->armers))
		return err;
	mutex_lock(&as->log_lock);
	virt_as_collect_bindings(as, reap->first << PAGE_SHIFT,
				 (reap->last << PAGE_SHIFT) | ~PAGE_MASK, sync);
	mutex_unlock(&as->log_lock);
	return 0;
}

/**
 * virt_as_log_harvest - read what is dirty in a log, and clear it
 * @log: the log
 * @reap: what is asked, and where the answer goes
 *
 * Context: Process context, sleeps; not in a section of the address space. The log is
 * in use: virt_as_log_use().
 * Return: 0; -EINTR if a signal ended the waits of VIRT_AS_HARVEST_SYNC; -EFAULT if
 * something could not be delivered, or -ESTALE if the map changed, and then @reap
 * says what was delivered before.
 */
int virt_as_log_harvest(struct virt_as_log *log, struct virt_as_reap *reap)
{
	struct virt_as_extent extents[VIRT_AS_HARVEST_BATCH];
	struct harvest harvest = {
		.extents = extents,
		.log = log,
		.reap = reap,
		.next = reap->first,
		.units = reap->max_units,
		.room = reap->max_extents,
	};
	u64 units = reap->out_units;
	u64 delivered = reap->out_extents;
	int err;

	reap->out_next = reap->first;
	reap->out_more = true;
	err = collect(log->as, reap);
	if (err)
		return err;
	err = run(&harvest);
	if (err != -EFAULT) {
		set_end(&harvest);
		if (harvest.nr && deliver(&harvest, harvest.nr))
			err = -EFAULT;
	}
	atomic64_inc(&log->harvests);
	atomic64_add(reap->out_units - units, &log->harvested);
	trace_virt_as_log_harvest(log->as->id, reap->first, reap->out_next,
				  reap->out_units - units,
				  reap->out_extents - delivered);
	return err;
}
