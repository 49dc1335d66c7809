/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The naive model: a map as an unsorted array that is only ever scanned from
 * one end to the other. Written from the contract in the headers, to be
 * obviously right, not fast.
 */
#ifndef _SHIM_NAIVE_H
#define _SHIM_NAIVE_H

#include <linux/types.h>

#include "map.h"

#define NAIVE_MAX	12288

/**
 * struct naive_region - a region of the model
 * @r: the region
 * @index: the entry that made it in the last commit, or VIRT_AS_NO_INDEX
 */
struct naive_region {
	struct virt_as_region r;
	u32 index;
};

struct naive_map {
	u32 nr;
	u32 room;
	struct naive_region *at;
};

/**
 * struct naive_verdict - what a commit has to answer
 * @err: 0 or a negative errno
 * @blame: of each entry: it may be named as the wrong one
 * @no_index: no entry may be named
 */
struct naive_verdict {
	int err;
	u8 blame[NAIVE_MAX];
	bool no_index;
};

void naive_commit(const struct naive_map *base,
		  const struct virt_as_entry *entries, u32 nr,
		  const struct virt_as_limits *limits, struct naive_map *out,
		  struct naive_verdict *verdict);
void naive_copy(struct naive_map *to, const struct naive_map *from);
void naive_free(struct naive_map *map);
const struct virt_as_region *naive_find(const struct naive_map *map, u64 gpa);
bool naive_same(const struct virt_as_region *a, const struct virt_as_region *b);
bool naive_shares_hva(const struct virt_as_region *region, u64 hva,
		      u64 hva_last);
u32 naive_aliases(const struct naive_map *map);
u64 naive_logged(const struct naive_map *map);

#endif
