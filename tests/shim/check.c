// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/virt_as.h>
#include <string.h>

#include "check.h"
#include "test.h"

static int by_gpa(const void *a, const void *b)
{
	const struct naive_region *left = a;
	const struct naive_region *right = b;

	return left->r.gpa < right->r.gpa ? -1 : left->r.gpa > right->r.gpa;
}

static void check_hva_index(const struct virt_as_map *map)
{
	static u8 seen[NAIVE_MAX];
	u64 reach = 0;
	u32 i;

	CHECK(map->nr <= NAIVE_MAX);
	memset(seen, 0, map->nr);
	for (i = 0; i < map->nr_by_hva; i++) {
		const struct virt_as_region *r;

		CHECK(map->by_hva[i] < map->nr && !seen[map->by_hva[i]]);
		seen[map->by_hva[i]] = 1;
		r = &map->regions[map->by_hva[i]];
		CHECK(r->type != VIRT_AS_TYPE_NOHVA);
		if (i)
			CHECK(map->regions[map->by_hva[i - 1]].hva <= r->hva);
		if (r->hva + (r->len - 1) > reach)
			reach = r->hva + (r->len - 1);
		CHECK(map->hva_reach[i] == reach);
	}
	for (i = 0; i < map->nr; i++)
		CHECK(seen[i] == (map->regions[i].type != VIRT_AS_TYPE_NOHVA));
}

/**
 * check_map - the map has what the model has, sorted and well formed
 * @map: the map
 * @naive: the model; NULL to check the form alone
 */
void check_map(const struct virt_as_map *map, const struct naive_map *naive)
{
	static struct naive_region sorted[NAIVE_MAX];
	u32 i;

	CHECK(map->cookie);
	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *r = &map->regions[i];

		CHECK(map->keys[i] == r->gpa);
		CHECK(r->len && virt_as_region_last(r) >= r->gpa);
		CHECK(!(r->gpa & ~PAGE_MASK) && !(r->len & ~PAGE_MASK));
		CHECK(r->perms & VIRT_AS_PERM_READ);
		if (i)
			CHECK(virt_as_region_last(&map->regions[i - 1]) < r->gpa);
	}
	check_hva_index(map);
	if (!naive)
		return;

	CHECK(map->nr == naive->nr);
	if (naive->nr) {
		memcpy(sorted, naive->at, naive->nr * sizeof(*sorted));
		qsort(sorted, naive->nr, sizeof(*sorted), by_gpa);
	}
	for (i = 0; i < map->nr; i++) {
		CHECK(naive_same(&map->regions[i], &sorted[i].r));
		CHECK(map->regions[i].flags == sorted[i].r.flags);
	}
	CHECK(map->logged_pages == naive_logged(naive));
	CHECK(map->nr_aliases == naive_aliases(naive));
}

/**
 * check_answer - the commit answered as the model did
 * @map: what virt_as_map_build() returned
 * @bad: the entry that it names
 * @verdict: the model's answer
 */
void check_answer(const struct virt_as_map *map, u32 bad,
		  const struct naive_verdict *verdict)
{
	int err = IS_ERR(map) ? (int)PTR_ERR(map) : 0;

	CHECK(map);
	if (err != verdict->err)
		fprintf(stderr, "errno %d (entry %d), the model says %d\n",
			-err, (int)bad, -verdict->err);
	CHECK(err == verdict->err);
	if (!err)
		return;
	if (verdict->no_index)
		CHECK(bad == VIRT_AS_NO_INDEX);
	else
		CHECK(bad < NAIVE_MAX && verdict->blame[bad]);
}

/**
 * check_find - a lookup found what the model finds
 * @map: the map
 * @naive: the model
 * @got: what was found
 * @gpa: what was looked for
 */
void check_find(const struct virt_as_map *map, const struct naive_map *naive,
		const struct virt_as_region *got, u64 gpa)
{
	const struct virt_as_region *want = naive_find(naive, gpa);

	CHECK(!got == !want);
	if (!got)
		return;
	/* In this very map: an equal region of a map that is gone will not do. */
	CHECK(got >= map->regions && got < map->regions + map->nr);
	CHECK(naive_same(got, want));
}

/**
 * check_alias_walk - a walk meets each region that shares the hvas, once
 * @map: the map
 * @naive: the model
 * @hva: first hva
 * @hva_last: last hva, inclusive
 */
void check_alias_walk(const struct virt_as_map *map,
		      const struct naive_map *naive, u64 hva, u64 hva_last)
{
	static u8 seen[NAIVE_MAX];
	const struct virt_as_region *r;
	u32 cursor = 0;
	u32 met = 0;
	u32 want = 0;
	u32 i;

	memset(seen, 0, map->nr);
	while ((r = virt_as_map_alias(map, hva, hva_last, &cursor))) {
		CHECK(r >= map->regions && r < map->regions + map->nr);
		CHECK(!seen[r - map->regions]);
		seen[r - map->regions] = 1;
		CHECK(naive_shares_hva(r, hva, hva_last));
		met++;
	}
	CHECK(!virt_as_map_alias(map, hva, hva_last, &cursor));
	for (i = 0; i < naive->nr; i++)
		want += naive_shares_hva(&naive->at[i].r, hva, hva_last);
	CHECK(met == want);
}

/* Walks regions of @of that are not in @other; all of them if @all. */
static void check_side(const struct virt_as_region **side, u32 nr,
		       const struct virt_as_map *of,
		       const struct virt_as_map *other, bool all)
{
	u32 n = 0;
	u32 i, k;

	for (i = 0; of && i < of->nr; i++) {
		bool kept = false;

		for (k = 0; !all && other && k < other->nr && !kept; k++)
			kept = naive_same(&of->regions[i], &other->regions[k]);
		if (kept)
			continue;
		CHECK(n < nr);
		CHECK(side[n] == &of->regions[i]);
		n++;
	}
	CHECK(n == nr);
}

/**
 * check_diff - a diff has what differs by the identity rule, in order of gpa
 * @diff: the diff
 * @old: the old map, or NULL
 * @new: the new map
 */
void check_diff(const struct virt_as_diff *diff, const struct virt_as_map *old,
		const struct virt_as_map *new)
{
	bool adopted = old && old->mm != new->mm;

	CHECK(diff->old_generation == (old ? old->generation : 0));
	CHECK(diff->new_generation == new->generation);
	CHECK(diff->new_mm == new->mm);
	if (old)
		CHECK(diff->old_mm == old->mm);
	check_side(diff->removed, diff->nr_removed, old, new, adopted);
	check_side(diff->added, diff->nr_added, new, old, adopted);
}
