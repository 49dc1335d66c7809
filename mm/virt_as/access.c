// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access: guest memory by gpa, inside a section.
 *
 * A gpa range is walked region by region: regions that are neighbours in gpa
 * need not be neighbours in hva, so no step goes past the end of one. Whatever
 * stops a walk, the caller is told how many bytes were done before; it gets the
 * errno if there were none.
 *
 * Long ranges are done in steps of MAX_STEP, between which a fatal signal is
 * honoured and the CPU given away.
 *
 * Nothing here touches the user memory of the caller: a fault on it could wait
 * for the very process that waits for this section.
 */
#include <linux/iov_iter.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uio.h>

#include "cache.h"
#include "map.h"
#include "reach.h"

#define MAX_STEP	SZ_1M

/* The part of [gpa, gpa + len) below the end of the gpa space; len not 0. */
static size_t clip(u64 gpa, size_t len)
{
	return len - 1 > U64_MAX - gpa ? U64_MAX - gpa + 1 : len;
}

/* Between two steps of a long access. */
static int breathe(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

static __always_inline ssize_t walk(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    void *buf, size_t len,
				    enum virt_as_motion motion)
{
	u32 right = motion == VIRT_AS_READ ? VIRT_AS_RIGHT_READ : VIRT_AS_RIGHT_WRITE;
	u32 perm = motion == VIRT_AS_READ ? VIRT_AS_PERM_READ : VIRT_AS_PERM_WRITE;
	struct virt_as_segment segment;
	size_t done = 0;
	size_t moved;
	int err;

	if (unlikely(!(section->rights & right)))
		return -EPERM;
	if (unlikely(!len))
		return 0;
	len = clip(gpa, len);

	for (;;) {
		err = virt_as_resolve(section->map, cache, gpa + done,
				      min_t(size_t, len - done, MAX_STEP),
				      perm, &segment);
		if (unlikely(err))
			break;
		err = virt_as_transfer(section, &segment,
				       motion == VIRT_AS_ZERO ? NULL : buf + done,
				       motion, &moved);
		/* Also what an error says was not: some of it may have been. */
		if (motion != VIRT_AS_READ)
			virt_as_mark_segment(&segment, 0, segment.len);
		done += moved;
		if (unlikely(err)) {
			if (fatal_signal_pending(current))
				err = -EINTR;
			break;
		}
		if (likely(done == len))
			return done;
		err = breathe();
		if (err)
			break;
	}
	return done ?: err;
}

/**
 * virt_as_stopped - what to answer when a fault ends a copy
 * @done: bytes that were copied before
 *
 * Return: @done; or if that is 0 -EINTR if the caller is being killed, else -EFAULT.
 */
ssize_t virt_as_stopped(size_t done)
{
	if (done)
		return done;
	return fatal_signal_pending(current) ? -EINTR : -EFAULT;
}
EXPORT_SYMBOL_GPL(virt_as_stopped);

/**
 * virt_as_walk_to - write guest memory, the long way
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @src: kernel memory
 * @len: bytes
 *
 * Context: In the section, may sleep.
 * Return: As virt_as_copy_to().
 */
ssize_t virt_as_walk_to(struct virt_as_section *section,
			struct virt_as_cache *cache, u64 gpa,
			const void *src, size_t len)
{
	return walk(section, cache, gpa, (void *)src, len, VIRT_AS_WRITE);
}
EXPORT_SYMBOL_GPL(virt_as_walk_to);

/**
 * virt_as_walk_from - read guest memory, the long way
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @dst: kernel memory
 * @len: bytes
 *
 * Context: In the section, may sleep.
 * Return: As virt_as_copy_from().
 */
ssize_t virt_as_walk_from(struct virt_as_section *section,
			  struct virt_as_cache *cache, u64 gpa,
			  void *dst, size_t len)
{
	return walk(section, cache, gpa, dst, len, VIRT_AS_READ);
}
EXPORT_SYMBOL_GPL(virt_as_walk_from);

/**
 * virt_as_zero - zero guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes
 *
 * Context: In the section, may sleep; a fatal signal ends it.
 * Return: Bytes zeroed, or an errno if there were none, as virt_as_copy_to().
 */
ssize_t virt_as_zero(struct virt_as_section *section,
		     struct virt_as_cache *cache, u64 gpa, size_t len)
{
	return walk(section, cache, gpa, NULL, len, VIRT_AS_ZERO);
}
EXPORT_SYMBOL_GPL(virt_as_zero);

/**
 * struct iter_walk - what a step of an iterator needs to know
 * @section: the section
 * @cache: the caller's cache
 * @gpa: where the walk began
 * @motion: which way
 * @err: why it stopped
 */
struct iter_walk {
	struct virt_as_section *section;
	struct virt_as_cache *cache;
	u64 gpa;
	enum virt_as_motion motion;
	int err;
};

/* One run of the iterator's kernel memory; returns what is left of it. */
static size_t iter_step(void *base, size_t progress, size_t len, void *priv,
			void *priv2)
{
	struct iter_walk *iw = priv;
	ssize_t done;

	if (iw->motion == VIRT_AS_READ)
		done = virt_as_copy_from(iw->section, iw->cache,
					 iw->gpa + progress, base, len);
	else
		done = virt_as_copy_to(iw->section, iw->cache,
				       iw->gpa + progress, base, len);
	if (done < 0) {
		iw->err = done;
		return len;
	}
	return len - done;
}

static ssize_t walk_iter(struct virt_as_section *section,
			 struct virt_as_cache *cache, u64 gpa, size_t len,
			 struct iov_iter *iter, enum virt_as_motion motion)
{
	struct iter_walk iw = {
		.section = section,
		.cache = cache,
		.gpa = gpa,
		.motion = motion,
	};
	size_t done;

	if (!iov_iter_is_kvec(iter) && !iov_iter_is_bvec(iter))
		return -EINVAL;
	len = min(len, iov_iter_count(iter));
	if (!len)
		return 0;
	done = iterate_and_advance_kernel(iter, clip(gpa, len), &iw, NULL,
					  iter_step);
	return done ?: iw.err;
}

/**
 * virt_as_copy_to_iter - read guest memory into an iterator
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes
 * @iter: a kvec or bvec iterator, advanced by what was done
 *
 * Context: In the section, may sleep.
 * Return: Bytes read, or an errno if there were none, as virt_as_copy_to(), and
 * -EINVAL for an iterator of another kind, such as over user memory.
 */
ssize_t virt_as_copy_to_iter(struct virt_as_section *section,
			     struct virt_as_cache *cache, u64 gpa,
			     size_t len, struct iov_iter *iter)
{
	return walk_iter(section, cache, gpa, len, iter, VIRT_AS_READ);
}
EXPORT_SYMBOL_GPL(virt_as_copy_to_iter);

/**
 * virt_as_copy_from_iter - write guest memory from an iterator
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes
 * @iter: a kvec or bvec iterator, advanced by what was done
 *
 * Context: In the section, may sleep.
 * Return: Bytes written, or an errno if there were none, as virt_as_copy_to(),
 * and -EINVAL for an iterator of another kind, such as over user memory.
 */
ssize_t virt_as_copy_from_iter(struct virt_as_section *section,
			       struct virt_as_cache *cache, u64 gpa,
			       size_t len, struct iov_iter *iter)
{
	return walk_iter(section, cache, gpa, len, iter, VIRT_AS_WRITE);
}
EXPORT_SYMBOL_GPL(virt_as_copy_from_iter);

/**
 * virt_as_translate - the host addresses of guest memory
 * @section: an open section, not of a foreign user task
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes
 * @segments: filled with runs of host addresses
 * @nr: room in @segments
 *
 * The addresses may be used with the uaccess functions until virt_as_end(), for
 * what @segments says is permitted. Who writes by them calls
 * virt_as_mark_segment().
 *
 * Context: In the section.
 * Return: Number of segments; together they are shorter than @len if a hole, a
 * region without host address or the end of @segments came first. -EPERM if the
 * binding may not read, -EXDEV if the current mm is not the owner's, and if
 * there is none -ENOENT or -ENXIO.
 */
int virt_as_translate(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, size_t len,
		      struct virt_as_segment *segments, unsigned int nr)
{
	struct virt_as_segment *segment = segments;
	unsigned int left;
	int err = 0;

	if (!(section->rights & VIRT_AS_RIGHT_READ))
		return -EPERM;
	if (section->reach == VIRT_AS_REACH_REMOTE)
		return -EXDEV;
	if (!len)
		return 0;
	len = clip(gpa, len);

	for (left = nr; len && left; left--) {
		err = virt_as_resolve(section->map, cache, gpa, len,
				      VIRT_AS_PERM_READ, segment);
		if (err)
			break;
		if (!(section->rights & VIRT_AS_RIGHT_WRITE))
			segment->perms &= ~VIRT_AS_PERM_WRITE;
		gpa += segment->len;
		len -= segment->len;
		segment++;
	}
	return nr - left ?: err;
}
EXPORT_SYMBOL_GPL(virt_as_translate);
