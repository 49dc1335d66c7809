/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ring access: the part of <linux/virt_as.h> that indices and flags of virtqueues
 * need. Aligned loads, stores and compare-exchanges in guest memory, each a
 * single-copy atomic access of its width.
 *
 * A back end does several for each packet, so loads and stores are inline as long
 * as virt_as_direct() knows the address. mm/virt_as/ring.c has the rest.
 */
#ifndef _LINUX_VIRT_AS_RING_H
#define _LINUX_VIRT_AS_RING_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/uaccess.h>
#include <linux/virt_as.h>

/**
 * enum virt_as_order - how a ring access is ordered
 * @VIRT_AS_RELAXED: not at all
 * @VIRT_AS_ORDERED: a load is an acquire, a store is a release
 * @VIRT_AS_FULL: a full barrier before and after
 *
 * A compare-exchange is a full barrier if it stores, and unordered if it does
 * not.
 */
enum virt_as_order {
	VIRT_AS_RELAXED,
	VIRT_AS_ORDERED,
	VIRT_AS_FULL,
};

#if IS_ENABLED(CONFIG_VIRT_AS)

/*
 * What the loads and stores below are made of; not to be called by anyone else.
 */
int virt_as_load_word(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u64 *word,
		      size_t width, enum virt_as_order order);
int virt_as_store_word(struct virt_as_section *section,
		       struct virt_as_cache *cache, u64 gpa, u64 word,
		       size_t width, enum virt_as_order order);
int virt_as_cmpxchg16(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u16 *old, u16 new);
int virt_as_cmpxchg32(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u32 *old, u32 new);
int virt_as_cmpxchg64(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, u64 *old, u64 new);

/* One load instruction; @width is a constant. */
static __always_inline int virt_as_user_load(const void __user *at, u64 *word,
					     size_t width)
{
	u16 v16;
	u32 v32;
	u64 v64;

	if (!user_read_access_begin(at, width))
		return -EFAULT;
	switch (width) {
	case 2:
		unsafe_get_user(v16, (const u16 __user *)at, fault);
		*word = v16;
		break;
	case 4:
		unsafe_get_user(v32, (const u32 __user *)at, fault);
		*word = v32;
		break;
	default:
		unsafe_get_user(v64, (const u64 __user *)at, fault);
		*word = v64;
		break;
	}
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/* One store instruction; @width is a constant. */
static __always_inline int virt_as_user_store(void __user *at, u64 word,
					      size_t width)
{
	if (!user_write_access_begin(at, width))
		return -EFAULT;
	switch (width) {
	case 2:
		unsafe_put_user((u16)word, (u16 __user *)at, fault);
		break;
	case 4:
		unsafe_put_user((u32)word, (u32 __user *)at, fault);
		break;
	default:
		unsafe_put_user(word, (u64 __user *)at, fault);
		break;
	}
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * A load through the exception table cannot be an smp_load_acquire(). On x86
 * every load is an acquire already.
 */
static __always_inline void virt_as_after_load(enum virt_as_order order)
{
	if (order == VIRT_AS_FULL ||
	    (order == VIRT_AS_ORDERED && !IS_ENABLED(CONFIG_X86)))
		smp_mb();	/* Pairs with the guest's, as its ring says. */
	else
		barrier();
}

/* On x86 every store is a release already. */
static __always_inline void virt_as_before_store(enum virt_as_order order)
{
	if (order == VIRT_AS_FULL ||
	    (order == VIRT_AS_ORDERED && !IS_ENABLED(CONFIG_X86)))
		smp_mb();	/* Pairs with the guest's, as its ring says. */
	else
		barrier();
}

static __always_inline int
virt_as_load(struct virt_as_section *section, struct virt_as_cache *cache,
	     u64 gpa, u64 *word, size_t width, enum virt_as_order order)
{
	void __user *at;
	u64 loaded;
	int err;

	if (unlikely(order == VIRT_AS_FULL || !IS_ALIGNED(gpa, width) ||
		     !virt_as_direct(section, cache, gpa, width, VIRT_AS_PERM_READ, &at))) {
		/* Not into @word: it would have to be in memory, here too. */
		err = virt_as_load_word(section, cache, gpa, &loaded, width, order);
		if (!err)
			*word = loaded;
		return err;
	}
	err = virt_as_user_load(at, word, width);
	virt_as_after_load(order);
	return err;
}

static __always_inline int
virt_as_store(struct virt_as_section *section, struct virt_as_cache *cache,
	      u64 gpa, u64 word, size_t width, enum virt_as_order order)
{
	const struct virt_as_region *region;
	void __user *at;
	int err;

	if (unlikely(order == VIRT_AS_FULL || !IS_ALIGNED(gpa, width) ||
		     !virt_as_direct(section, cache, gpa, width, VIRT_AS_PERM_WRITE, &at)))
		return virt_as_store_word(section, cache, gpa, word, width, order);
	region = cache->ways[0];
	virt_as_before_store(order);
	err = virt_as_user_store(at, word, width);
	virt_as_written(region, gpa, width);
	return err;
}

/**
 * virt_as_load16 - load 16 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: set to what is there, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_from().
 */
static __always_inline int
virt_as_load16(struct virt_as_section *section, struct virt_as_cache *cache,
	       u64 gpa, u16 *value, enum virt_as_order order)
{
	u64 word;
	int err;

	err = virt_as_load(section, cache, gpa, &word, sizeof(*value), order);
	if (likely(!err))
		*value = word;
	return err;
}

/**
 * virt_as_load32 - load 32 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: set to what is there, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_from().
 */
static __always_inline int
virt_as_load32(struct virt_as_section *section, struct virt_as_cache *cache,
	       u64 gpa, u32 *value, enum virt_as_order order)
{
	u64 word;
	int err;

	err = virt_as_load(section, cache, gpa, &word, sizeof(*value), order);
	if (likely(!err))
		*value = word;
	return err;
}

/**
 * virt_as_load64 - load 64 bits of guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: set to what is there, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_from().
 */
static __always_inline int
virt_as_load64(struct virt_as_section *section, struct virt_as_cache *cache,
	       u64 gpa, u64 *value, enum virt_as_order order)
{
	u64 word;
	int err;

	err = virt_as_load(section, cache, gpa, &word, sizeof(*value), order);
	if (likely(!err))
		*value = word;
	return err;
}

/**
 * virt_as_store16 - store 16 bits to guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: what to store, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_to().
 */
static __always_inline int
virt_as_store16(struct virt_as_section *section, struct virt_as_cache *cache,
		u64 gpa, u16 value, enum virt_as_order order)
{
	return virt_as_store(section, cache, gpa, value, sizeof(value), order);
}

/**
 * virt_as_store32 - store 32 bits to guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: what to store, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_to().
 */
static __always_inline int
virt_as_store32(struct virt_as_section *section, struct virt_as_cache *cache,
		u64 gpa, u32 value, enum virt_as_order order)
{
	return virt_as_store(section, cache, gpa, value, sizeof(value), order);
}

/**
 * virt_as_store64 - store 64 bits to guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address, aligned to the width
 * @value: what to store, in the guest's byte order
 * @order: how it is ordered
 *
 * Context: In the section, may sleep.
 * Return: 0, -EINVAL if misaligned, else as virt_as_copy_to().
 */
static __always_inline int
virt_as_store64(struct virt_as_section *section, struct virt_as_cache *cache,
		u64 gpa, u64 value, enum virt_as_order order)
{
	return virt_as_store(section, cache, gpa, value, sizeof(value), order);
}

#else /* !CONFIG_VIRT_AS */

static inline int virt_as_load16(struct virt_as_section *section,
				 struct virt_as_cache *cache, u64 gpa, u16 *value,
				 enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_load32(struct virt_as_section *section,
				 struct virt_as_cache *cache, u64 gpa, u32 *value,
				 enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_load64(struct virt_as_section *section,
				 struct virt_as_cache *cache, u64 gpa, u64 *value,
				 enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_store16(struct virt_as_section *section,
				  struct virt_as_cache *cache, u64 gpa, u16 value,
				  enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_store32(struct virt_as_section *section,
				  struct virt_as_cache *cache, u64 gpa, u32 value,
				  enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_store64(struct virt_as_section *section,
				  struct virt_as_cache *cache, u64 gpa, u64 value,
				  enum virt_as_order order)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_cmpxchg16(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    u16 *old, u16 new)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_cmpxchg32(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    u32 *old, u32 new)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_cmpxchg64(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    u64 *old, u64 new)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_VIRT_AS */

#endif /* _LINUX_VIRT_AS_RING_H */
