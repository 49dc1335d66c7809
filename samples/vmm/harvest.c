// SPDX-License-Identifier: GPL-2.0-only
/*
 * A migration that never ends: a thread that knows of the guest what a file of its
 * address space tells, harvests its dirty pages, and copies them by gpa. When the
 * vCPUs have stopped, one last harvest makes the copy equal to the guest's memory, or
 * a write was lost.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "torture.h"

#define SHADOW_LEN	0x100000000ULL
#define MAX_PAGES	4096U		/* of a harvest */
#define NR_EXTENTS	256U
#define PAUSE_US	5000U

/* What is no longer in the map needs no copy. */
static void copy_extent(struct harvester *harvester, const struct virt_as_extent *extent)
{
	__u64 gpa = extent->gpa, end = gpa + extent->len;

	while (gpa < end) {
		ssize_t got = pread(harvester->as, harvester->shadow + gpa, end - gpa, gpa);

		if (got < 0 && errno == EINTR)
			continue;
		if (got > 0) {
			gpa += got;
			continue;
		}
		harvester->gone++;
		gpa = (gpa / PAGE_SIZE + 1) * PAGE_SIZE;
	}
}

/* All that is dirty now, in steps. Returns how many pages that was. */
static __u64 harvest(struct harvester *harvester, __u32 flags)
{
	struct virt_as_extent extents[NR_EXTENTS];
	struct virt_as_harvest step = {
		.size = sizeof(step),
		.flags = flags,
		.last = SHADOW_LEN - 1,
		.page_size = PAGE_SIZE,
		.max_pages = MAX_PAGES,
		.buffer = (uintptr_t)extents,
		.nr_extents = NR_EXTENTS,
	};
	__u64 pages = 0;

	do {
		if (ioctl(harvester->log, VIRT_AS_LOG_HARVEST, &step))
			err(EXIT_USAGE, "the dirty log cannot be harvested; see the kernel's log");
		harvester->calls++;
		pages += step.out_pages;
		for (__u32 i = 0; i < step.out_nr_extents; i++)
			copy_extent(harvester, &extents[i]);
		step.gpa = step.out_next;
	} while (step.out_more);
	return pages;
}

static void *harvester_thread(void *data)
{
	struct harvester *harvester = data;

	while (!load(harvester->stop)) {
		harvester->pages += harvest(harvester, 0);
		usleep(PAUSE_US);
	}
	return NULL;
}

/* While vCPUs run: from now on every write is in the log, and all before is dirty. */
void harvest_start(struct harvester *harvester, struct space *space)
{
	struct virt_as_log_open log = {
		.size = sizeof(log),
		.flags = VIRT_AS_LOG_ALL_DIRTY,
	};

	harvester->shadow = memory_alloc(SHADOW_LEN, "a copy of the guest's memory");
	harvester->as = space_restrict(space, VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_LOG);
	harvester->log = ioctl(harvester->as, VIRT_AS_LOG, &log);
	if (harvester->log < 0)
		err(EXIT_USAGE, "cannot open a dirty log; linux/virt_as.h says why");
	harvester->at_first = harvest(harvester, 0);
	if (pthread_create(&harvester->thread, NULL, harvester_thread, harvester))
		errx(EXIT_USAGE, "no thread that harvests; ulimit -u may help");
}

void harvest_stop(struct harvester *harvester)
{
	store(harvester->stop, true);
	pthread_join(harvester->thread, NULL);
}

/* When no vCPU runs any more. The map is the one that they ended with. */
void harvest_compare(struct harvester *harvester, const struct map *map)
{
	harvester->pages += harvest(harvester, VIRT_AS_HARVEST_SYNC);
	for (unsigned int i = 0; i < map->nr; i++) {
		const struct virt_as_entry *entry = &map->entries[i];
		const char *memory = (char *)(uintptr_t)entry->hva;

		for (__u64 at = 0; at < entry->len; at += PAGE_SIZE) {
			harvester->compared++;
			if (memcmp(memory + at, harvester->shadow + entry->gpa + at, PAGE_SIZE))
				harvester->lost++;
		}
	}
}
