/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_CLEANUP_H
#define _SHIM_LINUX_CLEANUP_H

#include <linux/compiler.h>

#define __free(name)		__attribute__((__cleanup__(shim_cleanup_##name)))
#define DEFINE_FREE(name, type, free)					\
	static inline void shim_cleanup_##name(void *p)			\
	{								\
		type _T = *(type *)p;					\
									\
		free;							\
	}

#endif
