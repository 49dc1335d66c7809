// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs an operation and counts. A batch is short beside the time between two
 * ticks of the timer, and the median of the batches is the one that counts, so
 * interrupts are not in the figure. A batch of FEW is subtracted, and what as
 * many empty loops take.
 *
 * Then it looks at what was done: each place that was written has the bytes that
 * were to be written and nothing behind them, and what was read, loaded or found
 * is what had been put there.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "bench.h"

#define MAX_BATCHES	2000
#define MAX_BATCH	100000
#define NO_HVA		1

/* Loops of the batch that is subtracted: more places than a cache has ways. */
#define FEW		4

/**
 * struct task - a run, by whoever runs it
 * @g: the guest
 * @op: what to do
 * @empty: the loop that does nothing
 * @run: how often
 * @samples: instructions of each batch; after that of each empty one
 * @err: why it did not run
 * @done: the kernel thread is through
 */
struct task {
	struct vab_guest *g;
	const struct vab_op *op;
	const struct vab_op *empty;
	struct vab_run *run;
	u64 *samples;
	int err;
	struct completion done;
};

static const struct vab_op *find_op(const struct vab_guest *g, const char *name)
{
	const struct vab_op * const all[] = {
		vab_raw_ops,
		g->bound ? vab_virt_as_ops : NULL,
		g->bound ? vab_mark_ops : NULL,
		g->kvm ? vab_kvm_ops : NULL,
		g->kvm ? vab_xinterface_ops : NULL,
		g->iotlb ? vab_vhost_ops : NULL,
		g->iommufd ? vab_iommufd_ops : NULL,
	};
	const struct vab_op *op;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		for (op = all[i]; op && op->name; op++)
			if (!strcmp(op->name, name))
				return op;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(struct task *t, u32 nr)
{
	sort(t->samples, nr, sizeof(*t->samples), compare, NULL);
	return t->samples[nr / 2];
}

/* What @many loops take more than @few: what a loop begins with is in neither. */
static s64 growth(struct task *t, const struct vab_op *op, u32 few, u32 many)
{
	u32 i, nr = t->run->batches;
	u64 least;

	for (i = 0; i < nr; i++)
		op->loop(t->g, few, &t->samples[i]);
	least = median(t, nr);
	for (i = 0; i < nr; i++)
		op->loop(t->g, many, &t->samples[i]);
	return median(t, nr) - least;
}

static void count(struct task *t)
{
	struct vab_run *run = t->run;
	struct vab_guest *g = t->g;
	u32 per = t->op->per ?: 1;
	u32 many = FEW + run->batch - 1;

	run->out_ops = (u64)(run->batch - 1) * per;
	run->out_insns = -growth(t, t->empty, FEW * per, many * per);
	if (t->op->begin)
		t->err = t->op->begin(g);
	if (!t->err) {
		g->failed = 0;
		t->op->loop(g, max_t(u32, run->batch, VAB_PLACES), &t->samples[0]);
		run->out_insns += growth(t, t->op, FEW, many);
	}
	if (t->op->end)
		t->op->end(g);
	if (!t->err && g->failed)
		t->err = -EIO;
}

static int count_thread(void *data)
{
	struct task *t = data;

	count(t);
	complete(&t->done);
	return 0;
}

u64 vab_hva_of(const struct vab_guest *g, u64 gpa)
{
	const struct vab_guest_arg *arg = &g->arg;
	u64 i = div64_u64(gpa - arg->gpa, arg->gpa_stride);

	return arg->hva + i * arg->len + (gpa - arg->gpa - i * arg->gpa_stride);
}

/* Regions all over the map; a search for each takes another path. */
static void choose_places(struct vab_guest *g, u32 flags)
{
	u64 nr = g->arg.nr, step = (nr * 5 / 8) | 1, i;
	u64 offset = flags & VAB_CROSSING ? PAGE_SIZE - VAB_LEN / 2 : 0x140;

	g->mask = flags & VAB_SCATTERED ? VAB_PLACES - 1 : 0;
	for (i = 0; i < VAB_PLACES; i++)
		g->places[i] = g->arg.gpa + offset +
			       (nr * 2 / 3 + i * step) % nr * g->arg.gpa_stride;
}

/* What lies at a place before an operation: tells its gpa, in every word. */
static void stamp(u64 *words, u64 gpa)
{
	u32 i;

	for (i = 0; i < 2 * VAB_LEN / sizeof(*words); i++)
		words[i] = (gpa << 8) + i;
}

static int prepare(struct vab_guest *g)
{
	u64 words[2 * VAB_LEN / sizeof(u64)];
	u32 i;

	for (i = 0; i <= g->mask; i++) {
		stamp(words, g->places[i]);
		if (copy_to_user(u64_to_user_ptr(vab_hva_of(g, g->places[i])),
				 words, sizeof(words)))
			return -EFAULT;
	}
	get_random_bytes(g->buf, sizeof(g->buf));
	g->found = NO_HVA;
	g->value16 = 0;
	return 0;
}

/* Was it done? The one who did it last went to the place @last. */
static int check(struct vab_guest *g, const struct vab_op *op, u64 last)
{
	u64 words[2 * VAB_LEN / sizeof(u64)], there[ARRAY_SIZE(words)];
	u32 i;

	stamp(words, last);
	switch (op->kind) {
	case VAB_NOTHING:
		return 0;
	case VAB_FINDS:
		return g->found == vab_hva_of(g, last) ? 0 : -EIO;
	case VAB_LOADS:
		return g->value16 == (u16)words[0] ? 0 : -EIO;
	case VAB_READS:
		return memcmp(g->buf, words, VAB_LEN) ? -EIO : 0;
	case VAB_WRITES:
		break;
	}
	for (i = 0; i <= g->mask; i++) {
		stamp(words, g->places[i]);
		memcpy(words, g->buf, VAB_LEN);
		if (copy_from_user(there, u64_to_user_ptr(vab_hva_of(g, g->places[i])),
				   sizeof(there)))
			return -EFAULT;
		if (memcmp(there, words, sizeof(words)))
			return -EIO;
	}
	return 0;
}

/* The places of an operation that takes hvas, for as long as it runs. */
static void swap_places(struct vab_guest *g, u64 *gpas, bool to_hvas)
{
	u32 i;

	for (i = 0; i < VAB_PLACES; i++) {
		if (to_hvas) {
			gpas[i] = g->places[i];
			g->places[i] = vab_hva_of(g, gpas[i]);
		} else {
			g->places[i] = gpas[i];
		}
	}
}

static int run_task(struct task *t)
{
	struct task_struct *thread;

	if (!(t->run->flags & VAB_THREAD)) {
		count(t);
		return t->err;
	}
	init_completion(&t->done);
	thread = kthread_run(count_thread, t, "virt_as_bench");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	wait_for_completion(&t->done);
	return t->err;
}

/**
 * vab_count - run an operation, count, and look at what it did
 * @g: the guest, which its owner calls
 * @run: what and how often; gets the count
 *
 * Return: 0 or an errno.
 */
int vab_count(struct vab_guest *g, struct vab_run *run)
{
	struct task t = { .g = g, .run = run, .empty = &vab_raw_ops[0] };
	u64 gpas[VAB_PLACES];
	u32 per_batch;
	int err;

	run->op[sizeof(run->op) - 1] = 0;
	t.op = find_op(g, run->op);
	if (!t.op)
		return -EOPNOTSUPP;
	if (run->batch < 2 || run->batch > MAX_BATCH || !run->batches ||
	    run->batches > MAX_BATCHES || run->__reserved ||
	    run->flags & ~(VAB_THREAD | VAB_SCATTERED | VAB_CROSSING))
		return -EINVAL;
	if (t.op->where != VAB_ANYWHERE &&
	    t.op->where != (run->flags & VAB_THREAD ? VAB_IN_THREAD : VAB_IN_CALLER))
		return -EINVAL;
	t.samples = kvmalloc_array(run->batches, sizeof(*t.samples), GFP_KERNEL);
	if (!t.samples)
		return -ENOMEM;

	choose_places(g, run->flags);
	err = prepare(g);
	if (!err) {
		if (t.op->by_hva)
			swap_places(g, gpas, true);
		err = run_task(&t);
		if (t.op->by_hva)
			swap_places(g, gpas, false);
	}
	per_batch = t.op->per ?: FEW + run->batch - 1;
	if (!err)
		err = check(g, t.op, vab_gpa(g, per_batch - 1));
	kvfree(t.samples);
	return err;
}
