/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle's harvesters: each has a log, asks it in random ways, and keeps a copy
 * of guest memory by what it is told, and by nothing else.
 */
#ifndef VIRT_AS_SELFTESTS_ORACLE_HARVEST_H
#define VIRT_AS_SELFTESTS_ORACLE_HARVEST_H

#include "oracle.h"

#define BUFFER		(2 * PG)
#define MAX_EXTENTS	(BUFFER / sizeof(struct virt_as_extent))
#define MAX_UNITS	4096	/* of a bitmap, which may have each other one set */
#define READ_AHEAD	16	/* pages */

static inline int keeper_open(struct keeper *keeper, __u32 flags, __u64 threshold)
{
	int fd;

	keeper->tally.opened++;
	/* What the copy had is of no use to it any more. */
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		memset(keeper->copy + areas[i].page * PG, 0xff, areas[i].nr * PG);
	do
		fd = log_open_with(keeper->world->as, flags, threshold);
	while (fd == -EINTR);
	__atomic_store_n(&keeper->fd, fd, __ATOMIC_RELEASE);
	return fd < 0 ? fd : 0;
}

/* VIRT_AS_LOG_CLEAR or VIRT_AS_LOG_MARK, until it is done. */
static inline int keeper_tells(struct keeper *keeper, unsigned long number,
			       const struct virt_as_extent *list, __u32 nr)
{
	__u32 done;
	int err;

	do
		err = log_extents(keeper->fd, number, list, nr, &done);
	while (err == -EINTR);
	return err ? err : done == nr ? 0 : -EPROTO;
}

/*
 * A page that could not be read because it is in no region: if it comes back it will
 * be dirty, so it may be forgotten; but not if it comes back as a clean one.
 */
static inline int not_there(struct keeper *keeper, __u64 gpa)
{
	struct virt_as_extent page = { gpa, PG };

	keeper->tally.unmapped++;
	if (!clean_part(gpa / PG) && (keeper->settles || !one_in(&keeper->rng, 8)))
		return 0;
	return keeper_tells(keeper, VIRT_AS_LOG_MARK, &page, 1);
}

static inline int read_pages(struct keeper *keeper, __u64 gpa, __u64 nr)
{
	while (nr) {
		size_t len = (nr < READ_AHEAD ? nr : READ_AHEAD) * PG;
		long rc;
		int err;

		pthread_mutex_lock(&keeper->lock);
		rc = as_pread(keeper->world->as, keeper->copy + gpa, len, gpa);
		pthread_mutex_unlock(&keeper->lock);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		if (!rc || (rc > 0 && rc % PG))
			return -ENODATA;
		if (rc > 0) {
			keeper->tally.pages_read += rc / PG;
		} else {
			err = not_there(keeper, gpa);
			if (err)
				return err;
			rc = PG;
		}
		gpa += rc;
		nr -= rc / PG;
	}
	return 0;
}

/* Where there never is a region there is nothing to read. */
static inline int keeper_read(struct keeper *keeper, __u64 gpa, __u64 len)
{
	__u64 page = gpa / PG, end = page + len / PG;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(areas) && !err; i++) {
		__u64 from = areas[i].page > page ? areas[i].page : page;
		__u64 to = areas[i].page + areas[i].nr;

		to = to < end ? to : end;
		if (from < to)
			err = read_pages(keeper, from * PG, to - from);
	}
	return err;
}

/* A question, at random. Faults come in the middle of the answer. */
static inline void keeper_choose(struct keeper *keeper, struct virt_as_harvest *h)
{
	static const unsigned char shifts[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 9 };
	struct rng *rng = &keeper->rng;
	bool bitmap = one_in(rng, 3);
	__u64 unit = PG << shifts[dice(rng, ARRAY_SIZE(shifts))];
	const struct area *area = &areas[dice(rng, ARRAY_SIZE(areas))];
	__u64 first, last;

	*h = (struct virt_as_harvest) {
		.size = sizeof(*h),
		.page_size = unit,
		.max_pages = one_in(rng, 2) ? 1 + dice(rng, one_in(rng, 2) ? 16 : 300) : 0,
	};
	if (bitmap)
		h->flags |= VIRT_AS_HARVEST_BITMAP;
	if (one_in(rng, 24))
		h->flags |= VIRT_AS_HARVEST_SYNC;
	if (one_in(rng, 4))
		h->flags |= VIRT_AS_HARVEST_PEEK;

	if (!bitmap && one_in(rng, 2)) {
		h->last = ~0ULL;
	} else {
		first = one_in(rng, 2) ? dice(rng, 1500) : area->page + dice(rng, area->nr);
		first = first > 40 && one_in(rng, 2) ? first - 40 : first;
		last = first + dice(rng, one_in(rng, 2) ? 40 : 1500);
		h->gpa = first * PG / unit * unit;
		h->last = (last * PG / unit + 1) * unit - 1;
	}
}

static inline __u64 beats_of(const struct keeper *keeper)
{
	return beats(keeper->world->shared);
}

static inline void found(struct keeper *keeper, __u64 gpa, __u64 len)
{
	keeper->found[keeper->nr_found++] = (struct virt_as_extent) { gpa, len };
}

/*
 * What is in the buffer, as extents, also after an errno. Returns "" or what is wrong
 * with an answer that came without one.
 */
static inline const char *keeper_take(struct keeper *keeper,
				      const struct virt_as_harvest *h, size_t room)
{
	const void *buffer = (const void *)(uintptr_t)h->buffer;
	const struct virt_as_extent *extents = buffer;
	const __u64 *words = buffer;

	keeper->nr_found = 0;
	if (h->flags & VIRT_AS_HARVEST_BITMAP) {
		for (__u64 i = 0; i < room * 8; i++)
			if (words[i / 64] >> i % 64 & 1)
				found(keeper, h->gpa + i * h->page_size, h->page_size);
		if (keeper->nr_found != h->out_pages)
			return "out_pages is not what the bitmap has";
		return h->max_pages && h->out_pages > h->max_pages ?
		       "more than max_pages" : "";
	}
	for (__u32 i = 0; i < h->out_nr_extents && i < MAX_EXTENTS; i++)
		found(keeper, extents[i].gpa, extents[i].len);
	return harvest_wrong(h, extents);
}

static inline long keeper_ask(struct keeper *keeper, struct virt_as_harvest *h)
{
	bool bitmap = h->flags & VIRT_AS_HARVEST_BITMAP, fault = one_in(&keeper->rng, 12);
	__u64 units = (h->last - h->gpa) / h->page_size + 1, before;
	size_t room = bitmap ? (units + 63) / 64 * 8 : 0;
	unsigned char *buffer = keeper->buffer;
	const char *wrong;
	long rc;

	if (!bitmap) {
		h->nr_extents = 1 + dice(&keeper->rng, one_in(&keeper->rng, 2) ?
						    8 : MAX_EXTENTS);
		room = h->nr_extents * sizeof(struct virt_as_extent);
	}
	if (fault) {
		room = room / 2 & ~7UL;
		buffer += BUFFER - room;
		keeper->tally.faults++;
	}
	memset(buffer, 0, room);
	h->buffer = (uintptr_t)buffer;
	h->out_nr_extents = 0;
	h->out_more = 0;
	before = beats_of(keeper);
	rc = as_ioctl(keeper->fd, VIRT_AS_LOG_HARVEST, h);
	keeper->tally.harvests++;
	keeper->tally.raced += beats_of(keeper) != before;
	keeper->tally.bitmaps += bitmap;
	keeper->tally.syncs += !!(h->flags & VIRT_AS_HARVEST_SYNC);
	keeper->tally.peeks += !!(h->flags & VIRT_AS_HARVEST_PEEK);
	keeper->tally.faulted += rc == -EFAULT;
	keeper->tally.interrupted += rc == -EINTR;
	wrong = keeper_take(keeper, h, room);
	if (rc == -EINTR || (rc == -EFAULT && fault))
		return 0;
	if (!rc && *wrong) {
		ksft_print_msg("log %d: %s\n", keeper->nr, wrong);
		return -EPROTO;
	}
	return rc;
}

/* Clears what was only looked at, gives some back, and reads the rest. */
static inline long keeper_replay(struct keeper *keeper, const struct virt_as_harvest *h)
{
	bool gives_back = one_in(&keeper->rng, 4);
	long err = 0;

	if (h->flags & VIRT_AS_HARVEST_PEEK)
		err = keeper_tells(keeper, VIRT_AS_LOG_CLEAR, keeper->found, keeper->nr_found);
	for (__u32 i = 0; i < keeper->nr_found && !err; i++) {
		const struct virt_as_extent *e = &keeper->found[i];

		keeper->tally.pages += e->len / PG;
		if (gives_back && one_in(&keeper->rng, 4)) {
			keeper->tally.again += e->len / PG;
			err = keeper_tells(keeper, VIRT_AS_LOG_MARK, e, 1);
		} else {
			err = keeper_read(keeper, e->gpa, e->len);
		}
	}
	return err;
}

static inline long harvest_some(struct keeper *keeper)
{
	struct virt_as_harvest h;
	long err;

	keeper_choose(keeper, &h);
	for (int calls = 0; calls < 4; calls++) {
		err = keeper_ask(keeper, &h);
		if (!err)
			err = keeper_replay(keeper, &h);
		if (err || !h.out_more || one_in(&keeper->rng, 4))
			return err;
		h.gpa = h.out_next;
	}
	return 0;
}

/* Everything, for good. Nobody writes any more. */
static inline long keeper_settle(struct keeper *keeper)
{
	struct virt_as_harvest h = log_range(0, TOP, VIRT_AS_HARVEST_SYNC);
	struct virt_as_extent *list = (void *)keeper->buffer;
	long err;

	keeper->settles = true;
	do {
		err = log_harvest(keeper->fd, &h, list, MAX_EXTENTS);
		for (__u32 i = 0; i < h.out_nr_extents && !err; i++)
			err = keeper_read(keeper, list[i].gpa, list[i].len);
		h.gpa = h.out_next;
	} while (!err && h.out_more);
	keeper->settles = false;
	if (err)
		return err;

	h.gpa = 0;
	err = log_harvest(keeper->fd, &h, list, MAX_EXTENTS);
	if (err || !h.out_pages)
		return err;
	ksft_print_msg("log %d: %llu more pages, from gpa %#llx on\n", keeper->nr,
		       h.out_pages, list[0].gpa);
	return -EBUSY;
}

/* Begun in the middle of a storm, with all dirty or with a copy of its own. */
static inline long keeper_begin(struct keeper *keeper)
{
	bool all = one_in(&keeper->rng, 2);
	long err;

	/* What comes back clean must be there now. */
	pthread_mutex_lock(&keeper->world->clean);
	err = keeper_open(keeper, all ? VIRT_AS_LOG_ALL_DIRTY : 0, 0);
	if (!err && !all)
		err = keeper_read(keeper, 0, NR_PAGES * PG);
	pthread_mutex_unlock(&keeper->world->clean);
	return err;
}

static inline void *keeper_thread(void *arg)
{
	struct keeper *keeper = arg;
	struct world *w = keeper->world;
	long err = 0;

	while (!err && may_run(w->shared, FIRST_LOG + keeper->nr)) {
		if (keeper->fd >= 0)
			err = harvest_some(keeper);
		else if (__atomic_load_n(&w->may_open, __ATOMIC_ACQUIRE))
			err = keeper_begin(keeper);
		if (keeper->fd >= 0 && one_in(&keeper->rng, 8))
			keeper->tally.ready += as_poll(keeper->fd, POLLIN, 5) == POLLIN;
		else
			nap(dice(&keeper->rng, 1000));
	}
	worker_ends(w->shared, FIRST_LOG + keeper->nr, err);
	return NULL;
}

static inline int keeper_alloc(struct keeper *keeper, struct world *w, int nr)
{
	*keeper = (struct keeper) {
		.world = w, .nr = nr, .fd = -1, .rng = rng_of(w->seed, FIRST_LOG + nr),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.found = calloc(MAX_UNITS + 64, sizeof(struct virt_as_extent)),
	};
	keeper->buffer = guest_alloc(BUFFER + PG);
	keeper->copy = mmap(NULL, NR_PAGES * PG, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!keeper->found || !keeper->buffer || keeper->copy == MAP_FAILED)
		return -ENOMEM;
	return sys(mprotect(keeper->buffer + BUFFER, PG, PROT_NONE));
}

#endif /* VIRT_AS_SELFTESTS_ORACLE_HARVEST_H */
