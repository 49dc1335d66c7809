/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_SECTION_H
#define _MM_VIRT_AS_SECTION_H

#include <linux/types.h>
#include <linux/virt_as.h>

struct virt_as;

int virt_as_section_enter(struct virt_as *as, u32 rights,
			  struct virt_as_section *section);

/* One copy in a section of its own, of any kind. */
static inline ssize_t virt_as_section_move(struct virt_as *as, u32 rights,
					   struct virt_as_cache *cache, u64 gpa,
					   void *buf, size_t len, bool write)
{
	struct virt_as_section section;
	ssize_t done;
	int err;

	err = virt_as_section_enter(as, rights, &section);
	if (err)
		return err;
	if (write)
		done = virt_as_copy_to(&section, cache, gpa, buf, len);
	else
		done = virt_as_copy_from(&section, cache, gpa, buf, len);
	virt_as_end(&section);
	return done;
}

#endif /* _MM_VIRT_AS_SECTION_H */
