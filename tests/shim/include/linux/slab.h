/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: every allocation goes through one door, which can be told to fail. */
#ifndef _SHIM_LINUX_SLAB_H
#define _SHIM_LINUX_SLAB_H

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/types.h>

void *shim_alloc(size_t size, gfp_t flags);
void shim_free(const void *ptr);

static inline void *kvmalloc(size_t size, gfp_t flags)
{
	return shim_alloc(size, flags);
}

static inline void *kvzalloc(size_t size, gfp_t flags)
{
	return shim_alloc(size, flags | __GFP_ZERO);
}

static inline void *kvmalloc_array(size_t n, size_t size, gfp_t flags)
{
	return shim_alloc(size_mul(n, size), flags);
}

static inline void *kvcalloc(size_t n, size_t size, gfp_t flags)
{
	return shim_alloc(size_mul(n, size), flags | __GFP_ZERO);
}

static inline void kvfree(const void *ptr)
{
	shim_free(ptr);
}

DEFINE_FREE(kvfree, void *, kvfree(_T))

#define kmalloc(size, flags)		kvmalloc(size, flags)
#define kzalloc(size, flags)		kvzalloc(size, flags)
#define kmalloc_array(n, size, flags)	kvmalloc_array(n, size, flags)
#define kcalloc(n, size, flags)		kvcalloc(n, size, flags)
#define kfree(ptr)			kvfree(ptr)

#endif
