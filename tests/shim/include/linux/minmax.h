/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

/* As strict as the kernel's about mixing types; constants excepted. */
#define SHIM_PICK(a, op, b)						\
	({								\
		__auto_type __shim_a = (a);				\
		__auto_type __shim_b = (b);				\
									\
		__shim_a op __shim_b ? __shim_a : __shim_b;		\
	})

#define min(a, b)		SHIM_PICK(a, <, b)
#define max(a, b)		SHIM_PICK(a, >, b)
#define min_t(type, a, b)	SHIM_PICK((type)(a), <, (type)(b))
#define max_t(type, a, b)	SHIM_PICK((type)(a), >, (type)(b))
#define min3(a, b, c)		min(min(a, b), c)
#define clamp(v, lo, hi)	min(max(v, lo), hi)

#define swap(a, b)							\
	do {								\
		__auto_type __shim_swap = (a);				\
									\
		(a) = (b);						\
		(b) = __shim_swap;					\
	} while (0)

#endif
