// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log: one consumer's view of what was written, and how long it lives.
 *
 * Writers touch the live bits of regions (live.c) and know of no log. Whoever
 * harvests moves live bits into all logs (drain_bits.c) and then takes what it wants
 * from its own (harvest.c). So a log costs writers nothing, and one log's harvest
 * cannot hide a write from another.
 *
 * Logging begins with the first log and ends some time after the last:
 *
 *	1. the bindings prepare (log_prepare), and may refuse
 *	2. the regions of the map are given live bits
 *	3. the log is put on the list
 *	4. the bindings follow (log_commit)
 *	5. all sections are waited for that may not have seen the live bits
 *
 * When that wait is over the log is given to its consumer: what was written before is
 * for it to copy, what is written from then on is heard. To end it, stop_work tells
 * the bindings and takes the live bits off the map. It is a work item because closing
 * a file should wait for neither a commit nor a module.
 *
 * Locks: commit_lock, to open a log and to end logging; log_lock inside.
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <trace/events/virt_as.h>

#include "binding.h"
#include "bits.h"
#include "commit.h"
#include "drain_bits.h"
#include "grace.h"
#include "live.h"
#include "log.h"
#include "map.h"
#include "object.h"
#include "spans.h"

/* How often somebody looks for the sake of poll. */
#define WATCH_PERIOD	(HZ / 10)

/**
 * virt_as_log_after - go on to the next log
 * @as: the address space
 * @log: a log with a reference, which is dropped; NULL at the start
 *
 * Context: Commit lock held, so that none is added. May sleep.
 * Return: A log that is open, with a reference, or NULL.
 */
struct virt_as_log *virt_as_log_after(struct virt_as *as, struct virt_as_log *log)
{
	struct virt_as_log *next = log;

	lockdep_assert_held(&as->commit_lock);

	mutex_lock(&as->log_lock);
	next = list_prepare_entry(next, &as->logs, node);
	list_for_each_entry_continue(next, &as->logs, node) {
		if (!next->closed) {
			refcount_inc(&next->refs);
			goto found;
		}
	}
	next = NULL;
found:
	mutex_unlock(&as->log_lock);
	if (log)
		virt_as_log_put(log);
	return next;
}

/**
 * virt_as_log_put - drop a reference
 * @log: the log
 *
 * Context: May sleep; takes the log lock.
 */
void virt_as_log_put(struct virt_as_log *log)
{
	struct virt_as *as = log->as;

	if (!refcount_dec_and_mutex_lock(&log->refs, &as->log_lock))
		return;
	list_del(&log->node);
	mutex_unlock(&as->log_lock);
	virt_as_spans_discard(log->next);
	virt_as_spans_free(log->spans);
	kfree(log);
	virt_as_put(as);
}

/* Whether somebody may poll for dirty pages; or, if @unready, for more than there are. */
static bool is_watched(struct virt_as *as, bool unready)
{
	struct virt_as_log *log;

	lockdep_assert_held(&as->log_lock);

	list_for_each_entry(log, &as->logs, node) {
		if (!log->closed && log->threshold &&
		    !(unready && virt_as_log_ready(log)))
			return true;
	}
	return false;
}

/* Somebody may poll for more dirty pages than there are. */
static bool is_awaited(struct virt_as *as)
{
	return is_watched(as, true);
}

/* Nothing happens if it is started already, or nobody needs it. */
static void start_watch(struct virt_as *as)
{
	mutex_lock(&as->log_lock);
	if (is_watched(as, false))
		queue_delayed_work(system_unbound_wq, &as->watch_work, WATCH_PERIOD);
	mutex_unlock(&as->log_lock);
}

static void watch(struct work_struct *work)
{
	struct virt_as *as = container_of(work, struct virt_as, watch_work.work);

	/* Who closes the last log that is watched waits for one hold of this. */
	virt_as_drain_wanted(as, is_awaited);
	start_watch(as);
}

/* Bits may still be drained when bindings are no longer to hear of it. */
static void set_arming(struct virt_as *as, bool arming)
{
	mutex_lock(&as->log_lock);
	as->arming = arming;
	mutex_unlock(&as->log_lock);
}

/* Under the log lock: somebody may be draining them. */
static void end_live(struct virt_as *as, struct virt_as_map *map)
{
	mutex_lock(&as->log_lock);
	as->arming = false;
	virt_as_live_detach(as, map);
	mutex_unlock(&as->log_lock);
}

static void stop_logging(struct work_struct *work)
{
	struct virt_as *as = container_of(work, struct virt_as, stop_work);
	struct virt_as_map *map;

	mutex_lock(&as->commit_lock);
	map = rcu_dereference_protected(as->map, lockdep_is_held(&as->commit_lock));
	/* Logs are only opened under the commit lock. */
	if (as->logging && !READ_ONCE(as->nr_logs)) {
		set_arming(as, false);
		virt_as_log_commit_bindings(as, false);
		WRITE_ONCE(as->logging, false);
		end_live(as, map);
	}
	mutex_unlock(&as->commit_lock);
	virt_as_put(as);
}

/**
 * virt_as_setup_logs - prepare an address space for logs
 * @as: an address space in the making
 */
void virt_as_setup_logs(struct virt_as *as)
{
	mutex_init(&as->log_lock);
	INIT_LIST_HEAD(&as->logs);
	INIT_LIST_HEAD(&as->armers);
	INIT_WORK(&as->stop_work, stop_logging);
	INIT_DELAYED_WORK(&as->watch_work, watch);
}

static struct virt_as_log *log_alloc(struct virt_as *as, u64 threshold)
{
	struct virt_as_log *log;

	log = kzalloc(sizeof(*log), GFP_KERNEL_ACCOUNT);
	if (!log)
		return NULL;
	virt_as_get(as);
	log->as = as;
	refcount_set(&log->refs, 1);
	INIT_LIST_HEAD(&log->node);
	log->threshold = threshold;
	init_waitqueue_head(&log->wait);
	return log;
}

static int cover_map(struct virt_as_log *log, const struct virt_as_map *map)
{
	struct virt_as_runs *runs __free(kvfree) = virt_as_runs_of_map(map);
	struct virt_as_spans *spans;

	if (!runs)
		return -ENOMEM;
	spans = virt_as_spans_extend(NULL, runs, runs, U64_MAX);
	if (IS_ERR(spans))
		return PTR_ERR(spans);
	virt_as_spans_install(&log->spans, spans, false);
	return 0;
}

static int fill_map(struct virt_as_log *log, const struct virt_as_map *map)
{
	u32 i;

	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *region = &map->regions[i];

		if (region->type != VIRT_AS_TYPE_RAM)
			continue;
		virt_as_log_fill(log, region->gpa >> PAGE_SHIFT,
				 virt_as_region_last(region) >> PAGE_SHIFT);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Steps 1 and 2. */
static int start_logging(struct virt_as *as, struct virt_as_map *map)
{
	int err;

	lockdep_assert_held(&as->commit_lock);

	if (!as->words)
		as->words = kcalloc(VIRT_AS_HOLD_WORDS, sizeof(*as->words),
				    GFP_KERNEL_ACCOUNT);
	if (!as->words)
		return -ENOMEM;
	err = virt_as_log_prepare_bindings(as);
	if (err)
		return err;
	set_arming(as, true);
	err = virt_as_live_attach(map);
	if (err) {
		end_live(as, map);
		virt_as_log_abort_bindings(as);
		return err;
	}
	WRITE_ONCE(as->logging, true);
	return 0;
}

static int open_locked(struct virt_as *as, struct virt_as_log *log, u32 flags)
{
	bool first = !as->logging;
	struct virt_as_map *map;
	int err;

	lockdep_assert_held(&as->commit_lock);

	if (READ_ONCE(as->nr_logs) >= virt_as_max_logs)
		return -ENOSPC;
	map = rcu_dereference_protected(as->map, lockdep_is_held(&as->commit_lock));
	err = cover_map(log, map);
	if (!err && flags & VIRT_AS_LOG_ALL_DIRTY)
		err = fill_map(log, map);
	if (err)
		return err;

	if (first) {
		err = start_logging(as, map);
		if (err)
			return err;
	} else {
		/* What was marked for other logs is not for this one. */
		err = virt_as_drain_all_bits(as);
		if (err)
			return err;
	}

	mutex_lock(&as->log_lock);
	list_add_tail(&log->node, &as->logs);
	WRITE_ONCE(as->nr_logs, as->nr_logs + 1);
	mutex_unlock(&as->log_lock);
	start_watch(as);

	if (first)
		virt_as_log_commit_bindings(as, true);
	return 0;
}

/*
 * Takes the commit lock when nothing drains and the live bits of the last logging are
 * gone: else who opens and closes logs while a section sleeps would pile them up.
 */
static int lock_idle(struct virt_as *as)
{
	int err;

	for (;;) {
		err = virt_as_lock_drained(as, 0);
		if (err)
			return err;
		if (!as->detached ||
		    poll_state_synchronize_srcu(&as->srcu, as->detach_state))
			return 0;
		mutex_unlock(&as->commit_lock);
		err = virt_as_sync_sections(as);
		if (err)
			return err;
	}
}

/**
 * virt_as_log_open - open a log
 * @as: the address space
 * @flags: VIRT_AS_LOG_*
 * @threshold: dirty pages from which on poll() is to tell; 0: never
 *
 * Context: Process context, sleeps; where a commit may be made.
 * Return: A log to be given to virt_as_log_close(), or ERR_PTR() of -ENOSPC, -ENOMEM,
 * -EINTR, or what a binding's log_prepare returned.
 */
struct virt_as_log *virt_as_log_open(struct virt_as *as, u32 flags, u64 threshold)
{
	struct virt_as_log *log = log_alloc(as, threshold);
	int err;

	if (!log)
		return ERR_PTR(-ENOMEM);
	err = lock_idle(as);
	if (err)
		goto err_log;
	err = open_locked(as, log, flags);
	mutex_unlock(&as->commit_lock);
	if (err)
		goto err_log;
	trace_virt_as_log_open(as->id, flags, threshold);

	/* Step 5. Who joins finds writers that mark already, if that wait is over. */
	err = virt_as_sync_sections(as);
	if (err) {
		virt_as_log_close(log);
		return ERR_PTR(err);
	}
	return log;

err_log:
	virt_as_log_put(log);
	return ERR_PTR(err);
}

/**
 * virt_as_log_close - close a log
 * @log: from virt_as_log_open()
 *
 * Context: May sleep, but waits for nothing that user space or a module could delay
 * beyond one hold of the log lock.
 */
void virt_as_log_close(struct virt_as_log *log)
{
	struct virt_as *as = log->as;
	bool last, watched;

	mutex_lock(&as->log_lock);
	log->closed = true;
	WRITE_ONCE(as->nr_logs, as->nr_logs - 1);
	last = !as->nr_logs;
	watched = is_watched(as, false);
	mutex_unlock(&as->log_lock);

	trace_virt_as_log_close(as->id, READ_ONCE(log->nr_dirty));
	/* It has no reference of its own. */
	if (log->threshold && !watched) {
		cancel_delayed_work_sync(&as->watch_work);
		start_watch(as);
	}
	if (last)
		virt_as_queue(as, &as->stop_work);
	virt_as_log_put(log);
}
