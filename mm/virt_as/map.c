// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map: what gpa has what hva, as one immutable, sorted, packed object.
 *
 * A map is built complete from the entries of a commit and never edited after
 * it is published, so that a reader needs no lock and can never see half of a
 * change. It is one allocation:
 *
 *	struct virt_as_map | keys[nr] | regions[nr] | hva_reach[nr] | by_hva[nr]
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
 * once, at the end.
 *
 * by_hva answers the other question: which regions share an hva. It has the
 * regions in the order of their first hva, and hva_reach[i] is the highest last
 * hva among the first i + 1 of them. As hva_reach ascends, all regions before
 * the first i with hva_reach[i] >= hva end below hva and need not be looked at.
 *
 * Invariants of every map: keys ascend strictly; regions do not overlap in gpa;
 * every region is page-aligned, has VIRT_AS_PERM_READ, and its hvas are user
 * addresses of map->mm that do not wrap. "last" is inclusive, so that a region
 * may end at the top of the gpa space and nothing overflows.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "map.h"

/**
 * struct slot - the place of a region that an entry makes
 * @gpa: where the region begins
 * @named: the region of the base map that it is made from; NULL for ADD
 * @index: the entry
 */
struct slot {
	u64 gpa;
	const struct virt_as_region *named;
	u32 index;
};

/**
 * struct build - a map in the making
 * @base: the map that changes apply to, or NULL
 * @entries: what the caller wants, checked one by one
 * @touched: regions of @base that an entry names
 * @slots: regions that entries make, in the order of their gpas
 * @nr_slots: number of @slots
 * @nr_touched: number of bits in @touched
 */
struct build {
	const struct virt_as_map *base;
	const struct virt_as_entry *entries;
	unsigned long *touched;
	struct slot *slots;
	u32 nr_slots;
	u32 nr_touched;
};

/*
 * An index of a region and the page number of its hva share a word. No user
 * address space that a guest's memory lies in is as large as that leaves room for.
 */
#define INDEX_BITS	20
#define HVA_END		BIT_ULL(64 - INDEX_BITS + PAGE_SHIFT)

/* Tags maps for caches; 0 is the tag of an empty cache. */
static atomic64_t last_cookie = ATOMIC64_INIT(0);

static bool page_aligned(u64 value)
{
	return !(value & (PAGE_SIZE - 1));
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
	    !page_aligned(entry->len | entry->gpa | entry->new_gpa | entry->hva))
		return -EINVAL;
	if (check_add_overflow(entry->gpa, entry->len - 1, &last) ||
	    check_add_overflow(entry->new_gpa, entry->len - 1, &last) ||
	    check_add_overflow(entry->hva, entry->len - 1, &hva_last))
		return -EOVERFLOW;
	if (entry->op != VIRT_AS_OP_ADD || entry->type == VIRT_AS_TYPE_NOHVA)
		return 0;
	if (entry->hva >= limits->user_end)
		return -EFAULT;
	if (hva_last >= limits->hva_end || hva_last >= HVA_END)
		return -ERANGE;
	return 0;
}

static int check_entry(const struct virt_as_entry *entry, bool whole,
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

/* The region of the base map that @entry names, once and whole. */
static int claim_named(struct build *build, const struct virt_as_entry *entry,
		       const struct virt_as_region **named)
{
	const struct virt_as_region *region;
	u32 nr;

	region = virt_as_map_find(build->base, entry->gpa);
	if (!region || region->gpa != entry->gpa ||
	    region->last - region->gpa != entry->len - 1)
		return -ENOENT;
	nr = region - build->base->regions;
	if (__test_and_set_bit(nr, build->touched))
		return -EINVAL;
	build->nr_touched++;
	*named = region;
	return 0;
}

static int place_entry(struct build *build, u32 index)
{
	const struct virt_as_entry *entry = &build->entries[index];
	struct slot *slot = &build->slots[build->nr_slots];
	int err;

	slot->gpa = entry->op == VIRT_AS_OP_MOVE ? entry->new_gpa : entry->gpa;
	slot->named = NULL;
	slot->index = index;
	if (entry->op != VIRT_AS_OP_ADD) {
		err = claim_named(build, entry, &slot->named);
		if (err)
			return err;
	}
	if (entry->op != VIRT_AS_OP_REMOVE)
		build->nr_slots++;
	return 0;
}

static void make_region(const struct build *build, const struct slot *slot,
			struct virt_as_region *region)
{
	const struct virt_as_entry *entry = &build->entries[slot->index];
	bool keeps_perms = entry->op == VIRT_AS_OP_MOVE;

	region->gpa = slot->gpa;
	region->last = slot->gpa + (entry->len - 1);
	region->hva = slot->named ? slot->named->hva : entry->hva;
	region->type = slot->named ? slot->named->type : entry->type;
	region->perms = keeps_perms ? slot->named->perms : entry->perms;
	region->flags = entry->flags;
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *left = a;
	const struct slot *right = b;

	if (left->gpa != right->gpa)
		return left->gpa < right->gpa ? -1 : 1;
	return left->index < right->index ? -1 : 1;
}

/* Most callers give regions in order already, and sort() is not cheap. */
static void sort_slots(struct build *build)
{
	u32 i;

	for (i = 1; i < build->nr_slots; i++) {
		if (build->slots[i - 1].gpa > build->slots[i].gpa) {
			sort(build->slots, build->nr_slots,
			     sizeof(*build->slots), compare_slots, NULL);
			return;
		}
	}
}

static struct virt_as_map *map_alloc(u32 nr)
{
	struct virt_as_map *map;
	size_t size;

	size = sizeof(*map) + (size_t)nr * (sizeof(*map->keys) +
					    sizeof(*map->regions) +
					    sizeof(*map->hva_reach) +
					    sizeof(*map->by_hva));
	map = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	/* What is used of the arrays is written before it is read. */
	*map = (struct virt_as_map) {
		.cookie = atomic64_inc_return(&last_cookie),
		.nr = nr,
	};
	refcount_set(&map->users, 1);
	map->keys = (u64 *)(map + 1);
	map->regions = (struct virt_as_region *)(map->keys + nr);
	map->hva_reach = (u64 *)(map->regions + nr);
	map->by_hva = (u32 *)(map->hva_reach + nr);
	return map;
}

/* Of two entries that collide, the later one is to blame. */
static u32 blame(u32 a, u32 b)
{
	if (a == VIRT_AS_NO_INDEX)
		return b;
	if (b == VIRT_AS_NO_INDEX)
		return a;
	return max(a, b);
}

/* The next untouched region of the base map, from @i on. */
static u32 next_kept(const struct build *build, u32 i)
{
	if (!build->base)
		return 0;
	return find_next_zero_bit(build->touched, build->base->nr, i);
}

/* Merges what stays of the base map with what the entries make. */
static int merge(struct virt_as_map *map, const struct build *build, u32 *bad)
{
	u32 base_nr = build->base ? build->base->nr : 0;
	u32 prev_index = VIRT_AS_NO_INDEX;
	u32 kept = next_kept(build, 0);
	const struct slot *slot = build->slots;
	const struct slot *end = slot + build->nr_slots;
	u32 i;

	for (i = 0; i < map->nr; i++) {
		struct virt_as_region *region = &map->regions[i];
		u32 index = VIRT_AS_NO_INDEX;

		if (slot == end ||
		    (kept < base_nr && build->base->keys[kept] < slot->gpa)) {
			*region = build->base->regions[kept];
			kept = next_kept(build, kept + 1);
		} else {
			make_region(build, slot, region);
			index = slot->index;
			slot++;
		}

		if (i && region[-1].last >= region->gpa) {
			*bad = blame(prev_index, index);
			return -EEXIST;
		}
		map->keys[i] = region->gpa;
		prev_index = index;
	}
	return 0;
}

static int check_limits(struct virt_as_map *map,
			const struct virt_as_limits *limits)
{
	u32 i;

	if (map->nr > min_t(u32, limits->max_regions, BIT(INDEX_BITS)))
		return -ENOSPC;
	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *region = &map->regions[i];

		if (region->type == VIRT_AS_TYPE_RAM)
			map->logged_pages +=
				((region->last - region->gpa) >> PAGE_SHIFT) + 1;
	}
	if (map->logged_pages > limits->max_logged_pages)
		return -EDQUOT;
	return 0;
}

static int compare_packed(const void *a, const void *b)
{
	u64 left = *(const u64 *)a;
	u64 right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

/*
 * Regions are sorted by hva as one word each, for a sort of words is the
 * quickest: the page number of the hva, then INDEX_BITS of index. The words lie
 * where hva_reach goes afterwards.
 */
static void sort_by_hva(struct virt_as_map *map)
{
	u64 *packed = map->hva_reach;
	u32 i;

	for (i = 0; i < map->nr_by_hva; i++) {
		u64 index = map->by_hva[i];

		packed[i] = map->regions[index].hva >> PAGE_SHIFT << INDEX_BITS |
			    index;
	}
	sort(packed, map->nr_by_hva, sizeof(*packed), compare_packed, NULL);
	for (i = 0; i < map->nr_by_hva; i++)
		map->by_hva[i] = packed[i] & (BIT(INDEX_BITS) - 1);
}

/* Often the order of hvas is that of gpas. */
static void order_by_hva(struct virt_as_map *map)
{
	bool sorted = true;
	u64 prev_hva = 0;
	u32 nr = 0;
	u32 i;

	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *region = &map->regions[i];

		if (region->type == VIRT_AS_TYPE_NOHVA)
			continue;
		map->by_hva[nr++] = i;
		sorted &= prev_hva <= region->hva;
		prev_hva = region->hva;
	}
	map->nr_by_hva = nr;
	if (!sorted)
		sort_by_hva(map);
}

/* An alias overlaps one before it in the order of hvas, or the one behind it. */
static void index_by_hva(struct virt_as_map *map)
{
	bool counted = true;
	u64 prev_last = 0;
	u64 reach = 0;
	u32 i;

	order_by_hva(map);
	for (i = 0; i < map->nr_by_hva; i++) {
		const struct virt_as_region *region = &map->regions[map->by_hva[i]];
		u64 last = virt_as_region_hva_last(region);

		if (!counted && region->hva <= prev_last)
			map->nr_aliases++;
		counted = i && region->hva <= reach;
		map->nr_aliases += counted;

		prev_last = last;
		reach = max(reach, last);
		map->hva_reach[i] = reach;
	}
}

static struct virt_as_map *finish(const struct build *build,
				  const struct virt_as_limits *limits, u32 *bad)
{
	u32 base_nr = build->base ? build->base->nr : 0;
	struct virt_as_map *map;
	int err;

	map = map_alloc(base_nr - build->nr_touched + build->nr_slots);
	if (!map)
		return ERR_PTR(-ENOMEM);
	err = merge(map, build, bad);
	if (!err)
		err = check_limits(map, limits);
	if (err) {
		virt_as_map_free(map);
		return ERR_PTR(err);
	}
	index_by_hva(map);
	return map;
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
	struct build build = { .base = base, .entries = entries };
	struct virt_as_map *map;
	u32 i;
	int err;

	*bad = VIRT_AS_NO_INDEX;
	for (i = 0; i < nr; i++) {
		err = check_entry(&entries[i], !base, limits);
		if (err) {
			*bad = i;
			return ERR_PTR(err);
		}
	}

	build.slots = kvmalloc_array(max(nr, 1U), sizeof(*build.slots),
				     GFP_KERNEL_ACCOUNT);
	if (!build.slots)
		return ERR_PTR(-ENOMEM);
	if (base) {
		build.touched = kvcalloc(BITS_TO_LONGS(max(base->nr, 1U)),
					 sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!build.touched) {
			map = ERR_PTR(-ENOMEM);
			goto out_slots;
		}
	}

	for (i = 0; i < nr; i++) {
		err = place_entry(&build, i);
		if (err) {
			*bad = i;
			map = ERR_PTR(err);
			goto out_touched;
		}
	}
	sort_slots(&build);
	map = finish(&build, limits, bad);

out_touched:
	kvfree(build.touched);
out_slots:
	kvfree(build.slots);
	return map;
}

/**
 * virt_as_map_free - free a map that nobody uses
 * @map: the map
 */
void virt_as_map_free(struct virt_as_map *map)
{
	kvfree(map);
}

/**
 * virt_as_map_find - the region that has a gpa
 * @map: the map
 * @gpa: guest physical address; any value
 *
 * Context: Any. The caller keeps @map from being freed.
 * Return: The region, or NULL in a hole.
 */
const struct virt_as_region *virt_as_map_find(const struct virt_as_map *map,
					      u64 gpa)
{
	const struct virt_as_region *region;
	const u64 *key = map->keys;
	u32 nr = map->nr;

	if (!nr)
		return NULL;
	while (nr > 1) {
		u32 half = nr / 2;

		key += key[half] <= gpa ? half : 0;
		nr -= half;
	}
	region = &map->regions[key - map->keys];
	return virt_as_region_has(region, gpa) ? region : NULL;
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
