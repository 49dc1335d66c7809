/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stub: the bound without the branchless magic. Speculation cannot be seen from
 * here, so a test counts instead that whoever should ask has asked.
 */
#ifndef _SHIM_LINUX_NOSPEC_H
#define _SHIM_LINUX_NOSPEC_H

#include <linux/types.h>

extern __thread unsigned long shim_nospec_calls;

#define array_index_nospec(index, size)					\
	({								\
		__typeof__(index) __shim_i = (index);			\
									\
		shim_nospec_calls++;					\
		__shim_i < (size) ? __shim_i : 0;			\
	})

#endif
