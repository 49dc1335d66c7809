// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consumer's own kernel thread: it has no mm, so its sections take on the
 * owner's, and it may leave one open between two requests.
 *
 * It ends by itself when the file is closed, and holds references on the
 * consumer and on the module, because nobody may be there any more to wait for
 * it. See main.c.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include "consumer.h"

static bool has_work(struct vat_consumer *c)
{
	return READ_ONCE(c->dying) || !list_empty_careful(&c->requests);
}

/* A request, or NULL when there is nothing more to do for ever. */
static struct vat_request *next_request(struct vat_consumer *c)
{
	struct vat_request *request = NULL;

	wait_event_idle(c->wake, has_work(c));

	spin_lock(&c->thread_lock);
	if (!c->dying) {
		request = list_first_entry(&c->requests, struct vat_request, node);
		list_del(&request->node);
		c->busy = true;
	}
	spin_unlock(&c->thread_lock);
	return request;
}

/*
 * Idle before the caller hears of it: a caller that closes the file next must
 * wait for the thread, and with it for the unbinding.
 */
static void finish_request(struct vat_consumer *c, struct vat_request *request)
{
	spin_lock(&c->thread_lock);
	c->busy = false;
	spin_unlock(&c->thread_lock);
	complete(&request->done);
	vat_request_put(request);
}

/* Those whose callers were killed before it was their turn. */
static void drop_requests(struct vat_consumer *c)
{
	struct vat_request *request, *next;
	LIST_HEAD(dropped);

	spin_lock(&c->thread_lock);
	list_splice_init(&c->requests, &dropped);
	spin_unlock(&c->thread_lock);
	list_for_each_entry_safe(request, next, &dropped, node)
		vat_request_put(request);
}

static int vat_thread(void *data)
{
	struct vat_consumer *c = data;
	struct vat_executor x = { .consumer = c };
	struct vat_request *request;

	while ((request = next_request(c))) {
		vat_request_execute(&x, request);
		finish_request(c, request);
	}

	if (x.open)
		vat_end(&x);
	drop_requests(c);
	vat_unbind(c);
	complete(&c->exited);
	vat_put(c);
	module_put_and_kthread_exit(0);
}

static int ensure_thread(struct vat_consumer *c)
{
	struct task_struct *thread;

	guard(mutex)(&c->start);
	if (c->has_thread)
		return 0;

	__module_get(THIS_MODULE);
	kref_get(&c->ref);
	thread = kthread_run(vat_thread, c, "virt_as_test");
	if (IS_ERR(thread)) {
		vat_put(c);
		module_put(THIS_MODULE);
		return PTR_ERR(thread);
	}
	spin_lock(&c->thread_lock);
	c->has_thread = true;
	spin_unlock(&c->thread_lock);
	return 0;
}

/* Runs a request in the thread. After -EINTR the thread may still be at it. */
int vat_thread_run(struct vat_consumer *c, struct vat_request *request)
{
	int err = ensure_thread(c);

	if (err)
		return err;

	kref_get(&request->ref);
	spin_lock(&c->thread_lock);
	list_add_tail(&request->node, &c->requests);
	spin_unlock(&c->thread_lock);
	wake_up(&c->wake);
	return wait_for_completion_killable(&request->done) ? -EINTR : 0;
}

/*
 * Tells the thread to end. Returns true if it has ended or never was: then it is
 * the caller's turn to unbind.
 */
bool vat_thread_stop(struct vat_consumer *c)
{
	bool busy, running;

	spin_lock(&c->thread_lock);
	WRITE_ONCE(c->dying, true);
	running = c->has_thread;
	busy = c->busy;
	spin_unlock(&c->thread_lock);

	if (!running)
		return true;
	wake_up(&c->wake);
	if (busy)
		return false;
	wait_for_completion(&c->exited);
	return true;
}
