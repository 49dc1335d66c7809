/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How bytes move between kernel memory and one segment of guest memory.
 *
 * direct.c does it with the owner's mm as the current one, remote.c for a task
 * that cannot take on that mm. virt_as_transfer() picks; nobody above it knows.
 */
#ifndef _MM_VIRT_AS_REACH_H
#define _MM_VIRT_AS_REACH_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/virt_as.h>

/**
 * enum virt_as_motion - which way bytes move
 * @VIRT_AS_READ: from the guest
 * @VIRT_AS_WRITE: to the guest
 * @VIRT_AS_ZERO: zeroes to the guest
 */
enum virt_as_motion {
	VIRT_AS_READ,
	VIRT_AS_WRITE,
	VIRT_AS_ZERO,
};

size_t virt_as_direct_transfer(const struct virt_as_segment *segment,
			       void *buf, enum virt_as_motion motion);
int virt_as_remote_transfer(struct virt_as_section *section,
			    const struct virt_as_segment *segment, void *buf,
			    enum virt_as_motion motion, size_t *moved);
int virt_as_remote_atomic(struct virt_as_section *section,
			  const struct virt_as_segment *segment,
			  int (*operate)(void *at, void *arg), void *arg,
			  bool write);

/**
 * virt_as_transfer - move bytes
 * @section: an open section
 * @segment: from virt_as_resolve() on the section's map
 * @buf: kernel memory; written only for VIRT_AS_READ, unused for VIRT_AS_ZERO
 * @motion: which way
 * @moved: set to how many bytes
 *
 * Return: 0 if all were moved; or why not: -EFAULT, -EINTR, -ENOMEM.
 */
static __always_inline int
virt_as_transfer(struct virt_as_section *section,
		 const struct virt_as_segment *segment, void *buf,
		 enum virt_as_motion motion, size_t *moved)
{
	size_t left;

	if (unlikely(section->reach == VIRT_AS_REACH_REMOTE))
		return virt_as_remote_transfer(section, segment, buf, motion,
					       moved);
	left = virt_as_direct_transfer(segment, buf, motion);
	*moved = segment->len - left;
	return unlikely(left) ? -EFAULT : 0;
}

#endif /* _MM_VIRT_AS_REACH_H */
