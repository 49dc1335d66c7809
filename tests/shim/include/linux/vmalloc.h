/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: memory is memory. */
#ifndef _SHIM_LINUX_VMALLOC_H
#define _SHIM_LINUX_VMALLOC_H

#include <linux/slab.h>

static inline void *__vmalloc(size_t size, gfp_t flags)
{
	return shim_alloc(size, flags);
}

#endif /* _SHIM_LINUX_VMALLOC_H */
