/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_SECTION_H
#define _MM_VIRT_AS_SECTION_H

#include <linux/types.h>

struct virt_as;
struct virt_as_section;

int virt_as_section_enter(struct virt_as *as, u32 rights,
			  struct virt_as_section *section);

#endif /* _MM_VIRT_AS_SECTION_H */
