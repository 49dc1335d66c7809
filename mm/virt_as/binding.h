/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_BINDING_H
#define _MM_VIRT_AS_BINDING_H

#include <linux/types.h>

struct virt_as;
struct virt_as_binding;
struct virt_as_binding_ops;
struct virt_as_diff;
struct virt_as_word;

int virt_as_bind(struct virt_as *as, struct virt_as_binding *binding,
		 const struct virt_as_binding_ops *ops, u32 rights);
int virt_as_prepare_bindings(struct virt_as *as, const struct virt_as_diff *diff);
void virt_as_commit_bindings(struct virt_as *as, const struct virt_as_diff *diff);
void virt_as_abort_bindings(struct virt_as *as, const struct virt_as_diff *diff);

int virt_as_log_prepare_bindings(struct virt_as *as);
void virt_as_log_commit_bindings(struct virt_as *as, bool on);
void virt_as_log_abort_bindings(struct virt_as *as);
void virt_as_arm_bindings(struct virt_as *as, const struct virt_as_word *words,
			  unsigned int nr);
void virt_as_collect_bindings(struct virt_as *as, u64 gpa, u64 last, bool sync);

#endif /* _MM_VIRT_AS_BINDING_H */
