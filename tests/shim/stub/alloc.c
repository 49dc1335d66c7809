// SPDX-License-Identifier: GPL-2.0-only
/* The one door to memory: counts, poisons, fails on demand. */
#include <linux/slab.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static long live;
static unsigned int fail_in;
static bool failed;

void shim_alloc_fail(unsigned int nth)
{
	fail_in = nth;
	failed = false;
}

bool shim_alloc_failed(void)
{
	return failed;
}

long shim_alloc_live(void)
{
	return __atomic_load_n(&live, __ATOMIC_RELAXED);
}

void *shim_alloc(size_t size, gfp_t flags)
{
	void *ptr;

	if (fail_in && !--fail_in) {
		failed = true;
		return NULL;
	}
	ptr = malloc(size);
	if (!ptr)
		return NULL;
	/* What was not asked to be zero had better not be read. */
	memset(ptr, flags & __GFP_ZERO ? 0 : 0xa5, size);
	__atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
	return ptr;
}

void shim_free(const void *ptr)
{
	if (!ptr)
		return;
	__atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
	free((void *)ptr);
}
