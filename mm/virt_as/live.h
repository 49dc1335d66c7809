/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_LIVE_H
#define _MM_VIRT_AS_LIVE_H

#include <linux/types.h>

struct virt_as;
struct virt_as_map;

int virt_as_live_inherit(const struct virt_as_map *old, struct virt_as_map *new);
int virt_as_live_attach(struct virt_as_map *map);
void virt_as_live_detach(struct virt_as *as, struct virt_as_map *map);
void virt_as_live_release(struct virt_as_map *map);
int virt_as_mark_map(const struct virt_as_map *map, u64 gpa, u64 len);

#endif /* _MM_VIRT_AS_LIVE_H */
