/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stub: what a pointer's publication orders and nothing more, so that a
 * sanitizer misses no missing release.
 */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/types.h>

#define RCU_INITIALIZER(v)	(v)
#define RCU_INIT_POINTER(p, v)	WRITE_ONCE(p, v)
#define rcu_assign_pointer(p, v) \
	__atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
/* Consume, which compilers make an acquire. */
#define rcu_dereference(p)	__atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_dereference_check(p, c)	rcu_dereference(p)
#define rcu_dereference_protected(p, c)					\
	({								\
		(void)(c);						\
		rcu_access_pointer(p);					\
	})
#define rcu_access_pointer(p)	__atomic_load_n(&(p), __ATOMIC_RELAXED)
#define rcu_replace_pointer(p, v, c)					\
	({								\
		__auto_type __shim_old = rcu_dereference_protected(p, c); \
									\
		rcu_assign_pointer(p, v);				\
		__shim_old;						\
	})

#endif
