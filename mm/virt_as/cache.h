/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lookup, as every access does it: cache, map, permissions, clamp.
 */
#ifndef _MM_VIRT_AS_CACHE_H
#define _MM_VIRT_AS_CACHE_H

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/virt_as.h>

#include "map.h"

const struct virt_as_region *
virt_as_lookup_again(const struct virt_as_map *map, struct virt_as_cache *cache,
		     u64 gpa);
const struct virt_as_region *
virt_as_lookup_first(const struct virt_as_map *map, struct virt_as_cache *cache,
		     u64 gpa);

/**
 * virt_as_lookup - the region that has a gpa, by way of a cache
 * @map: the map that the caller's section holds
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 *
 * Return: The region, or NULL in a hole.
 */
static __always_inline const struct virt_as_region *
virt_as_lookup(const struct virt_as_map *map, struct virt_as_cache *cache,
	       u64 gpa)
{
	if (unlikely(cache->cookie != map->cookie))
		return virt_as_lookup_first(map, cache, gpa);
	if (unlikely(!virt_as_region_has(cache->ways[0], gpa)))
		return virt_as_lookup_again(map, cache, gpa & PAGE_MASK);
	return cache->ways[0];
}

/**
 * virt_as_resolve - where and how far a gpa can be accessed
 * @map: the map that the caller's section holds
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes that the caller would like, not 0
 * @need: VIRT_AS_PERM_* that the access takes
 * @segment: set to the host addresses, of at most @len bytes and within one
 *	region
 *
 * gpas come from guests. The offset into the region is clamped, so that no
 * access beyond the region happens in speculation either.
 *
 * Return: 0, -ENOENT in a hole, -ENXIO if there is no host address, -EACCES if
 * the region does not permit the access.
 */
static __always_inline int
virt_as_resolve(const struct virt_as_map *map, struct virt_as_cache *cache,
		u64 gpa, size_t len, u32 need, struct virt_as_segment *segment)
{
	const struct virt_as_region *region = virt_as_lookup(map, cache, gpa);
	unsigned long offset, size;

	if (unlikely(!region))
		return -ENOENT;
	if (unlikely(region->type == VIRT_AS_TYPE_NOHVA))
		return -ENXIO;
	if (unlikely(need & ~region->perms))
		return -EACCES;

	/* Cannot wrap: a region with an hva fits into user space. */
	size = region->len;
	offset = array_index_nospec((unsigned long)(gpa - region->gpa), size);
	segment->hva = (void __user *)(unsigned long)(region->hva + offset);
	segment->len = min_t(unsigned long, len, size - offset);
	segment->region = region;
	segment->type = region->type;
	segment->perms = region->perms;
	return 0;
}

#endif /* _MM_VIRT_AS_CACHE_H */
