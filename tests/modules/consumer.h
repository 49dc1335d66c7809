/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VIRT_AS_TEST_CONSUMER_H
#define _VIRT_AS_TEST_CONSUMER_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/virt_as.h>
#include <linux/wait.h>
#include "virt_as_test.h"

/**
 * struct vat_snapshot - a copy of a diff, to be compared and copied out
 * @diff: the original; only its address is used
 * @old_generation: of the diff
 * @new_generation: of the diff
 * @same_mm: of the diff
 * @nr_removed: of the diff
 * @nr_added: of the diff
 * @regions: the removed ones, then the added ones
 */
struct vat_snapshot {
	const struct virt_as_diff *diff;
	u64 old_generation;
	u64 new_generation;
	bool same_mm;
	u32 nr_removed;
	u32 nr_added;
	struct vat_region regions[];
};

/**
 * struct vat_consumer - one open file
 * @ref: one of the file, one of the thread
 * @bound: held for reading wherever a section is open, so that no section
 *	outlives the binding; held for writing to bind and to unbind
 * @is_bound: guarded by @bound
 * @binding: guarded by @bound
 * @mock_lock: guards @error, @status and @snapshot; innermost
 * @error: what prepare returns
 * @status: counters and events
 * @prepared: prepare has succeeded and neither commit nor abort has come
 * @calls: calls of the binding in flight; more than 1 is a violation
 * @snapshot: of the last diff
 * @gate: wait queue for @holding
 * @holding: prepare and VAT_OP_GATE wait
 * @thread_lock: guards @has_thread, @busy, @dying and @requests; innermost
 * @has_thread: the thread was started
 * @busy: the thread runs a request, which may sleep for as long as it likes
 * @dying: the file is closed
 * @requests: what the thread should run
 * @wake: wait queue for @requests and @dying
 * @exited: the thread has ended its section and will not begin another
 * @start: serializes the start of the thread
 */
struct vat_consumer {
	struct kref ref;

	struct rw_semaphore bound;
	bool is_bound;
	struct virt_as_binding binding;

	spinlock_t mock_lock;	/* innermost */
	int error;
	struct vat_status status;
	bool prepared;
	unsigned int calls;
	struct vat_snapshot *snapshot;

	wait_queue_head_t gate;
	bool holding;

	spinlock_t thread_lock;	/* innermost */
	bool has_thread;
	bool busy;
	bool dying;
	struct list_head requests;
	wait_queue_head_t wake;
	struct completion exited;
	struct mutex start;	/* outside of thread_lock */
};

/**
 * struct vat_executor - who runs operations: a caller or the thread
 * @consumer: whose binding is used
 * @cache: goes through all of its sections
 * @section: valid if @open
 * @open: a section is open, and vat_consumer::bound held for reading
 */
struct vat_executor {
	struct vat_consumer *consumer;
	struct virt_as_cache cache;
	struct virt_as_section section;
	bool open;
};

/**
 * struct vat_request - a list of operations
 * @ref: one of the ioctl, one of the thread while it has the request
 * @node: in vat_consumer::requests
 * @done: all have run
 * @nr: length of @ops and @data
 * @fail_nth: as of struct vat_run
 * @fail_left: as of struct vat_run, once @done
 * @ops: a copy of the caller's
 * @data: their buffers, from vmalloc; NULL if there is none
 */
struct vat_request {
	struct kref ref;
	struct list_head node;
	struct completion done;
	u32 nr;
	u32 fail_nth;
	u32 fail_left;
	struct vat_op ops[VAT_MAX_OPS];
	void *data[VAT_MAX_OPS];
};

/* main.c */
void vat_put(struct vat_consumer *c);
int vat_unbind(struct vat_consumer *c);

/* thread.c */
int vat_thread_run(struct vat_consumer *c, struct vat_request *request);
bool vat_thread_stop(struct vat_consumer *c);

/* mock.c */
extern const struct virt_as_binding_ops vat_mock_ops;
extern const struct virt_as_binding_ops vat_silent_ops;
void vat_mock_set(struct vat_consumer *c, const struct vat_mock *mock);
void vat_mock_release(struct vat_consumer *c);
int vat_mock_wait(struct vat_consumer *c);
long vat_mock_diff(struct vat_consumer *c, struct vat_diff __user *arg);

/* run.c */
long vat_run(struct vat_consumer *c, struct vat_run __user *arg);
void vat_request_execute(struct vat_executor *x, struct vat_request *request);
void vat_request_put(struct vat_request *request);

/* ops.c */
int vat_begin(struct vat_executor *x);
void vat_end(struct vat_executor *x);
s64 vat_execute(struct vat_executor *x, struct vat_op *op, void *data);

/* torn.c */
int vat_torn(struct vat_executor *x, struct vat_torn *torn);

/* scribble.c */
int vat_scribble(struct vat_executor *x, struct vat_scribble *s);

#endif /* _VIRT_AS_TEST_CONSUMER_H */
