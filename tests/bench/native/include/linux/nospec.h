/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the shim's, which counts its calls: the kernel's own arithmetic. */
#ifndef _NATIVE_LINUX_NOSPEC_H
#define _NATIVE_LINUX_NOSPEC_H

#include <linux/types.h>

static inline unsigned long array_index_nospec(unsigned long index,
					       unsigned long size)
{
	unsigned long mask;

#ifdef __x86_64__
	asm volatile("cmp %1,%2; sbb %0,%0;"
		     : "=r" (mask) : "g" (size), "r" (index) : "cc");
#else
	mask = ~(long)(index | (size - 1UL - index)) >> 63;
#endif
	return index & mask;
}

#endif
