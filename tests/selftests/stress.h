/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers of every kind against an owner who commits all the time. What a
 * section has seen is judged by memory: before each commit the owner writes its
 * number to pages that are not mapped yet.
 *
 * Readers see, at gpas that all worlds have:
 *
 *	NR_REGIONS of one page each, neighbours in gpa up to FAR_FIRST, the rest
 *	16 MiB apart. What is adjacent in gpa is never adjacent in hva; most
 *	worlds shuffle the hvas, in another way in each buffer. One more page has
 *	the clock.
 *
 * A pread() of WINDOW_LEN bytes is one section; it spans 16 regions.
 */
#ifndef VIRT_AS_SELFTESTS_STRESS_H
#define VIRT_AS_SELFTESTS_STRESS_H

#include "consumer.h"

#define NR_REGIONS	512
#define FAR_FIRST	480
#define BASE_GPA	0x100000ULL
#define FAR_GPA		0x40000000ULL
#define FAR_STEP	0x1000000ULL
#define CLOCK_GPA	0x8000ULL
#define WINDOW_FIRST	240
#define WINDOW_REGIONS	16
#define WINDOW_LEN	(WINDOW_REGIONS * PG)

/* Another place for all of it: aliases, or what moves change places with. */
#define OTHER_GPA	0x10000000000ULL

static const unsigned int far_apart[] = { 0, 100, 300, 479, 480, 495, 500, 511 };

enum kind {
	OWN_PREAD,
	OWN_MODULE,
	KTHREAD,
	FOREIGN_PREAD,
	FOREIGN_MODULE,
	NR_KINDS,
};

static const char * const kind_names[NR_KINDS] = {
	"own pread", "own module", "kernel thread", "foreign pread",
	"foreign module",
};

/* Shared by all processes of a world, and the clock is guest memory, too. */
struct shared {
	struct vat_clock clock;
	__u64 stop;
	__u64 ready[NR_KINDS];
	__s64 error[NR_KINDS];
	struct vat_tally tally[NR_KINDS];
};

/* What one reader needs to know. */
struct reader {
	struct shared *shared;
	enum kind kind;
	int as;
	__u32 bind_flags;
	bool aliases;
	unsigned int pause_us;
	pthread_t thread;
	unsigned char buf[WINDOW_LEN];
};

static inline __u64 get(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline __u64 region_gpa(unsigned int i)
{
	return i < FAR_FIRST ? BASE_GPA + i * PG :
			       FAR_GPA + (i - FAR_FIRST) * FAR_STEP;
}

/* Where region @i lies in buffer @b, in pages. */
static inline size_t region_page(unsigned int i, unsigned int b)
{
	return (i * (167 + 44 * b) + 13 * b) % NR_REGIONS;
}

static inline void tally_add(struct vat_tally *t, const __u64 range[2],
			     const struct vat_clock *before, __u64 started,
			     __u64 next)
{
	bool torn = range[0] != range[1];
	bool stale = range[0] < before->published;
	bool early = range[1] > started;

	if ((torn || stale || early) && !(t->torn | t->stale | t->early)) {
		t->bad[0] = range[0];
		t->bad[1] = range[1];
	}
	t->torn += torn;
	t->stale += stale;
	t->early += early;
	t->overlapped += started > before->ended;
	t->outlived += next > range[1];
	t->generations += range[1] > t->newest;
	t->newest = range[1] > t->newest ? range[1] : t->newest;
	t->sections++;
}

static inline int exactly(long done, size_t len)
{
	return done == (long)len ? 0 : done < 0 ? done : -ENODATA;
}

static inline int read_by_pread(struct reader *r, struct vat_tally *tally)
{
	__u64 gpa = region_gpa(WINDOW_FIRST), range[2] = { ~0ULL, 0 };
	struct vat_clock before;
	unsigned char *buf = r->buf;
	__u64 started, next;
	int err;

	if (r->aliases && tally->sections & 1)
		gpa += OTHER_GPA;
	before.ended = get(&r->shared->clock.ended);
	before.published = get(&r->shared->clock.published);
	err = exactly(as_pread(r->as, buf, WINDOW_LEN, gpa), WINDOW_LEN);
	if (err)
		return err;
	started = get(&r->shared->clock.started);
	err = exactly(as_pread(r->as, &next, sizeof(next), gpa), sizeof(next));
	if (err)
		return err;
	for (int i = 0; i < WINDOW_REGIONS; i++) {
		__u64 stamp;

		memcpy(&stamp, buf + i * PG, sizeof(stamp));
		range[0] = stamp < range[0] ? stamp : range[0];
		range[1] = stamp > range[1] ? stamp : range[1];
	}
	tally_add(tally, range, &before, started, next);
	nap(r->pause_us);
	return 0;
}

static inline int read_by_module(struct reader *r, int vat,
				 struct vat_tally *tally)
{
	struct vat_torn torn = {
		.sections = 16,
		.pause_us = r->pause_us,
		.clock = CLOCK_GPA,
		.tally = *tally,
	};
	struct vat_op op = vat_op(VAT_OP_TORN, 0, &torn, sizeof(torn));
	long err;

	for (size_t i = 0; i < ARRAY_SIZE(far_apart); i++) {
		torn.stamps[torn.nr_stamps] = region_gpa(far_apart[i]);
		if (r->aliases && i & 1)
			torn.stamps[torn.nr_stamps] += OTHER_GPA;
		torn.nr_stamps++;
	}
	if (r->kind == KTHREAD) {
		torn.stretch_us = 200;
		torn.stretch_every = 8;
	}
	err = vat_one(vat, r->kind == KTHREAD ? VAT_THREAD : VAT_CALLER, &op);
	*tally = torn.tally;
	return err;
}

/* A thread, or the main function of a child. Ends when told to or by an error. */
static inline void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct shared *s = r->shared;
	bool pread = r->kind == OWN_PREAD || r->kind == FOREIGN_PREAD;
	int vat = -1, err = 0;

	if (!pread) {
		vat = vat_open();
		err = vat < 0 ? vat : vat_bind_as(vat, r->as, VIRT_AS_RIGHT_READ,
						  r->bind_flags);
	}
	__atomic_store_n(&s->ready[r->kind], 1, __ATOMIC_RELEASE);

	while (!err && !get(&s->stop)) {
		if (pread)
			err = read_by_pread(r, &s->tally[r->kind]);
		else
			err = read_by_module(r, vat, &s->tally[r->kind]);
	}
	__atomic_store_n(&s->error[r->kind], err, __ATOMIC_RELEASE);
	if (vat >= 0)
		close(vat);
	return NULL;
}

/* How much a reader must have done for its zeros to be believed. */
struct floors {
	__u64 generations;
	__u64 outlived;	/* by the kernel thread, which lingers */
};

static inline bool enough(const struct shared *s, const struct floors *floors,
			  enum kind kind)
{
	const struct vat_tally *t = &s->tally[kind];

	if (kind == KTHREAD && t->outlived < floors->outlived)
		return false;
	return t->sections && t->generations >= floors->generations &&
	       t->overlapped * 10 >= t->sections;
}

static inline void print_tally(const struct shared *s, enum kind kind)
{
	const struct vat_tally *t = &s->tally[kind];

	ksft_print_msg("%-14s %llu torn, %llu stale, %llu early of %llu sections;\n",
		       kind_names[kind], t->torn, t->stale, t->early, t->sections);
	ksft_print_msg("%-14s %llu overlapped a commit, %llu outlived their map; %llu maps\n",
		       "", t->overlapped, t->outlived, t->generations);
	if (t->torn | t->stale | t->early)
		ksft_print_msg("%-14s first: stamps from %llu to %llu\n",
			       kind_names[kind], t->bad[0], t->bad[1]);
}

static inline bool tally_clean(const struct shared *s, enum kind kind)
{
	const struct vat_tally *t = &s->tally[kind];

	return !(t->torn | t->stale | t->early);
}

#endif /* VIRT_AS_SELFTESTS_STRESS_H */
