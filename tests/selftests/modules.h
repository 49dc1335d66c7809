/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds a module. What is part of the kernel image is no module: nobody
 * can remove it, and nothing has to hold it.
 */
#ifndef VIRT_AS_SELFTESTS_MODULES_H
#define VIRT_AS_SELFTESTS_MODULES_H

#include "common.h"

/* References on a module, or -errno. */
static inline long module_refs(const char *name)
{
	char path[96], text[32] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 ? atol(text) : -EIO;
}

static inline bool core_is_built_in(void)
{
	return !access("/sys/module/virt_as", F_OK) &&
	       module_refs("virt_as") == -ENOENT;
}

#endif /* VIRT_AS_SELFTESTS_MODULES_H */
