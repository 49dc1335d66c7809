/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_DRAIN_BITS_H
#define _MM_VIRT_AS_DRAIN_BITS_H

#include <linux/types.h>

struct virt_as;

/**
 * struct virt_as_walk - how far one caller has come in draining live bits
 * @generation: of the map that the rest refers to
 * @leaving: the next of the regions that have left; those before are drained
 * @word: the next word of that region
 * @alias: the next alias of the pages that are being drained; 0: the first
 *
 * Zeroed memory is one at the start.
 */
struct virt_as_walk {
	u64 generation;
	u32 leaving;
	u64 word;
	u32 alias;
};

unsigned int virt_as_drain_bits(struct virt_as *as, struct virt_as_walk *walk,
				u64 first, u64 last, u64 *next);
int virt_as_drain_wanted(struct virt_as *as, bool (*wanted)(struct virt_as *as));
int virt_as_drain_all_bits(struct virt_as *as);
void virt_as_drain_leaving(struct virt_as *as);

#endif /* _MM_VIRT_AS_DRAIN_BITS_H */
