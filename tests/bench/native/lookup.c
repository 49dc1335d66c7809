// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lookups and copies of one thread.
 *
 * A batch goes through more random gpas than a branch predictor remembers, of which
 * none is in a region that one of the last four was in: so the cache is always asked
 * and never knows. Lookups follow each other as fast as the CPU can begin them; in
 * "chained" cases, each gpa is computed from the hva that was found before, so that
 * the whole time of a lookup shows. All systems take turns.
 */
#include <string.h>

#include "cache.h"
#include "map.h"
#include "native.h"
#include "tree.h"

#define LOOKUPS		0x10000		/* of a batch */
#define BATCHES		25
#define COPIES		0x10000
#define PLACES		256		/* that copies go to, in one region */
#define NEAR		4		/* regions back that are not used again */

static_assert(NEAR >= VIRT_AS_CACHE_WAYS);

/**
 * struct round - what a batch works on
 * @space: an address space
 * @tree: the same regions in the peer's tree
 * @pages: gpas of lookups, as page numbers
 * @sum: of the hvas that a batch has to find
 * @len: bytes of a copy; no constant, so that memcpy() is a call
 * @source: what a batch of writes copies to each place; older than the copy, as a
 *	word that was just written would be waited for
 * @tick: the second word of @source, another one in each batch
 */
struct round {
	struct space space;
	struct tree tree;
	u32 pages[LOOKUPS];
	u64 sum;
	size_t len;
	u64 source[PLACES][LEN / 8];
	u64 tick;
};

static struct round round_now;

typedef u64 (*find_t)(const struct round *round, struct virt_as_cache *cache, u64 gpa);

static __always_inline u64 in_cache(const struct round *round,
				    struct virt_as_cache *cache, u64 gpa)
{
	return virt_as_lookup(round->space.section.map, cache, gpa)->hva;
}

static __always_inline u64 in_map(const struct round *round,
				  struct virt_as_cache *cache, u64 gpa)
{
	return virt_as_map_find(round->space.section.map, gpa)->hva;
}

static __always_inline u64 in_tree(const struct round *round,
				   struct virt_as_cache *cache, u64 gpa)
{
	return tree_find(&round->tree, gpa)->hva;
}

static __always_inline u64 in_intervals(const struct round *round,
					struct virt_as_cache *cache, u64 gpa)
{
	return tree_first(&round->tree, gpa, gpa)->hva;
}

/* If @chained, by the lowest bit of the last hva: 0, which the CPU cannot know. */
static __always_inline u64 find_all(struct round *round, find_t find, bool chained)
{
	struct virt_as_cache cache = {};
	u64 sum = 0, hva = 0;
	u32 i;

	for (i = 0; i < LOOKUPS; i++) {
		u64 gpa = (u64)round->pages[i] << 12;

		hva = find(round, &cache, gpa + (chained ? hva & 1 : 0));
		sum += hva;
	}
	return sum;
}

static noinline u64 by_cache(struct round *round)
{
	return find_all(round, in_cache, false);
}

static noinline u64 by_cache_chained(struct round *round)
{
	return find_all(round, in_cache, true);
}

static noinline u64 by_map(struct round *round)
{
	return find_all(round, in_map, false);
}

static noinline u64 by_map_chained(struct round *round)
{
	return find_all(round, in_map, true);
}

static noinline u64 by_tree(struct round *round)
{
	return find_all(round, in_tree, false);
}

static noinline u64 by_tree_chained(struct round *round)
{
	return find_all(round, in_tree, true);
}

static noinline u64 by_intervals(struct round *round)
{
	return find_all(round, in_intervals, false);
}

static noinline u64 by_intervals_chained(struct round *round)
{
	return find_all(round, in_intervals, true);
}

/**
 * struct op - one row
 * @what: the case
 * @system: whose
 * @call: what is called
 * @batch: does it many times; returns struct round::sum if all went well
 * @least: regions that it takes
 */
struct op {
	const char *what;
	const char *system;
	const char *call;
	u64 (*batch)(struct round *round);
	u32 least;
};

/* With fewer regions than the cache has ways there is no miss. */
static const struct op misses[] = {
	{ "native-lookup-miss", "virt_as", "virt_as_lookup", by_cache, 16 },
	{ "native-lookup-miss", "virt_as", "virt_as_map_find", by_map, 1 },
	{ "native-lookup-miss", "rbtree", "rb_find", by_tree, 1 },
	{ "native-lookup-miss", "rbtree", "interval_tree_iter_first", by_intervals, 1 },
	{ "native-lookup-miss-chained", "virt_as", "virt_as_lookup", by_cache_chained, 16 },
	{ "native-lookup-miss-chained", "virt_as", "virt_as_map_find", by_map_chained, 1 },
	{ "native-lookup-miss-chained", "rbtree", "rb_find", by_tree_chained, 1 },
	{ "native-lookup-miss-chained", "rbtree", "interval_tree_iter_first",
	  by_intervals_chained, 1 },
};

static const struct op hits[] = {
	{ "native-lookup-hit", "virt_as", "virt_as_lookup", by_cache, 1 },
	{ "native-lookup-hit", "rbtree", "rb_find", by_tree, 1 },
	{ "native-lookup-hit", "rbtree", "interval_tree_iter_first", by_intervals, 1 },
};

/* The region two thirds up the map, as in the counted rows. */
static u32 one_region(const struct round *round)
{
	return round->space.nr * 2 / 3;
}

/* Where copy @i of a batch goes. */
static u64 copy_offset(u32 i)
{
	return i % PLACES * LEN;
}

static noinline u64 copies_from(struct round *round)
{
	u64 gpa = one_region(round) * APART, sum = 0, word[LEN / 8];
	struct virt_as_cache cache = {};
	u32 i;

	for (i = 0; i < COPIES; i++) {
		CHECK(virt_as_copy_from(&round->space.section, &cache,
					gpa + copy_offset(i), word,
					round->len) == LEN);
		sum += word[0];
	}
	return sum;
}

static void fill_source(struct round *round)
{
	u32 i;

	round->tick++;
	for (i = 0; i < PLACES; i++) {
		round->source[i][0] = copy_offset(i);
		round->source[i][1] = round->tick;
	}
}

/* The sum, if what the last copies wrote is there. */
static u64 sum_if_written(const struct round *round)
{
	const u8 *at = round->space.memory[0] + one_region(round) * REGION;

	return memcmp(at, round->source, sizeof(round->source)) ? 0 : round->sum;
}

static noinline u64 copies_to(struct round *round)
{
	u64 gpa = one_region(round) * APART;
	struct virt_as_cache cache = {};
	u32 i;

	fill_source(round);
	for (i = 0; i < COPIES; i++)
		CHECK(virt_as_copy_to(&round->space.section, &cache,
				      gpa + copy_offset(i),
				      round->source[i % PLACES],
				      round->len) == LEN);
	return sum_if_written(round);
}

static noinline u64 raw_from(struct round *round)
{
	u8 *at = round->space.memory[0] + one_region(round) * REGION;
	u64 sum = 0, word[LEN / 8];
	u32 i;

	for (i = 0; i < COPIES; i++) {
		memcpy(word, at + copy_offset(i), round->len);
		sum += word[0];
	}
	return sum;
}

static noinline u64 raw_to(struct round *round)
{
	u8 *at = round->space.memory[0] + one_region(round) * REGION;
	u32 i;

	fill_source(round);
	for (i = 0; i < COPIES; i++)
		memcpy(at + copy_offset(i), round->source[i % PLACES], round->len);
	return sum_if_written(round);
}

static const struct op copies[] = {
	{ "native-copy-from", "virt_as", "virt_as_copy_from", copies_from, 1 },
	{ "native-copy-from", "raw", "memcpy", raw_from, 1 },
	{ "native-copy-to", "virt_as", "virt_as_copy_to", copies_to, 1 },
	{ "native-copy-to", "raw", "memcpy", raw_to, 1 },
};

/* Gpas and the sum of their hvas; in one region only, or scattered. */
static void choose_gpas(struct round *round, bool scattered)
{
	u32 last[NEAR] = { ~0U, ~0U, ~0U, ~0U }, nr = round->space.nr;
	struct rng rng = { nr };
	u32 i, k;

	round->sum = 0;
	for (i = 0; i < LOOKUPS; i++) {
		u32 page = rng_below(&rng, REGION >> 12);
		u32 region = one_region(round);
		bool again = scattered;

		while (again) {
			region = rng_below(&rng, nr);
			again = false;
			for (k = 0; k < NEAR; k++)
				again |= nr > NEAR && last[k] == region;
		}
		last[i % NEAR] = region;
		round->pages[i] = region * (APART >> 12) + page;
		round->sum += round->space.entries[0][region].hva;
	}
}

static void measure(struct round *round, const struct op *ops, unsigned int nr_ops,
		    u32 count, u32 len)
{
	struct sample samples[8] = {};
	bool right[8] = {};
	unsigned int i, k;

	CHECK(nr_ops <= ARRAY_SIZE(samples));
	for (k = 0; k < nr_ops; k++)
		right[k] = round->space.nr >= ops[k].least;
	/* The first batch warms up. */
	for (i = 0; i <= BATCHES; i++) {
		for (k = 0; k < nr_ops; k++) {
			double start = cpu_time();

			if (round->space.nr < ops[k].least)
				continue;
			if (ops[k].batch(round) != round->sum)
				right[k] = false;
			if (i)
				sample_add(&samples[k], (cpu_time() - start) / count);
		}
	}
	for (k = 0; k < nr_ops; k++) {
		const struct figure figure = {
			ops[k].what, ops[k].system, ops[k].call, round->space.nr, len,
		};

		if (right[k])
			report_ns(&figure, &samples[k]);
		else if (round->space.nr >= ops[k].least)
			report_failure(&figure, "it found something else");
	}
}

static void round_begin(struct round *round, u32 nr)
{
	space_open(&round->space, nr);
	CHECK(!virt_as_begin(&round->space.binding, &round->space.section));
	round->len = LEN;
}

static void round_end(struct round *round)
{
	virt_as_end(&round->space.section);
	space_close(&round->space);
}

void run_lookups(void)
{
	static const u32 numbers[] = { 1, 16, 64, 512, 4096, 32764 };
	struct round *round = &round_now;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		round_begin(round, numbers[i]);
		tree_alloc(&round->tree, numbers[i]);
		tree_fill(&round->tree, round->space.entries[0], numbers[i]);
		choose_gpas(round, true);
		measure(round, misses, ARRAY_SIZE(misses), LOOKUPS, 0);
		choose_gpas(round, false);
		measure(round, hits, ARRAY_SIZE(hits), LOOKUPS, 0);
		tree_free(&round->tree);
		round_end(round);
	}
}

/* The words that are copied say where they belong. */
void run_copies(void)
{
	static const u32 numbers[] = { 1, 512, 4096, 32764 };
	struct round *round = &round_now;
	unsigned int i;
	u32 k;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		round_begin(round, numbers[i]);
		round->sum = 0;
		for (k = 0; k < COPIES; k++) {
			u64 offset = copy_offset(k);

			memcpy(round->space.memory[0] +
			       one_region(round) * REGION + offset, &offset,
			       sizeof(offset));
			round->sum += offset;
		}
		measure(round, copies, ARRAY_SIZE(copies), COPIES, LEN);
		round_end(round);
	}
}
