/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a test that repeats something repeats it. The lab says so by
 * VIRT_AS_EFFORT: "small" in a kernel that checks itself, which is many times
 * slower, "long" at night, otherwise the usual.
 */
#ifndef VIRT_AS_SELFTESTS_EFFORT_H
#define VIRT_AS_SELFTESTS_EFFORT_H

#include <stdlib.h>
#include <string.h>

static inline unsigned long effort(unsigned long few, unsigned long usual,
				   unsigned long many)
{
	const char *wish = getenv("VIRT_AS_EFFORT");

	if (wish && !strcmp(wish, "small"))
		return few;
	return wish && !strcmp(wish, "long") ? many : usual;
}

#endif /* VIRT_AS_SELFTESTS_EFFORT_H */
