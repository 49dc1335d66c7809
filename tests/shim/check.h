/* SPDX-License-Identifier: GPL-2.0-only */
/* What must hold of every map and diff, against the naive model. */
#ifndef _SHIM_CHECK_H
#define _SHIM_CHECK_H

#include "naive.h"

struct virt_as_diff;

void check_map(const struct virt_as_map *map, const struct naive_map *naive);
void check_answer(const struct virt_as_map *map, u32 bad,
		  const struct naive_verdict *verdict);
void check_alias_walk(const struct virt_as_map *map,
		      const struct naive_map *naive, u64 hva, u64 hva_last);
void check_find(const struct virt_as_map *map, const struct naive_map *naive,
		const struct virt_as_region *got, u64 gpa);
void check_diff(const struct virt_as_diff *diff, const struct virt_as_map *old,
		const struct virt_as_map *new);

#endif
