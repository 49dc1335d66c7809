// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single calls: one access in a section of its own.
 *
 * The section of the short way exists in registers alone: the same SRCU read
 * lock around the same map, only where the caller's mm is the owner's, and with
 * no more to it than one copy needs. What cannot go that way has a section begun
 * for it, maybe on a newer map.
 *
 * Locks: none, as section.c.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>

#include "map.h"
#include "object.h"
#include "section.h"

/* In a section of whatever kind it must be, and however far it gets. */
static noinline ssize_t move_in_section(struct virt_as *as,
					struct virt_as_cache *cache, u64 gpa,
					void *buf, size_t len, bool write)
{
	/* The short way of a section takes both rights; here it does one thing. */
	return virt_as_section_move(as, VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE,
				    cache, gpa, buf, len, write);
}

/*
 * The end of a write to a region that is logged. Not in line, and the last thing that
 * is called, so that nothing has to be saved for it where nobody logs.
 */
static noinline ssize_t write_logged(struct virt_as *as, int idx,
				     const struct virt_as_region *region,
				     void __user *at, const void *buf, size_t len)
{
	size_t left = _inline_copy_to_user(at, buf, len);

	virt_as_written(region, region->gpa + ((unsigned long)at - region->hva), len);
	/* For sparse: move() has begun it. */
	__acquire(&as->srcu);
	srcu_read_unlock(&as->srcu, idx);
	return likely(!left) ? len : virt_as_stopped(len - left);
}

static __always_inline ssize_t move(struct virt_as_binding *binding,
				    struct virt_as_cache *cache, u64 gpa,
				    void *buf, size_t len, bool write)
{
	u32 right = write ? VIRT_AS_RIGHT_WRITE : VIRT_AS_RIGHT_READ;
	u32 perm = write ? VIRT_AS_PERM_WRITE : VIRT_AS_PERM_READ;
	struct virt_as *as = binding->as;
	const struct virt_as_region *region;
	const struct virt_as_map *map;
	size_t left;
	void __user *at;
	int idx;

	might_fault();

	if (unlikely(!(binding->rights & right)))
		return -EPERM;

	idx = srcu_read_lock(&as->srcu);
	/* Pairs with rcu_assign_pointer() in publish(). */
	map = srcu_dereference(as->map, &as->srcu);
	if (likely(map->mm == current->mm &&
		   virt_as_at_hand(map->cookie, right, cache, gpa, len, perm, &at) &&
		   check_copy_size(buf, len, write))) {
		region = cache->ways[0];
		/* Who opens a log waits for us, so it is enough to ask once. */
		if (write && unlikely(data_race(region->live))) {
			__release(&as->srcu);
			return write_logged(as, idx, region, at, buf, len);
		}
		if (write)
			left = _inline_copy_to_user(at, buf, len);
		else
			left = _inline_copy_from_user(buf, at, len);
		srcu_read_unlock(&as->srcu, idx);
		return likely(!left) ? len : virt_as_stopped(len - left);
	}
	srcu_read_unlock(&as->srcu, idx);
	return move_in_section(as, cache, gpa, buf, len, write);
}

/**
 * virt_as_read - read guest memory in a section of its own
 * @binding: a binding that is bound
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @dst: kernel memory
 * @len: bytes
 *
 * For the rare access; a batch is cheaper and sees one map in a section. It need
 * not give the CPU away: a loop of these does that by itself.
 *
 * Context: Process context, may sleep; where virt_as_begin() may be called.
 * Return: As virt_as_copy_from(), and -ESRCH if the owner's memory is gone.
 */
ssize_t virt_as_read(struct virt_as_binding *binding,
		     struct virt_as_cache *cache, u64 gpa,
		     void *dst, size_t len)
{
	return move(binding, cache, gpa, dst, len, false);
}
EXPORT_SYMBOL_GPL(virt_as_read);

/**
 * virt_as_write - write guest memory in a section of its own
 * @binding: a binding that is bound
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @src: kernel memory
 * @len: bytes
 *
 * For the rare access; a batch is cheaper and sees one map in a section. It need
 * not give the CPU away: a loop of these does that by itself.
 *
 * Context: Process context, may sleep; where virt_as_begin() may be called.
 * Return: As virt_as_copy_to(), and -ESRCH if the owner's memory is gone.
 */
ssize_t virt_as_write(struct virt_as_binding *binding,
		      struct virt_as_cache *cache, u64 gpa,
		      const void *src, size_t len)
{
	return move(binding, cache, gpa, (void *)src, len, true);
}
EXPORT_SYMBOL_GPL(virt_as_write);
