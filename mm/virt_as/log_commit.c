// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a commit means to the logs, if there are any.
 *
 *	prepare		the new map gets live bits, each log a table that covers it;
 *			this may fail, and then the commit does
 *	publish		under the log lock, with the pointer: the tables are installed,
 *			and what leaves is remembered (virt_as::leaving)
 *	added		what came is dirty in every log
 *	drained		nobody writes by way of the old map any more: its last live
 *			bits go into the logs, and only then does it go
 *
 * So no bit is ever lost with a region: until the old map has drained its live bits
 * are drained by everybody who harvests, and after that there are none.
 *
 * Locks: commit_lock, but for drained; log_lock inside.
 */
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "bits.h"
#include "diff.h"
#include "drain_bits.h"
#include "live.h"
#include "log.h"
#include "log_commit.h"
#include "map.h"
#include "object.h"
#include "spans.h"

static int extend_all(struct virt_as *as, const struct virt_as_map *old,
		      const struct virt_as_map *new)
{
	struct virt_as_runs *wanted __free(kvfree) = virt_as_runs_of_map(new);
	struct virt_as_runs *in_use __free(kvfree) = virt_as_runs_of_map(old);
	struct virt_as_log *log = NULL;
	int err;

	if (!wanted || !in_use)
		return -ENOMEM;
	while ((log = virt_as_log_after(as, log))) {
		err = virt_as_log_extend(log, wanted, in_use);
		if (err) {
			virt_as_log_put(log);
			virt_as_logs_abort(as);
			return err;
		}
	}
	return 0;
}

/**
 * virt_as_logs_prepare - reserve what the logs need for a new map
 * @as: the address space; somebody logs
 * @old: its map
 * @new: the map that is to replace it
 *
 * Context: Commit lock held; may sleep to allocate.
 * Return: 0, -ENOMEM or -EDQUOT. virt_as_logs_abort() undoes it, but for the live
 * bits of @new, which go with it.
 */
int virt_as_logs_prepare(struct virt_as *as, const struct virt_as_map *old,
			 struct virt_as_map *new)
{
	int err;

	lockdep_assert_held(&as->commit_lock);

	err = virt_as_live_inherit(old, new);
	return err ?: extend_all(as, old, new);
}

/**
 * virt_as_logs_abort - the commit does not happen
 * @as: the address space
 *
 * Context: Commit lock held; may sleep.
 */
void virt_as_logs_abort(struct virt_as *as)
{
	struct virt_as_log *log;

	lockdep_assert_held(&as->commit_lock);

	mutex_lock(&as->log_lock);
	list_for_each_entry(log, &as->logs, node) {
		virt_as_spans_discard(log->next);
		log->next = NULL;
	}
	mutex_unlock(&as->log_lock);
}

/**
 * virt_as_logs_install - the new map is being published
 * @as: the address space
 * @diff: what changes; virt_as_logs_drained() frees it
 *
 * Context: Commit lock and log lock held.
 */
void virt_as_logs_install(struct virt_as *as, struct virt_as_diff *diff)
{
	struct virt_as_log *log;

	lockdep_assert_held(&as->commit_lock);
	lockdep_assert_held(&as->log_lock);

	list_for_each_entry(log, &as->logs, node) {
		/* A log that was closed when the others prepared has none. */
		if (log->next)
			virt_as_spans_install(&log->spans, log->next, !atomic_read(&log->users));
		log->next = NULL;
	}
	as->leaving = diff;
}

/* The same memory at the same gpa, with other permissions, has not changed. */
static bool only_protected(const struct virt_as_map *old,
			   const struct virt_as_diff *diff,
			   const struct virt_as_region *region)
{
	const struct virt_as_region *was;

	/* Nothing to look for when a map is made from nothing. */
	if (!diff->nr_removed || diff->old_mm != diff->new_mm)
		return false;
	was = virt_as_map_find(old, region->gpa);
	return was && was->gpa == region->gpa && was->len == region->len &&
	       was->hva == region->hva && was->type == region->type;
}

/**
 * virt_as_logs_added - make dirty what the new map has and the old one had not
 * @as: the address space, with the old map in virt_as::draining
 * @diff: what has changed
 *
 * Context: Commit lock held, before the drain is started; may sleep.
 */
void virt_as_logs_added(struct virt_as *as, const struct virt_as_diff *diff)
{
	struct virt_as_log *log = NULL;
	u32 i;

	while ((log = virt_as_log_after(as, log))) {
		for (i = 0; i < diff->nr_added; i++) {
			const struct virt_as_region *region = diff->added[i];

			if (region->type != VIRT_AS_TYPE_RAM ||
			    region->flags & VIRT_AS_ENTRY_CLEAN ||
			    only_protected(as->draining, diff, region))
				continue;
			virt_as_log_fill(log, region->gpa >> PAGE_SHIFT,
					 virt_as_region_last(region) >> PAGE_SHIFT);
		}
	}
}

/**
 * virt_as_logs_drained - nobody uses the old map any more
 * @as: the address space, with that map still in virt_as::draining
 *
 * Context: May sleep; takes the log lock. The commit that replaced the map holds the
 * commit lock no more.
 */
void virt_as_logs_drained(struct virt_as *as)
{
	struct virt_as_diff *leaving = as->leaving;

	if (!leaving)
		return;
	virt_as_drain_leaving(as);
	mutex_lock(&as->log_lock);
	as->leaving = NULL;
	mutex_unlock(&as->log_lock);
	virt_as_diff_free(leaving);
}
