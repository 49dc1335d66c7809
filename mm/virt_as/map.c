// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map: what gpa has what hva, as one immutable, sorted, packed object.
 *
 * A map is built complete from the entries of a commit and never edited after
 * it is published, so that a reader needs no lock and can never see half of a
 * change. It is one allocation:
 *
 *	struct virt_as_map | keys | regions | hva_reach | by_hva
 *
 * keys are the first gpas alone, so that a search touches eight of them per
 * cache line and has no branch to mispredict. Example, four regions:
 *
 *	index      0         1         2           3
 *	keys       0x0       0xc0000   0x100000    0xfffc0000
 *	regions    RAM low   ROM       RAM high    ROM alias of 1
 *
 * The search for 0xfffff000 halves {0,1,2,3} to {2,3} to {3}: the last key that
 * is not above the gpa. Whether that region reaches as far as the gpa is asked
 * once, at the end. So that they can be halved, keys that no gpa reaches make
 * their number a power of two.
 *
 * A map is made in place: at the end of regions, in order, come those that entries
 * make, and then what is kept of the base map is merged in from the front. Example,
 * of a base A C D the region C goes and B and E are added:
 *
 *	made       -    -    B    E
 *	merged     A    B    D    E
 *
 * by_hva answers the other question: which regions share an hva. It has the
 * regions in the order of their first hva, and hva_reach[i] is the highest last
 * hva among the first i + 1 of them. As hva_reach ascends, all regions before
 * the first i with hva_reach[i] >= hva end below hva and need not be looked at.
 *
 * Invariants of every map: keys ascend strictly; regions do not overlap in gpa;
 * every region is page-aligned, has VIRT_AS_PERM_READ, and its hvas are user
 * addresses of map->mm that do not wrap. A region is a gpa and a length, not two
 * ends, so that it may end at the top of the gpa space and nothing overflows.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "map.h"
#include "sort.h"

/**
 * struct build - a map in the making
 * @base: the map that changes apply to, or NULL
 * @entries: what the caller wants, checked one by one
 * @nr: number of @entries
 * @map: what is made
 * @made: the end of its regions: those that entries make, in order
 * @nr_made: number of @made
 * @in_order: all that entries do is to add regions, each above the one before
 * @touched: regions of @base that an entry names
 */
struct build {
	const struct virt_as_map *base;
	const struct virt_as_entry *entries;
	u32 nr;
	struct virt_as_map *map;
	struct virt_as_region *made;
	u32 nr_made;
	bool in_order;
	unsigned long *touched;
};

/* Tags maps for caches; 0 is the tag of an empty cache. */
static atomic64_t last_cookie = ATOMIC64_INIT(0);

/*
 * Nearly all entries add ordinary memory, and have nothing wrong with them. That
 * takes few tests; whatever fails one is for check_entry() to judge. A length of 0
 * is among that: it is as if it was 2^64.
 */
static bool is_plain(const struct virt_as_entry *entry, u64 hva_end)
{
	u64 nonzero, last;

	nonzero = entry->op | entry->type | entry->flags | entry->new_gpa |
		  entry->__reserved[0] | entry->__reserved[1];
	nonzero |= (entry->perms | VIRT_AS_PERM_WRITE) ^ VIRT_AS_PERMS;
	if (nonzero || !PAGE_ALIGNED(entry->gpa | entry->len | entry->hva))
		return false;
	if (check_add_overflow(entry->gpa, entry->len - 1, &last))
		return false;
	if (check_add_overflow(entry->hva, entry->len - 1, &last))
		return false;
	return last < hva_end;
}

static int check_known(const struct virt_as_entry *entry)
{
	if (entry->op > VIRT_AS_OP_PROTECT ||
	    entry->type > VIRT_AS_TYPE_NOHVA ||
	    entry->perms & ~VIRT_AS_PERMS ||
	    entry->flags & ~VIRT_AS_ENTRY_CLEAN)
		return -EOPNOTSUPP;
	return 0;
}

/* Fields that the operation does not use must be zero. */
static int check_unused(const struct virt_as_entry *entry)
{
	bool adds = entry->op == VIRT_AS_OP_ADD;
	bool perms = adds || entry->op == VIRT_AS_OP_PROTECT;

	if (perms && !(entry->perms & VIRT_AS_PERM_READ))
		return -EINVAL;
	if (!perms && entry->perms)
		return -EINVAL;
	if (!adds && (entry->type || entry->hva))
		return -EINVAL;
	if (entry->type == VIRT_AS_TYPE_NOHVA && entry->hva)
		return -EINVAL;
	if (entry->op != VIRT_AS_OP_MOVE && entry->new_gpa)
		return -EINVAL;
	if (entry->op == VIRT_AS_OP_REMOVE && entry->flags)
		return -EINVAL;
	if (entry->__reserved[0] || entry->__reserved[1])
		return -EINVAL;
	return 0;
}

static int check_range(const struct virt_as_entry *entry,
		       const struct virt_as_limits *limits)
{
	u64 last, hva_last;

	if (!entry->len ||
	    !PAGE_ALIGNED(entry->len | entry->gpa | entry->new_gpa | entry->hva))
		return -EINVAL;
	if (check_add_overflow(entry->gpa, entry->len - 1, &last) ||
	    check_add_overflow(entry->new_gpa, entry->len - 1, &last) ||
	    check_add_overflow(entry->hva, entry->len - 1, &hva_last))
		return -EOVERFLOW;
	if (entry->op != VIRT_AS_OP_ADD || entry->type == VIRT_AS_TYPE_NOHVA)
		return 0;
	if (entry->hva >= limits->user_end)
		return -EFAULT;
	if (hva_last >= limits->hva_end)
		return -ERANGE;
	return 0;
}

/* Not inline: the loop that seldom calls it needs the registers. */
static noinline int check_entry(const struct virt_as_entry *entry, bool whole,
				const struct virt_as_limits *limits)
{
	int err;

	err = check_known(entry);
	if (err)
		return err;
	if (whole && entry->op != VIRT_AS_OP_ADD)
		return -EINVAL;
	err = check_unused(entry);
	if (err)
		return err;
	return check_range(entry, limits);
}

static void make_region(struct virt_as_region *region,
			const struct virt_as_entry *entry)
{
	region->gpa = entry->gpa;
	region->len = entry->len;
	region->hva = entry->hva;
	region->type = entry->type;
	region->perms = entry->perms;
	region->flags = entry->flags;
	region->live = NULL;
}

/*
 * Checks all that can be said of an entry without the base map, and makes the
 * regions on the way, as long as they are in order: each gpa above the last of the
 * region before, to which it is never equal, for it is page-aligned.
 */
static int check_entries(struct build *build,
			 const struct virt_as_limits *limits, u32 *bad)
{
	const struct virt_as_entry *entry = build->entries;
	struct virt_as_region *region = build->made;
	u32 nr = build->nr;
	u64 hva_end = limits->hva_end;
	bool in_order = true;
	u64 last = 0;
	int err;

	for (; nr; nr--, entry++) {
		u64 gpa = entry->gpa;
		u64 len = entry->len;

		if (unlikely(!is_plain(entry, hva_end))) {
			err = check_entry(entry, !build->base, limits);
			if (err) {
				*bad = entry - build->entries;
				return err;
			}
			if (entry->op != VIRT_AS_OP_ADD)
				in_order = false;
		}
		if (unlikely(gpa < last))
			in_order = false;
		if (likely(in_order))
			make_region(region++, entry);
		last = gpa + (len - 1);
	}
	build->in_order = in_order;
	return 0;
}

/* The gpa of the region that an entry makes. */
static u64 made_gpa(const struct virt_as_entry *entry)
{
	return entry->op == VIRT_AS_OP_MOVE ? entry->new_gpa : entry->gpa;
}

/* The index of the region of the base map that @entry names, whole and once. */
static int claim_named(struct build *build, const struct virt_as_entry *entry,
		       u32 *named)
{
	const struct virt_as_region *region;

	region = virt_as_map_find(build->base, entry->gpa);
	if (!region || region->gpa != entry->gpa || region->len != entry->len)
		return -ENOENT;
	*named = region - build->base->regions;
	return __test_and_set_bit(*named, build->touched) ? -EINVAL : 0;
}

static int order_entries(struct build *build, struct virt_as_sort *order, u32 *bad)
{
	u32 i;
	int err;

	for (i = 0; i < build->nr; i++) {
		const struct virt_as_entry *entry = &build->entries[i];
		u32 named = VIRT_AS_NO_INDEX;

		if (entry->op != VIRT_AS_OP_ADD) {
			err = claim_named(build, entry, &named);
			if (err) {
				*bad = i;
				return err;
			}
		}
		if (entry->op != VIRT_AS_OP_REMOVE)
			virt_as_sort_add(order, made_gpa(entry), i, named);
	}
	virt_as_sort(order);
	return 0;
}

static void make_changed(struct virt_as_region *region,
			 const struct virt_as_entry *entry,
			 const struct virt_as_region *named)
{
	*region = *named;
	region->gpa = made_gpa(entry);
	if (entry->op == VIRT_AS_OP_PROTECT)
		region->perms = entry->perms;
	region->flags = entry->flags;
	region->live = NULL;
}

/* Makes the regions, and in order, if check_entries() could not. */
static int make_in_order(struct build *build, u32 *bad)
{
	struct virt_as_sort *order;
	u32 i;
	int err;

	order = virt_as_sort_alloc(build->nr_made);
	if (!order)
		return -ENOMEM;
	err = order_entries(build, order, bad);
	for (i = 0; !err && i < order->nr; i++) {
		const struct virt_as_place *place = &order->places[i];
		const struct virt_as_entry *entry = &build->entries[place->index];

		if (entry->op == VIRT_AS_OP_ADD)
			make_region(&build->made[i], entry);
		else
			make_changed(&build->made[i], entry,
				     &build->base->regions[place->named]);
	}
	kvfree(order);
	return err;
}

/* What is made only moves to the front, into the room for what is kept. */
static void merge(const struct build *build)
{
	const struct virt_as_map *base = build->base;
	const struct virt_as_region *made = build->made;
	const struct virt_as_region *end = made + build->nr_made;
	struct virt_as_region *to = build->map->regions;
	u32 i;

	for (i = 0; i < base->nr; i++) {
		if (test_bit(i, build->touched))
			continue;
		while (made < end && made->gpa < base->keys[i])
			*to++ = *made++;
		*to++ = base->regions[i];
	}
}

/* The last entry that makes a region at one of two gpas. */
static u32 last_making(const struct build *build, u64 a, u64 b)
{
	u32 i = build->nr;

	while (i--) {
		const struct virt_as_entry *entry = &build->entries[i];
		u64 gpa = made_gpa(entry);

		if (entry->op != VIRT_AS_OP_REMOVE && (gpa == a || gpa == b))
			break;
	}
	return i;
}

/* Of regions that collide, two are neighbours. The later entry is to blame. */
static int check_overlaps(const struct build *build, u32 *bad)
{
	const struct virt_as_region *regions = build->map->regions;
	u32 i;

	for (i = 1; i < build->map->nr; i++) {
		if (virt_as_region_has(&regions[i - 1], regions[i].gpa)) {
			*bad = last_making(build, regions[i - 1].gpa,
					   regions[i].gpa);
			return -EEXIST;
		}
	}
	return 0;
}

static struct virt_as_map *map_alloc(u32 nr)
{
	u32 nr_keys = roundup_pow_of_two(max_t(u32, nr, VIRT_AS_MIN_KEYS));
	u32 nr_regions = max(nr, 1U);
	struct virt_as_map *map;
	size_t size;

	size = sizeof(*map) + (size_t)nr_keys * sizeof(*map->keys) +
	       (size_t)nr_regions * sizeof(*map->regions) +
	       (size_t)nr * (sizeof(*map->hva_reach) + sizeof(*map->by_hva));
	map = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	/* What is used of the arrays is written before it is read. */
	*map = (struct virt_as_map) {
		.cookie = atomic64_inc_return(&last_cookie),
		.nr = nr,
		.stride = nr_keys / 2,
	};
	refcount_set(&map->users, 1);
	map->regions = (struct virt_as_region *)(map->keys + nr_keys);
	map->hva_reach = (u64 *)(map->regions + nr_regions);
	map->by_hva = (u32 *)(map->hva_reach + nr);
	/* What a search finds in no region: an empty one, keys above every gpa. */
	map->regions[0].len = 0;
	memset(&map->keys[nr], 0xff, (nr_keys - nr) * sizeof(*map->keys));
	return map;
}

/*
 * Counts the aliases that show with @region, which overlaps one of the @nr that
 * are in by_hva: itself, and the one before if that did not overlap any. False if
 * @region should come before that one.
 */
static bool count_aliases(struct virt_as_map *map, u32 nr,
			  const struct virt_as_region *region)
{
	const struct virt_as_region *prev = &map->regions[map->by_hva[nr - 1]];

	if (region->hva < prev->hva)
		return false;
	map->nr_aliases++;
	if (region->hva <= virt_as_region_hva_last(prev) &&
	    (nr == 1 || map->hva_reach[nr - 2] < prev->hva))
		map->nr_aliases++;
	return true;
}

/*
 * Fills in all but the regions, going through these in @order; or, if it is NULL,
 * in that of gpas, and then false means that this is not that of hvas. Inline, to
 * be compiled for each of the two.
 */
static __always_inline bool index_in_order(struct virt_as_map *map,
					   const struct virt_as_sort *order)
{
	const struct virt_as_region *regions = map->regions;
	u64 *hva_reach = map->hva_reach;
	u32 *by_hva = map->by_hva;
	u32 end = map->nr;
	u64 logged_pages = 0;
	u64 reach = 0;
	u32 nr = 0;
	u32 i;

	map->nr_aliases = 0;
	for (i = 0; i < end; i++) {
		u32 index = order ? order->places[i].index : i;
		const struct virt_as_region *region = &regions[index];
		u64 last = virt_as_region_hva_last(region);

		map->keys[index] = region->gpa;
		if (region->type == VIRT_AS_TYPE_RAM)
			logged_pages += region->len >> PAGE_SHIFT;
		else if (region->type == VIRT_AS_TYPE_NOHVA)
			continue;
		/* Never equal: only one of them is page-aligned. */
		if (unlikely(region->hva < reach)) {
			if (!count_aliases(map, nr, region))
				return false;
			last = max(last, reach);
		}
		reach = last;
		by_hva[nr] = index;
		hva_reach[nr++] = reach;
	}
	map->nr_by_hva = nr;
	map->logged_pages = logged_pages;
	return true;
}

/* Often the order of hvas is that of gpas. */
static int index_map(struct virt_as_map *map)
{
	struct virt_as_sort *order;
	u32 i;

	if (index_in_order(map, NULL))
		return 0;
	order = virt_as_sort_alloc(map->nr);
	if (!order)
		return -ENOMEM;
	for (i = 0; i < map->nr; i++)
		virt_as_sort_add(order, map->regions[i].hva, i, VIRT_AS_NO_INDEX);
	virt_as_sort(order);
	index_in_order(map, order);
	kvfree(order);
	return 0;
}

static int fill(struct build *build, const struct virt_as_limits *limits, u32 *bad)
{
	struct virt_as_map *map = build->map;
	int err;

	err = check_entries(build, limits, bad);
	if (!err && !build->in_order)
		err = make_in_order(build, bad);
	if (!err && build->base)
		merge(build);
	if (!err && (build->base || !build->in_order))
		err = check_overlaps(build, bad);
	if (!err && map->nr > limits->max_regions)
		err = -ENOSPC;
	if (!err)
		err = index_map(map);
	if (!err && map->logged_pages > limits->max_logged_pages)
		err = -EDQUOT;
	return err;
}

/*
 * How many regions the map has if no entry is wrong. If they name more of the base
 * map than it has, one of them is, and is found before the number matters.
 */
static u32 count_regions(struct build *build)
{
	u32 kept = build->base ? build->base->nr : 0;
	u32 i;

	build->nr_made = build->nr;
	for (i = 0; build->base && i < build->nr; i++) {
		if (build->entries[i].op == VIRT_AS_OP_REMOVE)
			build->nr_made--;
		if (build->entries[i].op != VIRT_AS_OP_ADD && kept)
			kept--;
	}
	return kept + build->nr_made;
}

/**
 * virt_as_map_build - make a map from the entries of a commit
 * @base: the map that @entries change; NULL if they are the whole map
 * @entries: what the caller wants; nothing in it is trusted
 * @nr: number of @entries
 * @limits: what the map may grow to
 * @bad: set to the entry that is wrong, or to VIRT_AS_NO_INDEX
 *
 * The caller fills in generation, mm and owner.
 *
 * Context: May sleep to allocate.
 * Return: A map to be given to virt_as_map_free(), or an ERR_PTR() with the
 * errno that include/uapi/linux/virt_as.h lists for the cause.
 */
struct virt_as_map *virt_as_map_build(const struct virt_as_map *base,
				      const struct virt_as_entry *entries,
				      u32 nr, const struct virt_as_limits *limits,
				      u32 *bad)
{
	struct build build = { .base = base, .entries = entries, .nr = nr };
	u32 nr_regions = count_regions(&build);
	int err = -ENOMEM;

	*bad = VIRT_AS_NO_INDEX;
	if (base) {
		build.touched = kvcalloc(BITS_TO_LONGS(max(base->nr, 1U)),
					 sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!build.touched)
			return ERR_PTR(-ENOMEM);
	}
	build.map = map_alloc(nr_regions);
	if (!build.map)
		goto out_touched;
	build.made = &build.map->regions[nr_regions - build.nr_made];
	err = fill(&build, limits, bad);
	if (err)
		virt_as_map_free(build.map);

out_touched:
	kvfree(build.touched);
	return err ? ERR_PTR(err) : build.map;
}

/**
 * virt_as_map_free - free a map that nobody uses
 * @map: the map
 */
void virt_as_map_free(struct virt_as_map *map)
{
	kvfree(map);
}

/* The first place in by_hva that can reach up to @hva. */
static u32 first_reaching(const struct virt_as_map *map, u64 hva)
{
	u32 low = 0;
	u32 high = map->nr_by_hva;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (map->hva_reach[middle] >= hva)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/**
 * virt_as_map_alias - walk the regions that share host addresses
 * @map: the map
 * @hva: first host address
 * @hva_last: last host address, inclusive
 * @cursor: 0 at the start of a walk; belongs to this function
 *
 * A region is an alias of itself: a walk over its own hvas meets it too.
 *
 * Context: Any. The caller keeps @map from being freed.
 * Return: The next region any of whose hvas is in the range, or NULL at the end.
 */
const struct virt_as_region *
virt_as_map_alias(const struct virt_as_map *map, u64 hva, u64 hva_last,
		  u32 *cursor)
{
	u32 i = *cursor ?: first_reaching(map, hva);

	for (; i < map->nr_by_hva; i++) {
		const struct virt_as_region *region = &map->regions[map->by_hva[i]];

		if (region->hva > hva_last)
			break;
		if (virt_as_region_hva_last(region) >= hva) {
			*cursor = i + 1;
			return region;
		}
	}
	*cursor = map->nr_by_hva ?: 1;
	return NULL;
}
