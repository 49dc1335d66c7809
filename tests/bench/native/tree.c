// SPDX-License-Identifier: GPL-2.0-only
/* The peer: see tree.h. */
#include <linux/minmax.h>
#include <linux/virt_as.h>
#include <stdlib.h>

#include "native.h"
#include "tree.h"

void tree_alloc(struct tree *tree, u32 nr)
{
	static_assert(sizeof(struct tree_node) == 64);
	tree->nodes = aligned_alloc(4096, (nr * sizeof(*tree->nodes) + 4095) & ~4095UL);
	CHECK(tree->nodes);
}

void tree_free(struct tree *tree)
{
	free(tree->nodes);
}

/* The subtree of nodes[from] .. nodes[to - 1]. */
static struct tree_node *join(struct tree_node *nodes, u32 from, u32 to)
{
	struct tree_node *node;
	u32 middle = from + (to - from) / 2;

	if (from == to)
		return NULL;
	node = &nodes[middle];
	node->left = join(nodes, from, middle);
	node->right = join(nodes, middle + 1, to);
	node->reach = node->last;
	if (node->left)
		node->reach = max(node->reach, node->left->reach);
	if (node->right)
		node->reach = max(node->reach, node->right->reach);
	return node;
}

void tree_fill(struct tree *tree, const struct virt_as_entry *entries, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		tree->nodes[i].first = entries[i].gpa;
		tree->nodes[i].last = entries[i].gpa + (entries[i].len - 1);
		tree->nodes[i].hva = entries[i].hva;
	}
	tree->root = join(tree->nodes, 0, nr);
}

const struct tree_node *tree_find(const struct tree *tree, u64 gpa)
{
	const struct tree_node *node = tree->root;

	while (node) {
		if (gpa < node->first)
			node = node->left;
		else if (gpa > node->last)
			node = node->right;
		else
			return node;
	}
	return NULL;
}

/* The first that overlaps; the search of include/linux/interval_tree_generic.h. */
const struct tree_node *tree_first(const struct tree *tree, u64 first, u64 last)
{
	const struct tree_node *node = tree->root;

	if (!node || node->reach < first)
		return NULL;
	for (;;) {
		if (node->left && first <= node->left->reach) {
			node = node->left;
			continue;
		}
		if (node->first > last)
			return NULL;
		if (first <= node->last)
			return node;
		node = node->right;
		if (!node || first > node->reach)
			return NULL;
	}
}
