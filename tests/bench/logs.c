// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs: harvests of spaces of any size, of which nothing is ever touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

#define GIB_PAGES	(GIB / PAGE)
#define LARGE_GIB	1024	/* where the number of dirty pages is what varies */
#define MEDIUM_GIB	16	/* where it is the number of logs */

/**
 * struct space - one large region, and its logs
 * @as: its address space
 * @pages: its size
 * @ram: the memory
 * @logs: the logs
 * @nr_logs: number of @logs
 * @harvest: of all of it
 * @extents: for @harvest
 * @bits: for KVM_GET_DIRTY_LOG
 * @vm: a VM that logs the same
 */
static struct space {
	int as;
	__u64 pages;
	void *ram;
	int logs[MAX_LOGS];
	unsigned int nr_logs;
	struct virt_as_harvest harvest;
	struct virt_as_extent *extents;
	char *bits;
	int vm;
} s;

static int sys(long ret)
{
	return ret < 0 ? -errno : 0;
}

/**
 * space_close - close what the calls of this file have opened
 */
void space_close(void)
{
	if (!s.ram)
		return;
	for (unsigned int i = 0; i < s.nr_logs; i++)
		close(s.logs[i]);
	if (s.as > 0)
		close(s.as);
	if (s.vm > 0)
		close(s.vm);
	munmap(s.ram, s.pages * PAGE);
	free(s.extents);
	free(s.bits);
	memset(&s, 0, sizeof(s));
}

static int open_ram(__u64 gib)
{
	s.pages = gib * GIB_PAGES;
	s.ram = mmap(NULL, s.pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s.ram != MAP_FAILED)
		return 0;
	s.ram = NULL;
	return -ENOMEM;
}

/* There is one space at a time, until space_close(). */
static int space_open(struct guest *g, __u64 gib, unsigned int logs, __u32 room)
{
	struct virt_as_create create = { .size = sizeof(create) };
	struct virt_as_log_open log = { .size = sizeof(log) };
	struct virt_as_entry entry = {
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE, .len = gib * GIB,
	};
	int err;

	if (s.ram)
		return 0;
	err = open_ram(gib);
	if (err)
		return err;
	entry.hva = (uintptr_t)s.ram;
	s.as = ioctl(g->fds[DEVICE], VIRT_AS_CREATE, &create);
	err = s.as < 0 ? -errno : as_commit(g, s.as, &entry, 1);
	while (!err && s.nr_logs < logs) {
		s.logs[s.nr_logs] = ioctl(s.as, VIRT_AS_LOG, &log);
		err = sys(s.logs[s.nr_logs]);
		s.nr_logs += !err;
	}
	s.extents = malloc(room * sizeof(*s.extents));
	if (!s.extents)
		return -ENOMEM;
	/* All of it is there before it is counted. */
	memset(s.extents, 1, room * sizeof(*s.extents));
	s.harvest = (struct virt_as_harvest) {
		.size = sizeof(s.harvest), .last = ~0ULL, .page_size = PAGE,
		.buffer = (uintptr_t)s.extents, .nr_extents = room,
	};
	return err;
}

/* All of the space; @pages must be dirty, none next to another. */
static int harvest(unsigned int log, __u64 pages)
{
	if (ioctl(s.logs[log], VIRT_AS_LOG_HARVEST, &s.harvest))
		return -errno;
	return s.harvest.out_pages == pages && s.harvest.out_nr_extents == pages &&
	       !s.harvest.out_more ? 0 : -EIO;
}

static __u64 scattered(__u64 i, __u64 pages)
{
	return i * (s.pages / pages) * PAGE;
}

static int mark(__u64 pages)
{
	struct virt_as_mark mark = { .size = sizeof(mark), .len = 1 };
	int err = 0;

	for (__u64 i = 0; i < pages && !err; i++) {
		mark.gpa = scattered(i, pages);
		err = sys(ioctl(s.as, VIRT_AS_MARK, &mark));
	}
	return err;
}

/* What was harvested last. */
static int check(__u64 pages)
{
	for (__u64 i = 0; i < pages; i++)
		if (s.extents[i].gpa != scattered(i, pages) || s.extents[i].len != PAGE)
			return -EIO;
	return 0;
}

static int clean_open(struct guest *g)
{
	return space_open(g, g->size, 1, DIRTY);
}

static int clean_harvest(struct guest *g)
{
	(void)g;
	return harvest(0, 0);
}

/* It was harvesting, and not asleep. */
static int clean_check(struct guest *g)
{
	(void)g;
	return mark(DIRTY) ?: harvest(0, DIRTY) ?: check(DIRTY);
}

/* As many dirty pages as the row says, in a TiB. */
static int dirty_open(struct guest *g)
{
	return space_open(g, LARGE_GIB, 1, g->size) ?: mark(g->size);
}

static int dirty_harvest(struct guest *g)
{
	return harvest(0, g->size);
}

static int dirty_check(struct guest *g)
{
	return check(g->size);
}

/* In a space as large as the row says. */
static int space_mark(struct guest *g)
{
	return space_open(g, g->size, 1, DIRTY) ?: mark(DIRTY);
}

static int space_harvest(struct guest *g)
{
	(void)g;
	return harvest(0, DIRTY);
}

static int space_check(struct guest *g)
{
	(void)g;
	return check(DIRTY);
}

/* With as many logs as the row says, all of which get what is dirty. */
static int logs_open(struct guest *g)
{
	return space_open(g, MEDIUM_GIB, g->size, DIRTY) ?: mark(DIRTY);
}

static int logs_check(struct guest *g)
{
	int err = check(DIRTY);

	for (unsigned int i = 1; i < g->size && !err; i++)
		err = harvest(i, DIRTY) ?: check(DIRTY);
	return err;
}

/* A VM that logs, without vCPUs; nothing of it was ever written. */
static int kvm_log_open(struct guest *g)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = g->size * GIB, .flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int err = open_ram(g->size);

	if (err)
		return err;
	region.userspace_addr = (uintptr_t)s.ram;
	s.bits = calloc(s.pages / 8, 1);
	s.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	close(kvm);
	if (!s.bits || s.vm < 0)
		return -ENOMEM;
	memset(s.bits, 1, s.pages / 8);
	return sys(ioctl(s.vm, KVM_SET_USER_MEMORY_REGION, &region));
}

static int kvm_log_get(struct guest *g)
{
	struct kvm_dirty_log log = { .dirty_bitmap = s.bits };

	(void)g;
	return sys(ioctl(s.vm, KVM_GET_DIRTY_LOG, &log));
}

static int kvm_log_check(struct guest *g)
{
	int err = 0;

	(void)g;
	for (size_t i = 0; i < s.pages / 8; i++)
		err |= s.bits[i] ? -EIO : 0;
	return err;
}

const struct call log_calls[] = {
	{ "VIRT_AS_LOG_HARVEST", 1, 2, clean_open, clean_harvest, clean_check },
	{ "VIRT_AS_LOG_HARVEST, dirty", 1, 0, dirty_open, dirty_harvest, dirty_check },
	{ "VIRT_AS_LOG_HARVEST, 1,000 dirty", 1, 0, space_mark, space_harvest, space_check },
	{ "VIRT_AS_LOG_HARVEST, logs", 1, 0, logs_open, space_harvest, logs_check },
	{ "KVM_GET_DIRTY_LOG", 1, 2, kvm_log_open, kvm_log_get, kvm_log_check },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
