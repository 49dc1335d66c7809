// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live bits: what writers touch when there is a log.
 *
 * While an address space has a log, each region of type RAM of its map has live
 * bits, which hang on virt_as_region::live. That is the one member of a published
 * region that changes: from NULL when the first log is opened, and to NULL some time
 * after the last is closed, both under the commit lock. In between, a new map's
 * region takes over the live bits of the region of the old map that is the same
 * (gpa, length, hva, type, permissions, owner), and all others get bits of their
 * own, before the map is published. Each map has a reference on the bits of each of
 * its regions.
 *
 * Who finds live bits may mark them until the section ends in which they were found;
 * bits that are taken off a map are freed after all sections have ended.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "bits.h"
#include "live.h"
#include "map.h"
#include "object.h"

/* Pages marked between two looks whether the caller is being killed. */
#define MARK_STEP	(64ULL << 10)

static struct virt_as_bits *live_alloc(const struct virt_as_region *region)
{
	return virt_as_bits_alloc(region->gpa >> PAGE_SHIFT, region->len >> PAGE_SHIFT);
}

/* The live bits of the same region in another map, or NULL. */
static struct virt_as_bits *find_same(const struct virt_as_map *old,
				      const struct virt_as_map *new,
				      const struct virt_as_region *region)
{
	const struct virt_as_region *same;

	if (!old || old->mm != new->mm)
		return NULL;
	same = virt_as_map_find(old, region->gpa);
	return same && virt_as_region_same(same, region) ? same->live : NULL;
}

/**
 * virt_as_live_inherit - give a map that is not yet published its live bits
 * @old: the map that it replaces, which has them
 * @new: the map; its mm is set
 *
 * Context: Commit lock held; may sleep to allocate.
 * Return: 0 or -ENOMEM, and then @new has none. virt_as_live_release() undoes it.
 */
int virt_as_live_inherit(const struct virt_as_map *old, struct virt_as_map *new)
{
	u32 i;

	/* What was merged from the old map came with pointers. */
	for (i = 0; i < new->nr; i++)
		new->regions[i].live = NULL;
	new->logged = true;

	for (i = 0; i < new->nr; i++) {
		struct virt_as_region *region = &new->regions[i];
		struct virt_as_bits *live;

		if (region->type != VIRT_AS_TYPE_RAM)
			continue;
		live = find_same(old, new, region);
		if (live)
			virt_as_bits_get(live);
		else
			live = live_alloc(region);
		if (!live) {
			virt_as_live_release(new);
			return -ENOMEM;
		}
		region->live = live;
	}
	return 0;
}

/**
 * virt_as_live_attach - give the published map live bits
 * @map: the map, which has none
 *
 * Writers that are under way may not see them yet: the caller waits for sections
 * before it relies on any mark.
 *
 * Context: Commit lock held; may sleep to allocate.
 * Return: 0 or -ENOMEM. virt_as_live_detach() undoes it, whatever was returned.
 */
int virt_as_live_attach(struct virt_as_map *map)
{
	u32 i;

	map->logged = true;
	for (i = 0; i < map->nr; i++) {
		struct virt_as_region *region = &map->regions[i];
		struct virt_as_bits *live;

		if (region->type != VIRT_AS_TYPE_RAM)
			continue;
		live = live_alloc(region);
		if (!live)
			return -ENOMEM;
		/* Pairs with READ_ONCE() in virt_as_written(), by dependency. */
		smp_store_release(&region->live, live);
	}
	return 0;
}

static void put_later(struct rcu_head *rcu)
{
	virt_as_bits_put(container_of(rcu, struct virt_as_bits, rcu));
}

/**
 * virt_as_live_detach - take the live bits off the published map
 * @as: the address space
 * @map: its map
 *
 * Context: Commit lock held. The bits go when no section can have them.
 */
void virt_as_live_detach(struct virt_as *as, struct virt_as_map *map)
{
	u32 i;

	lockdep_assert_held(&as->commit_lock);

	for (i = 0; i < map->nr; i++) {
		struct virt_as_bits *live = map->regions[i].live;

		if (!live)
			continue;
		WRITE_ONCE(map->regions[i].live, NULL);
		call_srcu(&as->srcu, &live->rcu, put_later);
	}
	map->logged = false;
	as->detached = true;
	as->detach_state = get_state_synchronize_srcu(&as->srcu);
}

/**
 * virt_as_live_release - drop the live bits of a map that nobody uses
 * @map: the map
 *
 * Context: May sleep.
 */
void virt_as_live_release(struct virt_as_map *map)
{
	u32 i;

	if (!map->logged)
		return;
	for (i = 0; i < map->nr; i++) {
		virt_as_bits_put(map->regions[i].live);
		map->regions[i].live = NULL;
	}
	map->logged = false;
}

/* Whether all of [gpa, last] is in regions. */
static int check_backed(const struct virt_as_map *map, u64 gpa, u64 last)
{
	const struct virt_as_region *region;

	for (;;) {
		region = virt_as_map_find(map, gpa);
		if (!region)
			return -ENOENT;
		if (virt_as_region_last(region) >= last)
			return 0;
		gpa = virt_as_region_last(region) + 1;
	}
}

static int mark_region(const struct virt_as_region *region, u64 gpa, u64 last)
{
	struct virt_as_bits *live = READ_ONCE(region->live);

	last = min(last, virt_as_region_last(region));
	while (live) {
		u64 step = min(last - gpa, (MARK_STEP << PAGE_SHIFT) - 1);

		virt_as_mark_range(live, gpa, step + 1);
		if (step == last - gpa)
			break;
		gpa += step + 1;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * virt_as_mark_map - guest memory was written in a way of one's own
 * @map: a map that the caller holds
 * @gpa: first guest physical address
 * @len: bytes
 *
 * Context: In a read-side critical section of the address space; may sleep.
 * Return: 0; -EOVERFLOW if the range wraps; -ENOENT if there is a hole in it, and
 * then nothing is marked; -EINTR if the caller is being killed.
 */
int virt_as_mark_map(const struct virt_as_map *map, u64 gpa, u64 len)
{
	const struct virt_as_region *region;
	u64 last = gpa + (len - 1);
	int err;

	if (!len)
		return 0;
	if (last < gpa)
		return -EOVERFLOW;
	err = check_backed(map, gpa, last);
	/* For who has no other order between its data and the look at live bits. */
	smp_mb();
	while (!err) {
		region = virt_as_map_find(map, gpa);
		err = mark_region(region, gpa, last);
		if (virt_as_region_last(region) >= last)
			break;
		gpa = virt_as_region_last(region) + 1;
	}
	return err;
}

/**
 * virt_as_mark_gpa - guest memory was written in a way of one's own
 * @section: an open section
 * @gpa: first guest physical address
 * @len: bytes
 *
 * For a device that wrote by DMA, say. To be called after the data was written and
 * before the guest is told. Regions that are not logged are passed over.
 *
 * Context: In the section, may sleep.
 * Return: 0; -EPERM if the binding may not write; -EOVERFLOW if the range wraps;
 * -ENOENT if there is a hole in it, and then nothing is marked; -EINTR if the caller
 * is being killed.
 */
int virt_as_mark_gpa(struct virt_as_section *section, u64 gpa, u64 len)
{
	if (!(section->rights & VIRT_AS_RIGHT_WRITE))
		return -EPERM;
	return virt_as_mark_map(section->map, gpa, len);
}
EXPORT_SYMBOL_GPL(virt_as_mark_gpa);
