/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual address spaces for guests: the interface for kernel modules.
 *
 * A module that should reach a guest's memory is given an address space by fd
 * and binds to it:
 *
 *	err = virt_as_bind_fd(fd, &binding, &ops, VIRT_AS_RIGHT_READ);
 *
 * From then on any of its threads may open a section, in which it sees one
 * whole map, touch guest memory by gpa, and close the section:
 *
 *	err = virt_as_begin(&binding, &section);
 *	done = virt_as_copy_from(&section, &cache, gpa, buf, len);
 *	virt_as_end(&section);
 *
 * The map may be replaced at any time; a section delays only the moment when
 * the old map is drained. Guest memory is the owner's user memory: an access
 * may fault, and may sleep for as long as whoever serves the fault likes.
 *
 * Documentation/core-api/virt_as.rst says more.
 */
#ifndef _LINUX_VIRT_AS_H
#define _LINUX_VIRT_AS_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/virt_as_mark.h>
#include <uapi/linux/virt_as.h>

struct file;
struct iov_iter;
struct mm_struct;
struct module;
struct virt_as;
struct virt_as_binding;
struct virt_as_map;

/**
 * struct virt_as_region - one region of a map
 * @gpa: first guest physical address
 * @len: bytes; not 0, and @gpa + (@len - 1) does not wrap
 * @hva: the owner's address of @gpa; 0 for VIRT_AS_TYPE_NOHVA
 * @type: VIRT_AS_TYPE_*
 * @perms: VIRT_AS_PERM_*
 * @flags: VIRT_AS_ENTRY_* of the commit that made the region
 * @live: the region's live bits; NULL if it is not logged, or nobody logs. May be
 *	followed in a section, and as virt_as_mark() says
 *
 * Immutable once its map is published, but for @live. Two regions with equal @gpa, @len,
 * @hva, @type and @perms are the same region, whatever map they are in.
 */
struct virt_as_region {
	u64 gpa;
	u64 len;
	u64 hva;
	u8 type;
	u8 perms;
	u16 flags;
	struct virt_as_bits *live;
};

/* The last guest physical address of a region, inclusive. */
static inline u64 virt_as_region_last(const struct virt_as_region *region)
{
	return region->gpa + (region->len - 1);
}

/**
 * struct virt_as_diff - what a commit changes, as a binding is told
 * @old_generation: generation of the map that is replaced; 0 at bind
 * @new_generation: generation of the map that replaces it
 * @old_mm: owner of the old map; at bind the same as @new_mm
 * @new_mm: owner of the new map; another one than @old_mm if it was adopted
 * @removed: regions that are in the old map and not in the new one, by gpa
 * @added: regions that are in the new map and not in the old one, by gpa
 * @nr_removed: number of @removed
 * @nr_added: number of @added
 *
 * A region that is moved, re-backed or protected is in both arrays, as what it
 * was and as what it becomes. If the owner changes, every region is in both.
 * The diff and all it points to is valid from prepare until commit or abort of
 * the same binding has returned.
 */
struct virt_as_diff {
	u64 old_generation;
	u64 new_generation;
	struct mm_struct *old_mm;
	struct mm_struct *new_mm;
	const struct virt_as_region **removed;
	const struct virt_as_region **added;
	u32 nr_removed;
	u32 nr_added;
};

/**
 * struct virt_as_word - pages of a region whose live bits were taken
 * @region: the region, of the present map or of one that drains
 * @gpa: guest physical address of bit 0 of @mask, a multiple of 64 pages; may lie
 *	below the region's first, but no bit that is set does
 * @mask: a bit for each page
 */
struct virt_as_word {
	const struct virt_as_region *region;
	u64 gpa;
	u64 mask;
};

/**
 * struct virt_as_binding_ops - what a binding does when the map changes
 * @owner: the module of these functions; it cannot be unloaded while bound
 * @prepare: Reserve all that following the diff takes and return 0; or undo
 *	what was reserved and refuse the commit with an errno. Optional.
 * @commit: The new map is published: follow it. Cannot fail. Optional.
 * @abort: The commit that was prepared does not happen, or the binding is
 *	being unbound in the middle of it: give back what prepare reserved.
 *	Optional.
 * @log_prepare: The first log is about to be opened: reserve all that it takes to
 *	hear of writes that the binding causes past the access functions (a guest's
 *	own), and return 0; or undo that and refuse with an errno. Optional.
 * @log_commit: With @on, logging has begun: from the return of this on every such
 *	write is marked in the live bits of its region, which virt_as_region_at() finds
 *	for what the binding has. Without, it has ended: from the
 *	return on the binding no longer follows any virt_as_region::live. Cannot fail.
 *	Optional.
 * @log_abort: What log_prepare reserved is not needed. Optional.
 * @arm: The live bits of some pages were taken: the next write to any of these pages
 *	is to be marked again. On return every write that will not be is visible to
 *	who reads the page (page tables are changed and TLBs flushed, once for all
 *	@words). Words of regions that the binding does not have any more are to be
 *	passed over. Optional.
 * @collect: Mark what the binding knows to be written and has not marked yet (a
 *	hardware buffer), in gpas from @gpa to @last; more is no harm. With @sync, wait
 *	for what is under way; without, do what is quick. Optional.
 *
 * For each commit a binding sees prepare, and after a prepare that returned 0
 * exactly one of commit and abort, always with the same diff; never two calls
 * at a time. At bind it sees prepare and commit with a diff in which the whole
 * map is added. In the same way it sees log_prepare and after that exactly one of
 * log_commit and log_abort, when the first log is opened, or at bind if there is one;
 * and log_commit without log_prepare some time after the last log is closed. A
 * binding that listens to both sees them one after the other.
 *
 * arm and collect may come any time between log_prepare and the return of log_abort
 * or of log_commit without @on, or the beginning of virt_as_unbind(); also while
 * another function of the same binding runs, but only one of the two at a time. While
 * a commit is under way the regions in @words can be those of before and of after.
 *
 * Context: Process context, may sleep, called with the commit lock of the
 * address space held by this thread or, for abort, by another, and no other lock
 * of the core. The functions must not commit, bind to or unbind from this address
 * space, open a section of it, or touch user memory; and must not wait for a
 * thread that does. They may take any lock that is never held around the bind
 * and unbind of this binding. arm and collect are called with the log lock of the
 * address space held instead, which every harvest and marker of ranges waits for:
 * they must not wait for user space, nor take a lock that is held while one of the
 * other functions is waited for.
 */
struct virt_as_binding_ops {
	struct module *owner;
	int (*prepare)(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff);
	void (*commit)(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff);
	void (*abort)(struct virt_as_binding *binding,
		      const struct virt_as_diff *diff);
	int (*log_prepare)(struct virt_as_binding *binding);
	void (*log_commit)(struct virt_as_binding *binding, bool on);
	void (*log_abort)(struct virt_as_binding *binding);
	void (*arm)(struct virt_as_binding *binding,
		    const struct virt_as_word *words, unsigned int nr);
	void (*collect)(struct virt_as_binding *binding, u64 gpa, u64 last,
			bool sync);
};

/**
 * struct virt_as_binding - one in-kernel user of an address space
 * @as: the address space, referenced; NULL when not bound
 * @ops: what to call
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE that its sections have
 * @node: in virt_as::bindings; guarded by virt_as::bindings_lock
 * @armer: in virt_as::armers, if it has arm or collect; guarded by virt_as::log_lock
 * @diff: the diff that it has prepared; guarded by virt_as::bindings_lock
 * @busy: a call of @ops is in flight; guarded by virt_as::bindings_lock
 * @dying: unbind has begun; guarded by virt_as::bindings_lock
 *
 * Embedded in the user's own structure. All members belong to the core.
 */
struct virt_as_binding {
	struct virt_as *as;
	const struct virt_as_binding_ops *ops;
	u32 rights;
	struct list_head node;
	struct list_head armer;
	const struct virt_as_diff *diff;
	bool busy;
	bool dying;
};

/* Entries of a cache: a ring, its descriptors and a buffer do not thrash. */
#define VIRT_AS_CACHE_WAYS	3

/**
 * struct virt_as_cache - a reader's own memory of its recent lookups
 * @cookie: the map that @ways belong to
 * @ways: regions of type VIRT_AS_TYPE_RAM of that map, the last used first
 *
 * One per vCPU, per virtqueue, never per physical CPU. Zeroed memory is an
 * empty cache. It needs no invalidation: its entries are trusted only while
 * the section's map is the very map they came from. Not to be used by two
 * threads at a time.
 */
struct virt_as_cache {
	u64 cookie;
	const struct virt_as_region *ways[VIRT_AS_CACHE_WAYS];
};

/* How a section reaches the owner's memory. */
enum virt_as_reach {
	VIRT_AS_REACH_OWN,	/* current->mm is the owner's: plain user access */
	VIRT_AS_REACH_SWITCHED,	/* a kernel thread that wears the owner's mm */
	VIRT_AS_REACH_REMOTE,	/* a foreign task: by page, or by a kernel thread */
};

/**
 * struct virt_as_section - a bracket in which one whole map is seen
 * @as: the address space
 * @map: the map that this section sees
 * @cookie: of @map, where virt_as_direct() may be asked; else of no map
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE
 * @reach: how the owner's memory is reached
 * @srcu_idx: of the read-side critical section
 *
 * Lives on the stack of the one thread that uses it. All members belong to the
 * core.
 */
struct virt_as_section {
	struct virt_as *as;
	const struct virt_as_map *map;
	u64 cookie;
	u32 rights;
	enum virt_as_reach reach;
	int srcu_idx;
};

/**
 * struct virt_as_segment - a run of host addresses
 * @hva: the owner's address; only for uaccess, only within the section
 * @len: bytes, never past the end of a region
 * @region: the region that they are in
 * @type: VIRT_AS_TYPE_*
 * @perms: VIRT_AS_PERM_*
 */
struct virt_as_segment {
	void __user *hva;
	size_t len;
	const struct virt_as_region *region;
	u8 type;
	u8 perms;
};

#if IS_ENABLED(CONFIG_VIRT_AS)

int virt_as_bind_fd(int fd, struct virt_as_binding *binding,
		    const struct virt_as_binding_ops *ops, u32 rights);
int virt_as_bind_file(struct file *file, struct virt_as_binding *binding,
		      const struct virt_as_binding_ops *ops, u32 rights);
void virt_as_unbind(struct virt_as_binding *binding);
const struct virt_as_region *virt_as_region_at(struct virt_as_binding *binding,
					       u64 gpa);
void virt_as_hold_drain(struct virt_as_binding *binding);
void virt_as_release_drain(struct virt_as_binding *binding);

int virt_as_begin(struct virt_as_binding *binding,
		  struct virt_as_section *section);
void virt_as_end(struct virt_as_section *section);
u64 virt_as_generation(const struct virt_as_section *section);

/* The long way of what is inline below; not to be called by anyone else. */
ssize_t virt_as_walk_to(struct virt_as_section *section,
			struct virt_as_cache *cache, u64 gpa,
			const void *src, size_t len);
ssize_t virt_as_walk_from(struct virt_as_section *section,
			  struct virt_as_cache *cache, u64 gpa,
			  void *dst, size_t len);
ssize_t virt_as_stopped(size_t done);
void virt_as_mark_region(const struct virt_as_region *region, u64 gpa, u64 len);

int virt_as_mark_gpa(struct virt_as_section *section, u64 gpa, u64 len);

ssize_t virt_as_copy_to_iter(struct virt_as_section *section,
			     struct virt_as_cache *cache, u64 gpa,
			     size_t len, struct iov_iter *iter);
ssize_t virt_as_copy_from_iter(struct virt_as_section *section,
			       struct virt_as_cache *cache, u64 gpa,
			       size_t len, struct iov_iter *iter);
ssize_t virt_as_zero(struct virt_as_section *section,
		     struct virt_as_cache *cache, u64 gpa, size_t len);
int virt_as_translate(struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 gpa, size_t len,
		      struct virt_as_segment *segments, unsigned int nr);

ssize_t virt_as_read(struct virt_as_binding *binding,
		     struct virt_as_cache *cache, u64 gpa,
		     void *dst, size_t len);
ssize_t virt_as_write(struct virt_as_binding *binding,
		      struct virt_as_cache *cache, u64 gpa,
		      const void *src, size_t len);

/**
 * virt_as_at_hand - the host address of guest memory, if a cache has it
 * @cookie: of the map that the caller holds
 * @rights: VIRT_AS_RIGHT_* of the caller
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @len: bytes
 * @need: VIRT_AS_PERM_READ or VIRT_AS_PERM_WRITE; a constant
 * @at: set to the host address
 *
 * The short way that nearly every access takes: at most a page, all of it in the
 * region that @cache used last, which is ordinary memory. It decides nothing:
 * whatever is otherwise takes the long way, which finds out what that is. The
 * right to read is for the caller to check.
 *
 * gpas come from guests. The offset into the region is clamped, so that if the
 * cookie is right nothing beyond the region is accessed in speculation either.
 *
 * Return: Whether @at may be accessed, with the owner's mm as the current one and by
 * the checked user access functions. Then the region is the first of @cache.
 */
static __always_inline bool
virt_as_at_hand(u64 cookie, u32 rights, const struct virt_as_cache *cache,
		u64 gpa, size_t len, u32 need, void __user **at)
{
	const struct virt_as_region *region;
	unsigned long offset, last;

	if (unlikely(len > PAGE_SIZE || cache->cookie != cookie))
		return false;
	region = cache->ways[0];
	offset = gpa - region->gpa;
	/* The last offset that it may have; no region is shorter than a page. */
	last = region->len - len;
	if (unlikely(offset > last))
		return false;
	/* Every region can be read, and the right to is the caller's business. */
	if (need & VIRT_AS_PERM_WRITE && unlikely(!(rights & VIRT_AS_RIGHT_WRITE) ||
						  !(region->perms & need)))
		return false;
	offset = array_index_nospec(offset, last + 1);
	*at = (void __user *)(unsigned long)(region->hva + offset);
	return true;
}

/**
 * virt_as_direct - virt_as_at_hand() in a section
 * @section: an open section
 * @cache: as of virt_as_at_hand()
 * @gpa: as of virt_as_at_hand()
 * @len: as of virt_as_at_hand()
 * @need: as of virt_as_at_hand()
 * @at: as of virt_as_at_hand()
 *
 * The cookie of a section is that of its map only where the owner's mm is the
 * current one and the section may read.
 *
 * Return: As virt_as_at_hand().
 */
static __always_inline bool
virt_as_direct(const struct virt_as_section *section,
	       const struct virt_as_cache *cache, u64 gpa, size_t len, u32 need,
	       void __user **at)
{
	return virt_as_at_hand(section->cookie, section->rights, cache, gpa, len,
			       need, at);
}

/**
 * virt_as_written - logs are to hear of a write to a region
 * @region: a region of the map that the caller holds
 * @gpa: first guest physical address that may have been written
 * @len: bytes, all in @region
 *
 * Every function that writes guest memory calls it, after the write, also if only a
 * part may have been written.
 */
static __always_inline void virt_as_written(const struct virt_as_region *region,
					    u64 gpa, u64 len)
{
	/*
	 * No READ_ONCE(): that costs an instruction more, and is where this leads to.
	 * A value of before is as good, for who opens a log waits for sections.
	 */
	if (unlikely(data_race(region->live)))
		virt_as_mark_region(region, gpa, len);
}

/**
 * virt_as_mark_segment - bytes of a segment were written
 * @segment: from virt_as_translate(), in a section that is still open
 * @offset: offset of the first byte in the segment
 * @len: bytes
 *
 * Who writes by a host address calls it after the write and before the guest is
 * told.
 *
 * Context: In the section.
 */
static inline void virt_as_mark_segment(const struct virt_as_segment *segment,
					size_t offset, size_t len)
{
	const struct virt_as_region *region = segment->region;
	u64 hva = (unsigned long)segment->hva;

	virt_as_written(region, region->gpa + (hva - region->hva) + offset, len);
}

/**
 * virt_as_copy_to - write guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @src: kernel memory
 * @len: bytes
 *
 * Context: In the section, may sleep.
 * Return: Bytes written, fewer than @len if something stopped it; if there were
 * none -EPERM (the binding may not write), -ENOENT (hole), -ENXIO (no host
 * address), -EACCES (read-only), -EFAULT (hva not backed, or not accessible to
 * the kernel: a protection key, a userfaultfd for user mode only), -EINTR (the
 * caller is being killed) or -ENOMEM.
 */
static __always_inline ssize_t
virt_as_copy_to(struct virt_as_section *section, struct virt_as_cache *cache,
		u64 gpa, const void *src, size_t len)
{
	const struct virt_as_region *region;
	void __user *at;
	size_t left;

	if (unlikely(!virt_as_direct(section, cache, gpa, len, VIRT_AS_PERM_WRITE, &at) ||
		     !check_copy_size(src, len, true)))
		return virt_as_walk_to(section, cache, gpa, src, len);
	region = cache->ways[0];
	left = _inline_copy_to_user(at, src, len);
	virt_as_written(region, gpa, len);
	return likely(!left) ? len : virt_as_stopped(len - left);
}

/**
 * virt_as_copy_from - read guest memory
 * @section: an open section
 * @cache: the caller's cache
 * @gpa: guest physical address; any value
 * @dst: kernel memory; beyond the bytes that were read its content is undefined
 * @len: bytes
 *
 * Context: In the section, may sleep.
 * Return: Bytes read, or an errno if there were none, as virt_as_copy_to().
 */
static __always_inline ssize_t
virt_as_copy_from(struct virt_as_section *section, struct virt_as_cache *cache,
		  u64 gpa, void *dst, size_t len)
{
	void __user *at;
	size_t left;

	if (unlikely(!virt_as_direct(section, cache, gpa, len, VIRT_AS_PERM_READ, &at) ||
		     !check_copy_size(dst, len, false)))
		return virt_as_walk_from(section, cache, gpa, dst, len);
	left = _inline_copy_from_user(dst, at, len);
	return likely(!left) ? len : virt_as_stopped(len - left);
}

#else /* !CONFIG_VIRT_AS */

static inline int virt_as_bind_fd(int fd, struct virt_as_binding *binding,
				  const struct virt_as_binding_ops *ops,
				  u32 rights)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_bind_file(struct file *file,
				    struct virt_as_binding *binding,
				    const struct virt_as_binding_ops *ops,
				    u32 rights)
{
	return -EOPNOTSUPP;
}

static inline void virt_as_unbind(struct virt_as_binding *binding)
{
}

static inline const struct virt_as_region *
virt_as_region_at(struct virt_as_binding *binding, u64 gpa)
{
	return NULL;
}

static inline void virt_as_hold_drain(struct virt_as_binding *binding)
{
}

static inline void virt_as_release_drain(struct virt_as_binding *binding)
{
}

static inline int virt_as_begin(struct virt_as_binding *binding,
				struct virt_as_section *section)
{
	return -EOPNOTSUPP;
}

static inline void virt_as_end(struct virt_as_section *section)
{
}

static inline u64 virt_as_generation(const struct virt_as_section *section)
{
	return 0;
}

static __always_inline ssize_t
virt_as_copy_to(struct virt_as_section *section, struct virt_as_cache *cache,
		u64 gpa, const void *src, size_t len)
{
	return -EOPNOTSUPP;
}

static __always_inline ssize_t
virt_as_copy_from(struct virt_as_section *section, struct virt_as_cache *cache,
		  u64 gpa, void *dst, size_t len)
{
	return -EOPNOTSUPP;
}

static inline ssize_t virt_as_copy_to_iter(struct virt_as_section *section,
					   struct virt_as_cache *cache, u64 gpa,
					   size_t len, struct iov_iter *iter)
{
	return -EOPNOTSUPP;
}

static inline ssize_t virt_as_copy_from_iter(struct virt_as_section *section,
					     struct virt_as_cache *cache,
					     u64 gpa, size_t len,
					     struct iov_iter *iter)
{
	return -EOPNOTSUPP;
}

static inline ssize_t virt_as_zero(struct virt_as_section *section,
				   struct virt_as_cache *cache, u64 gpa,
				   size_t len)
{
	return -EOPNOTSUPP;
}

static inline int virt_as_translate(struct virt_as_section *section,
				    struct virt_as_cache *cache, u64 gpa,
				    size_t len,
				    struct virt_as_segment *segments,
				    unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline void virt_as_mark_segment(const struct virt_as_segment *segment,
					size_t offset, size_t len)
{
}

static inline int virt_as_mark_gpa(struct virt_as_section *section, u64 gpa,
				   u64 len)
{
	return -EOPNOTSUPP;
}

static inline ssize_t virt_as_read(struct virt_as_binding *binding,
				   struct virt_as_cache *cache, u64 gpa,
				   void *dst, size_t len)
{
	return -EOPNOTSUPP;
}

static inline ssize_t virt_as_write(struct virt_as_binding *binding,
				    struct virt_as_cache *cache, u64 gpa,
				    const void *src, size_t len)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_VIRT_AS */

#include <linux/virt_as_ring.h>

#endif /* _LINUX_VIRT_AS_H */
