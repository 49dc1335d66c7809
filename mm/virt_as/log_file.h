/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_LOG_FILE_H
#define _MM_VIRT_AS_LOG_FILE_H

#include <linux/types.h>

struct virt_as;
struct virt_as_commit;
struct virt_as_handover;

int virt_as_log_file_open(struct virt_as *as, u32 flags, u64 threshold);
int virt_as_handover_begin(struct virt_as *as, const struct virt_as_commit *commit,
			   struct virt_as_handover *handover);
void virt_as_handover_finish(struct virt_as_handover *handover,
			     struct virt_as_commit *commit);

#endif /* _MM_VIRT_AS_LOG_FILE_H */
