// SPDX-License-Identifier: GPL-2.0-only
/* Grace periods in the background: one thread waits for them in turn. */
#include <linux/srcu.h>
#include <pthread.h>

#include "test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static struct rcu_head *first;
static struct rcu_head **last = &first;
static u64 called, over;

static void *background(void *arg)
{
	struct rcu_head *head;

	pthread_mutex_lock(&lock);
	for (;;) {
		while (!first)
			pthread_cond_wait(&cond, &lock);
		head = first;
		first = head->next;
		if (!first)
			last = &first;
		pthread_mutex_unlock(&lock);
		synchronize_srcu((struct srcu_struct *)head->shim_domain);
		head->func(head);
		pthread_mutex_lock(&lock);
		over++;
		pthread_cond_broadcast(&cond);
	}
	return arg;
}

void call_srcu(struct srcu_struct *ssp, struct rcu_head *head,
	       void (*func)(struct rcu_head *head))
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	if (!called++) {
		CHECK(!pthread_create(&thread, NULL, background, NULL));
		pthread_detach(thread);
	}
	head->next = NULL;
	head->func = func;
	head->shim_domain = ssp;
	*last = head;
	last = &head->next;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
}

/* Waits for those of all domains, which is more than was asked. */
void srcu_barrier(struct srcu_struct *ssp)
{
	u64 until;

	(void)ssp;
	pthread_mutex_lock(&lock);
	until = called;
	while (over < until)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
}
