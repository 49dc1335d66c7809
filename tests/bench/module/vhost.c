// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vhost does for each buffer of a ring: a look into its interval tree, the
 * checks of its translate_desc(), and the copy. Its worker wears the mm for good
 * and holds the mutex of the ring for a batch, so neither is counted.
 */
#include <linux/kthread.h>
#include <linux/mmu_context.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>
#include "bench.h"

int vab_vhost_open(struct vab_guest *g)
{
	const struct vab_guest_arg *arg = &g->arg;
	u64 i;
	int err;

	g->iotlb = vhost_iotlb_alloc(arg->nr, 0);
	if (!g->iotlb)
		return -ENOMEM;
	for (i = 0; i < arg->nr; i++) {
		u64 gpa = arg->gpa + i * arg->gpa_stride;

		err = vhost_iotlb_add_range(g->iotlb, gpa, gpa + arg->len - 1,
					    arg->hva + i * arg->len, VHOST_MAP_RW);
		if (err)
			return err;
	}
	return 0;
}

void vab_vhost_close(struct vab_guest *g)
{
	if (g->iotlb)
		vhost_iotlb_free(g->iotlb);
	g->iotlb = NULL;
}

static __always_inline void __user *find(struct vab_guest *g, u64 gpa, u64 len,
					 u32 access)
{
	struct vhost_iotlb_map *map;

	map = vhost_iotlb_itree_first(g->iotlb, gpa, gpa + len - 1);
	if (unlikely(!map || map->start > gpa || !(map->perm & access) ||
		     map->size - (gpa - map->start) < len))
		return NULL;
	return (void __user *)(unsigned long)(map->addr + gpa - map->start);
}

static __always_inline unsigned long to(struct vab_guest *g, u64 gpa)
{
	void __user *hva = find(g, gpa, VAB_LEN, VHOST_MAP_WO);

	return hva ? copy_to_user(hva, g->buf, VAB_LEN) : 1;
}

static __always_inline unsigned long from(struct vab_guest *g, u64 gpa)
{
	void __user *hva = find(g, gpa, VAB_LEN, VHOST_MAP_RO);

	return hva ? copy_from_user(g->buf, hva, VAB_LEN) : 1;
}

static __always_inline unsigned long load(struct vab_guest *g, u64 gpa)
{
	void __user *hva = find(g, gpa, sizeof(u16), VHOST_MAP_RO);

	return hva ? get_user(g->value16, (const u16 __user *)hva) : 1;
}

static __always_inline unsigned long locate(struct vab_guest *g, u64 gpa)
{
	g->found = (unsigned long)find(g, gpa, VAB_LEN, VHOST_MAP_RO);
	return 0;
}

static int wear_mm(struct vab_guest *g)
{
	kthread_use_mm(g->mm);
	return 0;
}

static void take_mm_off(struct vab_guest *g)
{
	kthread_unuse_mm(g->mm);
}

VAB_LOOP(copy_to, to(g, gpa))
VAB_LOOP(copy_from, from(g, gpa))
VAB_LOOP(load16, load(g, gpa))
VAB_LOOP(lookup, locate(g, gpa))

const struct vab_op vab_vhost_ops[] = {
	{ "itree, copy_to_user", VAB_IN_CALLER, VAB_WRITES, .loop = copy_to },
	{ "itree, copy_from_user", VAB_IN_CALLER, VAB_READS, .loop = copy_from },
	{ "itree, copy_to_user, mm on", VAB_IN_THREAD, VAB_WRITES,
	  .begin = wear_mm, .loop = copy_to, .end = take_mm_off },
	{ "itree, get_user", VAB_IN_CALLER, VAB_LOADS, .loop = load16 },
	{ "itree", VAB_ANYWHERE, VAB_FINDS, .loop = lookup },
	{}
};
