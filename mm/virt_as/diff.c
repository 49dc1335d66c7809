// SPDX-License-Identifier: GPL-2.0-only
/*
 * The diff: what differs between two maps, as bindings are told.
 *
 * Identity is by value: a region equal in gpa, length, hva, type and permissions
 * is the same region, in whatever commit and whatever order it was named, and a
 * binding keeps all that it has for it. All else is removed or added. As an hva
 * means something only within one mm, two maps of different owners have no
 * region in common.
 *
 * Both maps are sorted, so one merge finds the difference.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "diff.h"
#include "map.h"

static void fill(struct virt_as_diff *diff, const struct virt_as_map *old,
		 const struct virt_as_map *new)
{
	u32 old_nr = old ? old->nr : 0;
	bool common = diff->old_mm == diff->new_mm;
	u32 i = 0;
	u32 j = 0;

	while (i < old_nr || j < new->nr) {
		if (j == new->nr ||
		    (i < old_nr && old->keys[i] < new->keys[j])) {
			diff->removed[diff->nr_removed++] = &old->regions[i++];
			continue;
		}
		if (i == old_nr || new->keys[j] < old->keys[i]) {
			diff->added[diff->nr_added++] = &new->regions[j++];
			continue;
		}
		if (!common ||
		    !virt_as_region_same(&old->regions[i], &new->regions[j])) {
			diff->removed[diff->nr_removed++] = &old->regions[i];
			diff->added[diff->nr_added++] = &new->regions[j];
		}
		i++;
		j++;
	}
}

/**
 * virt_as_diff_build - compare two maps
 * @old: the map that is replaced; NULL to compare with nothing, as bind does
 * @new: the map that replaces it
 *
 * The maps must outlive the diff, which points into them.
 *
 * Context: May sleep to allocate.
 * Return: A diff to be given to virt_as_diff_free(), or ERR_PTR(-ENOMEM).
 */
struct virt_as_diff *virt_as_diff_build(const struct virt_as_map *old,
					const struct virt_as_map *new)
{
	size_t old_nr = old ? old->nr : 0;
	struct virt_as_diff *diff;

	diff = kvzalloc(sizeof(*diff) + (old_nr + new->nr) * sizeof(*diff->added),
			GFP_KERNEL_ACCOUNT);
	if (!diff)
		return ERR_PTR(-ENOMEM);
	diff->removed = (const struct virt_as_region **)(diff + 1);
	diff->added = diff->removed + old_nr;
	diff->old_generation = old ? old->generation : 0;
	diff->new_generation = new->generation;
	diff->old_mm = old ? old->mm : new->mm;
	diff->new_mm = new->mm;
	fill(diff, old, new);
	return diff;
}

/**
 * virt_as_diff_free - free a diff
 * @diff: the diff
 */
void virt_as_diff_free(struct virt_as_diff *diff)
{
	kvfree(diff);
}
