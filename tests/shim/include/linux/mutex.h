/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: a lock that knows who holds it. */
#ifndef _SHIM_LINUX_MUTEX_H
#define _SHIM_LINUX_MUTEX_H

#include <linux/bug.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <pthread.h>

struct mutex {
	pthread_mutex_t lock;
	struct task_struct *owner;
};

static inline void mutex_init(struct mutex *m)
{
	pthread_mutex_init(&m->lock, NULL);
	m->owner = NULL;
}

static inline void mutex_lock(struct mutex *m)
{
	BUG_ON(pthread_mutex_lock(&m->lock));
	__atomic_store_n(&m->owner, current, __ATOMIC_RELAXED);
}

static inline void mutex_unlock(struct mutex *m)
{
	__atomic_store_n(&m->owner, NULL, __ATOMIC_RELAXED);
	BUG_ON(pthread_mutex_unlock(&m->lock));
}

static inline int mutex_lock_interruptible(struct mutex *m)
{
	mutex_lock(m);
	return 0;
}

#define mutex_lock_killable(m)	mutex_lock_interruptible(m)
#define lockdep_is_held(m)					\
	(__atomic_load_n(&(m)->owner, __ATOMIC_RELAXED) == current)
#define lockdep_assert_held(m)	BUG_ON(!lockdep_is_held(m))

#endif
