/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: iterators over kernel memory in pieces. */
#ifndef _SHIM_LINUX_UIO_H
#define _SHIM_LINUX_UIO_H

#include <linux/export.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/types.h>

struct kvec {
	void *iov_base;
	size_t iov_len;
};

struct iov_iter {
	bool kernel;
	size_t iov_offset;
	size_t count;
	const struct kvec *kvec;
	unsigned long nr_segs;
};

static inline bool iov_iter_is_kvec(const struct iov_iter *iter)
{
	return iter->kernel;
}

static inline bool iov_iter_is_bvec(const struct iov_iter *iter)
{
	(void)iter;
	return false;
}

static inline size_t iov_iter_count(const struct iov_iter *iter)
{
	return iter->count;
}

#endif
