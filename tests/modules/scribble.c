// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many random writes to guest memory, by every way in which a module can write:
 * what dirty logs have to hear of. Each byte tells by which way it was written, so
 * that a log that lost a page tells whose write it was.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include "consumer.h"

#define MAX_BYTES	304	/* of one write; a multiple of 8 */
#define MAX_RUNS	4	/* regions that one write may span */

/* What one call carries from write to write. */
struct scribbler {
	struct vat_executor *x;
	struct vat_scribble *s;
	const struct vat_window *window;
	u32 kind;
	u64 gpa;
	size_t len;
	u64 bytes[MAX_BYTES / 8];
};

static u64 roll(struct vat_scribble *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

/* The next write: of which kind, where, what. Mostly near the one before. */
static void choose(struct scribbler *w, u32 kinds)
{
	struct vat_scribble *s = w->s;
	u64 random = roll(s);
	u64 ink, lower;
	u32 i;

	do
		w->kind = roll(s) % VAT_NR_SCRIBBLES;
	while (!(kinds & BIT(w->kind)));
	if (!w->window || random % 8 == 0)
		w->window = &s->windows[(random >> 8) % s->nr_windows];
	w->gpa = w->window->gpa + (random >> 16) % w->window->len;
	w->len = 1 + (random >> 48) % (random & 0x1000 ? MAX_BYTES - 4 : 16);

	/* The kind in the upper half of each byte. */
	ink = (w->kind + 1) * 0x1010101010101010ull;
	lower = roll(s);
	for (i = 0; i < DIV_ROUND_UP(w->len, 8); i++, lower += random)
		w->bytes[i] = (lower & 0x0f0f0f0f0f0f0f0full) | ink;
}

/* By host addresses, in all the runs that may be written. */
static ssize_t store_runs(struct scribbler *w, bool by_segment)
{
	struct virt_as_segment runs[MAX_RUNS];
	struct virt_as_section *section = &w->x->section;
	size_t done = 0, len;
	int nr, i;

	nr = virt_as_translate(section, &w->x->cache, w->gpa, w->len, runs, MAX_RUNS);
	if (nr < 0)
		return nr;
	for (i = 0; i < nr; i++) {
		if (!(runs[i].perms & VIRT_AS_PERM_WRITE))
			break;
		len = runs[i].len;
		if (copy_to_user(runs[i].hva, (u8 *)w->bytes + done, len))
			return -EFAULT;
		if (by_segment)
			virt_as_mark_segment(&runs[i], 0, len);
		done += len;
	}
	if (done && !by_segment) {
		int err = virt_as_mark_gpa(section, w->gpa, done);

		if (err)
			return err;
	}
	return done ?: -EACCES;
}

static int exchange(struct scribbler *w)
{
	struct vat_executor *x = w->x;
	u64 old;
	int err;

	err = virt_as_load64(&x->section, &x->cache, w->gpa & ~7ull, &old,
			     VIRT_AS_RELAXED);
	return err ?: virt_as_cmpxchg64(&x->section, &x->cache, w->gpa & ~7ull, &old,
					w->bytes[0]);
}

static ssize_t from_iter(struct scribbler *w)
{
	struct kvec vec = { w->bytes, w->len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, w->len);
	return virt_as_copy_from_iter(&w->x->section, &w->x->cache, w->gpa, w->len,
				      &iter);
}

static ssize_t write_one(struct scribbler *w)
{
	struct virt_as_section *section = &w->x->section;
	struct virt_as_cache *cache = &w->x->cache;
	enum virt_as_order order = w->s->seed % (VIRT_AS_FULL + 1);

	switch (w->kind) {
	case VAT_SCRIBBLE_COPY:
		return virt_as_copy_to(section, cache, w->gpa, w->bytes, w->len);
	case VAT_SCRIBBLE_ITER:
		return from_iter(w);
	case VAT_SCRIBBLE_ZERO:
		return virt_as_zero(section, cache, w->gpa, w->len);
	case VAT_SCRIBBLE_STORE16:
		return virt_as_store16(section, cache, w->gpa & ~1ull, w->bytes[0],
				       order);
	case VAT_SCRIBBLE_STORE32:
		return virt_as_store32(section, cache, w->gpa & ~3ull, w->bytes[0],
				       order);
	case VAT_SCRIBBLE_STORE64:
		return virt_as_store64(section, cache, w->gpa & ~7ull, w->bytes[0],
				       order);
	case VAT_SCRIBBLE_CMPXCHG:
		return exchange(w);
	case VAT_SCRIBBLE_SEGMENT:
		return store_runs(w, true);
	case VAT_SCRIBBLE_MARK:
		return store_runs(w, false);
	}
	return virt_as_write(&w->x->consumer->binding, cache, w->gpa, w->bytes,
			     w->len);
}

/* What a commit removed or protected just now, or another writer, is no error. */
static int count(struct scribbler *w, ssize_t done)
{
	struct vat_scribble *s = w->s;

	if (done >= 0) {
		s->done[w->kind]++;
		s->beats++;
	} else if (done == -ENOENT || done == -EACCES) {
		s->refused++;
		/* Elsewhere next time. */
		w->window = NULL;
	} else if (done == -EAGAIN && w->kind == VAT_SCRIBBLE_CMPXCHG) {
		s->outrun++;
	} else {
		return done;
	}
	return 0;
}

/* The caller holds the binding. Writes all in one section, or each in its own. */
static int one_group(struct scribbler *w, bool stretch)
{
	struct vat_executor *x = w->x;
	struct vat_scribble *s = w->s;
	u32 single = s->kinds & BIT(VAT_SCRIBBLE_SINGLE), kinds, i;
	int err = 0;

	if (single && (single == s->kinds || roll(s) % VAT_NR_SCRIBBLES == 0)) {
		for (i = 0; i < s->per_section && !err; i++) {
			choose(w, single);
			err = count(w, write_one(w));
		}
		return err;
	}

	kinds = s->kinds & ~single;
	err = virt_as_begin(&x->consumer->binding, &x->section);
	if (err)
		return err;
	for (i = 0; i < s->per_section && !err; i++) {
		if (stretch && i == s->per_section / 2)
			usleep_range(s->stretch_us, s->stretch_us * 2);
		choose(w, kinds);
		err = count(w, write_one(w));
	}
	if (!err && s->beat)
		err = virt_as_store64(&x->section, &x->cache, s->beat, s->beats,
				      VIRT_AS_RELAXED);
	virt_as_end(&x->section);
	return err;
}

static bool makes_sense(const struct vat_scribble *s)
{
	u32 i;

	if (!s->nr_windows || s->nr_windows > VAT_MAX_WINDOWS || !s->seed ||
	    !s->per_section || s->stretch_us > USEC_PER_SEC || !s->kinds ||
	    s->kinds >= BIT(VAT_NR_SCRIBBLES))
		return false;
	for (i = 0; i < s->nr_windows; i++)
		if (!s->windows[i].len)
			return false;
	return true;
}

int vat_scribble(struct vat_executor *x, struct vat_scribble *s)
{
	struct scribbler w = { .x = x, .s = s };
	struct vat_consumer *c = x->consumer;
	int err = 0;
	u32 i;

	if (!makes_sense(s))
		return -EINVAL;
	for (i = 0; i < s->groups && !err; i++) {
		bool stretch = s->stretch_every && i % s->stretch_every == 0;

		if (READ_ONCE(c->dying) || fatal_signal_pending(current))
			return -EINTR;
		if (down_read_killable(&c->bound))
			return -EINTR;
		err = c->is_bound ? one_group(&w, stretch) : -ENOTCONN;
		up_read(&c->bound);
		cond_resched();
	}
	return err;
}
