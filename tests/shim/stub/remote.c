// SPDX-License-Identifier: GPL-2.0-only
/* There is one memory only, so a foreign task reaches it like anybody. */
#include <linux/errno.h>

#include "reach.h"
#include "test.h"

int virt_as_remote_transfer(struct virt_as_section *section,
			    const struct virt_as_segment *segment, void *buf,
			    enum virt_as_motion motion, size_t *moved)
{
	CHECK(section->reach == VIRT_AS_REACH_REMOTE);
	*moved = segment->len - virt_as_direct_transfer(segment, buf, motion);
	return *moved == segment->len ? 0 : -EFAULT;
}
