// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader and writer that uses system calls: the owner's thread and the foreign
 * process run the same code. It knows gpas only.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "demo.h"

/* After so many reads a write, and a nap, as the owner needs a CPU, too. */
#define READS_PER_WRITE	4U
#define NAP_US		1000

/* One read is one section: its 16 pages must be of one map, and the right one. */
static int read_window(struct reader *r, int fd, unsigned int first, bool by_alias)
{
	static __thread __u64 window[WINDOW][PAGE_SIZE / sizeof(__u64)];
	__u64 base = by_alias ? GPA_ALIASES + first * PAGE_SIZE : GPA_OF(first);
	__u64 before, after, generation;
	const struct virt_as_sample_stamp *stamp = (void *)window;
	bool torn = false, misplaced = false, stale;
	ssize_t done;

	before = load(shared->clock);
	done = pread(fd, window, sizeof(window), base);
	after = load(shared->clock);
	if (done != sizeof(window))
		return done < 0 ? errno : ENODATA;

	generation = stamp->generation;
	for (unsigned int i = 0; i < WINDOW; i++) {
		stamp = (void *)window[i];
		torn |= stamp->generation != generation;
		misplaced |= stamp->gpa != GPA_OF(first + i);
	}
	/* As new as what was published before it, as old as what is now. */
	stale = generation < before / 2 || generation > (after + 1) / 2 ||
		generation < r->newest;
	add(&r->sections, 1);
	add(&r->overlapped, before != after || (before & 1));
	add(&r->through_alias, by_alias);
	add(&r->torn, torn);
	add(&r->misplaced, misplaced);
	add(&r->stale, stale);
	if (generation > r->newest) {
		add(&r->generations, 1);
		r->newest = generation;
	}
	return 0;
}

/* A write to a page that moves with each map, and one that is read back. */
static int write_twice(struct reader *r, int who, int fd)
{
	__u64 number = r->writes + 1, read_back = 0;
	__u64 gpa = GPA_OF(REGION_WRITTEN) + offsetof(struct page_head, written[who]);
	__u64 offset = offsetof(struct mailbox, last[who]);

	/* Counted first: the owner may find it before we go on. */
	add(&r->writes, 1);
	if (pwrite(fd, &number, sizeof(number), gpa) != sizeof(number) ||
	    pwrite(fd, &number, sizeof(number), GPA_MAILBOX + offset) != sizeof(number) ||
	    pread(fd, &read_back, sizeof(read_back), GPA_MAILBOX2 + offset) !=
	    sizeof(read_back))
		return errno ?: ENODATA;
	add(&r->unread, read_back != number);
	return 0;
}

void read_and_write(enum who who, int fd_read, int fd_write, unsigned int nr_pages)
{
	struct reader *r = &shared->readers[who];
	unsigned int seed = who + 1, first;
	int error = 0;

	for (__u64 turn = 0; !error && !load(shared->stop); turn++) {
		bool by_alias = turn & 1;

		first = rand_r(&seed) % ((by_alias ? NR_ALIASES : nr_pages) - WINDOW + 1);
		errno = 0;
		error = read_window(r, fd_read, first, by_alias);
		if (error || turn % READS_PER_WRITE)
			continue;
		error = write_twice(r, who, fd_write);
		usleep(NAP_US);
	}
	store(r->error, error);
}
