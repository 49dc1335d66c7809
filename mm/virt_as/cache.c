// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache: a reader's own memory of its recent lookups.
 *
 * A cache has the regions that its one reader used last, the newest first, as
 * pointers into a map, and the cookie of that map. Cookies are never used
 * twice, by no map of no address space, and are compared with the map that the
 * section holds; so a pointer is followed only while its map cannot be freed,
 * and there is nothing to invalidate when a map is replaced.
 *
 * Invariant: if the cookie is that of a map, every way is a region of it, of type
 * VIRT_AS_TYPE_RAM: who finds the address in a cache need not look at the type.
 * Two ways may be the same region.
 *
 * No lock: a cache belongs to one reader.
 */
#include <linux/build_bug.h>

#include "cache.h"

/**
 * virt_as_lookup_again - look past the newest way of a cache
 * @map: the map that the caller's section holds
 * @cache: the caller's cache, which has that map's cookie
 * @gpa: guest physical address of a page that is not in the newest way
 *
 * Return: The region, or NULL in a hole.
 */
const struct virt_as_region *
virt_as_lookup_again(const struct virt_as_map *map, struct virt_as_cache *cache,
		     u64 gpa)
{
	const struct virt_as_region *newest = cache->ways[0];
	const struct virt_as_region *second = cache->ways[1];
	const struct virt_as_region *region = cache->ways[2];

	static_assert(VIRT_AS_CACHE_WAYS == 3);
	if (virt_as_region_has(second, gpa)) {
		cache->ways[1] = newest;
		cache->ways[0] = second;
		return second;
	}
	if (!virt_as_region_has(region, gpa)) {
		region = virt_as_map_search(map, gpa);
		if (unlikely(!virt_as_region_has(region, gpa)))
			return NULL;
		if (unlikely(region->type != VIRT_AS_TYPE_RAM))
			return region;
	}
	cache->ways[2] = second;
	cache->ways[1] = newest;
	cache->ways[0] = region;
	return region;
}

/**
 * virt_as_lookup_first - look where there is nothing to remember
 * @map: the map that the caller's section holds
 * @cache: the caller's cache, of another map
 * @gpa: guest physical address; any value
 *
 * Return: The region, or NULL in a hole.
 */
const struct virt_as_region *
virt_as_lookup_first(const struct virt_as_map *map, struct virt_as_cache *cache,
		     u64 gpa)
{
	const struct virt_as_region *region = virt_as_map_find(map, gpa);

	if (region && region->type == VIRT_AS_TYPE_RAM)
		*cache = (struct virt_as_cache) {
			.cookie = map->cookie,
			.ways = { region, region, region },
		};
	return region;
}
