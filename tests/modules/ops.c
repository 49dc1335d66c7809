// SPDX-License-Identifier: GPL-2.0-only
/*
 * One operation: a call of the in-kernel interface, as directly as possible.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include "consumer.h"

/* A section must not outlive its binding, so it keeps @bound for reading. */
static int hold_binding(struct vat_consumer *c)
{
	if (down_read_killable(&c->bound))
		return -EINTR;
	if (c->is_bound)
		return 0;
	up_read(&c->bound);
	return -ENOTCONN;
}

int vat_begin(struct vat_executor *x)
{
	struct vat_consumer *c = x->consumer;
	int err;

	if (x->open)
		return -EBUSY;
	err = hold_binding(c);
	if (err)
		return err;
	err = virt_as_begin(&c->binding, &x->section);
	if (err)
		up_read(&c->bound);
	else
		x->open = true;
	return err;
}

void vat_end(struct vat_executor *x)
{
	virt_as_end(&x->section);
	x->open = false;
	up_read(&x->consumer->bound);
}

/* Pieces of @step bytes, or one; of bvec none crosses a page. */
static int make_iter(struct iov_iter *iter, const struct vat_op *op, void *data,
		     unsigned int direction, void **vector)
{
	size_t step = op->value ?: op->len;
	struct bio_vec *bvec;
	struct kvec *kvec;
	unsigned int nr;
	size_t done, len;

	if (op->arg == VAT_ITER_BVEC)
		step = min_t(size_t, step, PAGE_SIZE);
	nr = DIV_ROUND_UP(op->len, step) * 2;
	kvec = kvcalloc(nr, max(sizeof(*kvec), sizeof(*bvec)), GFP_KERNEL_ACCOUNT);
	if (!kvec)
		return -ENOMEM;
	*vector = kvec;
	bvec = *vector;

	for (nr = 0, done = 0; done < op->len; nr++, done += len) {
		len = min_t(size_t, step, op->len - done);
		if (op->arg == VAT_ITER_KVEC) {
			kvec[nr] = (struct kvec) { data + done, len };
			continue;
		}
		len = min_t(size_t, len, PAGE_SIZE - offset_in_page(data + done));
		bvec_set_page(&bvec[nr], vmalloc_to_page(data + done), len,
			      offset_in_page(data + done));
	}
	if (op->arg == VAT_ITER_KVEC)
		iov_iter_kvec(iter, direction, kvec, nr, op->len);
	else
		iov_iter_bvec(iter, direction, bvec, nr, op->len);
	return 0;
}

static s64 do_iter(struct vat_executor *x, struct virt_as_cache *cache,
		   struct vat_op *op, void *data)
{
	bool to = op->code == VAT_OP_ITER_TO;
	unsigned int direction = to ? ITER_DEST : ITER_SOURCE;
	void *vector = NULL;
	struct iov_iter iter;
	s64 ret;

	if (!op->len || op->arg > VAT_ITER_USER)
		return -EINVAL;
	if (op->arg == VAT_ITER_USER)
		ret = import_ubuf(direction, u64_to_user_ptr(op->data), op->len,
				  &iter);
	else
		ret = make_iter(&iter, op, data, direction, &vector);
	if (ret)
		return ret;
	ret = to ? virt_as_copy_to_iter(&x->section, cache, op->gpa, op->len, &iter) :
		   virt_as_copy_from_iter(&x->section, cache, op->gpa, op->len, &iter);
	/* How far the iterator has come must agree with what is reported. */
	if (iov_iter_count(&iter) != op->len - max_t(s64, ret, 0))
		ret = -EPROTO;
	kvfree(vector);
	return ret;
}

static s64 do_translate(struct vat_executor *x, struct virt_as_cache *cache,
			struct vat_op *op, struct vat_segment *out)
{
	unsigned int nr = op->len / sizeof(*out);
	struct virt_as_segment *segments;
	int i, ret;

	if (!nr || nr > VAT_MAX_SEGMENTS)
		return -EINVAL;
	segments = kcalloc(nr, sizeof(*segments), GFP_KERNEL_ACCOUNT);
	if (!segments)
		return -ENOMEM;
	ret = virt_as_translate(&x->section, cache, op->gpa, op->value, segments,
				nr);
	for (i = 0; i < ret && i < nr; i++)
		out[i] = (struct vat_segment) {
			.hva = (unsigned long)segments[i].hva,
			.len = segments[i].len,
			.type = segments[i].type,
			.perms = segments[i].perms,
		};
	kfree(segments);
	return ret;
}

#define DEFINE_RING(bits)						\
static int ring##bits(struct virt_as_section *s, struct virt_as_cache *cache, \
		      struct vat_op *op)				\
{									\
	u##bits value = op->value, old = op->old;			\
	int ret;							\
									\
	switch (op->code) {						\
	case VAT_OP_LOAD:						\
		ret = virt_as_load##bits(s, cache, op->gpa, &value,	\
					 op->arg);			\
		break;							\
	case VAT_OP_STORE:						\
		return virt_as_store##bits(s, cache, op->gpa, value,	\
					   op->arg);			\
	default:							\
		ret = virt_as_cmpxchg##bits(s, cache, op->gpa, &old,	\
					    value);			\
		break;							\
	}								\
	op->value = value;						\
	op->old = old;							\
	return ret;							\
}									\
									\
static int add##bits(struct virt_as_section *s, struct virt_as_cache *cache, \
		     struct vat_op *op)					\
{									\
	u##bits old;							\
	u64 i, lost = 0;						\
	int ret = 0;							\
									\
	for (i = 0; i < op->value && !fatal_signal_pending(current); i++) { \
		ret = virt_as_load##bits(s, cache, op->gpa, &old,	\
					 VIRT_AS_RELAXED);		\
		while (!ret) {						\
			ret = virt_as_cmpxchg##bits(s, cache, op->gpa,	\
						    &old, old + 1);	\
			if (ret != -EAGAIN)				\
				break;					\
			ret = 0;					\
			lost++;						\
		}							\
		if (ret)						\
			break;						\
		cond_resched();						\
	}								\
	op->old = lost;							\
	return ret;							\
}

DEFINE_RING(16)
DEFINE_RING(32)
DEFINE_RING(64)

static s64 do_ring(struct vat_executor *x, struct virt_as_cache *cache,
		   struct vat_op *op)
{
	bool add = op->code == VAT_OP_ADD;

	if (op->arg > VIRT_AS_FULL)
		return -EINVAL;
	switch (op->len) {
	case 2:
		return add ? add16(&x->section, cache, op) :
			     ring16(&x->section, cache, op);
	case 4:
		return add ? add32(&x->section, cache, op) :
			     ring32(&x->section, cache, op);
	case 8:
		return add ? add64(&x->section, cache, op) :
			     ring64(&x->section, cache, op);
	}
	return -EINVAL;
}

/* Those that need a section, and have it. */
static s64 do_in_section(struct vat_executor *x, struct virt_as_cache *cache,
			 struct vat_op *op, void *data)
{
	switch (op->code) {
	case VAT_OP_GENERATION:
		op->value = virt_as_generation(&x->section);
		return 0;
	case VAT_OP_COPY_TO:
		return virt_as_copy_to(&x->section, cache, op->gpa, data, op->len);
	case VAT_OP_COPY_FROM:
		return virt_as_copy_from(&x->section, cache, op->gpa, data, op->len);
	case VAT_OP_ITER_TO:
	case VAT_OP_ITER_FROM:
		return do_iter(x, cache, op, data);
	case VAT_OP_ZERO:
		return virt_as_zero(&x->section, cache, op->gpa, op->len);
	case VAT_OP_TRANSLATE:
		return do_translate(x, cache, op, data);
	}
	return do_ring(x, cache, op);
}

/* Those that begin and end a section by themselves. */
static s64 do_single(struct vat_executor *x, struct virt_as_cache *cache,
		     struct vat_op *op, void *data)
{
	struct vat_consumer *c = x->consumer;
	s64 ret;

	if (x->open)
		return -EBUSY;
	ret = hold_binding(c);
	if (ret)
		return ret;
	if (op->code == VAT_OP_WRITE)
		ret = virt_as_write(&c->binding, cache, op->gpa, data, op->len);
	else
		ret = virt_as_read(&c->binding, cache, op->gpa, data, op->len);
	up_read(&c->bound);
	return ret;
}

/* Whatever comes of it: it is the cache that the next access is to find warm. */
static void warm(struct vat_executor *x, struct virt_as_cache *cache,
		 const struct vat_op *op)
{
	struct vat_consumer *c = x->consumer;
	u8 byte;

	if (x->open) {
		virt_as_copy_from(&x->section, cache, op->gpa, &byte, 1);
	} else if (!hold_binding(c)) {
		virt_as_read(&c->binding, cache, op->gpa, &byte, 1);
		up_read(&c->bound);
	}
}

s64 vat_execute(struct vat_executor *x, struct vat_op *op, void *data)
{
	struct virt_as_cache empty = {};
	struct virt_as_cache *cache = op->flags & VAT_OP_NO_CACHE ? &empty : &x->cache;

	if (op->flags & VAT_OP_WARM)
		warm(x, cache, op);
	switch (op->code) {
	case VAT_OP_BEGIN:
		return vat_begin(x);
	case VAT_OP_END:
		if (!x->open)
			return -ENOTCONN;
		vat_end(x);
		return 0;
	case VAT_OP_WRITE:
	case VAT_OP_READ:
		return do_single(x, cache, op, data);
	case VAT_OP_GATE:
		return vat_mock_wait(x->consumer);
	case VAT_OP_TORN:
		if (x->open)
			return -EBUSY;
		if (op->len != sizeof(struct vat_torn))
			return -EINVAL;
		return vat_torn(x, data);
	case VAT_OP_SCRIBBLE:
		if (x->open)
			return -EBUSY;
		if (op->len != sizeof(struct vat_scribble))
			return -EINVAL;
		return vat_scribble(x, data);
	}
	return x->open ? do_in_section(x, cache, op, data) : -ENOTCONN;
}
