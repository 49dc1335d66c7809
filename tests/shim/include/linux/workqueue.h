/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: each workqueue is one thread. */
#ifndef _SHIM_LINUX_WORKQUEUE_H
#define _SHIM_LINUX_WORKQUEUE_H

#include <linux/container_of.h>
#include <linux/types.h>

#define WQ_UNBOUND		2
#define WQ_DFL_MIN_ACTIVE	8

struct workqueue_struct;

struct work_struct {
	struct workqueue_struct *wq;
	struct work_struct *next;
	void (*func)(struct work_struct *work);
	bool pending;
};

#define INIT_WORK(work, f)						\
	do {								\
		(work)->wq = NULL;					\
		(work)->func = (f);					\
		(work)->pending = false;				\
	} while (0)

/* Ticks are milliseconds. */
#define HZ			1000

struct delayed_work {
	struct work_struct work;
	struct workqueue_struct *wq;
	struct delayed_work *next;
	unsigned long delay;
	bool waits;
};

#define INIT_DELAYED_WORK(delayed, f)					\
	do {								\
		INIT_WORK(&(delayed)->work, f);				\
		(delayed)->waits = false;				\
	} while (0)

#define alloc_workqueue(fmt, ...)	shim_workqueue()

extern struct workqueue_struct *system_unbound_wq;

struct workqueue_struct *shim_workqueue(void);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *delayed,
			unsigned long delay);
void cancel_delayed_work_sync(struct delayed_work *delayed);
void flush_work(struct work_struct *work);
void destroy_workqueue(struct workqueue_struct *wq);

#endif
