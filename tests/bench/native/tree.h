/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The peer: a table of regions as a search tree, as kernels have them today.
 *
 * The tree is balanced perfectly and its nodes lie in the order of their gpas, one
 * cache line each, which is better than what insertion makes of a red-black tree.
 * There are two searches: KVM's, for the node that has a gpa, and that of an
 * interval tree, as vhost has it, where each node knows how far those below reach.
 */
#ifndef _NATIVE_TREE_H
#define _NATIVE_TREE_H

#include <linux/types.h>

struct tree_node {
	struct tree_node *left;
	struct tree_node *right;
	u64 first;
	u64 last;
	u64 reach;
	u64 hva;
	u64 unused[2];
};

struct tree {
	struct tree_node *root;
	struct tree_node *nodes;
};

struct virt_as_entry;

void tree_alloc(struct tree *tree, u32 nr);
/* From a list of entries that is sorted by gpa, as long as it was made for. */
void tree_fill(struct tree *tree, const struct virt_as_entry *entries, u32 nr);
void tree_free(struct tree *tree);
const struct tree_node *tree_find(const struct tree *tree, u64 gpa);
const struct tree_node *tree_first(const struct tree *tree, u64 first, u64 last);

#endif
