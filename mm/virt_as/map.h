/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map: one immutable, sorted, packed set of regions. See map.c.
 *
 * Nothing in here knows of files, processes or locks, so that the same source
 * can be built, fuzzed and raced in user space.
 */
#ifndef _MM_VIRT_AS_MAP_H
#define _MM_VIRT_AS_MAP_H

#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/virt_as.h>

struct mm_struct;
struct pid;

/**
 * struct virt_as_map - an immutable map
 * @cookie: unlike that of any other map that ever was; tags caches
 * @generation: of the address space
 * @users: the address space, and jobs of foreign tasks that use its hvas
 * @mm: the owner, held by mmgrab(); all hvas are addresses in it
 * @owner: the owner's process, to name it to people
 * @nr: number of regions
 * @nr_by_hva: number of regions that have an hva
 * @nr_aliases: number of regions that share an hva with another one
 * @logged_pages: pages of all regions that dirty logs cover
 * @keys: first gpa of each region, ascending; what a search touches
 * @regions: in the order of @keys
 * @by_hva: indices of regions, in the order of their hvas
 * @hva_reach: highest last hva of @by_hva[0] .. @by_hva[i], so ascending
 *
 * The arrays lie behind the structure in the same allocation.
 */
struct virt_as_map {
	u64 cookie;
	u64 generation;
	refcount_t users;
	struct mm_struct *mm;
	struct pid *owner;
	u32 nr;
	u32 nr_by_hva;
	u32 nr_aliases;
	u64 logged_pages;
	u64 *keys;
	struct virt_as_region *regions;
	u64 *hva_reach;
	u32 *by_hva;
};

/**
 * struct virt_as_limits - what a map may grow to
 * @max_regions: regions
 * @max_logged_pages: pages of all regions of type RAM
 * @user_end: end of what can be a user address at all
 * @hva_end: end of the owner's memory, at most @user_end
 */
struct virt_as_limits {
	u32 max_regions;
	u64 max_logged_pages;
	u64 user_end;
	u64 hva_end;
};

struct virt_as_map *virt_as_map_build(const struct virt_as_map *base,
				      const struct virt_as_entry *entries,
				      u32 nr, const struct virt_as_limits *limits,
				      u32 *bad);
void virt_as_map_free(struct virt_as_map *map);
const struct virt_as_region *virt_as_map_find(const struct virt_as_map *map,
					      u64 gpa);
const struct virt_as_region *
virt_as_map_alias(const struct virt_as_map *map, u64 hva, u64 hva_last,
		  u32 *cursor);

static inline u64 virt_as_region_hva_last(const struct virt_as_region *region)
{
	return region->hva + (region->last - region->gpa);
}

static inline bool virt_as_region_has(const struct virt_as_region *region,
				      u64 gpa)
{
	return gpa - region->gpa <= region->last - region->gpa;
}

#endif /* _MM_VIRT_AS_MAP_H */
