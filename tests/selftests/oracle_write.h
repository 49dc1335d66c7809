/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle's writers. Upper halves of bytes tell who wrote them: those of the
 * module are as in virt_as_test.h, those of user space are below.
 */
#ifndef VIRT_AS_SELFTESTS_ORACLE_WRITE_H
#define VIRT_AS_SELFTESTS_ORACLE_WRITE_H

#include "oracle.h"

#define INK_OWN		0xb
#define INK_FOREIGN	0xc
#define INK_MARK	0xd

static const char * const inks[16] = {
	"zero or nothing", "copy", "iter", "zero", "store16", "store32", "store64",
	"cmpxchg", "segment", "mark-only", "single", "own pwrite",
	"foreign pwrite", "user-space mark", "?", "the copy's own filling",
};

#define MAX_SCRAWL	65536

static inline void scrawl(struct rng *rng, unsigned char *to, size_t len, int ink)
{
	for (size_t i = 0; i < len; i += 8) {
		__u64 word = (roll(rng) & 0x0f0f0f0f0f0f0f0fULL) |
			     ink * 0x1010101010101010ULL;

		memcpy(to + i, &word, len - i < 8 ? len - i : 8);
	}
}

/* Mostly a few bytes, at times some pages, seldom very many. */
static inline size_t scrawl_len(struct rng *rng)
{
	if (one_in(rng, 32))
		return 1 + dice(rng, MAX_SCRAWL);
	return 1 + dice(rng, one_in(rng, 4) ? 3 * PG : 300);
}

static inline void wrote(struct shared *s, enum writer nr, bool by_alias)
{
	s->writes[nr].made++;
	s->writes[nr].by_alias += by_alias;
	__atomic_fetch_add(&s->beats[nr], 1, __ATOMIC_RELEASE);
}

/* By the file, in the owner's process or in another one. */
static inline int write_by_file(struct shared *s, int as, enum writer nr,
				struct rng *rng, unsigned char *buf)
{
	struct vat_window list[VAT_MAX_WINDOWS];
	bool by_alias = one_in(rng, 6);
	unsigned int count = windows(list, get(&s->focus),
				     by_alias ? FIRST_ALIAS : FIRST_WRITTEN);
	const struct vat_window *w = &list[dice(rng, count)];
	size_t len = scrawl_len(rng);
	long rc;

	scrawl(rng, buf, len, nr == OWN_PWRITE ? INK_OWN : INK_FOREIGN);
	rc = as_pwrite(as, buf, len, w->gpa + dice(rng, w->len));
	if (rc == -ENOENT || rc == -EACCES)
		s->writes[nr].refused++;
	else if (rc > 0)
		wrote(s, nr, by_alias);
	else
		return rc ? rc : -ENODATA;
	return 0;
}

/* By the module, whose section is the caller's, or its thread's. */
static inline int write_by_module(struct shared *s, int vat, enum writer nr,
				  struct rng *rng)
{
	const __u32 by_host = 1 << VAT_SCRIBBLE_SEGMENT | 1 << VAT_SCRIBBLE_MARK;
	struct writes *writes = &s->writes[nr];
	bool by_alias = one_in(rng, 6);
	struct vat_scribble scribble = {
		.groups = nr == FOREIGN_MODULE ? 4 : 32,
		.per_section = 1 + dice(rng, 16),
		.kinds = (1 << VAT_NR_SCRIBBLES) - 1,
		.stretch_us = nr == KTHREAD ? 500 : 100,
		.stretch_every = one_in(rng, 4) ? 16 : 0,
		.seed = roll(rng),
		.beat = BEAT_PAGE * PG + nr * sizeof(__u64),
		.beats = writes->made,
	};
	struct vat_op op = vat_op(VAT_OP_SCRIBBLE, 0, &scribble, sizeof(scribble));
	long rc;

	if (nr == FOREIGN_MODULE)
		scribble.kinds &= ~by_host;
	scribble.nr_windows = windows(scribble.windows, get(&s->focus),
				      by_alias ? FIRST_ALIAS : FIRST_WRITTEN);
	rc = vat_one(vat, nr == KTHREAD ? VAT_THREAD : VAT_CALLER, &op);
	if (by_alias)
		writes->by_alias += scribble.beats - writes->made;
	writes->made = scribble.beats;
	writes->refused += scribble.refused;
	writes->outrun += scribble.outrun;
	for (int i = 0; i < VAT_NR_SCRIBBLES; i++)
		writes->done[i] += scribble.done[i];
	return rc;
}

/*
 * By the owner's own mapping, which needs no permission of the map's, and a mark. It
 * must know what lies where, so it writes to regions that are always there.
 */
static inline int write_and_mark(struct world *w, struct rng *rng)
{
	static const enum part_nr stay[] = { LOW, PROT, BASE, TWIN };
	enum part_nr nr = stay[dice(rng, ARRAY_SIZE(stay))];
	const struct part *part = &first_parts[nr];
	size_t len = scrawl_len(rng), room = part->nr * PG, at = dice(rng, room);
	struct vat_window list[VAT_MAX_WINDOWS];
	__u64 focus = get(&w->shared->focus);
	unsigned int count = windows(list, focus, 0);
	int err;

	/* On the same pages as the others. */
	for (unsigned int i = 0; focus && i < count; i++)
		if (list[i].gpa / PG >= part->page &&
		    list[i].gpa / PG < part->page + part->nr)
			at = list[i].gpa - part->page * PG + dice(rng, list[i].len);
	len = len > room - at ? room - at : len;
	scrawl(rng, w->mem + part->back * PG + at, len, INK_MARK);
	err = as_mark(w->as, part->page * PG + at, len);
	if (!err)
		wrote(w->shared, USER_MARK, nr == TWIN);
	return err;
}

static inline bool by_module(enum writer nr)
{
	return nr == OWN_MODULE || nr == KTHREAD || nr == FOREIGN_MODULE;
}

static inline void writer_run(struct world *w, enum writer nr)
{
	struct shared *s = w->shared;
	struct rng rng = rng_of(w->seed, nr);
	unsigned char *buf = malloc(MAX_SCRAWL);
	int vat = -1, err = buf ? 0 : -ENOMEM;

	if (!err && by_module(nr)) {
		vat = vat_open();
		err = vat < 0 ? vat : vat_bind_as(vat, w->as, RIGHTS_RW,
						  nr == KTHREAD ? 0 : VAT_BIND_SILENT);
	}
	while (!err && may_run(s, nr)) {
		if (by_module(nr))
			err = write_by_module(s, vat, nr, &rng);
		else if (nr == USER_MARK)
			err = write_and_mark(w, &rng);
		else
			err = write_by_file(s, w->as, nr, &rng, buf);
		/* The rest is for those who write by the thousand. */
		if (nr != OWN_MODULE && nr != KTHREAD && one_in(&rng, 4))
			nap(200);
		if (beats(s) > get(&s->enough))
			nap(1000);
	}
	worker_ends(s, nr, err);
	free(buf);
	if (vat >= 0)
		close(vat);
}

struct writer_arg {
	struct world *world;
	enum writer nr;
};

static inline void *writer_thread(void *arg)
{
	struct writer_arg *a = arg;

	writer_run(a->world, a->nr);
	free(a);
	return NULL;
}

#endif /* VIRT_AS_SELFTESTS_ORACLE_WRITE_H */
