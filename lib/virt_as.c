// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The two ways to make an address space, and which of them it shall be.
 * virt_as.h describes the functions.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virt_as.h"

#define DEVICE	"/dev/virt_as"

/* No other architecture has a number yet, and 32-bit programs will have none. */
#if !defined(__NR_create_virt_address_space) && defined(__x86_64__) && !defined(__ILP32__)
#define __NR_create_virt_address_space	600
#endif

int create_virt_address_space(const struct virt_as_create *attr, size_t size,
			      unsigned int flags)
{
#ifdef __NR_create_virt_address_space
	return syscall(__NR_create_virt_address_space, attr, size, flags);
#else
	(void)attr;
	(void)size;
	(void)flags;
	errno = ENOSYS;
	return -1;
#endif
}

static int create_by_device(const struct virt_as_create *attr)
{
	const struct virt_as_create usual = { .size = sizeof(usual) };
	int dev, fd, error;

	dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0) {
		if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
			errno = ENOSYS;
		return -1;
	}
	fd = ioctl(dev, VIRT_AS_CREATE, attr ? attr : &usual);
	error = errno;
	close(dev);
	errno = error;
	return fd;
}

static int create_by(enum virt_as_way way, const struct virt_as_create *attr)
{
	if (way == VIRT_AS_WAY_SYSCALL)
		return create_virt_address_space(attr, attr ? attr->size : 0, 0);
	return create_by_device(attr);
}

int virt_as_create_by(enum virt_as_way way, const struct virt_as_create *attr,
		      enum virt_as_way *used)
{
	enum virt_as_way trial = way == VIRT_AS_WAY_ANY ? VIRT_AS_WAY_SYSCALL : way;
	int fd;

	if (used)
		*used = VIRT_AS_WAY_ANY;
	if (way > VIRT_AS_WAY_DEVICE) {
		errno = EINVAL;
		return -1;
	}
	fd = create_by(trial, attr);
	if (fd < 0 && errno == ENOSYS && way == VIRT_AS_WAY_ANY) {
		trial = VIRT_AS_WAY_DEVICE;
		fd = create_by(trial, attr);
	}
	if (used && (fd >= 0 || errno != ENOSYS))
		*used = trial;
	return fd;
}

int virt_as_create_any(void)
{
	return virt_as_create_by(VIRT_AS_WAY_ANY, NULL, NULL);
}

const char *virt_as_way_name(enum virt_as_way way)
{
	switch (way) {
	case VIRT_AS_WAY_ANY:
		return "any way";
	case VIRT_AS_WAY_SYSCALL:
		return "the system call";
	case VIRT_AS_WAY_DEVICE:
		return DEVICE;
	}
	return "no known way";
}

const char *virt_as_create_hint(int error)
{
	switch (error) {
	case ENOSYS:
		return "virt_as is not in this kernel: load the module virt_as";
	case EACCES:
		return DEVICE " may not be opened: ask for access to it";
	case EPERM:
		return "a sandbox forbids it: allow create_virt_address_space() or " DEVICE;
	case EMFILE:
		return "too many files are open: raise RLIMIT_NOFILE";
	case EOPNOTSUPP:
	case E2BIG:
		return "this kernel does not know the kind that was asked for: update it";
	}
	return strerror(error);
}
