/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_ATOMIC_H
#define _SHIM_LINUX_ATOMIC_H

#include <linux/types.h>

#define ATOMIC_INIT(i)		{ (i) }
#define ATOMIC64_INIT(i)	{ (i) }
#define ATOMIC_LONG_INIT(i)	{ (i) }

/* As if the limit were reached, at every so manieth call; 0: never. */
extern unsigned int shim_full_every;

bool atomic_add_unless(atomic_t *v, int add, int unless);

#define xchg(ptr, v)		__atomic_exchange_n((ptr), (v), __ATOMIC_SEQ_CST)

#define SHIM_ATOMIC(prefix, type, value)				\
static inline value prefix##_read(const type *v)			\
{									\
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);		\
}									\
									\
static inline value prefix##_read_acquire(const type *v)		\
{									\
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);		\
}									\
									\
static inline void prefix##_set(type *v, value i)			\
{									\
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);		\
}									\
									\
static inline void prefix##_add(value i, type *v)			\
{									\
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);		\
}									\
									\
static inline void prefix##_inc(type *v)				\
{									\
	__atomic_fetch_add(&v->counter, 1, __ATOMIC_RELAXED);		\
}									\
									\
static inline void prefix##_dec(type *v)				\
{									\
	__atomic_fetch_sub(&v->counter, 1, __ATOMIC_RELAXED);		\
}									\
									\
static inline value prefix##_add_return(value i, type *v)		\
{									\
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);	\
}									\
									\
static inline value prefix##_inc_return(type *v)			\
{									\
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);	\
}									\
									\
static inline value prefix##_fetch_inc(type *v)				\
{									\
	return __atomic_fetch_add(&v->counter, 1, __ATOMIC_SEQ_CST);	\
}									\
									\
static inline value prefix##_inc_return_relaxed(type *v)		\
{									\
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_RELAXED);	\
}

SHIM_ATOMIC(atomic, atomic_t, int)
SHIM_ATOMIC(atomic64, atomic64_t, s64)
SHIM_ATOMIC(atomic_long, atomic_long_t, long)

#undef SHIM_ATOMIC

#endif
