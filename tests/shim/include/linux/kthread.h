/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_KTHREAD_H
#define _SHIM_LINUX_KTHREAD_H

#include <linux/bug.h>
#include <linux/sched.h>

static inline void kthread_use_mm(struct mm_struct *mm)
{
	BUG_ON(current->mm);
	current->mm = mm;
}

static inline void kthread_unuse_mm(struct mm_struct *mm)
{
	BUG_ON(current->mm != mm);
	current->mm = NULL;
}

#endif
