// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the library makes of each answer of the kernel, which is played by this
 * program: it is linked with --wrap for the functions of libc below. No way may
 * be taken but those that were asked for, nor another one after an error that
 * is an answer, and every file that was opened is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "virt_as.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define DEV	3	/* the descriptors that are played */
#define AS	4

/* What is answered: 0 or an errno; and what was asked. */
static struct {
	int by_syscall;
	int by_open;
	int by_ioctl;
	unsigned int syscalls;
	unsigned int opens;
	unsigned int ioctls;
	unsigned int closes;
	bool wrong;
	const struct virt_as_create *attr;
} kernel;

static int answer(int error, int fd)
{
	if (!error)
		return fd;
	errno = error;
	return -1;
}

long __wrap_syscall(long number, ...)
{
	const struct virt_as_create *attr;
	unsigned int flags;
	size_t size;
	va_list args;

	va_start(args, number);
	attr = va_arg(args, const struct virt_as_create *);
	size = va_arg(args, size_t);
	flags = va_arg(args, unsigned int);
	va_end(args);
	kernel.syscalls++;
	kernel.wrong |= attr != kernel.attr || flags ||
			size != (attr ? attr->size : 0);
	return answer(kernel.by_syscall, AS);
}

int __wrap_open(const char *path, int flags, ...)
{
	kernel.opens++;
	kernel.wrong |= strcmp(path, "/dev/virt_as") ||
			flags != (O_RDWR | O_CLOEXEC);
	return answer(kernel.by_open, DEV);
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	const struct virt_as_create *attr;
	va_list args;

	va_start(args, number);
	attr = va_arg(args, const struct virt_as_create *);
	va_end(args);
	kernel.ioctls++;
	kernel.wrong |= fd != DEV || number != VIRT_AS_CREATE;
	kernel.wrong |= kernel.attr ? attr != kernel.attr :
			attr->size != sizeof(*attr) || attr->flags;
	return answer(kernel.by_ioctl, AS);
}

int __wrap_close(int fd)
{
	kernel.closes++;
	kernel.wrong |= fd != DEV;
	errno = EIO;
	return 0;
}

static unsigned int nr_checked, nr_failed;

/* @used and @error are what is expected. */
static void check(enum virt_as_way way, enum virt_as_way used, int error)
{
	struct virt_as_create kind = { .size = sizeof(kind) };
	bool asks_syscall = way <= VIRT_AS_WAY_SYSCALL;
	bool asks_device = way == VIRT_AS_WAY_DEVICE ||
			   (way == VIRT_AS_WAY_ANY && kernel.by_syscall == ENOSYS);
	unsigned int opened = asks_device && !kernel.by_open;
	enum virt_as_way seen;
	int fd;

	for (int i = 0; i < 2; i++) {
		kernel.attr = i ? &kind : NULL;
		kernel.syscalls = 0;
		kernel.opens = 0;
		kernel.ioctls = 0;
		kernel.closes = 0;
		kernel.wrong = false;
		seen = ~0U;
		errno = 0;
		fd = virt_as_create_by(way, kernel.attr, &seen);

		nr_checked++;
		if (fd == (error ? -1 : AS) && (!error || errno == error) &&
		    seen == used && !kernel.wrong &&
		    kernel.syscalls == asks_syscall &&
		    kernel.opens == asks_device && kernel.ioctls == opened &&
		    kernel.closes == opened)
			continue;
		nr_failed++;
		printf("way %u of answers %d %d %d: fd %d, ", way,
		       kernel.by_syscall, kernel.by_open, kernel.by_ioctl, fd);
		printf("errno %d (%d), used %u (%u), calls %u %u %u %u%s\n",
		       errno, error, seen, used, kernel.syscalls, kernel.opens,
		       kernel.ioctls, kernel.closes,
		       kernel.wrong ? ", with wrong arguments" : "");
	}
}

static bool is_missing(int error)
{
	return error == ENOENT || error == ENODEV || error == ENXIO;
}

/* All ways, with what the kernel answers now. */
static void check_ways(void)
{
	int by_device = kernel.by_open ? kernel.by_open : kernel.by_ioctl;
	enum virt_as_way device = VIRT_AS_WAY_DEVICE;
	enum virt_as_way call = VIRT_AS_WAY_SYSCALL;

	if (is_missing(kernel.by_open))
		by_device = ENOSYS;
	if (by_device == ENOSYS)
		device = VIRT_AS_WAY_ANY;
	check(VIRT_AS_WAY_DEVICE, device, by_device);
	if (kernel.by_syscall == ENOSYS) {
		check(VIRT_AS_WAY_SYSCALL, VIRT_AS_WAY_ANY, ENOSYS);
		check(VIRT_AS_WAY_ANY, device, by_device);
	} else {
		check(VIRT_AS_WAY_SYSCALL, call, kernel.by_syscall);
		check(VIRT_AS_WAY_ANY, call, kernel.by_syscall);
	}
}

/* Not a way at all: nobody is asked. */
static void check_no_way(void)
{
	enum virt_as_way seen = ~0U;
	int fd;

	kernel.syscalls = 0;
	kernel.opens = 0;
	fd = virt_as_create_by(VIRT_AS_WAY_DEVICE + 1, NULL, &seen);
	nr_checked++;
	nr_failed += fd != -1 || errno != EINVAL || seen != VIRT_AS_WAY_ANY ||
		     kernel.syscalls || kernel.opens;
}

static void check_texts(void)
{
	const char *unknown = virt_as_way_name(VIRT_AS_WAY_DEVICE + 1);
	const char *name;

	for (int way = VIRT_AS_WAY_ANY; way <= VIRT_AS_WAY_DEVICE; way++) {
		name = virt_as_way_name(way);
		nr_checked++;
		nr_failed += !*name || !strcmp(name, unknown);
	}
	for (int error = 1; error < 134; error++) {
		nr_checked++;
		nr_failed += !*virt_as_create_hint(error);
	}
	nr_checked++;
	nr_failed += !strstr(virt_as_create_hint(ENOSYS), "load the module");
}

int main(void)
{
	static const int answers[] = {
		0, ENOSYS, EPERM, ENOENT, EINTR, ENXIO, E2BIG, EBADF, EAGAIN,
		ENOMEM, EACCES, EFAULT, ENODEV, EINVAL, ENFILE, EMFILE, ENOTTY,
		EOPNOTSUPP,
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(answers); j++) {
			kernel.by_syscall = answers[i];
			kernel.by_open = answers[j];
			kernel.by_ioctl = 0;
			check_ways();
			kernel.by_open = 0;
			kernel.by_ioctl = answers[j];
			check_ways();
		}
	}
	check_no_way();
	check_texts();
	printf("%u checked, %u failed\n", nr_checked, nr_failed);
	return nr_failed || nr_checked < 2000;
}
