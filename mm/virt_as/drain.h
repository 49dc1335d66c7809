/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_DRAIN_H
#define _MM_VIRT_AS_DRAIN_H

#include <linux/types.h>

struct virt_as;
struct virt_as_map;

void virt_as_init_drain(struct virt_as *as);
void virt_as_start_drain(struct virt_as *as);
void virt_as_finish_drain(struct virt_as *as);
void virt_as_put_map(struct virt_as *as, struct virt_as_map *map);
bool virt_as_drained_to(struct virt_as *as, u64 generation);
bool virt_as_drained(struct virt_as *as);

#endif /* _MM_VIRT_AS_DRAIN_H */
