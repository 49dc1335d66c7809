// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random commits and lookups against the naive model.
 *
 *	model SEED COMMITS
 *
 * Several maps are alive at a time and several caches wander between them, and
 * over the graves of those that are freed: a cache that trusts a map which is
 * gone is a use after free, for the address sanitizer to find.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <string.h>

#include "cache.h"
#include "check.h"
#include "diff.h"
#include "gen.h"
#include "shim.h"

#define ALIVE		3
#define CACHES		3
#define LOOKUPS		8
#define STEPS		40
#define SMALL		6
#define LARGE		4096

u64 test_seed;

/* A map, its model, and its commits so far. */
struct world {
	struct virt_as_map *map;
	struct naive_map naive;
};

/* A cache, and what the header says it has: the most recently used first. */
struct lru {
	struct virt_as_cache cache;
	u64 cookie;
	const struct virt_as_region *ways[VIRT_AS_CACHE_WAYS];
};

static struct {
	u64 commits, whole, changes, accepted;
	u64 lookups, hits, reuses, walks, shared, diffs, kept, adopted;
	u64 regions, largest;
	u64 err[256];
} count;

static struct rng rng;
static struct world worlds[ALIVE];
static struct lru lrus[CACHES];
static struct naive_verdict verdict;
static struct naive_map next;
static struct virt_as_entry entries[NAIVE_MAX];
static struct mm_struct owners[2];
static u64 last_cookie;

static void lru_use(struct lru *lru, const struct virt_as_map *map,
		    const struct virt_as_region *region)
{
	unsigned int i;

	if (lru->cookie != map->cookie) {
		lru->cookie = map->cookie;
		for (i = 0; i < VIRT_AS_CACHE_WAYS; i++)
			lru->ways[i] = region;
	}
	for (i = 0; i < VIRT_AS_CACHE_WAYS - 1; i++)
		if (lru->ways[i] == region)
			break;
	count.reuses += lru->ways[i] == region;
	memmove(&lru->ways[1], &lru->ways[0], i * sizeof(lru->ways[0]));
	lru->ways[0] = region;
}

static void look_up(struct gen *gen)
{
	struct world *world = &worlds[rng_below(&rng, ALIVE)];
	struct lru *lru = &lrus[rng_below(&rng, CACHES)];
	struct virt_as_cache empty = {};
	const struct virt_as_region *region;
	u64 gpa = gen_gpa(gen);

	if (!world->map)
		return;
	if (world->map->nr && rng_once_in(&rng, 2)) {
		region = &world->map->regions[rng_below(&rng, world->map->nr)];
		gpa = rng_once_in(&rng, 2) ? region->gpa :
			virt_as_region_last(region);
	}
	check_find(world->map, &world->naive,
		   virt_as_map_find(world->map, gpa), gpa);
	region = virt_as_lookup(world->map, &lru->cache, gpa);
	check_find(world->map, &world->naive, region, gpa);
	count.lookups++;
	if (!region)
		return;
	count.hits++;
	/* Nothing but ordinary memory is remembered. */
	if (region->type == VIRT_AS_TYPE_RAM)
		lru_use(lru, world->map, region);
	CHECK(lru->cache.cookie == lru->cookie);
	CHECK(!memcmp(lru->cache.ways, lru->ways, sizeof(lru->ways)));
	CHECK(virt_as_lookup(world->map, &empty, gpa) == region);
}

static void walk_aliases(struct gen *gen, struct world *world)
{
	u64 hva = gen->hva + (u64)rng_below(&rng, gen->pages) * PAGE_SIZE;
	u64 last = hva + rng_below(&rng, 4 * PAGE_SIZE);

	if (rng_once_in(&rng, 16)) {
		hva = 0;
		last = rng_once_in(&rng, 2) ? ~0ULL : gen->hva;
	}
	check_alias_walk(world->map, &world->naive, hva, last);
	count.walks++;
	count.shared += world->map->nr_aliases != 0;
}

static void compare(const struct virt_as_map *old, const struct virt_as_map *new)
{
	struct virt_as_diff *diff = virt_as_diff_build(old, new);

	CHECK(!IS_ERR(diff));
	check_diff(diff, old, new);
	count.diffs++;
	count.kept += old && diff->nr_removed < old->nr;
	count.adopted += old && old->mm != new->mm;
	virt_as_diff_free(diff);
}

static void take(struct world *world, struct virt_as_map *map)
{
	struct virt_as_map *old = world->map;
	struct naive_map spare = world->naive;

	/* Never used before: the only thing that caches trust. */
	CHECK(map->cookie > last_cookie);
	last_cookie = map->cookie;
	check_map(map, &next);

	map->generation = old ? old->generation + 1 : 1;
	map->mm = old ? old->mm : &owners[0];
	if (rng_once_in(&rng, 8))
		map->mm = &owners[rng_below(&rng, 2)];
	compare(rng_once_in(&rng, 16) ? NULL : old, map);

	world->map = map;
	world->naive = next;
	next = spare;
	virt_as_map_free(old);
	count.accepted++;
	count.regions += map->nr;
	if (map->nr > count.largest)
		count.largest = map->nr;
}

static void commit(struct gen *gen, struct world *world, u32 room)
{
	bool whole = !world->map || rng_once_in(&rng, 8);
	struct virt_as_map *map;
	u32 bad = 12345;
	u32 nr;

	if (whole)
		nr = gen_map(gen, entries, rng_once_in(&rng, 16) ? 0 : room);
	else
		nr = gen_changes(gen, &world->naive, entries,
				 rng_below(&rng, room));
	if (nr && rng_once_in(&rng, 3))
		gen_corrupt(gen, entries, nr);

	naive_commit(whole ? NULL : &world->naive, entries, nr, &gen->limits,
		     &next, &verdict);
	map = virt_as_map_build(whole ? NULL : world->map, entries, nr,
				&gen->limits, &bad);
	check_answer(map, bad, &verdict);
	count.commits++;
	count.whole += whole;
	count.changes += !whole;
	count.err[-verdict.err]++;
	if (!IS_ERR(map))
		take(world, map);
}

static void forget(struct world *world)
{
	virt_as_map_free(world->map);
	world->map = NULL;
	naive_free(&world->naive);
}

/* A while in one world, with maps of about as many regions as @room. */
static void play(u32 room, u32 pages, u32 longest, u32 steps)
{
	struct gen gen;
	u32 i, k;

	gen_world(&gen, &rng, pages, longest);
	for (i = 0; i < steps; i++) {
		struct world *world = &worlds[rng_below(&rng, ALIVE)];

		commit(&gen, world, room);
		if (world->map)
			walk_aliases(&gen, world);
		for (k = 0; k < LOOKUPS; k++)
			look_up(&gen);
	}
	for (i = 0; i < ALIVE; i++)
		forget(&worlds[i]);
}

static const int causes[] = {
	EINVAL, EOPNOTSUPP, EOVERFLOW, EFAULT, ERANGE, EEXIST, ENOENT, ENOSPC,
	EDQUOT,
};

static void floors(u64 commits)
{
	u32 i;

	FLOOR(count.commits, commits);
	FLOOR(count.accepted, commits / 4);
	FLOOR(count.lookups, 4 * commits);
	FLOOR(count.hits, commits);
	FLOOR(count.reuses, commits / 8);
	FLOOR(count.shared, commits / 8);
	FLOOR(count.kept, commits / 16);
	FLOOR(count.adopted, commits / 100);
	FLOOR(count.largest, (u64)LARGE / 2);
	for (i = 0; i < ARRAY_SIZE(causes); i++)
		FLOOR(count.err[causes[i]], commits / 2000);
}

static void report(void)
{
	u32 i;

	printf("# seed %llu: %llu commits (%llu whole, %llu changes), %llu accepted\n",
	       test_seed, count.commits, count.whole, count.changes,
	       count.accepted);
	for (i = 0; i < ARRAY_SIZE(causes); i++)
		printf("# errno %d: %llu\n", causes[i], count.err[causes[i]]);
	printf("# %llu lookups: %llu hits, %llu of a cached region\n",
	       count.lookups, count.hits, count.reuses);
	printf("# %llu alias walks, %llu in maps with aliases\n",
	       count.walks, count.shared);
	printf("# %llu diffs, %llu with kept regions, %llu adopting\n",
	       count.diffs, count.kept, count.adopted);
	printf("# largest map: %llu regions\n", count.largest);
	printf("counts: seed %llu, %llu commits, %llu lookups\n", test_seed,
	       count.commits, count.lookups);
}

int main(int argc, char **argv)
{
	u64 commits = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000;
	u64 told = 0;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	/* One is large for sure; what chance makes of limits may be smaller. */
	while (count.largest < LARGE / 2)
		play(LARGE, 2 * LARGE, 2, 5);
	while (count.commits < commits) {
		if (count.commits >= told + commits / 5) {
			told = count.commits;
			printf("# %llu of %llu commits\n", told, commits);
			fflush(stdout);
		}
		/* Few are large, as the model scans every pair of regions. */
		if (rng_once_in(&rng, (u32)(commits / STEPS / 12)))
			play(LARGE, 2 * LARGE, 2, 5);
		else if (rng_once_in(&rng, 16))
			play(40, 256, 6, STEPS);
		else
			play(SMALL, 48, 5, STEPS);
	}
	naive_free(&next);
	CHECK(!shim_alloc_live());
	floors(commits);
	report();
	return 0;
}
