/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_SCHED_SIGNAL_H
#define _SHIM_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

static inline int fatal_signal_pending(struct task_struct *task)
{
	(void)task;
	return 0;
}

static inline int signal_pending(struct task_struct *task)
{
	return task->signalled;
}

#endif
