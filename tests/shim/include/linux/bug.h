/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: a warning of the kernel is the end of a test. */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <stdio.h>
#include <stdlib.h>

#define SHIM_SPLAT(what)						\
	do {								\
		fprintf(stderr, "%s at %s:%d\n", what, __FILE__, __LINE__); \
		abort();						\
	} while (0)

#define WARN_ON(cond)							\
	({								\
		bool __shim_bad = !!(cond);				\
									\
		if (__shim_bad)						\
			SHIM_SPLAT("WARN_ON(" #cond ")");		\
		__shim_bad;						\
	})
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define WARN(cond, ...)		WARN_ON(cond)
#define WARN_ONCE(cond, ...)	WARN_ON(cond)
#define BUG_ON(cond)		((void)WARN_ON(cond))
#define BUG()			SHIM_SPLAT("BUG")
#define might_sleep()		do { } while (0)
#define might_fault()		do { } while (0)

#endif
