/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of nomem share. */
#ifndef _SHIM_NOMEM_H
#define _SHIM_NOMEM_H

#include <linux/types.h>

#include "shim.h"
#include "test.h"

/* Calls @what with the first, second, ... allocation failing, until none does. */
#define SWEEP(counter, what, failed_well)				\
	do {								\
		unsigned int nth = 1;					\
		long live;						\
									\
		for (;;) {						\
			live = shim_alloc_live();			\
			shim_alloc_fail(nth++);				\
			what;						\
			if (!shim_alloc_failed())			\
				break;					\
			shim_alloc_fail(0);				\
			CHECK(failed_well);				\
			CHECK(shim_alloc_live() == live);		\
			(counter)++;					\
		}							\
		shim_alloc_fail(0);					\
	} while (0)

/* Failures that were injected. */
struct nomem_log_counts {
	u64 opens;
	u64 commits;
	u64 harvests;
	u64 marks;
	u64 handovers;
};

extern struct nomem_log_counts nomem_logs;

void nomem_starve_logs(struct rng *rng);
void nomem_free_logs(void);

#endif
