/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory whose page faults the test serves.
 */
#ifndef VIRT_AS_SELFTESTS_UFFD_H
#define VIRT_AS_SELFTESTS_UFFD_H

#include "common.h"

#include <linux/userfaultfd.h>

/* A userfaultfd for the missing pages of a range; or -errno. */
static inline int uffd_watch(void *mem, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = sys(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	int err;

	if (fd < 0)
		return fd;
	err = as_ioctl(fd, UFFDIO_API, &api);
	if (!err)
		err = as_ioctl(fd, UFFDIO_REGISTER, &reg);
	if (err)
		close(fd);
	return err ? err : fd;
}

/* Waits until somebody sleeps in a fault. The address, or NULL. */
static inline void *uffd_fault(int uffd)
{
	struct pollfd pfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, HANG_MS) != 1 ||
	    read(uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return NULL;
	return (void *)(uintptr_t)msg.arg.pagefault.address;
}

/* Gives pages to a range in which none is present, and wakes who waits. */
static inline int uffd_serve(int uffd, void *mem, const void *from, size_t len)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)mem, .src = (uintptr_t)from, .len = len,
	};

	return as_ioctl(uffd, UFFDIO_COPY, &copy);
}

#endif /* VIRT_AS_SELFTESTS_UFFD_H */
