/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_LOG_COMMIT_H
#define _MM_VIRT_AS_LOG_COMMIT_H

struct virt_as;
struct virt_as_diff;
struct virt_as_map;

int virt_as_logs_prepare(struct virt_as *as, const struct virt_as_map *old,
			 struct virt_as_map *new);
void virt_as_logs_abort(struct virt_as *as);
void virt_as_logs_install(struct virt_as *as, struct virt_as_diff *diff);
void virt_as_logs_added(struct virt_as *as, const struct virt_as_diff *diff);
void virt_as_logs_drained(struct virt_as *as);

#endif /* _MM_VIRT_AS_LOG_COMMIT_H */
