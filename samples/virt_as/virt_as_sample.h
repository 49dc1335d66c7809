/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/virt_as_sample understands, and what its thread reads and writes
 * in guest memory.
 */
#ifndef _VIRT_AS_SAMPLE_H
#define _VIRT_AS_SAMPLE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VIRT_AS_SAMPLE_STAMPS	16

/**
 * struct virt_as_sample_run - ioctl(VIRT_AS_SAMPLE_RUN) on /dev/virt_as_sample
 * @fd: an address space, with the rights READ, WRITE and BIND
 * @stride: from one stamp to the next
 * @request: gpa of a __u64 counter, odd while the owner commits
 * @reply: gpa of a struct virt_as_sample_reply
 * @stamps: gpa of the first of VIRT_AS_SAMPLE_STAMPS stamps
 *
 * Starts the thread, which runs until the file is closed. Once per open
 * file, be it in vain.
 */
struct virt_as_sample_run {
	__s32 fd;
	__u32 stride;
	__aligned_u64 request;
	__aligned_u64 reply;
	__aligned_u64 stamps;
};

#define VIRT_AS_SAMPLE_RUN	_IOW(0xBA, 0x80, struct virt_as_sample_run)

/**
 * struct virt_as_sample_stamp - what the owner writes before it commits
 * @generation: of the map that this memory is for
 * @gpa: where that map has it
 */
struct virt_as_sample_stamp {
	__aligned_u64 generation;
	__aligned_u64 gpa;
};

/**
 * struct virt_as_sample_reply - what the thread writes at the end of a section
 * @answer: the request, plus one
 * @generation: of the map that this section saw
 * @sections: sections so far, this one included
 * @overlapped: those that began while the owner committed
 * @torn: stamps that were not of that map
 * @failed: those that could not read or write, and therefore did not reply
 */
struct virt_as_sample_reply {
	__aligned_u64 answer;
	__aligned_u64 generation;
	__aligned_u64 sections;
	__aligned_u64 overlapped;
	__aligned_u64 torn;
	__aligned_u64 failed;
};

#endif /* _VIRT_AS_SAMPLE_H */
