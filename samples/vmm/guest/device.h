/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding a device of the VMM, and reaching its BARs, in the guest. */
#ifndef _VMM_GUEST_DEVICE_H
#define _VMM_GUEST_DEVICE_H

#include <linux/types.h>
#include <stddef.h>

#define DEVICE_VENDOR		0x1af4
#define DEVICE_FRAMEBUFFER	0x10f1
#define DEVICE_WINDOW		0x10f2

/* What is read where nothing is. */
#define NO_MEMORY		(~0ULL)

/* Each is one access, as a device wants it. */
#define load(where)		__atomic_load_n(&(where), __ATOMIC_ACQUIRE)
#define store(where, value)	__atomic_store_n(&(where), (value), __ATOMIC_RELEASE)

int device_open(unsigned int id, const char *file, int flags);
__u64 *device_map(unsigned int id, unsigned int bar, size_t len);

#endif /* _VMM_GUEST_DEVICE_H */
