/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_DIFF_H
#define _MM_VIRT_AS_DIFF_H

#include <linux/virt_as.h>

struct virt_as_map;

struct virt_as_diff *virt_as_diff_build(const struct virt_as_map *old,
					const struct virt_as_map *new);
void virt_as_diff_free(struct virt_as_diff *diff);

#endif /* _MM_VIRT_AS_DIFF_H */
