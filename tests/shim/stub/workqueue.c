// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work items. One lock for all queues, as they are few and nothing is hot; what is
 * to be queued later waits in one list, which one thread looks at every few ticks.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <pthread.h>
#include <unistd.h>

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
static struct delayed_work *later;

#define LATER_TICKS	5

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

static bool queue_locked(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued;

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
	return queued;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued;

	pthread_mutex_lock(&lock);
	queued = queue_locked(wq, work);
	pthread_mutex_unlock(&lock);
	return queued;
}

/* Takes it off the list. */
static bool forget(struct delayed_work *delayed)
{
	struct delayed_work **at = &later;

	if (!delayed->waits)
		return false;
	while (*at != delayed)
		at = &(*at)->next;
	*at = delayed->next;
	delayed->waits = false;
	return true;
}

static void *look(void *arg)
{
	struct delayed_work *delayed, *next;

	for (;;) {
		usleep(LATER_TICKS * 1000000 / HZ);
		pthread_mutex_lock(&lock);
		for (delayed = later; delayed; delayed = next) {
			next = delayed->next;
			if (delayed->delay > LATER_TICKS) {
				delayed->delay -= LATER_TICKS;
			} else {
				forget(delayed);
				queue_locked(delayed->wq, &delayed->work);
			}
		}
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *delayed,
			unsigned long delay)
{
	static bool looks;
	pthread_t thread;
	bool queued;

	pthread_mutex_lock(&lock);
	if (!looks) {
		CHECK(!pthread_create(&thread, NULL, look, NULL));
		pthread_detach(thread);
		looks = true;
	}
	queued = !delayed->waits && !delayed->work.pending;
	if (queued) {
		delayed->wq = wq;
		delayed->delay = delay;
		delayed->waits = true;
		delayed->next = later;
		later = delayed;
	}
	pthread_mutex_unlock(&lock);
	return queued;
}

/* It must not queue itself again. */
void cancel_delayed_work_sync(struct delayed_work *delayed)
{
	pthread_mutex_lock(&lock);
	forget(delayed);
	pthread_mutex_unlock(&lock);
	flush_work(&delayed->work);
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
