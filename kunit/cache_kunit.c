// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache of lookups: what it keeps, in which order, and that it is never taken
 * for that of another map. A stale pointer would be read after it is freed, which
 * KASAN sees.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "cache.h"
#include "map.h"
#include "suites.h"
#include "world.h"

#define NR	6	/* regions, one page each, every other page */

static u64 gpa_of(unsigned int i)
{
	return PAGES(2 * i);
}

static struct virt_as_map *build(struct kunit *test, u64 hva)
{
	const struct virt_as_limits limits = {
		.max_regions = NR, .max_logged_pages = NR,
		.user_end = SZ_1G, .hva_end = SZ_1G,
	};
	struct virt_as_entry entries[NR] = {};
	struct virt_as_map *map;
	unsigned int i;
	u32 bad;

	for (i = 0; i < NR; i++) {
		entries[i].perms = VIRT_AS_PERM_READ;
		entries[i].gpa = gpa_of(i);
		entries[i].len = PAGE_SIZE;
		entries[i].hva = hva + gpa_of(i);
	}
	map = virt_as_map_build(NULL, entries, NR, &limits, &bad);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, map);
	return map;
}

static void expect_ways(struct kunit *test, const struct virt_as_map *map,
			const struct virt_as_cache *cache, const int *wanted)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, cache->cookie, map->cookie);
	for (i = 0; i < VIRT_AS_CACHE_WAYS; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, cache->ways[i],
					&map->regions[wanted[i]], "way %u", i);
}

/* Each step looks one region up; the ways are expected to be those. */
static void newest_first(struct kunit *test)
{
	static const struct {
		unsigned int region;
		int ways[VIRT_AS_CACHE_WAYS];
	} steps[] = {
		{ 0, { 0, 0, 0 } }, { 0, { 0, 0, 0 } }, { 1, { 1, 0, 0 } },
		{ 0, { 0, 1, 0 } }, { 2, { 2, 0, 1 } }, { 3, { 3, 2, 0 } },
		{ 0, { 0, 3, 2 } }, { 3, { 3, 0, 2 } }, { 2, { 2, 3, 0 } },
		{ 4, { 4, 2, 3 } }, { 0, { 0, 4, 2 } },
	};
	struct virt_as_map *map = build(test, SZ_1M);
	struct virt_as_cache cache = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct virt_as_region *found;

		found = virt_as_lookup(map, &cache, gpa_of(steps[i].region) + 1);
		KUNIT_EXPECT_PTR_EQ_MSG(test, found, &map->regions[steps[i].region],
					"step %u", i);
		expect_ways(test, map, &cache, steps[i].ways);
	}
	virt_as_map_free(map);
}

/* A gpa behind each region is a hole, which no cached region may answer for. */
static void holes(struct kunit *test)
{
	static const int full[] = { 2, 1, 0 };
	struct virt_as_map *map = build(test, SZ_1M);
	struct virt_as_cache cache = {};
	unsigned int i;

	KUNIT_EXPECT_NULL(test, virt_as_lookup(map, &cache, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, cache.cookie, 0);
	for (i = 0; i < VIRT_AS_CACHE_WAYS; i++)
		virt_as_lookup(map, &cache, gpa_of(i));
	for (i = 0; i < NR; i++) {
		KUNIT_EXPECT_NULL(test, virt_as_lookup(map, &cache,
						       gpa_of(i) + PAGE_SIZE));
		expect_ways(test, map, &cache, full);
	}
	KUNIT_EXPECT_NULL(test, virt_as_lookup(map, &cache, U64_MAX));
	virt_as_map_free(map);
}

/* The same lookups with nothing remembered, and past the ends of a region. */
static void empty(struct kunit *test)
{
	struct virt_as_map *map = build(test, SZ_1M);
	unsigned int i;

	for (i = 0; i < NR; i++) {
		struct virt_as_cache cache = {};

		KUNIT_EXPECT_NULL(test, virt_as_lookup(map, &cache,
						       gpa_of(i) + PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, cache.cookie, 0);
		KUNIT_EXPECT_PTR_EQ(test, virt_as_lookup(map, &cache, gpa_of(i)),
				    &map->regions[i]);
		KUNIT_EXPECT_NULL(test, virt_as_lookup(map, &cache,
						       gpa_of(i) + PAGE_SIZE));
	}
	virt_as_map_free(map);
}

/* Maps come and go, all with the same gpas and generation. */
static void another_map(struct kunit *test)
{
	static const int one[] = { 5, 5, 5 };
	struct virt_as_cache cache = {};
	u64 last_cookie = 0;
	unsigned int i, round;

	for (round = 0; round < 16; round++) {
		struct virt_as_map *map = build(test, SZ_1M * (round + 1));
		const struct virt_as_region *found;

		KUNIT_EXPECT_GT(test, map->cookie, last_cookie);
		last_cookie = map->cookie;
		found = virt_as_lookup(map, &cache, gpa_of(5));
		KUNIT_EXPECT_PTR_EQ(test, found, &map->regions[5]);
		KUNIT_EXPECT_EQ(test, found->hva, SZ_1M * (round + 1) + gpa_of(5));
		expect_ways(test, map, &cache, one);
		for (i = 0; i < NR; i++)
			virt_as_lookup(map, &cache, gpa_of(i));
		virt_as_map_free(map);
	}
}

static u64 read_word(struct kunit *test, struct virt_as_binding *binding,
		     struct virt_as_cache *cache, u64 gpa)
{
	u64 word = 0;

	KUNIT_EXPECT_EQ(test, virt_as_read(binding, cache, gpa, &word, sizeof(word)),
			sizeof(word));
	return word;
}

/* One reader's cache, while the regions that it has move and vanish. */
static void moved(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *binding = kunit_kzalloc(test, sizeof(*binding),
							GFP_KERNEL);
	const struct virt_as_entry map[] = {
		world_ram(world, 0, 0, 1), world_ram(world, PAGE_SIZE, 1, 1),
	};
	const struct virt_as_entry swap[] = {
		{ .op = VIRT_AS_OP_MOVE, .len = PAGE_SIZE, .new_gpa = PAGE_SIZE },
		{ .op = VIRT_AS_OP_MOVE, .len = PAGE_SIZE, .gpa = PAGE_SIZE },
	};
	const struct virt_as_entry remove = {
		.op = VIRT_AS_OP_REMOVE, .len = PAGE_SIZE,
	};
	const u64 words[] = { 0x1111, 0x2222 };
	struct virt_as_cache cache = {};
	unsigned int i;
	u64 word;

	KUNIT_ASSERT_NOT_NULL(test, binding);
	world_put(world, 0, &words[0], sizeof(words[0]));
	world_put(world, PAGE_SIZE, &words[1], sizeof(words[1]));
	world_replace(world, map, ARRAY_SIZE(map));
	world_bind(world, binding, &world_plain_ops, VIRT_AS_RIGHT_READ);
	for (i = 0; i < 9; i++) {
		KUNIT_EXPECT_EQ(test, read_word(test, binding, &cache, 0), words[i % 2]);
		KUNIT_EXPECT_EQ(test, read_word(test, binding, &cache, PAGE_SIZE),
				words[1 - i % 2]);
		KUNIT_ASSERT_EQ(test, world_commit(world, 0, swap, 2), 0);
	}
	KUNIT_ASSERT_EQ(test, world_commit(world, 0, &remove, 1), 0);
	KUNIT_EXPECT_EQ(test, virt_as_read(binding, &cache, 0, &word, sizeof(word)),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, read_word(test, binding, &cache, PAGE_SIZE), words[0]);
}

/* One cache used on two address spaces whose maps have equal generations. */
static void two_worlds(struct kunit *test)
{
	struct virt_as_binding *bindings = kunit_kcalloc(test, 2, sizeof(*bindings),
							 GFP_KERNEL);
	struct virt_as_cache cache = {};
	struct world *worlds[2];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bindings);
	for (i = 0; i < 2; i++) {
		struct virt_as_entry map;
		u64 word = i;

		worlds[i] = world_make(test);
		map = world_ram(worlds[i], 0, i, 1);
		world_put(worlds[i], PAGES(i), &word, sizeof(word));
		world_replace(worlds[i], &map, 1);
		world_bind(worlds[i], &bindings[i], &world_plain_ops,
			   VIRT_AS_RIGHT_READ);
	}
	KUNIT_EXPECT_EQ(test, worlds[0]->request.out_generation,
			worlds[1]->request.out_generation);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, read_word(test, &bindings[i % 2], &cache, 0), i % 2);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(newest_first),
	KUNIT_CASE(holes),
	KUNIT_CASE(empty),
	KUNIT_CASE(another_map),
	KUNIT_CASE(moved),
	KUNIT_CASE(two_worlds),
	{}
};

struct kunit_suite virt_as_cache_suite = {
	.name = "virt_as_cache",
	.test_cases = cases,
};
