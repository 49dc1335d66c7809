/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Making an address space, whichever way the running kernel has: the system call
 * where virt_as is part of the kernel, /dev/virt_as where it is a module. What
 * is done with an address space afterwards is the same, and needs no library:
 * <linux/virt_as.h>.
 *
 * All functions may be called by any thread at any time.
 */
#ifndef VIRT_AS_H
#define VIRT_AS_H

#include <linux/virt_as.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum virt_as_way - how an address space is made
 * @VIRT_AS_WAY_ANY: by the system call, or if there is none by the device
 * @VIRT_AS_WAY_SYSCALL: by create_virt_address_space()
 * @VIRT_AS_WAY_DEVICE: by ioctl(VIRT_AS_CREATE) on /dev/virt_as
 */
enum virt_as_way {
	VIRT_AS_WAY_ANY,
	VIRT_AS_WAY_SYSCALL,
	VIRT_AS_WAY_DEVICE
};

/**
 * create_virt_address_space() - the system call itself
 * @attr: what kind, or NULL for the usual
 * @size: virt_as_create::size of @attr; 0 with NULL
 * @flags: must be 0
 *
 * A libc would have it under this name.
 *
 * Return: A file descriptor, close-on-exec, with all rights. Or -1 and errno:
 * ENOSYS if the kernel has no such call or this is no program of 64 bits, else what
 * <linux/virt_as.h> says.
 */
int create_virt_address_space(const struct virt_as_create *attr, size_t size,
			      unsigned int flags);

/**
 * virt_as_create_by() - make an address space in a given way
 * @way: VIRT_AS_WAY_*
 * @attr: what kind, or NULL for the usual
 * @used: if not NULL, set to the way that gave the result, be it a descriptor or
 *	an error; to VIRT_AS_WAY_ANY if none that was asked for exists
 *
 * With VIRT_AS_WAY_ANY the device is tried when the system call answers ENOSYS
 * and for no other reason: an error is an answer. The device takes a second
 * descriptor for as long as the call lasts.
 *
 * Return: A file descriptor as of create_virt_address_space(). Or -1 and errno:
 * ENOSYS if no way that was asked for exists, for the device ENOENT, ENODEV or
 * ENXIO of open() included; EINVAL if @way is none; the error of the system call
 * or of open() and ioctl() of the device.
 */
int virt_as_create_by(enum virt_as_way way, const struct virt_as_create *attr,
		      enum virt_as_way *used);

/**
 * virt_as_create_any() - make an address space, the usual kind, in any way
 *
 * Return: As virt_as_create_by() with VIRT_AS_WAY_ANY.
 */
int virt_as_create_any(void);

/**
 * virt_as_way_name() - what to call a way in a message
 * @way: VIRT_AS_WAY_*
 *
 * Return: Words that stand behind "made by", such as "the system call".
 */
const char *virt_as_way_name(enum virt_as_way way);

/**
 * virt_as_create_hint() - what to do when no address space could be made
 * @error: errno of a function above
 *
 * Return: A sentence in English without a full stop; for an error that has
 * nothing to do with address spaces, what strerror() says.
 */
const char *virt_as_create_hint(int error);

#ifdef __cplusplus
}
#endif

#endif /* VIRT_AS_H */
