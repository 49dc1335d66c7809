/* SPDX-License-Identifier: GPL-2.0-only */
/* Random commits: mostly right, often wrong in one place. */
#ifndef _SHIM_GEN_H
#define _SHIM_GEN_H

#include "naive.h"
#include "test.h"

/* As x86-64 with four levels: what map.c is told by commit.c. */
#define GEN_USER_END	0x7ffffffff000ULL

/**
 * struct gen - a small world, so that what is random also meets
 * @rng: where chance comes from
 * @gpa: first gpa of the world
 * @hva: first hva of the world
 * @pages: pages of the world
 * @longest: pages of the longest region
 * @linear: hvas ascend with gpas, as without aliases
 * @limits: what maps may grow to
 */
struct gen {
	struct rng *rng;
	u64 gpa;
	u64 hva;
	u32 pages;
	u32 longest;
	bool linear;
	struct virt_as_limits limits;
};

void gen_world(struct gen *gen, struct rng *rng, u32 pages, u32 longest);
u32 gen_map(struct gen *gen, struct virt_as_entry *entries, u32 room);
u32 gen_changes(struct gen *gen, const struct naive_map *base,
		struct virt_as_entry *entries, u32 nr);
void gen_corrupt(struct gen *gen, struct virt_as_entry *entries, u32 nr);
u64 gen_gpa(struct gen *gen);

#endif
