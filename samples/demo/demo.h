/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo: one guest's memory, its map replaced all the time, and three kinds
 * of readers and writers that must never notice.
 */
#ifndef _DEMO_H
#define _DEMO_H

#include <linux/virt_as.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "virt_as_sample.h"

#define PAGE_SIZE	4096UL

/*
 * What the guest sees. A region of RAM is one page, so that a read of a window
 * of 16 pages crosses 16 regions, no two of which lie side by side in the
 * owner's memory.
 */
#define GPA_MAILBOX	0x000001000ULL	/* one page that never moves */
#define GPA_MAILBOX2	0x000fff000ULL	/* and its alias */
#define GPA_ALIASES	0x080000000ULL	/* the first pages of RAM once more */
#define GPA_ROM		0x0fffff000ULL	/* one page that nobody may write */
#define GPA_RAM		0x100000000ULL
#define NR_ALIASES	256U
#define NR_FIXED	3U		/* the mailbox, its alias and the ROM */
#define WINDOW		16U

/* Who reads and writes by system calls; the third is the kernel's thread. */
enum who {
	WHO_OWN,		/* a thread of the owner */
	WHO_FOREIGN,		/* another process, of another user */
	NR_WHO
};

/*
 * The beginning of each page of RAM. The owner writes the stamp before the page
 * becomes part of a map. The rest is written by readers, by gpa, and read and
 * zeroed by the owner after the map is drained: what is not zero when the page
 * is used again was written by somebody who still had the old map.
 */
struct page_head {
	struct virt_as_sample_stamp stamp;
	__u64 written[NR_WHO];			/* of region REGION_WRITTEN */
	struct virt_as_sample_reply reply;	/* of region REGION_REPLY */
};

#define REGION_WRITTEN	100U
#define REGION_REPLY	200U
#define GPA_OF(region)	(GPA_RAM + (region) * PAGE_SIZE)

/* The page at GPA_MAILBOX. */
struct mailbox {
	__u64 request;			/* of the kernel's sample; see shared.clock */
	__u64 last[NR_WHO];		/* number of each writer's last write */
};

/* What a reader has done; written by it alone. */
struct reader {
	__u64 sections;			/* reads of a window, each one section */
	__u64 overlapped;		/* those that met a commit */
	__u64 through_alias;		/* those by the alias */
	__u64 generations;		/* distinct ones seen */
	__u64 torn;			/* not all 16 pages of one generation */
	__u64 misplaced;		/* a page that belongs to another gpa */
	__u64 stale;			/* older than published, or newer than is */
	__u64 writes;
	__u64 unread;			/* not found when read back by the alias */
	__u64 newest;			/* the newest generation seen */
	int error;			/* errno that ended it */
};

/* One refusal that was provoked. */
struct refusal {
	char what[80];
	int expected;
	int got;
};

#define NR_REFUSALS	16U

/* What the processes share apart from guest memory: clocks and counters. */
struct shared {
	__u64 clock;			/* 2 * generation, odd during a commit */
	int stop;
	__u32 nr_refusals;
	struct refusal refusals[NR_REFUSALS];
	struct reader readers[NR_WHO];
};

/* What came back from pages after their map was drained. */
struct returns {
	__u64 maps;			/* maps that held a write */
	__u64 late;			/* writes found after the drain */
	__u64 wrong;			/* writes that nobody made */
	__u64 newest;
};

struct guest {
	int fd;
	unsigned int nr_pages;		/* of RAM, a power of two */
	char *ram[2];			/* of even and of odd generations */
	struct mailbox *mailbox;
	char *rom;
	struct virt_as_entry *entries;
	unsigned int nr_entries;
	__u64 generation;
	__u64 commits;
	__u64 commit_ns;
	__u64 worst_ns;
	struct returns returns[NR_WHO];
	struct returns replies;
	struct virt_as_sample_reply reply;	/* the newest */
};

/* Below these the zeros of the account would mean nothing. */
#define FLOOR_COMMITS		2000U
#define FLOOR_GENERATIONS	1000U
#define FLOOR_OVERLAPPED	1000U
#define FLOOR_WRITTEN_MAPS	500U

struct foreign {
	pid_t pid;
	int sock;
};

struct demo {
	unsigned long seconds;
	unsigned int nr_pages;
	bool module;
	struct guest guest;
	struct foreign foreign;
	int sample;
	int fd_read, fd_write;
	__u64 begin, end;
	bool answered;			/* the last question to the sample */
	bool wrong;			/* in the account */
};

#define NSEC_PER_SEC	1000000000ULL

#define load(where)		__atomic_load_n(&(where), __ATOMIC_ACQUIRE)
#define store(where, value)	__atomic_store_n(&(where), (value), __ATOMIC_RELEASE)

/* For a counter with one writer. */
static inline void add(__u64 *counter, __u64 n)
{
	store(*counter, *counter + n);
}

extern struct shared *shared;

__u64 now_ns(void);
void refused(const char *what, int expected, long ret);

void guest_create(struct guest *g, unsigned int nr_pages);
void guest_replace(struct guest *g);
struct page_head *guest_page(const struct guest *g, unsigned int region);
void guest_collect_reply(struct guest *g, struct page_head *page);
int guest_restrict(int fd, __u32 rights);

void read_and_write(enum who who, int fd_read, int fd_write, unsigned int nr_pages);

void foreign_fork(struct foreign *f, unsigned int nr_pages);
void foreign_start(struct foreign *f, const struct guest *g);
int foreign_wait(struct foreign *f);

const char *num(__u64 n);
__u64 per_second(__u64 n, __u64 ns);
void introduce(const struct demo *d);
bool account(struct demo *d, int foreign_status);

#endif /* _DEMO_H */
