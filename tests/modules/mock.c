// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binding that refuses, waits or agrees as it is told, keeps account of each
 * call, and checks that the core calls it as the contract says.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "consumer.h"

/* Orders the calls of all the consumers. */
static atomic64_t moments = ATOMIC64_INIT(0);

static void fill_region(struct vat_region *to, const struct virt_as_region *from)
{
	*to = (struct vat_region) {
		.gpa = from->gpa,
		.last = virt_as_region_last(from),
		.hva = from->hva,
		.type = from->type,
		.perms = from->perms,
		.flags = from->flags,
	};
}

static struct vat_snapshot *take_snapshot(const struct virt_as_diff *diff)
{
	struct vat_snapshot *s;
	u32 i;

	s = kvzalloc(struct_size(s, regions,
				 size_add(diff->nr_removed, diff->nr_added)),
		     GFP_KERNEL_ACCOUNT);
	if (!s)
		return NULL;
	s->diff = diff;
	s->old_generation = diff->old_generation;
	s->new_generation = diff->new_generation;
	s->same_mm = diff->old_mm == diff->new_mm;
	s->nr_removed = diff->nr_removed;
	s->nr_added = diff->nr_added;
	for (i = 0; i < s->nr_removed; i++)
		fill_region(&s->regions[i], diff->removed[i]);
	for (i = 0; i < s->nr_added; i++)
		fill_region(&s->regions[s->nr_removed + i], diff->added[i]);
	return s;
}

/* Is it still what was there when prepare was called? */
static bool same_diff(const struct vat_snapshot *s,
		      const struct virt_as_diff *diff)
{
	struct vat_region region;
	u32 i;

	if (!s || s->diff != diff || s->old_generation != diff->old_generation ||
	    s->new_generation != diff->new_generation ||
	    s->nr_removed != diff->nr_removed || s->nr_added != diff->nr_added)
		return false;
	for (i = 0; i < s->nr_removed + s->nr_added; i++) {
		fill_region(&region, i < s->nr_removed ? diff->removed[i] :
				     diff->added[i - s->nr_removed]);
		if (memcmp(&region, &s->regions[i], sizeof(region)))
			return false;
	}
	return true;
}

/* Returns the number of the event. */
static u32 enter(struct vat_consumer *c, u32 call, const struct virt_as_diff *diff,
		 bool wrong)
{
	u32 nr;

	spin_lock(&c->mock_lock);
	wrong |= c->calls++ != 0;
	wrong |= c->prepared == (call == VAT_PREPARE);
	c->prepared = false;
	c->status.violations += wrong;
	c->status.calls[call]++;
	nr = c->status.nr_events++;
	c->status.events[nr % VAT_NR_EVENTS] = (struct vat_event) {
		.call = call,
		.result = 1,
		.entered = atomic64_inc_return(&moments),
		.old_generation = diff->old_generation,
		.new_generation = diff->new_generation,
	};
	spin_unlock(&c->mock_lock);
	return nr;
}

static void leave(struct vat_consumer *c, u32 nr, int result, bool prepared)
{
	spin_lock(&c->mock_lock);
	c->calls--;
	c->prepared = prepared;
	c->status.events[nr % VAT_NR_EVENTS].result = result;
	c->status.events[nr % VAT_NR_EVENTS].left = atomic64_inc_return(&moments);
	spin_unlock(&c->mock_lock);
}

static struct vat_consumer *consumer_of(struct virt_as_binding *binding)
{
	return container_of(binding, struct vat_consumer, binding);
}

static int mock_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct vat_consumer *c = consumer_of(binding);
	struct vat_snapshot *s = take_snapshot(diff);
	u32 nr = enter(c, VAT_PREPARE, diff, false);
	int err = -ENOMEM;

	if (s) {
		spin_lock(&c->mock_lock);
		swap(c->snapshot, s);
		spin_unlock(&c->mock_lock);
		kvfree(s);
		err = vat_mock_wait(c) ?: READ_ONCE(c->error);
	}
	leave(c, nr, err, !err);
	return err;
}

/* Nobody but prepare changes the snapshot, and no two calls come at a time. */
static void finish(struct virt_as_binding *binding,
		   const struct virt_as_diff *diff, u32 call)
{
	struct vat_consumer *c = consumer_of(binding);
	u32 nr = enter(c, call, diff, !same_diff(c->snapshot, diff));

	leave(c, nr, 0, false);
}

static void mock_commit(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	finish(binding, diff, VAT_COMMIT);
}

static void mock_abort(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff)
{
	finish(binding, diff, VAT_ABORT);
}

const struct virt_as_binding_ops vat_mock_ops = {
	.owner = THIS_MODULE,
	.prepare = mock_prepare,
	.commit = mock_commit,
	.abort = mock_abort,
};

const struct virt_as_binding_ops vat_silent_ops = {
	.owner = THIS_MODULE,
};

void vat_mock_set(struct vat_consumer *c, const struct vat_mock *mock)
{
	WRITE_ONCE(c->error, mock->error);
	WRITE_ONCE(c->holding, mock->hold);
	wake_up_all(&c->gate);
}

/* For good: the file is closed. */
void vat_mock_release(struct vat_consumer *c)
{
	WRITE_ONCE(c->holding, false);
	wake_up_all(&c->gate);
}

/* Waits until nothing holds, or until the caller is killed. */
int vat_mock_wait(struct vat_consumer *c)
{
	int err;

	if (!READ_ONCE(c->holding))
		return 0;
	spin_lock(&c->mock_lock);
	c->status.waiting++;
	spin_unlock(&c->mock_lock);
	err = wait_event_killable(c->gate, !READ_ONCE(c->holding));
	spin_lock(&c->mock_lock);
	c->status.waiting--;
	spin_unlock(&c->mock_lock);
	return err ? -EINTR : 0;
}

/* A copy, so that nothing is held while user memory is written. */
static struct vat_snapshot *copy_snapshot(struct vat_consumer *c)
{
	struct vat_snapshot *copy;
	size_t size, room = 0;

	for (;;) {
		copy = kvmalloc(room, GFP_KERNEL_ACCOUNT);
		if (room && !copy)
			return ERR_PTR(-ENOMEM);
		spin_lock(&c->mock_lock);
		size = !c->snapshot ? 0 :
		       struct_size(copy, regions,
				   c->snapshot->nr_removed + c->snapshot->nr_added);
		if (size && size <= room)
			memcpy(copy, c->snapshot, size);
		spin_unlock(&c->mock_lock);
		if (size && size <= room)
			return copy;
		kvfree(copy);
		if (!size)
			return ERR_PTR(-ENODATA);
		room = size;
	}
}

long vat_mock_diff(struct vat_consumer *c, struct vat_diff __user *arg)
{
	struct vat_snapshot *s;
	struct vat_diff diff;
	u32 nr;
	long err;

	if (copy_from_user(&diff, arg, sizeof(diff)))
		return -EFAULT;
	s = copy_snapshot(c);
	if (IS_ERR(s))
		return PTR_ERR(s);
	nr = s->nr_removed + s->nr_added;
	err = diff.nr_regions < nr ? -EMSGSIZE : 0;
	if (!err && copy_to_user(u64_to_user_ptr(diff.regions), s->regions,
				 array_size(nr, sizeof(s->regions[0]))))
		err = -EFAULT;
	diff.nr_removed = s->nr_removed;
	diff.nr_added = s->nr_added;
	diff.same_mm = s->same_mm;
	diff.old_generation = s->old_generation;
	diff.new_generation = s->new_generation;
	kvfree(s);
	if (copy_to_user(arg, &diff, sizeof(diff)))
		return -EFAULT;
	return err;
}
