/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_MM_TYPES_H
#define _SHIM_LINUX_MM_TYPES_H

#include <linux/types.h>

struct mm_struct {
	int mm_count;
	int mm_users;
	void *owner;
	unsigned long task_size;
};

#endif
