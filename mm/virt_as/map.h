/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map: one immutable, sorted, packed set of regions. See map.c.
 *
 * Nothing in here knows of files, processes or locks, so that the same source
 * can be built, fuzzed and raced in user space.
 */
#ifndef _MM_VIRT_AS_MAP_H
#define _MM_VIRT_AS_MAP_H

#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/virt_as.h>

struct mm_struct;
struct pid;

/* A cookie that no map has, and no cache. */
#define VIRT_AS_NO_MAP	U64_MAX

/**
 * struct virt_as_map - an immutable map
 * @cookie: unlike that of any other map that ever was; tags caches
 * @generation: of the address space
 * @users: the address space, and jobs of foreign tasks that use its hvas
 * @mm: the owner, held by mmgrab(); all hvas are addresses in it
 * @owner: the owner's process, to name it to people
 * @nr: number of regions
 * @stride: half the number of @keys, with which a search begins
 * @nr_by_hva: number of regions that have an hva
 * @nr_aliases: number of regions that share an hva with another one
 * @logged_pages: pages of all regions that dirty logs cover
 * @logged: regions have live bits; see live.c
 * @regions: in the order of @keys
 * @by_hva: indices of regions, in the order of their hvas
 * @hva_reach: highest last hva of @by_hva[0] .. @by_hva[i], so ascending
 * @keys: first gpa of each region, ascending, then U64_MAX until their number is
 *	a power of two; what a search touches
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
	size_t stride;
	u32 nr_by_hva;
	u32 nr_aliases;
	u64 logged_pages;
	bool logged;
	struct virt_as_region *regions;
	u64 *hva_reach;
	u32 *by_hva;
	u64 keys[];
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
const struct virt_as_region *
virt_as_map_alias(const struct virt_as_map *map, u64 hva, u64 hva_last,
		  u32 *cursor);

static inline u64 virt_as_region_hva_last(const struct virt_as_region *region)
{
	return region->hva + (region->len - 1);
}

/* Of maps of the same owner. */
static inline bool virt_as_region_same(const struct virt_as_region *a,
				       const struct virt_as_region *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->hva == b->hva &&
	       a->type == b->type && a->perms == b->perms;
}

static inline bool virt_as_region_has(const struct virt_as_region *region,
				      u64 gpa)
{
	return gpa - region->gpa < region->len;
}

/* A search takes four steps a turn, so there is at least one turn's worth of keys. */
#define VIRT_AS_MIN_KEYS	16

/* The strides with which the number of steps is not a multiple of four. */
#define VIRT_AS_ODD_STRIDES	0x77777777UL

/* One step of a search: over @bytes of keys, unless that is too far. */
static __always_inline size_t virt_as_map_step(const struct virt_as_map *map,
					       size_t at, size_t bytes, u64 gpa)
{
	const u64 *key = (const void *)map + at + bytes;

	return *key <= gpa ? at + bytes : at;
}

/**
 * virt_as_map_search - the last region that does not begin above a gpa
 * @map: the map
 * @gpa: guest physical address of a page
 *
 * Halves the keys until one is left. Their number is a power of two, so that no
 * step needs to look whether it leads out of the array. This is most of what a
 * miss in a cache costs, so four steps make a turn of the loop, as soon as they
 * come in fours. Example, 32 keys of 8 bytes, stride 16: a step of 8 * 16 bytes,
 * then with stride 8 one turn of 64, 32, 16 and 8 bytes.
 *
 * Context: Any. The caller keeps @map from being freed.
 * Return: Never NULL. Whether the region reaches as far as @gpa is still to be
 * asked; if there is none, it is one of no length.
 */
static __always_inline const struct virt_as_region *
virt_as_map_search(const struct virt_as_map *map, u64 gpa)
{
	const size_t first = offsetof(struct virt_as_map, keys);
	size_t stride = map->stride;
	size_t at = first;

	while (stride & VIRT_AS_ODD_STRIDES) {
		at = virt_as_map_step(map, at, 8 * stride, gpa);
		stride /= 2;
	}
	do {
		at = virt_as_map_step(map, at, 8 * stride, gpa);
		at = virt_as_map_step(map, at, 4 * stride, gpa);
		at = virt_as_map_step(map, at, 2 * stride, gpa);
		at = virt_as_map_step(map, at, stride, gpa);
		stride /= 16;
		/* Or else the compiler compares what the stride was. */
		OPTIMIZER_HIDE_VAR(stride);
	} while (stride);
	return (const void *)map->regions +
	       (at - first) * (sizeof(*map->regions) / sizeof(*map->keys));
}

/**
 * virt_as_map_find - the region that has a gpa
 * @map: the map
 * @gpa: guest physical address; any value
 *
 * Context: Any. The caller keeps @map from being freed.
 * Return: The region, or NULL in a hole.
 */
static inline const struct virt_as_region *
virt_as_map_find(const struct virt_as_map *map, u64 gpa)
{
	const struct virt_as_region *region;

	region = virt_as_map_search(map, gpa & PAGE_MASK);
	return virt_as_region_has(region, gpa) ? region : NULL;
}

#endif /* _MM_VIRT_AS_MAP_H */
