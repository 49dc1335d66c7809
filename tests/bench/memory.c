// SPDX-License-Identifier: GPL-2.0-only
/*
 * What things take of memory: what a fresh cgroup is charged for kernel memory when
 * they are made, in so many address spaces that a page more or less does not show.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest.h"

#define ROOT		"/sys/fs/cgroup"
#define GROUP		ROOT "/virt_as_bench"
#define MANY		32		/* address spaces */
#define ENOUGH		(64ULL << 20)	/* bytes, more than which need not be charged */

static int sys(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : sys(write(fd, value, strlen(value)));

	if (fd >= 0)
		close(fd);
	return err;
}

/* From here to leave() it is charged what this process makes the kernel allocate. */
static int enter(void)
{
	int err = set(ROOT "/cgroup.subtree_control", "+memory");

	if (!err && mkdir(GROUP, 0755) && errno != EEXIST)
		err = -errno;
	return err ?: set(GROUP "/cgroup.procs", "0");
}

static int leave(void)
{
	return set(ROOT "/cgroup.procs", "0");
}

/* The statistics are gathered every two seconds; and what is freed goes later. */
static int charged(__s64 *bytes)
{
	FILE *file;
	char line[128];

	sleep(5);
	file = fopen(GROUP "/memory.stat", "re");
	*bytes = -1;
	if (!file)
		return -errno;
	while (*bytes < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "kernel %lld", bytes);
	fclose(file);
	return *bytes < 0 ? -EIO : 0;
}

/**
 * struct heap - address spaces that are alike
 * @nr: number of them
 * @as: their fds
 * @logs: of each, in the order in which they are opened
 * @nr_logs: number of @logs
 */
struct heap {
	unsigned int nr;
	int as[MANY];
	int logs[2 * MANY];
	unsigned int nr_logs;
};

static void destroy(struct heap *heap)
{
	for (unsigned int i = 0; i < heap->nr_logs; i++)
		close(heap->logs[i]);
	for (unsigned int i = 0; i < heap->nr; i++)
		close(heap->as[i]);
}

static int create(struct guest *g, struct heap *heap, unsigned int nr)
{
	struct virt_as_create create = { .size = sizeof(create) };

	while (heap->nr < nr) {
		heap->as[heap->nr] = ioctl(g->fds[DEVICE], VIRT_AS_CREATE, &create);
		if (heap->as[heap->nr] < 0)
			return -errno;
		heap->nr++;
	}
	return 0;
}

static int commit(struct guest *g, struct heap *heap, const struct virt_as_entry *map,
		  __u32 nr)
{
	int err = 0;

	for (unsigned int i = 0; i < heap->nr && !err; i++)
		err = as_commit(g, heap->as[i], map, nr);
	return err;
}

/* A log more in each address space, and what they all take. */
static int open_logs(struct heap *heap, __s64 *bytes)
{
	struct virt_as_log_open open = { .size = sizeof(open) };
	__s64 before;
	int err = charged(&before);

	for (unsigned int i = 0; i < heap->nr && !err; i++) {
		heap->logs[heap->nr_logs] = ioctl(heap->as[i], VIRT_AS_LOG, &open);
		err = sys(heap->logs[heap->nr_logs]);
		heap->nr_logs += !err;
	}
	err = err ?: charged(bytes);
	*bytes -= before;
	return err;
}

/* Bytes of a region: of what a map takes, its share. */
static int region_memory(struct guest *g, struct heap *heap, double *value)
{
	__s64 before, after;
	int err;

	err = create(g, heap, MANY) ?: commit(g, heap, g->maps[0], 0) ?:
	      charged(&before) ?: commit(g, heap, g->maps[0], g->nr) ?: charged(&after);
	if (!err)
		*value = (double)(after - before) / heap->nr / g->nr;
	return err;
}

/* KiB of a GiB: of a log; or of the live bits, which come with the first one. */
static int log_memory(struct guest *g, struct heap *heap, bool live, double *value)
{
	struct virt_as_entry entry = {
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE, .len = g->size * GIB,
	};
	void *ram = mmap(NULL, entry.len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	__u64 each = entry.len / PAGE / 8;
	__s64 first, second;
	int err;

	if (ram == MAP_FAILED)
		return -ENOMEM;
	entry.hva = (uintptr_t)ram;
	err = create(g, heap, each * MANY > ENOUGH ? ENOUGH / each : MANY) ?:
	      commit(g, heap, &entry, 1) ?:
	      open_logs(heap, &first) ?: open_logs(heap, &second);
	if (!err)
		*value = (double)(live ? first - second : second) / heap->nr / g->size / 1024;
	munmap(ram, entry.len);
	return err;
}

/**
 * memory_count - what something takes of memory
 * @g: the guest
 * @what: "a map", "live bits" or "a log"
 * @value: set to bytes a region, or to KiB a GiB
 *
 * Return: 0 or -errno.
 */
int memory_count(struct guest *g, const char *what, double *value)
{
	struct heap heap = { 0 };
	int err = enter();

	if (err)
		return err;
	if (!strcmp(what, "a map"))
		err = region_memory(g, &heap, value);
	else
		err = log_memory(g, &heap, !strcmp(what, "live bits"), value);
	destroy(&heap);
	return leave() ?: err;
}
