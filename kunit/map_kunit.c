// SPDX-License-Identifier: GPL-2.0-only
/*
 * The immutable map: build, search, aliases, difference. All of it is plain data,
 * so there is neither an address space nor an owner here.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "diff.h"
#include "map.h"
#include "suites.h"

#define RW	(VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE)
#define HVA	0x10000000ULL
#define LEN	((u64)PAGE_SIZE)

static const struct virt_as_limits limits = {
	.max_regions = 8,
	.max_logged_pages = 64,
	.user_end = 0x7fff00000000ULL,
	.hva_end = 0x100000000ULL,
};

static struct virt_as_entry add(u64 gpa, u64 len, u64 hva)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD, .perms = RW,
		.gpa = gpa, .len = len, .hva = hva,
	};
}

static void free_map(void *map)
{
	virt_as_map_free(map);
}

static struct virt_as_map *build(struct kunit *test, const struct virt_as_map *base,
				 const struct virt_as_entry *entries, u32 nr)
{
	struct virt_as_map *map;
	u32 bad;

	map = virt_as_map_build(base, entries, nr, &limits, &bad);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, map);
	KUNIT_EXPECT_EQ(test, bad, VIRT_AS_NO_INDEX);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_map, map), 0);
	return map;
}

static void empty(struct kunit *test)
{
	const struct virt_as_map *map = build(test, NULL, NULL, 0);
	u32 cursor = 0;

	KUNIT_EXPECT_EQ(test, map->nr, 0);
	KUNIT_EXPECT_EQ(test, map->nr_aliases, 0);
	KUNIT_EXPECT_EQ(test, map->logged_pages, 0);
	KUNIT_EXPECT_NULL(test, virt_as_map_find(map, 0));
	KUNIT_EXPECT_NULL(test, virt_as_map_find(map, U64_MAX));
	KUNIT_EXPECT_NULL(test, virt_as_map_alias(map, 0, U64_MAX, &cursor));
	KUNIT_EXPECT_NULL(test, virt_as_map_alias(map, 0, U64_MAX, &cursor));
}

/* Given out of order; one ends where the gpa space does. */
static void find(struct kunit *test)
{
	const struct virt_as_entry entries[] = {
		add(-LEN, LEN, HVA + 9 * LEN),
		add(4 * LEN, 2 * LEN, HVA),
		add(0, LEN, HVA + 4 * LEN),
		add(6 * LEN, LEN, HVA + 7 * LEN),
	};
	static const struct {
		u64 gpa;
		int index;	/* in order of gpa; -1 for a hole */
	} wanted[] = {
		{ 0, 0 }, { PAGE_SIZE - 1, 0 }, { PAGE_SIZE, -1 },
		{ 4 * PAGE_SIZE - 1, -1 }, { 4 * PAGE_SIZE, 1 },
		{ 6 * PAGE_SIZE - 1, 1 }, { 6 * PAGE_SIZE, 2 },
		{ 7 * PAGE_SIZE - 1, 2 }, { 7 * PAGE_SIZE, -1 },
		{ U64_MAX - PAGE_SIZE, -1 }, { U64_MAX - PAGE_SIZE + 1, 3 },
		{ U64_MAX, 3 },
	};
	const struct virt_as_map *map;
	unsigned int i;

	map = build(test, NULL, entries, ARRAY_SIZE(entries));
	KUNIT_ASSERT_EQ(test, map->nr, 4);
	KUNIT_EXPECT_EQ(test, map->logged_pages, 5);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct virt_as_region *region;

		region = virt_as_map_find(map, wanted[i].gpa);
		KUNIT_EXPECT_PTR_EQ_MSG(test, region, wanted[i].index < 0 ? NULL :
					&map->regions[wanted[i].index],
					"gpa %#llx", wanted[i].gpa);
	}
}

/* 0 and 2 share a page, 1 lies alone, 3 is inside of 2, 4 has no hva. */
static void aliases(struct kunit *test)
{
	struct virt_as_entry entries[] = {
		add(0, 2 * LEN, HVA),
		add(0x10 * LEN, LEN, HVA + 0x20 * LEN),
		add(0x20 * LEN, 8 * LEN, HVA + LEN),
		add(0x30 * LEN, LEN, HVA + 3 * LEN),
		{ .op = VIRT_AS_OP_ADD, .type = VIRT_AS_TYPE_NOHVA, .perms = RW,
		  .gpa = 0x40 * LEN, .len = LEN },
	};
	static const struct {
		u64 first, last;	/* pages from HVA on */
		u32 regions;		/* a bit for each */
	} wanted[] = {
		{ 0, 0, BIT(0) }, { 1, 1, BIT(0) | BIT(2) }, { 2, 2, BIT(2) },
		{ 3, 3, BIT(2) | BIT(3) }, { 8, 8, BIT(2) }, { 9, 0x1f, 0 },
		{ 0x20, 0x20, BIT(1) }, { 0, 0x40, BIT(0) | BIT(1) | BIT(2) | BIT(3) },
		{ 0x21, 0x40, 0 },
	};
	const struct virt_as_region *region;
	const struct virt_as_map *map;
	unsigned int i;

	map = build(test, NULL, entries, ARRAY_SIZE(entries));
	KUNIT_EXPECT_EQ(test, map->nr_aliases, 3);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		u64 last = HVA + (wanted[i].last + 1) * LEN - 1;
		u32 cursor = 0;
		u32 met = 0;

		while ((region = virt_as_map_alias(map, HVA + wanted[i].first * LEN,
						   last, &cursor)))
			met |= BIT(region - map->regions);
		KUNIT_EXPECT_EQ_MSG(test, met, wanted[i].regions, "pages %#llx to %#llx",
				    wanted[i].first, wanted[i].last);
	}
}

/* A list of changes is a set: two regions swap, whatever the order. */
static void changes(struct kunit *test)
{
	const struct virt_as_entry before[] = {
		add(0, LEN, HVA), add(LEN, LEN, HVA + LEN),
		add(2 * LEN, LEN, HVA + 2 * LEN), add(3 * LEN, LEN, HVA + 3 * LEN),
	};
	const struct virt_as_entry set[] = {
		{ .op = VIRT_AS_OP_MOVE, .gpa = 0, .len = LEN, .new_gpa = LEN },
		{ .op = VIRT_AS_OP_MOVE, .gpa = LEN, .len = LEN, .new_gpa = 0 },
		{ .op = VIRT_AS_OP_REMOVE, .gpa = 2 * LEN, .len = LEN },
		{ .op = VIRT_AS_OP_PROTECT, .gpa = 3 * LEN, .len = LEN,
		  .perms = VIRT_AS_PERM_READ },
	};
	struct virt_as_entry reversed[ARRAY_SIZE(set)];
	const struct virt_as_map *base, *map;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(set); i++)
		reversed[i] = set[ARRAY_SIZE(set) - 1 - i];
	base = build(test, NULL, before, ARRAY_SIZE(before));
	for (round = 0; round < 2; round++) {
		map = build(test, base, round ? reversed : set, ARRAY_SIZE(set));
		KUNIT_ASSERT_EQ(test, map->nr, 3);
		KUNIT_EXPECT_EQ(test, map->regions[0].hva, HVA + LEN);
		KUNIT_EXPECT_EQ(test, map->regions[1].hva, HVA);
		KUNIT_EXPECT_EQ(test, map->regions[2].gpa, 3 * LEN);
		KUNIT_EXPECT_EQ(test, map->regions[2].perms, VIRT_AS_PERM_READ);
		KUNIT_EXPECT_NE(test, map->cookie, base->cookie);
	}
	KUNIT_EXPECT_EQ(test, base->nr, 4);
	KUNIT_EXPECT_EQ(test, base->regions[0].hva, HVA);
}

struct refusal {
	const char *name;
	struct virt_as_entry entry;
	int err;
};

#define ENTRY	.op = VIRT_AS_OP_ADD, .perms = RW, .gpa = 0x100000, \
		.len = PAGE_SIZE, .hva = HVA

/* The page at gpa 0 is there already, in the base map of those that change. */
static const struct refusal refusals[] = {
	{ "unknown op", { ENTRY, .op = VIRT_AS_OP_PROTECT + 1 }, -EOPNOTSUPP },
	{ "unknown type", { ENTRY, .type = VIRT_AS_TYPE_NOHVA + 1 }, -EOPNOTSUPP },
	{ "unknown permission", { ENTRY, .perms = 7 }, -EOPNOTSUPP },
	{ "unknown flag", { ENTRY, .flags = 2 }, -EOPNOTSUPP },
	{ "unreadable", { ENTRY, .perms = VIRT_AS_PERM_WRITE }, -EINVAL },
	{ "no length", { ENTRY, .len = 0 }, -EINVAL },
	{ "odd gpa", { ENTRY, .gpa = 1 }, -EINVAL },
	{ "odd hva", { ENTRY, .hva = HVA + 1 }, -EINVAL },
	{ "odd length", { ENTRY, .len = PAGE_SIZE + 1 }, -EINVAL },
	{ "new gpa for nothing", { ENTRY, .new_gpa = PAGE_SIZE }, -EINVAL },
	{ "reserved", { ENTRY, .__reserved = { 0, 1 } }, -EINVAL },
	{ "hva of none", { ENTRY, .type = VIRT_AS_TYPE_NOHVA }, -EINVAL },
	{ "gpa overflow", { ENTRY, .gpa = -2 * LEN, .len = 3 * PAGE_SIZE }, -EOVERFLOW },
	{ "hva overflow", { ENTRY, .hva = -2 * LEN, .len = 3 * PAGE_SIZE }, -EOVERFLOW },
	{ "kernel hva", { ENTRY, .hva = 0xffff888000000000ULL }, -EFAULT },
	{ "hva past the end", { ENTRY, .hva = 0x100000000ULL - PAGE_SIZE,
				.len = 2 * PAGE_SIZE }, -ERANGE },
	{ "taken gpa", { ENTRY, .gpa = 0 }, -EEXIST },
	{ "too many pages", { ENTRY, .len = 64 * PAGE_SIZE }, -EDQUOT },
	{ "nothing there", { .op = VIRT_AS_OP_REMOVE, .gpa = PAGE_SIZE,
			     .len = PAGE_SIZE }, -ENOENT },
	{ "half a region", { .op = VIRT_AS_OP_REMOVE, .len = 2 * PAGE_SIZE }, -ENOENT },
	{ "move onto the next", { .op = VIRT_AS_OP_MOVE, .len = PAGE_SIZE,
				  .new_gpa = 8 * PAGE_SIZE }, -EEXIST },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

/* The entry that is wrong is the second of three, and named as such. */
static void refused(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	const struct virt_as_entry before[] = {
		add(0, LEN, HVA), add(8 * LEN, LEN, HVA + LEN),
	};
	const struct virt_as_entry entries[] = {
		add(0x200000, LEN, HVA + 0x100000), refusal->entry,
		add(0x300000, LEN, HVA + 0x200000),
	};
	const struct virt_as_map *base;
	struct virt_as_map *map;
	u32 bad;

	base = build(test, NULL, before, ARRAY_SIZE(before));
	map = virt_as_map_build(base, entries, ARRAY_SIZE(entries), &limits, &bad);
	KUNIT_EXPECT_EQ(test, PTR_ERR(map), refusal->err);
	KUNIT_EXPECT_EQ(test, bad, refusal->err == -EDQUOT ? VIRT_AS_NO_INDEX : 1);
	if (!IS_ERR(map))
		virt_as_map_free(map);
}

/* Named twice, a change in a whole map, and one region more than the limit. */
static void refused_as_a_whole(struct kunit *test)
{
	const struct virt_as_entry twice[] = {
		{ .op = VIRT_AS_OP_REMOVE, .len = LEN },
		{ .op = VIRT_AS_OP_MOVE, .len = LEN, .new_gpa = LEN },
	};
	struct virt_as_entry many[9];
	const struct virt_as_map *base;
	u32 bad, i;

	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = add(i * LEN, LEN, HVA + i * LEN);
	base = build(test, NULL, many, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(virt_as_map_build(base, twice, 2, &limits, &bad)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, bad, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(virt_as_map_build(NULL, twice, 1, &limits, &bad)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, build(test, NULL, many, 8)->nr, 8);
	KUNIT_EXPECT_EQ(test, PTR_ERR(virt_as_map_build(NULL, many, 9, &limits, &bad)),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, bad, VIRT_AS_NO_INDEX);
}

static void free_diff(void *diff)
{
	virt_as_diff_free(diff);
}

static const struct virt_as_diff *compare(struct kunit *test,
					  const struct virt_as_map *old,
					  const struct virt_as_map *new)
{
	struct virt_as_diff *diff = virt_as_diff_build(old, new);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, diff);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_diff, diff), 0);
	return diff;
}

/* What is the same stays out; what changed in any one member is on both sides. */
static void difference(struct kunit *test)
{
	const struct virt_as_entry before[] = {
		add(0, LEN, HVA), add(LEN, LEN, HVA + LEN), add(2 * LEN, LEN, HVA),
		add(3 * LEN, LEN, HVA), add(8 * LEN, LEN, HVA),
	};
	struct virt_as_entry after[ARRAY_SIZE(before)];
	struct virt_as_map *old, *new, *foreign;
	const struct virt_as_diff *diff;

	memcpy(after, before, sizeof(after));
	after[0].flags = VIRT_AS_ENTRY_CLEAN;		/* no part of a region */
	after[1].hva = HVA + 7 * LEN;
	after[2].perms = VIRT_AS_PERM_READ;
	after[3].type = VIRT_AS_TYPE_DEVICE;
	after[4].gpa = 7 * LEN;
	old = build(test, NULL, before, ARRAY_SIZE(before));
	new = build(test, NULL, after, ARRAY_SIZE(after));
	foreign = build(test, NULL, before, ARRAY_SIZE(before));
	foreign->mm = (struct mm_struct *)foreign;	/* anything but NULL */

	diff = compare(test, old, new);
	KUNIT_ASSERT_EQ(test, diff->nr_removed, 4);
	KUNIT_ASSERT_EQ(test, diff->nr_added, 4);
	KUNIT_EXPECT_PTR_EQ(test, diff->removed[0], &old->regions[1]);
	KUNIT_EXPECT_PTR_EQ(test, diff->added[3], &new->regions[4]);
	diff = compare(test, old, old);
	KUNIT_EXPECT_EQ(test, diff->nr_removed + diff->nr_added, 0);
	diff = compare(test, NULL, new);
	KUNIT_EXPECT_EQ(test, diff->nr_removed, 0);
	KUNIT_EXPECT_EQ(test, diff->nr_added, 5);
	diff = compare(test, old, foreign);
	KUNIT_EXPECT_EQ(test, diff->nr_removed, 5);
	KUNIT_EXPECT_EQ(test, diff->nr_added, 5);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(empty),
	KUNIT_CASE(find),
	KUNIT_CASE(aliases),
	KUNIT_CASE(changes),
	KUNIT_CASE_PARAM(refused, refusal_gen_params),
	KUNIT_CASE(refused_as_a_whole),
	KUNIT_CASE(difference),
	{}
};

struct kunit_suite virt_as_map_suite = {
	.name = "virt_as_map",
	.test_cases = cases,
};
