/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_SCHED_H
#define _SHIM_LINUX_SCHED_H

#include <linux/export.h>
#include <linux/mm_types.h>
#include <linux/types.h>

#define PF_KTHREAD		0x00200000

struct task_struct {
	struct mm_struct *mm;
	unsigned int flags;
	bool signalled;
};

extern __thread struct task_struct shim_task;

#define current			(&shim_task)
#define cond_resched()		do { } while (0)

#include <linux/pid.h>

#endif
