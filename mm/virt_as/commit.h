/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_COMMIT_H
#define _MM_VIRT_AS_COMMIT_H

#include <linux/types.h>

struct virt_as;
struct virt_as_entry;
struct virt_as_handover;

/**
 * struct virt_as_request - what a commit is asked to do, and its answer
 * @flags: VIRT_AS_COMMIT_*
 * @expected_generation: with VIRT_AS_COMMIT_EXPECT
 * @entries: in kernel memory
 * @nr_entries: number of @entries
 * @out_index: the wrong entry, or VIRT_AS_NO_INDEX
 * @out_generation: of the map that was published, or else of the present one;
 *	0 if a signal came before
 * @published: the map was replaced
 * @handover: with VIRT_AS_COMMIT_HANDOVER: who gets what leaves
 */
struct virt_as_request {
	u32 flags;
	u64 expected_generation;
	const struct virt_as_entry *entries;
	u32 nr_entries;
	u32 out_index;
	u64 out_generation;
	bool published;
	struct virt_as_handover *handover;
};

int virt_as_lock_drained(struct virt_as *as, u32 flags);
int virt_as_commit_map(struct virt_as *as, struct virt_as_request *request);

#endif /* _MM_VIRT_AS_COMMIT_H */
