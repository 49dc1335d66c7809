/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/virt_as_test understands. Each open file is one consumer of an
 * address space: it has one binding, and one kernel thread when it needs it.
 */
#ifndef _VIRT_AS_TEST_H
#define _VIRT_AS_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VAT_DEVICE	"/dev/virt_as_test"

/* vat_bind::flags */
#define VAT_BIND_BY_FILE	0x1	/* virt_as_bind_file() */
#define VAT_BIND_SILENT		0x2	/* without any function to call */

/**
 * struct vat_bind - ioctl(VAT_BIND)
 * @fd: an address space
 * @rights: rights of the binding
 * @flags: VAT_BIND_*
 */
struct vat_bind {
	__s32 fd;
	__u32 rights;
	__u32 flags;
};

#define VAT_BIND	_IOW(0xBB, 0x00, struct vat_bind)

/* Waits for the consumer's sections to end, then unbinds; ENOTCONN: not bound */
#define VAT_UNBIND	_IO(0xBB, 0x01)

/**
 * struct vat_mock - ioctl(VAT_MOCK): how the binding answers from now on
 * @error: what prepare returns: 0 or a negative errno
 * @hold: prepare, and VAT_OP_GATE, wait until this is 0 again
 */
struct vat_mock {
	__s32 error;
	__u32 hold;
};

#define VAT_MOCK	_IOW(0xBB, 0x02, struct vat_mock)

/* vat_event::call */
#define VAT_PREPARE	0
#define VAT_COMMIT	1
#define VAT_ABORT	2
#define VAT_NR_CALLS	3

/**
 * struct vat_event - one call of the binding
 * @call: VAT_PREPARE, VAT_COMMIT or VAT_ABORT
 * @result: what prepare has returned; 1 while the call is in flight
 * @entered: when, in a count of such moments over all consumers
 * @left: when it returned
 * @old_generation: of the diff
 * @new_generation: of the diff
 */
struct vat_event {
	__u32 call;
	__s32 result;
	__aligned_u64 entered;
	__aligned_u64 left;
	__aligned_u64 old_generation;
	__aligned_u64 new_generation;
};

#define VAT_NR_EVENTS	16

/**
 * struct vat_status - ioctl(VAT_STATUS)
 * @bound: the binding is bound
 * @waiting: callers of prepare and of VAT_OP_GATE that are held
 * @violations: calls that the contract rules out: two at a time, commit or
 *	abort without prepare, another diff than prepare was given
 * @nr_events: calls ever
 * @calls: by kind
 * @__reserved: 0
 * @events: the last VAT_NR_EVENTS of them; number n is at n % VAT_NR_EVENTS
 */
struct vat_status {
	__u32 bound;
	__u32 waiting;
	__u32 violations;
	__u32 nr_events;
	__u32 calls[VAT_NR_CALLS];
	__u32 __reserved;
	struct vat_event events[VAT_NR_EVENTS];
};

#define VAT_STATUS	_IOR(0xBB, 0x03, struct vat_status)

struct vat_region {
	__aligned_u64 gpa;
	__aligned_u64 last;
	__aligned_u64 hva;
	__u32 type;
	__u32 perms;
	__u32 flags;
	__u32 __reserved;
};

/**
 * struct vat_diff - ioctl(VAT_DIFF): the diff that prepare was given last
 * @regions: address of an array: the removed ones, then the added ones
 * @nr_regions: its length; EMSGSIZE if that is too short
 * @nr_removed: set
 * @nr_added: set
 * @same_mm: set to whether old and new owner are the same memory
 * @old_generation: set
 * @new_generation: set
 */
struct vat_diff {
	__aligned_u64 regions;
	__u32 nr_regions;
	__u32 nr_removed;
	__u32 nr_added;
	__u32 same_mm;
	__aligned_u64 old_generation;
	__aligned_u64 new_generation;
};

#define VAT_DIFF	_IOWR(0xBB, 0x04, struct vat_diff)

/* vat_op::code */
enum {
	VAT_OP_BEGIN,		/* begin a section */
	VAT_OP_END,		/* end it */
	VAT_OP_GENERATION,	/* @value = generation of the section */
	VAT_OP_COPY_TO,		/* @data, @len to @gpa */
	VAT_OP_COPY_FROM,	/* and back */
	VAT_OP_ITER_TO,		/* as COPY_FROM, to an iov_iter of kind @arg ... */
	VAT_OP_ITER_FROM,	/* as COPY_TO, from it; in pieces of @value bytes */
	VAT_OP_ZERO,		/* @len at @gpa */
	VAT_OP_TRANSLATE,	/* @value bytes at @gpa; @data: struct vat_segment[] */
	VAT_OP_LOAD,		/* @value from @gpa, @len bytes wide, order @arg */
	VAT_OP_STORE,		/* and to it */
	VAT_OP_CMPXCHG,		/* @old (updated) at @gpa becomes @value */
	VAT_OP_ADD,		/* add 1 @value times; @old = attempts that lost */
	VAT_OP_WRITE,		/* as COPY_TO, with a section of its own */
	VAT_OP_READ,		/* as COPY_FROM, with a section of its own */
	VAT_OP_GATE,		/* wait until vat_mock::hold is 0 */
	VAT_OP_TORN,		/* many sections; @data: struct vat_torn */
	VAT_OP_SCRIBBLE,	/* many writes; @data: struct vat_scribble */
	VAT_NR_OPS,
};

/* vat_op::flags */
#define VAT_OP_NO_CACHE		0x1
#define VAT_OP_WARM		0x2	/* read one byte of it before, for the cache */

/* vat_op::arg of VAT_OP_ITER_* */
#define VAT_ITER_KVEC	0
#define VAT_ITER_BVEC	1
#define VAT_ITER_USER	2

/* vat_op::arg of VAT_OP_LOAD and VAT_OP_STORE */
#define VAT_RELAXED	0
#define VAT_ORDERED	1
#define VAT_FULL	2

/**
 * struct vat_op - one operation
 * @code: VAT_OP_*
 * @flags: VAT_OP_NO_CACHE, VAT_OP_WARM
 * @arg: see @code
 * @__reserved: must be 0
 * @gpa: guest physical address
 * @len: bytes of @data, or the width of a ring access
 * @data: address of a buffer
 * @value: see @code
 * @old: see @code
 * @ret: set to what the call returned; -ENOTCONN where no section is open
 */
struct vat_op {
	__u32 code;
	__u32 flags;
	__u32 arg;
	__u32 __reserved;
	__aligned_u64 gpa;
	__aligned_u64 len;
	__aligned_u64 data;
	__aligned_u64 value;
	__aligned_u64 old;
	__s64 ret;
};

#define VAT_MAX_OPS	64
#define VAT_MAX_LEN	(4U << 20)	/* of all the buffers of a list */

/* vat_run::context */
#define VAT_CALLER	0	/* a section that is left open ends with the call */
#define VAT_THREAD	1	/* a section that is left open stays open */

/**
 * struct vat_run - ioctl(VAT_RUN): run a list of operations
 * @context: VAT_CALLER or VAT_THREAD
 * @nr_ops: length of @ops
 * @ops: address of an array of struct vat_op, whose results are written back
 * @fail_nth: if not 0, a fault is injected into the list: where one can be for
 *	the so-many-th time. EOPNOTSUPP if the kernel injects none.
 * @fail_left: set to how many times were missing; 0 if there was a fault
 *
 * Returns 0 whatever the operations returned. A signal that kills the caller
 * ends the wait for the thread, not what the thread does.
 */
struct vat_run {
	__u32 context;
	__u32 nr_ops;
	__aligned_u64 ops;
	__u32 fail_nth;
	__u32 fail_left;
};

#define VAT_RUN		_IOWR(0xBB, 0x05, struct vat_run)

struct vat_segment {
	__aligned_u64 hva;
	__aligned_u64 len;
	__u32 type;
	__u32 perms;
};

#define VAT_MAX_SEGMENTS	64

/**
 * struct vat_clock - what the owner keeps in guest memory about its commits
 * @started: commits begun, counted just before the call
 * @ended: commits that have returned
 * @published: the newest stamp that a commit has returned for
 */
struct vat_clock {
	__aligned_u64 started;
	__aligned_u64 ended;
	__aligned_u64 published;
};

/**
 * struct vat_tally - what sections have seen
 * @sections: sections whose stamps were compared
 * @torn: those with stamps of two maps
 * @stale: those whose map was replaced before they began
 * @early: those whose stamp belongs to a commit that had not begun
 * @overlapped: those during which a commit was in flight
 * @outlived: those that ended after their map was replaced, as memory tells
 * @generations: times that the stamp was newer than ever before
 * @newest: the newest stamp
 * @bad: stamps of the first section that was wrong: its least and greatest
 *
 * The caller zeroes it before the first use and gives it back as it is.
 */
struct vat_tally {
	__aligned_u64 sections;
	__aligned_u64 torn;
	__aligned_u64 stale;
	__aligned_u64 early;
	__aligned_u64 overlapped;
	__aligned_u64 outlived;
	__aligned_u64 generations;
	__aligned_u64 newest;
	__aligned_u64 bad[2];
};

#define VAT_MAX_STAMPS	16

/**
 * struct vat_torn - data of VAT_OP_TORN
 * @sections: how many sections to run
 * @nr_stamps: length of @stamps
 * @pause_us: sleep before each section
 * @stretch_us: sleep in the middle of every @stretch_every-th section
 * @stretch_every: 0: never
 * @__reserved: must be 0
 * @clock: gpa of a struct vat_clock, in every map
 * @stamps: gpas of __u64, each with the number of the commit that its page was
 *	prepared for
 * @tally: added to
 *
 * vat_op::ret is 0 or the errno that ended it early.
 */
struct vat_torn {
	__u32 sections;
	__u32 nr_stamps;
	__u32 pause_us;
	__u32 stretch_us;
	__u32 stretch_every;
	__u32 __reserved;
	__aligned_u64 clock;
	__aligned_u64 stamps[VAT_MAX_STAMPS];
	struct vat_tally tally;
};

/* Ways to write: bits of vat_scribble::kinds. Bytes have the number + 1 above. */
enum {
	VAT_SCRIBBLE_COPY,	/* virt_as_copy_to() */
	VAT_SCRIBBLE_ITER,	/* virt_as_copy_from_iter() */
	VAT_SCRIBBLE_ZERO,	/* virt_as_zero() */
	VAT_SCRIBBLE_STORE16,
	VAT_SCRIBBLE_STORE32,
	VAT_SCRIBBLE_STORE64,
	VAT_SCRIBBLE_CMPXCHG,
	VAT_SCRIBBLE_SEGMENT,	/* by host address, then virt_as_mark_segment() */
	VAT_SCRIBBLE_MARK,	/* by host address, then virt_as_mark_gpa() */
	VAT_SCRIBBLE_SINGLE,	/* virt_as_write(), which has a section of its own */
	VAT_NR_SCRIBBLES,
};

struct vat_window {
	__aligned_u64 gpa;
	__aligned_u64 len;
};

#define VAT_MAX_WINDOWS	16

/**
 * struct vat_scribble - data of VAT_OP_SCRIBBLE
 * @groups: how many groups of writes to make, most of them one section each
 * @per_section: writes in a group
 * @kinds: bits of the ways to write, not 0; by host address only where the
 *	owner's memory is the caller's or the caller is the thread
 * @nr_windows: length of @windows
 * @stretch_us: sleep in the middle of every @stretch_every-th section
 * @stretch_every: 0: never
 * @seed: of the random numbers, not 0; updated
 * @beat: gpa of a __u64 that @beats is stored to in each section; 0: none
 * @beats: writes made; updated
 * @refused: attempts that met a hole or a read-only region; added to
 * @outrun: compare-exchanges that found another value; added to
 * @done: writes made, by kind; added to
 * @windows: where writes begin; they may go past the end
 *
 * vat_op::ret is 0 or the errno that ended it early.
 */
struct vat_scribble {
	__u32 groups;
	__u32 per_section;
	__u32 kinds;
	__u32 nr_windows;
	__u32 stretch_us;
	__u32 stretch_every;
	__aligned_u64 seed;
	__aligned_u64 beat;
	__aligned_u64 beats;
	__aligned_u64 refused;
	__aligned_u64 outrun;
	__aligned_u64 done[VAT_NR_SCRIBBLES];
	struct vat_window windows[VAT_MAX_WINDOWS];
};

#endif /* _VIRT_AS_TEST_H */
