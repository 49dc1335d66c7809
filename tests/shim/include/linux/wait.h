/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: a condition is tried again whenever the queue was woken. */
#ifndef _SHIM_LINUX_WAIT_H
#define _SHIM_LINUX_WAIT_H

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <pthread.h>

typedef struct wait_queue_head {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	u64 woken;
} wait_queue_head_t;

static inline void init_waitqueue_head(wait_queue_head_t *wq)
{
	pthread_mutex_init(&wq->lock, NULL);
	pthread_cond_init(&wq->cond, NULL);
	wq->woken = 0;
}

static inline void wake_up_all(wait_queue_head_t *wq)
{
	pthread_mutex_lock(&wq->lock);
	wq->woken++;
	pthread_cond_broadcast(&wq->cond);
	pthread_mutex_unlock(&wq->lock);
}

static inline u64 shim_woken(wait_queue_head_t *wq)
{
	u64 woken;

	pthread_mutex_lock(&wq->lock);
	woken = wq->woken;
	pthread_mutex_unlock(&wq->lock);
	return woken;
}

static inline void shim_sleep(wait_queue_head_t *wq, u64 woken)
{
	pthread_mutex_lock(&wq->lock);
	while (wq->woken == woken)
		pthread_cond_wait(&wq->cond, &wq->lock);
	pthread_mutex_unlock(&wq->lock);
}

#define wait_event(wq, cond)						\
	do {								\
		u64 __shim_woken = shim_woken(&(wq));			\
									\
		if (cond)						\
			break;						\
		shim_sleep(&(wq), __shim_woken);			\
	} while (1)

/* A signal that comes while it waits is not seen. */
#define wait_event_interruptible(wq, cond)				\
	({								\
		int __shim_err = 0;					\
									\
		if (!current->signalled)				\
			wait_event(wq, cond);				\
		else if (!(cond))					\
			__shim_err = -EINTR;				\
		__shim_err;						\
	})
#define wait_event_killable(wq, cond)	wait_event_interruptible(wq, cond)
#define wait_event_freezable(wq, cond)	wait_event_interruptible(wq, cond)

#endif
