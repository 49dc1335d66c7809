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
 * Invariant: if the cookie is that of a map, ways[0] is a region of it, and no
 * empty way stands before a full one.
 *
 * No lock: a cache belongs to one reader.
 */
#include <linux/string.h>

#include "cache.h"

/* Makes @region the newest; those before place @nr move one back. */
static void to_front(struct virt_as_cache *cache,
		     const struct virt_as_region *region, unsigned int nr)
{
	memmove(&cache->ways[1], &cache->ways[0], nr * sizeof(cache->ways[0]));
	cache->ways[0] = region;
}

/**
 * virt_as_lookup_slow - look past the newest entry of a cache
 * @map: the map that the caller's section holds
 * @cache: the caller's cache, or NULL
 * @gpa: guest physical address; any value
 *
 * Return: The region, or NULL in a hole.
 */
const struct virt_as_region *
virt_as_lookup_slow(const struct virt_as_map *map, struct virt_as_cache *cache,
		    u64 gpa)
{
	const struct virt_as_region *region;
	unsigned int i;

	if (!cache)
		return virt_as_map_find(map, gpa);

	if (cache->cookie != map->cookie) {
		region = virt_as_map_find(map, gpa);
		if (region)
			*cache = (struct virt_as_cache) {
				.cookie = map->cookie,
				.ways = { region },
			};
		return region;
	}

	for (i = 1; i < VIRT_AS_CACHE_WAYS && cache->ways[i]; i++) {
		region = cache->ways[i];
		if (virt_as_region_has(region, gpa)) {
			to_front(cache, region, i);
			return region;
		}
	}

	region = virt_as_map_find(map, gpa);
	if (region)
		to_front(cache, region, VIRT_AS_CACHE_WAYS - 1);
	return region;
}
