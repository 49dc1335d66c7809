/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_REFCOUNT_H
#define _SHIM_LINUX_REFCOUNT_H

#include <linux/bug.h>
#include <linux/mutex.h>
#include <linux/types.h>

typedef struct {
	int refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	__atomic_store_n(&r->refs, n, __ATOMIC_RELAXED);
}

static inline void refcount_inc(refcount_t *r)
{
	BUG_ON(__atomic_fetch_add(&r->refs, 1, __ATOMIC_RELAXED) <= 0);
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	int was = __atomic_fetch_sub(&r->refs, 1, __ATOMIC_ACQ_REL);

	BUG_ON(was <= 0);
	return was == 1;
}

/* With the lock held, if it was the last. */
static inline bool refcount_dec_and_mutex_lock(refcount_t *r, struct mutex *m)
{
	int refs = __atomic_load_n(&r->refs, __ATOMIC_RELAXED);

	while (refs != 1) {
		BUG_ON(refs <= 0);
		if (__atomic_compare_exchange_n(&r->refs, &refs, refs - 1, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return false;
	}
	mutex_lock(m);
	if (refcount_dec_and_test(r))
		return true;
	mutex_unlock(m);
	return false;
}

#endif
