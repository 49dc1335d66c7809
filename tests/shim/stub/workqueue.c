// SPDX-License-Identifier: GPL-2.0-only
/* Work items. One lock for all queues, as they are few and nothing is hot. */
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <pthread.h>

#include "test.h"

struct workqueue_struct {
	pthread_t thread;
	struct work_struct *first;
	struct work_struct **last;
	struct work_struct *current_work;
	bool leave;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static struct workqueue_struct unbound;

struct workqueue_struct *system_unbound_wq = &unbound;

static void *worker(void *arg)
{
	struct workqueue_struct *wq = arg;
	struct work_struct *work;

	pthread_mutex_lock(&lock);
	for (;;) {
		while (!wq->first && !wq->leave)
			pthread_cond_wait(&cond, &lock);
		work = wq->first;
		if (!work)
			break;
		wq->first = work->next;
		if (!wq->first)
			wq->last = &wq->first;
		/* From here on it may be queued again, or freed by itself. */
		work->pending = false;
		wq->current_work = work;
		pthread_mutex_unlock(&lock);
		work->func(work);
		pthread_mutex_lock(&lock);
		wq->current_work = NULL;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void start(struct workqueue_struct *wq)
{
	wq->last = &wq->first;
	CHECK(!pthread_create(&wq->thread, NULL, worker, wq));
}

struct workqueue_struct *shim_workqueue(void)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	if (wq)
		start(wq);
	return wq;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued;

	pthread_mutex_lock(&lock);
	/* The one that is always there starts when it is first wanted. */
	if (!wq->last) {
		start(wq);
		pthread_detach(wq->thread);
	}
	queued = !work->pending;
	if (queued) {
		work->wq = wq;
		work->pending = true;
		work->next = NULL;
		*wq->last = work;
		wq->last = &work->next;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return queued;
}

void flush_work(struct work_struct *work)
{
	pthread_mutex_lock(&lock);
	while (work->wq && (work->pending || work->wq->current_work == work))
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	pthread_mutex_lock(&lock);
	wq->leave = true;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	CHECK(!pthread_join(wq->thread, NULL));
	kfree(wq);
}
