// SPDX-License-Identifier: GPL-2.0-only
/*
 * pread and pwrite of the fd: guest memory at offset = gpa.
 *
 * The bytes bounce through a kernel buffer, because nothing inside a section may
 * touch the caller's user memory: a fault on that could wait for a process that
 * waits for the section. Each buffer-full is one section, so a call of up to
 * CHUNK bytes sees one whole map, and a longer one may see several.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "file.h"
#include "object.h"
#include "section.h"

#define CHUNK	SZ_64K

/* One section. */
static ssize_t move_chunk(struct virt_as_file *vf, struct virt_as_cache *cache,
			  u64 gpa, void *buf, size_t len, bool write)
{
	return virt_as_section_move(vf->as, vf->rights, cache, gpa, buf, len, write);
}

static int between_chunks(void)
{
	if (signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

ssize_t virt_as_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct virt_as_file *vf = iocb->ki_filp->private_data;
	size_t size = min_t(size_t, iov_iter_count(to), CHUNK);
	struct virt_as_cache cache = {};
	ssize_t done = 0;
	int err = 0;
	void *buf;

	if (!(vf->rights & VIRT_AS_RIGHT_READ))
		return -EPERM;
	if (!size)
		return 0;
	buf = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;

	while (iov_iter_count(to) && !err) {
		size_t want = min(iov_iter_count(to), size);
		ssize_t got;
		size_t given;

		got = move_chunk(vf, &cache, iocb->ki_pos + done, buf, want, false);
		if (got <= 0) {
			err = got;
			break;
		}
		given = copy_to_iter(buf, got, to);
		done += given;
		if (given < got)
			err = -EFAULT;
		else if (got < want)
			break;
		else if (iov_iter_count(to))
			err = between_chunks();
	}
	kvfree(buf);
	iocb->ki_pos += done;
	return done ?: err;
}

ssize_t virt_as_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct virt_as_file *vf = iocb->ki_filp->private_data;
	size_t size = min_t(size_t, iov_iter_count(from), CHUNK);
	struct virt_as_cache cache = {};
	ssize_t done = 0;
	int err = 0;
	void *buf;

	if (!(vf->rights & VIRT_AS_RIGHT_WRITE))
		return -EPERM;
	if (!size)
		return 0;
	buf = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;

	while (iov_iter_count(from) && !err) {
		size_t want = min(iov_iter_count(from), size);
		size_t got = copy_from_iter(buf, want, from);
		ssize_t put;

		if (!got) {
			err = -EFAULT;
			break;
		}
		put = move_chunk(vf, &cache, iocb->ki_pos + done, buf, got, true);
		if (put < (ssize_t)got)
			iov_iter_revert(from, got - max_t(ssize_t, put, 0));
		if (put <= 0) {
			err = put;
			break;
		}
		done += put;
		if (put < want)
			break;
		if (iov_iter_count(from))
			err = between_chunks();
	}
	kvfree(buf);
	iocb->ki_pos += done;
	return done ?: err;
}
