/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Virtual address spaces for guests: the user-space interface.
 *
 * An address space is a file descriptor that stands for the map from guest
 * physical addresses (gpa) to the user memory of one process, its owner (hva).
 * It is made by create_virt_address_space() or by VIRT_AS_CREATE on /dev/virt_as,
 * populated by VIRT_AS_COMMIT, and then passed to whoever should reach the
 * guest's memory: back ends in the kernel, other processes.
 */
#ifndef _UAPI_LINUX_VIRT_AS_H
#define _UAPI_LINUX_VIRT_AS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Raised when a caller could notice a difference that no feature bit tells. */
#define VIRT_AS_ABI		1

/**
 * DOC: General ioctl format
 *
 * Every structure begins with its size in bytes as the caller knows it. A
 * larger structure than the kernel's, up to a page, is accepted when what the
 * kernel does not know is zero; a shorter one than the first published form is refused. All
 * fields have a fixed width, fields named __reserved must be zero, and fields
 * that begin with out_ are written by the kernel.
 *
 * One errno stands for one cause, whatever the call:
 *
 * ==========  ===============================================================
 * ENOTTY      this number is no call of this file
 * EINVAL      a value is understood but wrong: a short structure, a reserved
 *             or unused field that is not zero, an address or length that is
 *             not page-aligned, a length of zero, a last address below the
 *             first, a page size that is none, a region named twice, flags that
 *             exclude each other
 * E2BIG       the structure is longer than the kernel's and its tail not zero,
 *             or longer than a page
 * EOPNOTSUPP  an unknown flag, right, operation, type or permission; or a
 *             compare-exchange on VIRT_AS_TYPE_DEVICE
 * EOVERFLOW   an address plus its length goes past 2^64
 * EFAULT      memory of the caller cannot be read or written; an hva that is
 *             no user address (a kernel address, a tagged pointer); or guest
 *             memory whose hva is not backed by anything that the kernel can
 *             reach on the caller's behalf
 * ERANGE      an hva that begins in user space and ends beyond the owner's
 *             memory
 * EEXIST      two regions share a gpa
 * ENOENT      no region has this gpa
 * ENOSPC      more regions, changes, bindings or logs than the limit
 * EDQUOT      more pages that a dirty log would have to cover than the limit: by
 *             the map; or, by one log together with what left the map and was
 *             never harvested, twice that
 * EMSGSIZE    the array is too small; the needed count was written back
 * ESTALE      the map is no longer of the expected generation
 * EAGAIN      an earlier commit still drains and NOWAIT forbids to wait; or a
 *             compare-exchange found another value
 * EINTR       a signal ended a wait; of COMMIT: with out_generation 0 before,
 *             otherwise after the map was replaced
 * ESRCH       the owner's memory is gone
 * EXDEV       the caller's memory is not the owner's
 * ENODEV      the module that would bind is going away
 * EPERM       this file lacks the right
 * EACCES      the region does not permit this access
 * ENXIO       the region has no host address (VIRT_AS_TYPE_NOHVA)
 * EBUSY       a binding cannot follow this commit now
 * EFBIG       a VM is bound, and a region has more pages than a memslot can have
 * EDOM        a VM is bound, and a region lies beyond what its page tables map
 * EADDRINUSE  a VM is bound, and a region lies where KVM itself has put a page
 * ENOSYS      the kernel has no such system call, or virt_as is not initialized
 * EMFILE      the process has too many files open
 * ENFILE      the system has too many files open
 * EBADF       no such open file (also where a kernel module is given an fd)
 * EBADFD      the file is not an address space; or, where a log is wanted, not
 *             a log of this address space
 * ENOMEM      no memory
 * ==========  ===============================================================
 */
#define VIRT_AS_IOCTL_TYPE	0xBA

/*
 * Rights of one open file. A file made by CREATE has all of them; RESTRICT
 * makes another file of the same address space that has fewer.
 */
#define VIRT_AS_RIGHT_READ	0x1	/* read guest memory */
#define VIRT_AS_RIGHT_WRITE	0x2	/* write guest memory */
#define VIRT_AS_RIGHT_BIND	0x4	/* let a kernel module bind */
#define VIRT_AS_RIGHT_LOG	0x8	/* open dirty logs */
#define VIRT_AS_RIGHT_COMMIT	0x10	/* replace the map, as its owner */
#define VIRT_AS_RIGHT_ADOPT	0x20	/* become the owner */
#define VIRT_AS_RIGHTS		0x3f

/**
 * struct virt_as_create - ioctl(VIRT_AS_CREATE) on /dev/virt_as, or the system
 *	call create_virt_address_space()
 * @size: sizeof(struct virt_as_create)
 * @flags: must be 0
 *
 * Makes an empty address space whose owner is the caller's memory. Returns its
 * file descriptor (close-on-exec), or -1 with errno.
 *
 *	create_virt_address_space(const struct virt_as_create *attr, size_t size,
 *				  unsigned int flags)
 *
 * takes @attr's size once more as @size, or NULL and 0 for the usual; flags must
 * be 0. It is there on x86-64, in kernels that virt_as is built into.
 */
struct virt_as_create {
	__u32 size;
	__u32 flags;
};

#define VIRT_AS_CREATE		_IO(VIRT_AS_IOCTL_TYPE, 0x00)

/* Bits of virt_as_info::out_features. */
#define VIRT_AS_FEATURE_ADOPT	0x1ULL	/* VIRT_AS_COMMIT_ADOPT */
#define VIRT_AS_FEATURE_LOG	0x2ULL	/* VIRT_AS_LOG, VIRT_AS_MARK, VIRT_AS_COMMIT_HANDOVER */

/**
 * struct virt_as_info - ioctl(VIRT_AS_INFO) on /dev/virt_as or an address space
 * @size: sizeof(struct virt_as_info)
 * @flags: must be 0
 * @out_abi: VIRT_AS_ABI of the running kernel
 * @out_rights: rights of this file; 0 on /dev/virt_as, as all that follow
 *	@out_max_logged_pages
 * @out_features: VIRT_AS_FEATURE_*
 * @out_max_regions: limit of regions in a map
 * @out_max_bindings: limit of kernel modules' bindings to an address space
 * @out_max_logged_pages: limit of pages in all the regions of type RAM
 * @out_generation: generation of the map; an empty new one has 1
 * @out_drained_generation: newest generation before which nobody uses a map;
 *	equal to @out_generation when nothing drains
 * @out_nr_regions: regions in the map
 * @out_nr_bindings: kernel modules bound
 * @out_max_logs: limit of dirty logs of an address space
 * @out_nr_logs: dirty logs open; 0 on /dev/virt_as
 *
 * poll() of the file: POLLIN while the map is of another generation than the
 * one that INFO told this file of last (at first: than when the file was made);
 * POLLOUT while nothing drains.
 */
struct virt_as_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi;
	__u32 out_rights;
	__aligned_u64 out_features;
	__u32 out_max_regions;
	__u32 out_max_bindings;
	__aligned_u64 out_max_logged_pages;
	__aligned_u64 out_generation;
	__aligned_u64 out_drained_generation;
	__u32 out_nr_regions;
	__u32 out_nr_bindings;
	__u32 out_max_logs;
	__u32 out_nr_logs;
};

#define VIRT_AS_INFO		_IO(VIRT_AS_IOCTL_TYPE, 0x01)

/* virt_as_entry::type */
#define VIRT_AS_TYPE_RAM	0	/* ordinary memory */
#define VIRT_AS_TYPE_DEVICE	1	/* hardware behind the hva: exact widths, not logged */
#define VIRT_AS_TYPE_NOHVA	2	/* private memory: no host address */

/* virt_as_entry::perms */
#define VIRT_AS_PERM_READ	0x1	/* every region has it */
#define VIRT_AS_PERM_WRITE	0x2	/* without it: read-only */
#define VIRT_AS_PERMS		0x3

/* virt_as_entry::op */
#define VIRT_AS_OP_ADD		0	/* a region of @type, @perms at @gpa, @len, @hva */
#define VIRT_AS_OP_REMOVE	1	/* the region at @gpa of @len */
#define VIRT_AS_OP_MOVE		2	/* the region at @gpa of @len goes to @new_gpa */
#define VIRT_AS_OP_PROTECT	3	/* the region at @gpa of @len gets @perms */

/* virt_as_entry::flags */
#define VIRT_AS_ENTRY_CLEAN	0x1	/* what this adds is not dirty for logs */

/**
 * struct virt_as_entry - a region, or a change to one
 * @op: VIRT_AS_OP_*; a whole map is a list of VIRT_AS_OP_ADD
 * @type: VIRT_AS_TYPE_*; used by ADD
 * @perms: VIRT_AS_PERM_*; used by ADD and PROTECT
 * @flags: VIRT_AS_ENTRY_*; not with REMOVE
 * @gpa: guest physical address, page-aligned
 * @len: bytes, a multiple of the page size, not 0
 * @hva: the owner's address, page-aligned; used by ADD, 0 for type NOHVA
 * @new_gpa: used by MOVE
 * @__reserved: must be 0
 *
 * Fields that an operation does not use must be 0. REMOVE, MOVE and PROTECT
 * name a region of the map as it was before the commit, whole, and each region
 * once; the order of the entries does not matter. Two regions may share hvas
 * (they are aliases), never a gpa.
 */
struct virt_as_entry {
	__u32 op;
	__u32 type;
	__u32 perms;
	__u32 flags;
	__aligned_u64 gpa;
	__aligned_u64 len;
	__aligned_u64 hva;
	__aligned_u64 new_gpa;
	__aligned_u64 __reserved[2];
};

/* virt_as_commit::flags */
#define VIRT_AS_COMMIT_REPLACE	0x1	/* the entries are the whole map */
#define VIRT_AS_COMMIT_TRY	0x2	/* check all, ask bindings, change nothing */
#define VIRT_AS_COMMIT_NOWAIT	0x4	/* neither wait for a drain nor for ours */
#define VIRT_AS_COMMIT_ADOPT	0x8	/* the caller becomes the owner; with REPLACE */
#define VIRT_AS_COMMIT_EXPECT	0x10	/* only if of @expected_generation */
#define VIRT_AS_COMMIT_HANDOVER	0x20	/* harvest what leaves, into @extents */

/* virt_as_commit::out_index when no single entry is to blame */
#define VIRT_AS_NO_INDEX	0xffffffffU

/**
 * struct virt_as_commit - ioctl(VIRT_AS_COMMIT): make a new map, all at once
 * @size: sizeof(struct virt_as_commit)
 * @flags: VIRT_AS_COMMIT_*
 * @expected_generation: with EXPECT; else must be 0
 * @entries: address of an array of struct virt_as_entry
 * @nr_entries: its length
 * @out_index: after an error: the entry that is wrong, or VIRT_AS_NO_INDEX
 * @out_generation: the generation that this call published (with TRY: the one
 *	it would have replaced); after EINTR the same, or 0 if it published
 *	none; after another error the present one
 * @log_fd: with HANDOVER: a log of this address space; else must be 0
 * @nr_extents: with HANDOVER: room in @extents; else must be 0
 * @extents: with HANDOVER: address of an array of struct virt_as_extent; else 0
 * @out_nr_extents: filled in of @extents
 * @out_more: 1 if the log has more of what left; it stays there
 *
 * Whoever is using the old map goes on to see the whole old map, whoever starts
 * after the new map is published sees the whole new one. Without NOWAIT and TRY
 * the call returns when nobody uses the old map. A thread that serves page faults of the
 * owner (userfaultfd, FUSE) must use NOWAIT, because a user of the old map may
 * be waiting for that very thread.
 *
 * HANDOVER harvests from @log_fd, once the old map has drained, the dirty pages of
 * gpas that were ordinary memory in the old map and are in no region of the new one,
 * and goes with neither TRY nor NOWAIT. What is not handed over stays in the log:
 * for want of room, after EINTR, if another commit came in between, or if @extents
 * cannot be written, which is EFAULT with the new generation in @out_generation.
 * Gpas that stay in the map stay in the log, too.
 */
struct virt_as_commit {
	__u32 size;
	__u32 flags;
	__aligned_u64 expected_generation;
	__aligned_u64 entries;
	__u32 nr_entries;
	__u32 out_index;
	__aligned_u64 out_generation;
	__s32 log_fd;
	__u32 nr_extents;
	__aligned_u64 extents;
	__u32 out_nr_extents;
	__u32 out_more;
};

#define VIRT_AS_COMMIT		_IO(VIRT_AS_IOCTL_TYPE, 0x02)

/**
 * struct virt_as_get_map - ioctl(VIRT_AS_GET_MAP): read the map
 * @size: sizeof(struct virt_as_get_map)
 * @flags: must be 0
 * @entries: address of an array of struct virt_as_entry, filled in order of gpa
 * @nr_entries: in: its length; out: regions in the map, also after EMSGSIZE
 * @__reserved: must be 0
 * @out_generation: generation of the map that was read
 *
 * The owner can give the entries back to a REPLACE as they are. Their hva is 0
 * for anybody else, whose business it is not where the owner's memory lies.
 */
struct virt_as_get_map {
	__u32 size;
	__u32 flags;
	__aligned_u64 entries;
	__u32 nr_entries;
	__u32 __reserved;
	__aligned_u64 out_generation;
};

#define VIRT_AS_GET_MAP		_IO(VIRT_AS_IOCTL_TYPE, 0x03)

/**
 * struct virt_as_restrict - ioctl(VIRT_AS_RESTRICT): a file with fewer rights
 * @size: sizeof(struct virt_as_restrict)
 * @flags: must be 0
 * @rights: VIRT_AS_RIGHT_*, all of which this file has; 0 is allowed
 * @__reserved: must be 0
 *
 * Returns a new file descriptor (close-on-exec) of the same address space, to
 * be passed on, or -1 with errno.
 */
struct virt_as_restrict {
	__u32 size;
	__u32 flags;
	__u32 rights;
	__u32 __reserved;
};

#define VIRT_AS_RESTRICT	_IO(VIRT_AS_IOCTL_TYPE, 0x04)

/* virt_as_log_open::flags */
#define VIRT_AS_LOG_ALL_DIRTY	0x1	/* begins with every page dirty, not with none */

/**
 * struct virt_as_log_open - ioctl(VIRT_AS_LOG): open a dirty log
 * @size: sizeof(struct virt_as_log_open)
 * @flags: VIRT_AS_LOG_*
 * @threshold: dirty pages from which on poll() of the log says POLLIN; 0: never
 *
 * Takes the right LOG. Returns the file descriptor (close-on-exec) of a log, or -1
 * with errno. A log is one consumer's view of what was written to the regions of
 * type VIRT_AS_TYPE_RAM: every write by way of the address space and every
 * VIRT_AS_MARK from when this call has returned. It covers all gpas, those of
 * regions that are added later, too; what leaves the map stays in it until it is
 * harvested or cleared, or the log is closed. What a commit adds or moves becomes
 * dirty in it, unless the entry says VIRT_AS_ENTRY_CLEAN; what it only protects
 * does not. Logs know nothing of each other.
 *
 * The call waits for users of the address space, as a commit does, and can be
 * interrupted. A log with a threshold looks for dirty pages several times a second.
 */
struct virt_as_log_open {
	__u32 size;
	__u32 flags;
	__aligned_u64 threshold;
};

#define VIRT_AS_LOG		_IO(VIRT_AS_IOCTL_TYPE, 0x05)

/**
 * struct virt_as_mark - ioctl(VIRT_AS_MARK): I have written to guest memory
 * @size: sizeof(struct virt_as_mark)
 * @flags: must be 0
 * @gpa: guest physical address; need not be page-aligned
 * @len: bytes, not 0
 *
 * For stores by way of a mapping of one's own, of which nobody else would hear; to
 * be called after the store, and before the guest is told. Every log hears of it.
 * Takes the right WRITE. All or nothing: ENOENT if a gpa of the range is in no
 * region. Regions that are not logged are passed over.
 */
struct virt_as_mark {
	__u32 size;
	__u32 flags;
	__aligned_u64 gpa;
	__aligned_u64 len;
};

#define VIRT_AS_MARK		_IO(VIRT_AS_IOCTL_TYPE, 0x06)

/**
 * struct virt_as_extent - a run of guest memory
 * @gpa: guest physical address
 * @len: bytes, not 0
 */
struct virt_as_extent {
	__aligned_u64 gpa;
	__aligned_u64 len;
};

/* virt_as_harvest::flags */
#define VIRT_AS_HARVEST_PEEK	0x1	/* clear nothing */
#define VIRT_AS_HARVEST_SYNC	0x2	/* nothing that was begun before is missed */
#define VIRT_AS_HARVEST_BITMAP	0x4	/* @buffer is a bitmap, not extents */

/**
 * struct virt_as_harvest - ioctl(VIRT_AS_LOG_HARVEST) on a log: read what is dirty
 *	and clear it
 * @size: sizeof(struct virt_as_harvest)
 * @flags: VIRT_AS_HARVEST_*
 * @gpa: first gpa of the range, a multiple of @page_size
 * @last: last gpa of the range, inclusive, one below a multiple of @page_size; a
 *	whole space is 0 to 2^64 - 1
 * @page_size: a power of two, at least the page size: the unit of what is reported
 *	and cleared. A unit is dirty if any page of it is.
 * @max_pages: report at most so many units; 0: no limit
 * @buffer: address of an array of struct virt_as_extent, in which neighbours are
 *	one extent; or with BITMAP that of an array of __u64, aligned to it, into
 *	which bits are ORed atomically, bit 0 of the first for the unit at @gpa
 * @nr_extents: room in @buffer; with BITMAP must be 0
 * @out_nr_extents: filled in of @buffer; 0 with BITMAP
 * @out_pages: units reported
 * @out_next: where to go on, if @out_more
 * @out_more: 1 if the call ended before @last: for @max_pages, for want of room, or
 *	for a signal
 * @__reserved: must be 0
 *
 * Regions need not be known, and holes are no error. A write that had ended before
 * the call is reported now or was before, but for one thing: while a write is in
 * flight, it and others to the same 4,096 pages may be reported the next time. SYNC
 * first waits for all that are in flight, in sections and in hardware
 * buffers: only such a harvest, with the guest stopped, may end a migration. It can
 * be interrupted: EINTR.
 *
 * What could not be delivered, because @buffer or the structure cannot be written
 * (EFAULT), is dirty as before. A page is to be read after it was harvested or
 * cleared, never before: what is written in between would be lost.
 *
 * A log whose bits lie in the consumer's memory is a BITMAP that every harvest is
 * given anew, and from which the consumer takes bits by atomic operations.
 */
struct virt_as_harvest {
	__u32 size;
	__u32 flags;
	__aligned_u64 gpa;
	__aligned_u64 last;
	__aligned_u64 page_size;
	__aligned_u64 max_pages;
	__aligned_u64 buffer;
	__u32 nr_extents;
	__u32 out_nr_extents;
	__aligned_u64 out_pages;
	__aligned_u64 out_next;
	__u32 out_more;
	__u32 __reserved;
};

#define VIRT_AS_LOG_HARVEST	_IO(VIRT_AS_IOCTL_TYPE, 0x10)

/**
 * struct virt_as_extents - ioctl(VIRT_AS_LOG_CLEAR), ioctl(VIRT_AS_LOG_MARK) on a log
 * @size: sizeof(struct virt_as_extents)
 * @flags: must be 0
 * @extents: address of an array of struct virt_as_extent, page-aligned each
 * @nr_extents: its length
 * @out_done: extents that were done, all of them if the call succeeded
 *
 * CLEAR makes pages clean in this log, as after a PEEK: to be called before the
 * pages are read. What was written since the last harvest of any log stays dirty.
 * MARK makes pages dirty in this log, as what was harvested and could not be used
 * after all; they need not be in the map any more. Neither has to do with any other
 * log.
 */
struct virt_as_extents {
	__u32 size;
	__u32 flags;
	__aligned_u64 extents;
	__u32 nr_extents;
	__u32 out_done;
};

#define VIRT_AS_LOG_CLEAR	_IO(VIRT_AS_IOCTL_TYPE, 0x11)
#define VIRT_AS_LOG_MARK	_IO(VIRT_AS_IOCTL_TYPE, 0x12)

#endif /* _UAPI_LINUX_VIRT_AS_H */
