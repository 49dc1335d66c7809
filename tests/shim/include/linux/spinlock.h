/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: a lock that sleeps, as there are no interrupts to keep out. */
#ifndef _SHIM_LINUX_SPINLOCK_H
#define _SHIM_LINUX_SPINLOCK_H

#include <linux/bug.h>
#include <pthread.h>

typedef struct {
	pthread_mutex_t lock;
} spinlock_t;

#define spin_lock_init(l)	pthread_mutex_init(&(l)->lock, NULL)
#define spin_lock_bh(l)		BUG_ON(pthread_mutex_lock(&(l)->lock))
#define spin_unlock_bh(l)	BUG_ON(pthread_mutex_unlock(&(l)->lock))

#endif
