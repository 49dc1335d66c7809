// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory reached with the owner's mm as the current one.
 *
 * Ordinary memory is copied by the checked user-copy functions. Hardware behind
 * an hva must see accesses of the width that was meant, and each once: a device
 * segment is moved in naturally aligned pieces, each the widest that fits, each
 * one load or store.
 *
 *	gpa 0x1002, 11 bytes:	2 at 0x1002, 4 at 0x1004, 4 at 0x1008, 1 at 0x100c
 *
 * so an aligned access of 1, 2, 4 or 8 bytes is exactly that one access. Longer
 * ones are cut into steps further up, where the steps begin anew.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "reach.h"

static size_t device_width(unsigned long addr, size_t len)
{
	size_t width = min_t(size_t, rounddown_pow_of_two(len), 8);

	return addr ? min_t(size_t, width, 1UL << __ffs(addr)) : width;
}

static int device_load(const void __user *from, void *to, size_t width)
{
	u64 v64;
	u32 v32;
	u16 v16;
	u8 v8;
	int err;

	switch (width) {
	case 8:
		err = get_user(v64, (const u64 __user *)from);
		put_unaligned(v64, (u64 *)to);
		return err;
	case 4:
		err = get_user(v32, (const u32 __user *)from);
		put_unaligned(v32, (u32 *)to);
		return err;
	case 2:
		err = get_user(v16, (const u16 __user *)from);
		put_unaligned(v16, (u16 *)to);
		return err;
	default:
		err = get_user(v8, (const u8 __user *)from);
		*(u8 *)to = v8;
		return err;
	}
}

static int device_store(void __user *to, const void *from, size_t width)
{
	switch (width) {
	case 8:
		return put_user(get_unaligned((const u64 *)from),
				(u64 __user *)to);
	case 4:
		return put_user(get_unaligned((const u32 *)from),
				(u32 __user *)to);
	case 2:
		return put_user(get_unaligned((const u16 *)from),
				(u16 __user *)to);
	default:
		return put_user(*(const u8 *)from, (u8 __user *)to);
	}
}

static size_t device_transfer(const struct virt_as_segment *segment, void *buf,
			      enum virt_as_motion motion)
{
	static const u64 zero;
	size_t done = 0;

	while (done < segment->len) {
		void __user *at = segment->hva + done;
		size_t width = device_width((unsigned long)at,
					    segment->len - done);
		int err;

		if (motion == VIRT_AS_READ)
			err = device_load(at, buf + done, width);
		else if (motion == VIRT_AS_WRITE)
			err = device_store(at, buf + done, width);
		else
			err = device_store(at, &zero, width);
		if (err)
			break;
		done += width;
	}
	return segment->len - done;
}

/**
 * virt_as_direct_transfer - move bytes with the owner's mm as the current one
 * @segment: where in the owner's memory
 * @buf: kernel memory
 * @motion: which way
 *
 * Context: Process context, current->mm is the owner's. Sleeps in page faults.
 * Return: Bytes not moved.
 */
size_t virt_as_direct_transfer(const struct virt_as_segment *segment, void *buf,
			       enum virt_as_motion motion)
{
	if (unlikely(segment->type == VIRT_AS_TYPE_DEVICE))
		return device_transfer(segment, buf, motion);

	switch (motion) {
	case VIRT_AS_READ:
		return copy_from_user(buf, segment->hva, segment->len);
	case VIRT_AS_WRITE:
		return copy_to_user(segment->hva, buf, segment->len);
	default:
		return clear_user(segment->hva, segment->len);
	}
}
