// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of operations in, results out. All user memory is copied before the
 * first operation and after the last, because a section must not touch the
 * user memory of its caller.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "consumer.h"

static void free_request(struct kref *ref)
{
	struct vat_request *request = container_of(ref, struct vat_request, ref);
	u32 i;

	for (i = 0; i < request->nr; i++)
		vfree(request->data[i]);
	kfree(request);
}

void vat_request_put(struct vat_request *request)
{
	kref_put(&request->ref, free_request);
}

/* Only these have a buffer; @len of the ring accesses is their width. */
static bool has_data(const struct vat_op *op)
{
	switch (op->code) {
	case VAT_OP_COPY_TO:
	case VAT_OP_COPY_FROM:
	case VAT_OP_ITER_TO:
	case VAT_OP_ITER_FROM:
	case VAT_OP_TRANSLATE:
	case VAT_OP_WRITE:
	case VAT_OP_READ:
	case VAT_OP_TORN:
	case VAT_OP_SCRIBBLE:
		return op->len;
	}
	return false;
}

static int copy_in(struct vat_request *request, const struct vat_op __user *user)
{
	size_t room = VAT_MAX_LEN;
	u32 i;

	if (copy_from_user(request->ops, user,
			   array_size(request->nr, sizeof(*user))))
		return -EFAULT;
	for (i = 0; i < request->nr; i++) {
		const struct vat_op *op = &request->ops[i];

		if (op->code >= VAT_NR_OPS || op->__reserved ||
		    op->flags & ~(VAT_OP_NO_CACHE | VAT_OP_WARM))
			return -EINVAL;
		if (!has_data(op))
			continue;
		if (op->len > room)
			return -E2BIG;
		room -= op->len;
		request->data[i] = __vmalloc(op->len, GFP_KERNEL_ACCOUNT);
		if (!request->data[i])
			return -ENOMEM;
		if (copy_from_user(request->data[i], u64_to_user_ptr(op->data),
				   op->len))
			return -EFAULT;
	}
	return 0;
}

static int copy_out(const struct vat_request *request, struct vat_op __user *user)
{
	u32 i;

	for (i = 0; i < request->nr; i++) {
		const struct vat_op *op = &request->ops[i];

		if (request->data[i] && copy_to_user(u64_to_user_ptr(op->data),
						     request->data[i], op->len))
			return -EFAULT;
	}
	return copy_to_user(user, request->ops,
			    array_size(request->nr, sizeof(*user))) ? -EFAULT : 0;
}

/* The fault counter of the task that runs the list, whichever it is. */
static unsigned int swap_fail_nth(unsigned int n)
{
#ifdef CONFIG_FAULT_INJECTION
	swap(current->fail_nth, n);
#endif
	return n;
}

void vat_request_execute(struct vat_executor *x, struct vat_request *request)
{
	u32 i;

	if (request->fail_nth)
		swap_fail_nth(request->fail_nth);
	for (i = 0; i < request->nr; i++)
		request->ops[i].ret = vat_execute(x, &request->ops[i],
						  request->data[i]);
	if (request->fail_nth)
		request->fail_left = swap_fail_nth(0);
}

static int run_here(struct vat_consumer *c, struct vat_request *request)
{
	struct vat_executor x = { .consumer = c };

	vat_request_execute(&x, request);
	/* No task returns to user space from the middle of a section. */
	if (x.open)
		vat_end(&x);
	return 0;
}

long vat_run(struct vat_consumer *c, struct vat_run __user *arg)
{
	struct vat_op __user *user;
	struct vat_request *request;
	struct vat_run run;
	int err;

	if (copy_from_user(&run, arg, sizeof(run)))
		return -EFAULT;
	if (run.nr_ops > VAT_MAX_OPS || run.context > VAT_THREAD)
		return -EINVAL;
	if (run.fail_nth && !IS_ENABLED(CONFIG_FAULT_INJECTION))
		return -EOPNOTSUPP;
	user = u64_to_user_ptr(run.ops);

	request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);
	if (!request)
		return -ENOMEM;
	kref_init(&request->ref);
	init_completion(&request->done);
	request->nr = run.nr_ops;
	request->fail_nth = run.fail_nth;

	err = copy_in(request, user);
	if (!err)
		err = run.context == VAT_THREAD ? vat_thread_run(c, request) :
						  run_here(c, request);
	if (!err)
		err = copy_out(request, user);
	if (!err)
		err = put_user(request->fail_left, &arg->fail_left);
	vat_request_put(request);
	return err;
}
