/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_HANDOVER_H
#define _MM_VIRT_AS_HANDOVER_H

#include <linux/types.h>

#include "harvest.h"
#include "spans.h"

struct file;
struct virt_as_diff;
struct virt_as_log;
struct virt_as_map;

/**
 * struct virt_as_handover - what a commit gives back of what leaves
 * @file: the open file of @log, referenced
 * @log: the log that it is harvested from
 * @reap: how it is delivered; the ranges and the generation are filled in
 * @nr: number of @gone
 * @gone: ranges of pages that leave: @begin, and @end after the last
 */
struct virt_as_handover {
	struct file *file;
	struct virt_as_log *log;
	struct virt_as_reap reap;
	u32 nr;
	struct virt_as_run *gone;
};

int virt_as_handover_prepare(struct virt_as_handover *handover,
			     const struct virt_as_map *new,
			     const struct virt_as_diff *diff);
int virt_as_handover(struct virt_as_handover *handover, u64 generation);
void virt_as_handover_end(struct virt_as_handover *handover);

#endif /* _MM_VIRT_AS_HANDOVER_H */
