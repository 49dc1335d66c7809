// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer on the commit decoder.
 *
 * The input is a world, then the entries of a whole map, then those of a change
 * to it. What is derived from eight bytes can be any entry, but is mostly one of
 * a small world, so that it meets others. The answers are compared with the
 * naive model's.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <string.h>

#include "cache.h"
#include "check.h"
#include "diff.h"
#include "gen.h"
#include "shim.h"

#define HEADER		4
#define RECORD		8
#define MOST		48

u64 test_seed;

static struct naive_verdict verdict;
static struct virt_as_entry entries[MOST];
static struct mm_struct owner;

static void decode_world(const u8 *data, struct gen *gen)
{
	static const u64 gpas[] = { 0, 1ULL << 32, 1ULL << 63, 0 - (64 * PAGE_SIZE) };

	memset(gen, 0, sizeof(*gen));
	gen->pages = 64;
	gen->gpa = gpas[data[0] & 3];
	gen->limits.user_end = GEN_USER_END;
	gen->limits.hva_end = data[0] & 4 ? 0xffffe000ULL : GEN_USER_END;
	gen->hva = data[0] & 8 ? gen->limits.hva_end - 64 * PAGE_SIZE : 0;
	gen->limits.max_regions = data[0] & 16 ? data[1] & 15 : MOST;
	gen->limits.max_logged_pages = data[0] & 32 ? data[2] : 1ULL << 52;
}

static void decode_entry(const u8 *data, const struct gen *gen,
			 struct virt_as_entry *e)
{
	static const u64 odd[] = {
		0, 1, 4095, 4096, 1ULL << 32, GEN_USER_END, GEN_USER_END - 4096,
		0xffffe000ULL, 1ULL << 47, 1ULL << 63, 0xffff888000000000ULL,
		0x2a00000000001000ULL, 0 - 4096ULL, 0 - 8192ULL, ~0ULL, 4097,
	};

	memset(e, 0, sizeof(*e));
	e->op = data[0] & 3;
	e->type = e->op == VIRT_AS_OP_ADD ? (data[0] >> 2) % 3 : 0;
	if (e->op == VIRT_AS_OP_ADD || e->op == VIRT_AS_OP_PROTECT)
		e->perms = VIRT_AS_PERM_READ | (data[1] & VIRT_AS_PERM_WRITE);
	if (e->op != VIRT_AS_OP_REMOVE)
		e->flags = data[1] >> 2 & 1;
	e->gpa = gen->gpa + (data[2] & 63) * PAGE_SIZE;
	e->len = (data[3] & 7) * PAGE_SIZE;
	if (e->op == VIRT_AS_OP_ADD && e->type != VIRT_AS_TYPE_NOHVA)
		e->hva = gen->hva + (data[4] & 63) * PAGE_SIZE;
	if (e->op == VIRT_AS_OP_MOVE)
		e->new_gpa = gen->gpa + (data[5] & 63) * PAGE_SIZE;

	/* Now and then, a value that nobody means. */
	if (data[6] & 0x80)
		(&e->gpa)[data[6] & 3] = odd[data[7] & 15];
	if (data[6] & 0x40)
		(&e->op)[data[6] & 3] = 1U << (data[7] >> 4);
	if (data[6] & 0x20)
		(&e->op)[data[6] & 3] = data[7] >> 4;
	if (data[6] & 0x10)
		e->__reserved[data[6] & 1] = data[7];
}

static u32 decode(const u8 **data, size_t *size, u32 nr, const struct gen *gen)
{
	u32 i;

	for (i = 0; i < nr && *size >= RECORD; i++) {
		decode_entry(*data, gen, &entries[i]);
		*data += RECORD;
		*size -= RECORD;
	}
	return i;
}

/* Commits the entries, and holds the answer and the map against the model. */
static struct virt_as_map *commit(const struct virt_as_map *base,
				  const struct naive_map *naive, u32 nr,
				  const struct virt_as_limits *limits,
				  struct naive_map *out)
{
	struct virt_as_map *map;
	u32 bad = 0;

	naive_commit(base ? naive : NULL, entries, nr, limits, out, &verdict);
	map = virt_as_map_build(base, entries, nr, limits, &bad);
	check_answer(map, bad, &verdict);
	if (IS_ERR(map))
		return NULL;
	map->mm = &owner;
	check_map(map, out);
	return map;
}

static void look_around(const struct virt_as_map *map,
			const struct naive_map *naive)
{
	/* It outlives its maps, so that a stale entry would be followed. */
	static struct virt_as_cache cache;
	u32 i, k;

	for (i = 0; i < naive->nr; i++) {
		const struct virt_as_region *r = &naive->at[i].r;
		const u64 gpas[] = { r->gpa, virt_as_region_last(r), r->gpa - 1,
				     virt_as_region_last(r) + 1 };

		for (k = 0; k < 4; k++) {
			check_find(map, naive, virt_as_map_find(map, gpas[k]),
				   gpas[k]);
			check_find(map, naive,
				   virt_as_lookup(map, &cache, gpas[k]), gpas[k]);
		}
		check_alias_walk(map, naive, r->hva, r->hva + (r->len - 1));
	}
	check_find(map, naive, virt_as_lookup(map, &cache, 0), 0);
	check_find(map, naive, virt_as_lookup(map, &cache, ~0ULL), ~0ULL);
}

/* A map that is read and given back is the same map. */
static void round_trip(const struct virt_as_map *map,
		       const struct naive_map *naive)
{
	static const struct virt_as_limits none = {
		MOST * 2, ~0ULL, GEN_USER_END, GEN_USER_END,
	};
	static struct virt_as_entry back[MOST * 2];
	struct virt_as_diff *diff;
	struct virt_as_map *again;
	u32 bad, i;

	memset(back, 0, map->nr * sizeof(*back));
	for (i = 0; i < map->nr; i++) {
		back[i].type = map->regions[i].type;
		back[i].perms = map->regions[i].perms;
		back[i].flags = map->regions[i].flags;
		back[i].gpa = map->regions[i].gpa;
		back[i].len = map->regions[i].len;
		back[i].hva = map->regions[i].hva;
	}
	again = virt_as_map_build(NULL, back, map->nr, &none, &bad);
	CHECK(!IS_ERR(again));
	again->mm = map->mm;
	check_map(again, naive);
	diff = virt_as_diff_build(map, again);
	CHECK(!IS_ERR(diff) && !diff->nr_removed && !diff->nr_added);
	virt_as_diff_free(diff);
	virt_as_map_free(again);
}

int fuzz_one(const u8 *data, size_t size)
{
	static struct naive_map naive, next;
	struct virt_as_map *base, *map;
	struct virt_as_diff *diff;
	struct gen gen;
	bool whole;
	u32 nr;

	if (size < HEADER)
		return 0;
	decode_world(data, &gen);
	nr = data[3] % (MOST / 2);
	whole = data[0] & 64;
	data += HEADER;
	size -= HEADER;

	nr = decode(&data, &size, nr, &gen);
	base = commit(NULL, NULL, nr, &gen.limits, &naive);
	if (!base) {
		/* A change needs something to change; fall back to nothing. */
		base = commit(NULL, NULL, 0, &gen.limits, &naive);
		CHECK(base);
	}
	nr = decode(&data, &size, MOST, &gen);
	map = commit(whole ? NULL : base, &naive, nr, &gen.limits, &next);
	check_map(base, &naive);
	if (map) {
		diff = virt_as_diff_build(base, map);
		CHECK(!IS_ERR(diff));
		check_diff(diff, base, map);
		virt_as_diff_free(diff);
		look_around(map, &next);
		look_around(base, &naive);
		round_trip(map, &next);
		virt_as_map_free(map);
	}
	virt_as_map_free(base);
	CHECK(!shim_alloc_live());
	return 0;
}
