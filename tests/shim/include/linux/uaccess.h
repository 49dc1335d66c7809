/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stub: user memory is a handful of ranges that a test declares; everywhere
 * else an access faults, at the exact byte, as on x86.
 */
#ifndef _SHIM_LINUX_UACCESS_H
#define _SHIM_LINUX_UACCESS_H

#include <linux/bug.h>
#include <linux/sched.h>
#include <linux/types.h>

#define TASK_SIZE_MAX		0x7ffffffff000UL

static inline bool shim_access_ok(u64 addr, u64 size)
{
	return addr < TASK_SIZE_MAX && size <= TASK_SIZE_MAX - addr;
}

#define access_ok(addr, size)						\
	shim_access_ok((u64)(unsigned long)(addr), (u64)(size))

unsigned long copy_to_user(void __user *to, const void *from, unsigned long n);
unsigned long copy_from_user(void *to, const void __user *from,
			     unsigned long n);
unsigned long clear_user(void __user *to, unsigned long n);

#define check_copy_size(addr, bytes, is_source)	true
#define _inline_copy_to_user	copy_to_user
#define _inline_copy_from_user	copy_from_user

/* One access of one width, all of it or nothing. */
int shim_get_user(void *to, const void __user *from, unsigned long width);
int shim_put_user(void __user *to, const void *from, unsigned long width);

#define get_user(x, ptr)						\
	({								\
		static_assert(sizeof(x) == sizeof(*(ptr)));		\
		shim_get_user(&(x), (ptr), sizeof(*(ptr)));		\
	})

#define put_user(x, ptr)						\
	({								\
		__typeof__(*(ptr)) __shim_v = (x);			\
									\
		shim_put_user((ptr), &__shim_v, sizeof(__shim_v));	\
	})

#define user_read_access_begin(ptr, size)	access_ok(ptr, size)
#define user_write_access_begin(ptr, size)	access_ok(ptr, size)
#define user_read_access_end()			do { } while (0)
#define user_write_access_end()			do { } while (0)

#define unsafe_get_user(x, ptr, label)					\
	do {								\
		if (get_user(x, ptr))					\
			goto label;					\
	} while (0)

#define unsafe_put_user(x, ptr, label)					\
	do {								\
		if (put_user(x, ptr))					\
			goto label;					\
	} while (0)

#endif
