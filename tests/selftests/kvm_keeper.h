/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes on beside the commits to the map of kvm_world.h: a keeper, who harvests a
 * log and keeps a copy of guest memory by nothing else, and a storm of changes to the
 * owner's page tables, of which KVM is told by its MMU notifier.
 */
#ifndef VIRT_AS_SELFTESTS_KVM_KEEPER_H
#define VIRT_AS_SELFTESTS_KVM_KEEPER_H

#include "kvm_world.h"

/**
 * struct keeper - a log and the copy
 * @world: whose memory it is
 * @log: its file
 * @lock: around a harvest with the reading of what it found
 * @copy: all watched pages
 * @stop: set to end the thread
 * @error: that ended it before
 * @harvests: calls
 * @pages: found by them
 * @lost: pages that were another than their copy
 * @compared: pages that were looked at for it
 * @thread: that harvests
 */
struct keeper {
	struct kvm_world *world;
	int log;
	pthread_mutex_t lock;
	unsigned char *copy;
	int stop;
	int error;
	__u64 harvests;
	__u64 pages;
	__u64 lost;
	__u64 compared;
	pthread_t thread;
};

static inline int keeper_open(struct keeper *k, struct kvm_world *w)
{
	*k = (struct keeper) { .world = w };
	pthread_mutex_init(&k->lock, NULL);
	k->copy = guest_alloc(NR_WATCHED * PG);
	k->log = log_open_with(w->as, VIRT_AS_LOG_ALL_DIRTY, 0);
	return k->log < 0 ? k->log : 0;
}

static inline int read_page(int as, unsigned char *page, __u64 gpa)
{
	long done = as_pread(as, page, PG, gpa);

	return done == (long)PG ? 0 : done < 0 ? done : -ENODATA;
}

static inline int keeper_read(struct keeper *k, __u64 gpa)
{
	struct kvm_world *w = k->world;

	for (size_t i = 0; i < NR_WATCHED; i++)
		if (w->pages[i].gpa == gpa)
			return read_page(w->as, k->copy + i * PG, gpa);
	return 0;
}

/* All that is dirty, and each page after it was found to be. */
static inline int keeper_harvest(struct keeper *k, __u32 flags)
{
	struct virt_as_extent found[128];
	__u64 from = 0;
	int err;

	for (;;) {
		struct virt_as_harvest h = log_range(from, TOP, flags);

		err = log_harvest(k->log, &h, found, ARRAY_SIZE(found));
		if (err)
			return err;
		k->harvests++;
		k->pages += h.out_pages;
		for (__u32 i = 0; !err && i < h.out_nr_extents; i++)
			for (__u64 at = 0; !err && at < found[i].len; at += PG)
				err = keeper_read(k, found[i].gpa + at);
		if (err || !h.out_more)
			return err;
		from = h.out_next;
	}
}

static inline void *keeper_main(void *arg)
{
	struct keeper *k = arg;

	while (!k->error && !__atomic_load_n(&k->stop, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&k->lock);
		k->error = keeper_harvest(k, 0);
		pthread_mutex_unlock(&k->lock);
		nap(500);
	}
	return NULL;
}

static inline int keeper_start(struct keeper *k)
{
	return -pthread_create(&k->thread, NULL, keeper_main, k);
}

static inline int keeper_stop(struct keeper *k)
{
	__atomic_store_n(&k->stop, 1, __ATOMIC_RELEASE);
	pthread_join(k->thread, NULL);
	return k->error;
}

/* While nobody writes: after a SYNC harvest the copy is what memory is. */
static inline int keeper_compare(struct keeper *k)
{
	unsigned char page[PG];
	int err;

	pthread_mutex_lock(&k->lock);
	err = keeper_harvest(k, VIRT_AS_HARVEST_SYNC);
	for (size_t i = 0; !err && i < NR_WATCHED; i++) {
		__u64 gpa = k->world->pages[i].gpa;

		err = read_page(k->world->as, page, gpa);
		k->compared++;
		if (err || !memcmp(page, k->copy + i * PG, PG))
			continue;
		if (!k->lost++)
			ksft_print_msg("the first page that was lost is %llx, in epoch %u\n",
				       gpa, k->world->epoch);
	}
	pthread_mutex_unlock(&k->lock);
	return err;
}

/*
 * A commit whose pages are not to be dirty, since the keeper knows what is in them: what
 * the owner has just put there, for nobody else writes to them before the commit.
 */
static inline int keeper_commit_clean(struct keeper *k, __u32 epoch, __u32 flags)
{
	struct kvm_world *w = k->world;
	int b = epoch % NR_BUFFERS, err;
	unsigned char *fresh = malloc(BUFFER_PAGES * PG);

	if (!fresh)
		return -ENOMEM;
	memcpy(fresh, w->buffers[b], BUFFER_PAGES * PG);
	pthread_mutex_lock(&k->lock);
	err = commit_whole(w, epoch, flags, VIRT_AS_ENTRY_CLEAN);
	for (size_t i = 0; !err && i < NR_WATCHED; i++)
		if (!w->pages[i].stable)
			memcpy(k->copy + i * PG, fresh + w->pages[i].at[b] * PG, PG);
	pthread_mutex_unlock(&k->lock);
	free(fresh);
	return err;
}

enum gust {
	DROP,		/* page tables of shared memory, which keeps what is in it */
	PROTECT,	/* executable, and not any more */
	COLD,		/* not accessed any more */
	FORK,		/* private memory becomes copy-on-write */
	ELSEWHERE,	/* memory that is not the guest's comes, moves and goes */
	NR_GUSTS,
};

static const char * const gust_names[NR_GUSTS] = {
	"dropped", "protected", "cold", "forked", "elsewhere",
};

struct storm {
	struct kvm_world *world;
	int stop;
	int error;
	__u64 done[NR_GUSTS];
	pthread_t thread;
};

static inline int gust_elsewhere(void)
{
	unsigned char *mem = guest_alloc(16 * PG), *moved;

	if (!mem)
		return -ENOMEM;
	for (int i = 0; i < 16; i++)
		mem[i * PG] = 1;
	moved = mremap(mem, 16 * PG, 64 * PG, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED)
		return -errno;
	if (madvise(moved, 8 * PG, MADV_DONTNEED))
		return -errno;
	return munmap(moved, 64 * PG) ? -errno : 0;
}

static inline int gust_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 ? -errno : child_status(pid);
}

static inline int gust(struct storm *s, enum gust kind, __u64 turn)
{
	int b = turn % NR_BUFFERS;
	__u64 from = turn * 5 % BUFFER_PAGES, nr = 1 + turn * 7 % 16;
	unsigned char *mem = s->world->buffers[b] + from * PG;

	nr = from + nr > BUFFER_PAGES ? BUFFER_PAGES - from : nr;
	switch (kind) {
	case DROP:
		mem = b == 1 ? s->world->buffers[0] + from * PG : mem;
		return sys(madvise(mem, nr * PG, MADV_DONTNEED));
	case PROTECT:
		return sys(mprotect(mem, nr * PG, PROT_READ | PROT_WRITE | PROT_EXEC)) ?:
		       sys(mprotect(mem, nr * PG, PROT_READ | PROT_WRITE));
	case COLD:
		return sys(madvise(mem, nr * PG, MADV_COLD));
	case FORK:
		return gust_fork();
	default:
		return gust_elsewhere();
	}
}

static inline void *storm_main(void *arg)
{
	struct storm *s = arg;

	for (__u64 turn = 0; !s->error && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);
	     turn++) {
		enum gust kind = turn % 32 == 31 ? FORK : turn % FORK;

		if (turn % 8 == 7 && kind != FORK)
			kind = ELSEWHERE;
		s->error = gust(s, kind, turn);
		s->done[kind]++;
		nap(100);
	}
	return NULL;
}

static inline int storm_start(struct storm *s, struct kvm_world *w)
{
	*s = (struct storm) { .world = w };
	return -pthread_create(&s->thread, NULL, storm_main, s);
}

static inline int storm_stop(struct storm *s)
{
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	pthread_join(s->thread, NULL);
	return s->error;
}

#endif /* VIRT_AS_SELFTESTS_KVM_KEEPER_H */
