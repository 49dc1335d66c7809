/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_FILE_H
#define _MM_VIRT_AS_FILE_H

#include <linux/fs.h>
#include <linux/types.h>

struct virt_as;
struct virt_as_create;

/**
 * struct virt_as_file - one open file of an address space
 * @as: the address space, referenced
 * @rights: VIRT_AS_RIGHT_*; never change
 * @seen: the generation that this file was last told of; a race between two
 *	calls on one file decides which of the two is remembered
 */
struct virt_as_file {
	struct virt_as *as;
	u32 rights;
	u64 seen;
};

int virt_as_file_open(struct virt_as *as, u32 rights);
int virt_as_create_file(const struct virt_as_create *create);
long virt_as_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long virt_as_device_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg);
ssize_t virt_as_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t virt_as_write_iter(struct kiocb *iocb, struct iov_iter *from);

#endif /* _MM_VIRT_AS_FILE_H */
