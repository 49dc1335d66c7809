/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_HARVEST_H
#define _MM_VIRT_AS_HARVEST_H

#include <linux/types.h>
#include <linux/virt_as.h>

struct virt_as_log;

/* Extents that are collected before they are delivered, on the stack. */
#define VIRT_AS_HARVEST_BATCH	16U

/**
 * struct virt_as_reap - what a harvest is asked to do, and its answer
 * @flags: VIRT_AS_HARVEST_PEEK, VIRT_AS_HARVEST_SYNC
 * @first: first page
 * @last: last page, inclusive
 * @shift: a unit is 2^@shift pages; @first and @last + 1 are multiples of it
 * @max_units: report no more
 * @max_extents: deliver no more
 * @generation: harvest only while the map is of this generation; 0: always
 * @deliver: is given extents in ascending order, with no lock held; returns how many
 *	could be delivered, fewer only if that failed
 * @context: for @deliver
 * @out_extents: how many were delivered; added to
 * @out_units: how many units these are; added to
 * @out_next: the page with which to go on, a multiple of the unit
 * @out_more: it ended before @last
 */
struct virt_as_reap {
	u32 flags;
	u64 first;
	u64 last;
	unsigned int shift;
	u64 max_units;
	u64 max_extents;
	u64 generation;
	u32 (*deliver)(void *context, const struct virt_as_extent *extents, u32 nr);
	void *context;
	u64 out_extents;
	u64 out_units;
	u64 out_next;
	bool out_more;
};

void virt_as_log_restore(struct virt_as_log *log, u64 first, u64 last);
int virt_as_log_harvest(struct virt_as_log *log, struct virt_as_reap *reap);

#endif /* _MM_VIRT_AS_HARVEST_H */
