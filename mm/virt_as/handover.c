// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hand-over: a commit gives back what was dirty in what leaves.
 *
 * What leaves is pages of ordinary memory that were in the old map and whose gpas are
 * in no region of the new one. Gpas that stay, if with other memory behind them, stay
 * in the log. When the old map has drained, no more is written to what left, and the
 * log has all of it: then it is a harvest like any other, over these ranges.
 *
 * If another commit came in between, the gpas may be in a map again, and what is dirty
 * there may be that. So the harvest ends where the generation has changed, and the
 * rest stays in the log.
 *
 * Locks: none of its own; the ranges are found under the commit lock.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "diff.h"
#include "handover.h"
#include "log.h"
#include "map.h"

/* The parts of a region that no region of @map has. */
static void add_gone(struct virt_as_handover *handover, const struct virt_as_map *map,
		     const struct virt_as_region *region)
{
	const struct virt_as_region *end = map->regions + map->nr;
	const struct virt_as_region *kept;
	u64 page = region->gpa >> PAGE_SHIFT;
	u64 stop = (virt_as_region_last(region) >> PAGE_SHIFT) + 1;

	for (kept = virt_as_map_search(map, region->gpa);
	     kept < end && page < stop; kept++) {
		u64 first = kept->gpa >> PAGE_SHIFT;
		u64 after = first + (kept->len >> PAGE_SHIFT);

		if (after <= page)
			continue;
		if (first >= stop)
			break;
		if (first > page)
			handover->gone[handover->nr++] =
				(struct virt_as_run) { page, first };
		page = after;
	}
	if (page < stop)
		handover->gone[handover->nr++] = (struct virt_as_run) { page, stop };
}

/**
 * virt_as_handover_prepare - find out what leaves
 * @handover: the hand-over
 * @new: the map that is to be published
 * @diff: what changes
 *
 * Context: Commit lock held; may sleep to allocate.
 * Return: 0 or -ENOMEM.
 */
int virt_as_handover_prepare(struct virt_as_handover *handover,
			     const struct virt_as_map *new,
			     const struct virt_as_diff *diff)
{
	/* A region that is kept cuts one that leaves at most once. */
	size_t max = (size_t)diff->nr_removed + new->nr;
	u32 i;

	if (!diff->nr_removed)
		return 0;
	handover->gone = kvmalloc_array(max, sizeof(*handover->gone),
					GFP_KERNEL_ACCOUNT);
	if (!handover->gone)
		return -ENOMEM;
	for (i = 0; i < diff->nr_removed; i++) {
		if (diff->removed[i]->type == VIRT_AS_TYPE_RAM)
			add_gone(handover, new, diff->removed[i]);
	}
	return 0;
}

/**
 * virt_as_handover - give back what was dirty in what has left
 * @handover: prepared
 * @generation: of the map that was published, which has drained
 *
 * Context: Process context, sleeps.
 * Return: 0, or -EFAULT if it could not be delivered. What is not delivered
 * stays in the log, and @handover->reap.out_more says if that may be so.
 */
int virt_as_handover(struct virt_as_handover *handover, u64 generation)
{
	struct virt_as_reap *reap = &handover->reap;
	int err = 0;
	u32 i;

	reap->out_more = false;
	reap->generation = generation;
	reap->max_units = U64_MAX;
	virt_as_log_use(handover->log);
	for (i = 0; i < handover->nr && !err; i++) {
		u64 room = reap->max_extents;
		u64 before = reap->out_extents;

		reap->first = handover->gone[i].begin;
		reap->last = handover->gone[i].end - 1;
		err = virt_as_log_harvest(handover->log, reap);
		reap->max_extents = room - (reap->out_extents - before);
		if (reap->out_more)
			break;
	}
	virt_as_log_unuse(handover->log);
	return err == -ESTALE ? 0 : err;
}

/**
 * virt_as_handover_end - free what virt_as_handover_prepare() found
 * @handover: the hand-over
 */
void virt_as_handover_end(struct virt_as_handover *handover)
{
	kvfree(handover->gone);
}
