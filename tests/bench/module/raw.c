// SPDX-License-Identifier: GPL-2.0-only
/*
 * What everybody pays: the copy itself, and the parts that brackets are made of.
 */
#include <linux/kthread.h>
#include <linux/mmu_context.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include "bench.h"

#define USER(gpa)	((void __user *)(gpa))

/* A thousand rounds of two instructions, and one before: 2,001 by the manual. */
static __always_inline int known(void)
{
	u32 rounds;

	asm volatile("movl $1000, %0\n"
		     "1: decl %0\n"
		     "jnz 1b\n" : "=r" (rounds) : : "cc");
	return 0;
}

static __always_inline int srcu_pair(struct vab_guest *g)
{
	srcu_read_unlock(&g->srcu, srcu_read_lock(&g->srcu));
	return 0;
}

static __always_inline unsigned long use_mm_copy(struct vab_guest *g, u64 hva)
{
	unsigned long left;

	kthread_use_mm(g->mm);
	left = copy_to_user(USER(hva), g->buf, VAB_LEN);
	kthread_unuse_mm(g->mm);
	return left;
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

VAB_LOOP(count_nothing, 0)
VAB_LOOP(count_known, known())
VAB_LOOP(copy_to, copy_to_user(USER(gpa), g->buf, VAB_LEN))
VAB_LOOP(copy_from, copy_from_user(g->buf, USER(gpa), VAB_LEN))
VAB_LOOP(load16, get_user(g->value16, (const u16 __user *)USER(gpa)))
VAB_LOOP(srcu, srcu_pair(g))
VAB_LOOP(use_mm, use_mm_copy(g, gpa))

const struct vab_op vab_raw_ops[] = {
	{ "nothing", VAB_ANYWHERE, .loop = count_nothing },
	{ "known", VAB_ANYWHERE, .loop = count_known },
	{ "copy_to_user", VAB_IN_CALLER, VAB_WRITES, true, .loop = copy_to },
	{ "copy_from_user", VAB_IN_CALLER, VAB_READS, true, .loop = copy_from },
	{ "copy_to_user, mm on", VAB_IN_THREAD, VAB_WRITES, true,
	  .begin = wear_mm, .loop = copy_to, .end = take_mm_off },
	{ "copy_from_user, mm on", VAB_IN_THREAD, VAB_READS, true,
	  .begin = wear_mm, .loop = copy_from, .end = take_mm_off },
	{ "get_user", VAB_IN_CALLER, VAB_LOADS, true, .loop = load16 },
	{ "srcu", VAB_ANYWHERE, .loop = srcu },
	{ "kthread_use_mm", VAB_IN_THREAD, VAB_WRITES, true, .loop = use_mm },
	{}
};
