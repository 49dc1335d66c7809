/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_UNALIGNED_H
#define _SHIM_LINUX_UNALIGNED_H

#define get_unaligned(ptr)						\
	({								\
		__typeof__(*(ptr) + 0) __shim_wide;			\
		struct { __typeof__(*(ptr)) v; } __packed __shim_v;	\
									\
		__builtin_memcpy(&__shim_v, (ptr), sizeof(*(ptr)));	\
		__shim_wide = __shim_v.v;				\
		__shim_wide;						\
	})

#define put_unaligned(val, ptr)						\
	do {								\
		__typeof__(*(ptr)) __shim_v = (val);			\
									\
		__builtin_memcpy((ptr), &__shim_v, sizeof(__shim_v));	\
	} while (0)

#endif
