/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: a walk over an iterator, ended by a step that leaves something. */
#ifndef _SHIM_LINUX_IOV_ITER_H
#define _SHIM_LINUX_IOV_ITER_H

#include <linux/uio.h>

typedef size_t (*iov_step_f)(void *base, size_t progress, size_t len,
			     void *priv, void *priv2);

static inline size_t iterate_and_advance_kernel(struct iov_iter *iter,
						size_t len, void *priv,
						void *priv2, iov_step_f step)
{
	size_t progress = 0;

	len = min(len, iter->count);
	while (progress < len) {
		char *base = (char *)iter->kvec->iov_base + iter->iov_offset;
		size_t part = min(len - progress,
				  iter->kvec->iov_len - iter->iov_offset);
		size_t left = part ? step(base, progress, part, priv, priv2) : 0;

		progress += part - left;
		iter->iov_offset += part - left;
		if (left)
			break;
		if (iter->iov_offset == iter->kvec->iov_len) {
			iter->kvec++;
			iter->nr_segs--;
			iter->iov_offset = 0;
		}
	}
	iter->count -= progress;
	return progress;
}

#endif
