// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ring access: aligned loads, stores and compare-exchanges in guest memory,
 * each a single-copy atomic access of its width.
 *
 * They are what indices and flags of virtqueues need, where a copy could be torn
 * into bytes. All widths are made from one pattern:
 *
 *	resolve the gpa -> barrier before -> the access -> barrier after
 *
 * <linux/virt_as_ring.h> has the short way of that, inline.
 *
 * With the owner's mm the access is one instruction on the user address, through
 * the exception table. A foreign task does the same to the page, held and mapped
 * for the moment. Either way it is atomic against the guest, which does
 * not know the difference.
 *
 * The barriers are paired with those of the guest's driver, as its ring's
 * specification says; a ring's user picks the order that it needs.
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/uaccess.h>

#include "cache.h"
#include "map.h"
#include "reach.h"

/**
 * struct word - one word of 16, 32 or 64 bits on its way to or from the guest
 * @width: bytes
 * @value: what was loaded, or is to be stored
 * @old: what a compare-exchange expects, and what it found
 */
struct word {
	size_t width;
	u64 value;
	u64 old;
};

static __always_inline void barrier_before_load(enum virt_as_order order)
{
	if (order == VIRT_AS_FULL)
		smp_mb();	/* Pairs with the guest's, as its ring says. */
}

static __always_inline void barrier_after_store(enum virt_as_order order)
{
	if (order == VIRT_AS_FULL)
		smp_mb();	/* Pairs with the guest's, as its ring says. */
}

static __always_inline int locate(struct virt_as_section *section,
				  struct virt_as_cache *cache, u64 gpa,
				  size_t width, u32 right, u32 perm,
				  struct virt_as_segment *segment)
{
	if (unlikely(right & ~section->rights))
		return -EPERM;
	if (unlikely(!IS_ALIGNED(gpa, width)))
		return -EINVAL;
	return virt_as_resolve(section->map, cache, gpa, width, perm, segment);
}

/* The width is a constant wherever an instruction is chosen by it. */
static int user_load(const void __user *at, struct word *word)
{
	if (word->width == 2)
		return virt_as_user_load(at, &word->value, 2);
	if (word->width == 4)
		return virt_as_user_load(at, &word->value, 4);
	return virt_as_user_load(at, &word->value, 8);
}

static int user_store(void __user *at, const struct word *word)
{
	if (word->width == 2)
		return virt_as_user_store(at, word->value, 2);
	if (word->width == 4)
		return virt_as_user_store(at, word->value, 4);
	return virt_as_user_store(at, word->value, 8);
}

static int page_load(void *at, void *arg)
{
	struct word *word = arg;

	switch (word->width) {
	case 2:
		word->value = READ_ONCE(*(u16 *)at);
		return 0;
	case 4:
		word->value = READ_ONCE(*(u32 *)at);
		return 0;
	default:
		word->value = READ_ONCE(*(u64 *)at);
		return 0;
	}
}

static int page_store(void *at, void *arg)
{
	const struct word *word = arg;

	switch (word->width) {
	case 2:
		WRITE_ONCE(*(u16 *)at, word->value);
		return 0;
	case 4:
		WRITE_ONCE(*(u32 *)at, word->value);
		return 0;
	default:
		WRITE_ONCE(*(u64 *)at, word->value);
		return 0;
	}
}

static int page_cmpxchg(void *at, void *arg)
{
	struct word *word = arg;
	u64 found;

	switch (word->width) {
	case 2:
		found = cmpxchg((u16 *)at, (u16)word->old, (u16)word->value);
		break;
	case 4:
		found = cmpxchg((u32 *)at, (u32)word->old, (u32)word->value);
		break;
	default:
		found = cmpxchg((u64 *)at, word->old, word->value);
		break;
	}
	if (found == word->old)
		return 0;
	word->old = found;
	return -EAGAIN;
}

#ifdef unsafe_try_cmpxchg_user
static __always_inline int
user_cmpxchg(struct virt_as_section *section,
	     const struct virt_as_segment *segment, struct word *word)
{
	void __user *at = segment->hva;
	u16 old16 = word->old;
	u32 old32 = word->old;
	bool swapped;

	if (!user_access_begin(at, word->width))
		return -EFAULT;
	switch (word->width) {
	case 2:
		swapped = unsafe_try_cmpxchg_user((u16 __user *)at, &old16,
						  (u16)word->value, fault);
		word->old = old16;
		break;
	case 4:
		swapped = unsafe_try_cmpxchg_user((u32 __user *)at, &old32,
						  (u32)word->value, fault);
		word->old = old32;
		break;
	default:
		swapped = unsafe_try_cmpxchg_user((u64 __user *)at, &word->old,
						  word->value, fault);
		break;
	}
	user_access_end();
	return swapped ? 0 : -EAGAIN;
fault:
	user_access_end();
	return -EFAULT;
}
#else
/* Without an instruction for it, by way of the page, whoever the caller is. */
static int user_cmpxchg(struct virt_as_section *section,
			const struct virt_as_segment *segment,
			struct word *word)
{
	return virt_as_remote_atomic(section, segment, page_cmpxchg, word, true);
}
#endif

/*
 * Hardware has no pages that could be pinned; a kernel thread does the access,
 * exact in width.
 */
static int device_remote(struct virt_as_section *section,
			 const struct virt_as_segment *segment,
			 struct word *word, enum virt_as_motion motion)
{
	union {
		u16 v16;
		u32 v32;
		u64 v64;
	} buf;
	size_t moved;
	int err;

	if (word->width == 2)
		buf.v16 = word->value;
	else if (word->width == 4)
		buf.v32 = word->value;
	else
		buf.v64 = word->value;
	err = virt_as_remote_transfer(section, segment, &buf, motion, &moved);
	if (err)
		return err;
	if (motion == VIRT_AS_READ)
		page_load(&buf, word);
	return 0;
}

static int load_remote(struct virt_as_section *section,
		       const struct virt_as_segment *segment, struct word *word)
{
	if (segment->type == VIRT_AS_TYPE_DEVICE)
		return device_remote(section, segment, word, VIRT_AS_READ);
	return virt_as_remote_atomic(section, segment, page_load, word, false);
}

static int store_remote(struct virt_as_section *section,
			const struct virt_as_segment *segment, struct word *word)
{
	if (segment->type == VIRT_AS_TYPE_DEVICE)
		return device_remote(section, segment, word, VIRT_AS_WRITE);
	return virt_as_remote_atomic(section, segment, page_store, word, true);
}

/**
 * virt_as_load_word - load a word of guest memory, the long way
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @word: set to what is there
 * @width: 2, 4 or 8 bytes
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: As virt_as_load16().
 */
int virt_as_load_word(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u64 *word,
		      size_t width, enum virt_as_order order)
{
	struct word loaded = { .width = width };
	struct virt_as_segment segment;
	int err;

	err = locate(section, cache, gpa, width, VIRT_AS_RIGHT_READ,
		     VIRT_AS_PERM_READ, &segment);
	if (err)
		return err;
	barrier_before_load(order);
	if (section->reach != VIRT_AS_REACH_REMOTE)
		err = user_load(segment.hva, &loaded);
	else
		err = load_remote(section, &segment, &loaded);
	virt_as_after_load(order);
	*word = loaded.value;
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_load_word);

/**
 * virt_as_store_word - store a word to guest memory, the long way
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @word: what to store
 * @width: 2, 4 or 8 bytes
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: As virt_as_store16().
 */
int virt_as_store_word(struct virt_as_section *section,
		       struct virt_as_cache *cache, u64 gpa, u64 word,
		       size_t width, enum virt_as_order order)
{
	struct word stored = { .width = width, .value = word };
	struct virt_as_segment segment;
	int err;

	err = locate(section, cache, gpa, width, VIRT_AS_RIGHT_WRITE,
		     VIRT_AS_PERM_WRITE, &segment);
	if (err)
		return err;
	virt_as_before_store(order);
	if (section->reach != VIRT_AS_REACH_REMOTE)
		err = user_store(segment.hva, &stored);
	else
		err = store_remote(section, &segment, &stored);
	barrier_after_store(order);
	virt_as_mark_segment(&segment, 0, width);
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_store_word);

static __always_inline int exchange(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    struct word *word)
{
	struct virt_as_segment segment;
	int err;

	err = locate(section, cache, gpa, word->width,
		     VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE,
		     VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE, &segment);
	if (unlikely(err))
		return err;
	if (segment.type == VIRT_AS_TYPE_DEVICE)
		return -EOPNOTSUPP;
	if (likely(section->reach != VIRT_AS_REACH_REMOTE))
		err = user_cmpxchg(section, &segment, word);
	else
		err = virt_as_remote_atomic(section, &segment, page_cmpxchg, word, true);
	if (!err)
		virt_as_mark_segment(&segment, 0, word->width);
	return err;
}

/**
 * virt_as_cmpxchg16 - compare and exchange 16 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @old: what should be there; set to what is, if it differs
 * @new: what to store if it does not
 *
 * A full barrier if it stores, and unordered if it does not.
 *
 * Context: In the section, may sleep.
 * Return: 0 if it stored, -EAGAIN if the value differed, -EINVAL if misaligned,
 * -EOPNOTSUPP for VIRT_AS_TYPE_DEVICE, else as virt_as_copy_to().
 */
int virt_as_cmpxchg16(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u16 *old, u16 new)
{
	struct word word = { .width = sizeof(new), .value = new, .old = *old };
	int err;

	err = exchange(section, cache, gpa, &word);
	*old = word.old;
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_cmpxchg16);

/**
 * virt_as_cmpxchg32 - compare and exchange 32 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @old: what should be there; set to what is, if it differs
 * @new: what to store if it does not
 *
 * A full barrier if it stores, and unordered if it does not.
 *
 * Context: In the section, may sleep.
 * Return: 0 if it stored, -EAGAIN if the value differed, -EINVAL if misaligned,
 * -EOPNOTSUPP for VIRT_AS_TYPE_DEVICE, else as virt_as_copy_to().
 */
int virt_as_cmpxchg32(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u32 *old, u32 new)
{
	struct word word = { .width = sizeof(new), .value = new, .old = *old };
	int err;

	err = exchange(section, cache, gpa, &word);
	*old = word.old;
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_cmpxchg32);

/**
 * virt_as_cmpxchg64 - compare and exchange 64 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @old: what should be there; set to what is, if it differs
 * @new: what to store if it does not
 *
 * A full barrier if it stores, and unordered if it does not.
 *
 * Context: In the section, may sleep.
 * Return: 0 if it stored, -EAGAIN if the value differed, -EINVAL if misaligned,
 * -EOPNOTSUPP for VIRT_AS_TYPE_DEVICE, else as virt_as_copy_to().
 */
int virt_as_cmpxchg64(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u64 *old, u64 new)
{
	struct word word = { .width = sizeof(new), .value = new, .old = *old };
	int err;

	err = exchange(section, cache, gpa, &word);
	*old = word.old;
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_cmpxchg64);
