/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test can tell the stubs to do, and ask them. */
#ifndef _SHIM_H
#define _SHIM_H

#include <linux/types.h>

/* Let the @nth allocation from now fail, once; 0: none. */
void shim_alloc_fail(unsigned int nth);
/* Whether that allocation has been reached. */
bool shim_alloc_failed(void);
/* Allocations that are not freed. */
long shim_alloc_live(void);

/* Back [hva, hva + len) with zeroed memory. */
void shim_user_add(u64 hva, u64 len);
/* Forget all user memory. */
void shim_user_reset(void);
/* Let copies race: in words, each by one relaxed access. */
extern bool shim_user_races;
/* The byte behind @hva, and how many follow in the same range; or NULL. */
u8 *shim_user_at(u64 hva, u64 *left);
/* Called, if set, for every access of one width. */
extern void (*shim_user_watch)(u64 hva, unsigned long width);

#endif
