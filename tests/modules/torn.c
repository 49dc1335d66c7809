// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sections that look for mixed maps, and judge by memory alone: the owner
 * stamps the pages of a map with the number of the commit that will publish it,
 * so all that one section reads must carry one number. The map's generation is
 * not asked.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include "consumer.h"

static int read_u64s(struct vat_executor *x, u64 gpa, void *to, size_t len)
{
	ssize_t done = virt_as_read(&x->consumer->binding, &x->cache, gpa, to, len);

	return done == len ? 0 : done < 0 ? done : -EFAULT;
}

/* By copy and by load in turn. */
static int read_stamp(struct vat_executor *x, u64 gpa, u64 *stamp, bool copy)
{
	ssize_t done;

	if (!copy)
		return virt_as_load64(&x->section, &x->cache, gpa, stamp,
				      VIRT_AS_ORDERED);
	done = virt_as_copy_from(&x->section, &x->cache, gpa, stamp,
				 sizeof(*stamp));
	return done == sizeof(*stamp) ? 0 : done < 0 ? done : -EFAULT;
}

/* Returns in @range the least and the greatest stamp. */
static int read_stamps(struct vat_executor *x, const struct vat_torn *torn,
		       u32 stretch_us, u64 range[2])
{
	u64 stamp;
	u32 i;
	int err;

	range[0] = U64_MAX;
	range[1] = 0;
	for (i = 0; i < torn->nr_stamps; i++) {
		if (stretch_us && i == torn->nr_stamps / 2)
			usleep_range(stretch_us, stretch_us * 2);
		err = read_stamp(x, torn->stamps[i], &stamp, i & 1);
		if (err)
			return err;
		range[0] = min(range[0], stamp);
		range[1] = max(range[1], stamp);
	}
	return 0;
}

static void judge(struct vat_tally *tally, const u64 range[2],
		  const struct vat_clock *before, u64 started, u64 next)
{
	bool torn = range[0] != range[1];
	bool stale = range[0] < before->published;
	bool early = range[1] > started;

	if ((torn || stale || early) &&
	    !(tally->torn | tally->stale | tally->early)) {
		tally->bad[0] = range[0];
		tally->bad[1] = range[1];
	}
	tally->sections++;
	tally->torn += torn;
	tally->stale += stale;
	tally->early += early;
	tally->overlapped += started > before->ended;
	tally->outlived += next > range[1];
	tally->generations += range[1] > tally->newest;
	tally->newest = max(tally->newest, range[1]);
}

/* The caller holds the binding. */
static int one_section(struct vat_executor *x, struct vat_torn *torn, bool stretch)
{
	u64 range[2], started, next;
	struct vat_clock before;
	int err;

	err = read_u64s(x, torn->clock, &before, sizeof(before));
	if (err)
		return err;
	err = virt_as_begin(&x->consumer->binding, &x->section);
	if (err)
		return err;
	err = read_stamps(x, torn, stretch ? torn->stretch_us : 0, range);
	if (!err)
		err = virt_as_load64(&x->section, &x->cache,
				     torn->clock + offsetof(struct vat_clock, started),
				     &started, VIRT_AS_ORDERED);
	virt_as_end(&x->section);
	if (!err)
		err = read_u64s(x, torn->stamps[0], &next, sizeof(next));
	if (!err)
		judge(&torn->tally, range, &before, started, next);
	return err;
}

int vat_torn(struct vat_executor *x, struct vat_torn *torn)
{
	struct vat_consumer *c = x->consumer;
	int err = 0;
	u32 i;

	if (!torn->nr_stamps || torn->nr_stamps > VAT_MAX_STAMPS ||
	    torn->__reserved || torn->pause_us > USEC_PER_SEC ||
	    torn->stretch_us > USEC_PER_SEC)
		return -EINVAL;

	for (i = 0; i < torn->sections && !err; i++) {
		bool stretch = torn->stretch_every && i % torn->stretch_every == 0;

		if (torn->pause_us)
			usleep_range(torn->pause_us, torn->pause_us * 2);
		if (READ_ONCE(c->dying) || fatal_signal_pending(current))
			return -EINTR;
		if (down_read_killable(&c->bound))
			return -EINTR;
		err = c->is_bound ? one_section(x, torn, stretch) : -ENOTCONN;
		up_read(&c->bound);
		cond_resched();
	}
	return err;
}
