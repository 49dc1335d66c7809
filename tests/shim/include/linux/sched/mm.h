/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: an mm that is only counted. Relaxed: a count publishes nothing. */
#ifndef _SHIM_LINUX_SCHED_MM_H
#define _SHIM_LINUX_SCHED_MM_H

#include <linux/bug.h>
#include <linux/mm_types.h>

static inline void mmgrab(struct mm_struct *mm)
{
	__atomic_add_fetch(&mm->mm_count, 1, __ATOMIC_RELAXED);
}

static inline void mmdrop(struct mm_struct *mm)
{
	BUG_ON(__atomic_sub_fetch(&mm->mm_count, 1, __ATOMIC_RELAXED) < 0);
}

static inline bool mmget_not_zero(struct mm_struct *mm)
{
	int users = __atomic_load_n(&mm->mm_users, __ATOMIC_RELAXED);

	while (users) {
		if (__atomic_compare_exchange_n(&mm->mm_users, &users,
						users + 1, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static inline void mmput_async(struct mm_struct *mm)
{
	BUG_ON(__atomic_sub_fetch(&mm->mm_users, 1, __ATOMIC_RELAXED) < 0);
}

#endif
