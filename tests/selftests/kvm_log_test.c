// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs hear what a guest writes, however it does, and by pages of 4 KiB. What
 * lies at gpa 0 is a device and in no log; so a log has nothing but what is expected,
 * and that exactly.
 */
#include "effort.h"
#include "kvm_bound.h"

#define NEW	AT(0x9000)
#define FAR	AT(0x140000)	/* 5 GiB */

FIXTURE(log)
{
	struct bound b;
	struct vcpu *vcpu;
	int log;
};

FIXTURE_SETUP(log)
{
	ASSERT_STREQ("", bound_open(&self->b, 2));
	self->vcpu = self->b.vcpu;
	self->log = -1;
}

FIXTURE_TEARDOWN(log)
{
	if (self->log >= 0)
		close(self->log);
	vm_close(&self->b.vm);
	EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
}

enum kind {
	STORE,
	ADD,		/* reads as well */
	BY_INS,
	BY_MOVS,
	NR_KINDS,
};

static int write_by(struct vcpu *vcpu, enum kind kind, __u64 gpa)
{
	struct met met = { .give = 7 };

	switch (kind) {
	case STORE:
		return guest_write(vcpu, gpa, 7);
	case ADD:
		return guest_op(vcpu, op_add, 0, gpa, 7, 0, &met) ?: (int)met.mmio;
	case BY_INS:
		return guest_op(vcpu, op_ins, 0, gpa, 0, 0, &met) ?: (int)met.mmio;
	default:
		return guest_write_emulated(vcpu, gpa, 7);
	}
}

/* Pages that the guest has never touched, that it has written before, and read. */
TEST_F(log, every_kind_of_write)
{
	struct vcpu *vcpu = self->vcpu;

	ASSERT_EQ(0, guest_write_pages(vcpu, RAM + 16 * PG, 16, 1));
	ASSERT_EQ(0, guest_read_pages(vcpu, RAM + 32 * PG, 16));
	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	EXPECT_TAKEN("", self->log);
	for (enum kind kind = 0; kind < NR_KINDS; kind++) {
		for (__u64 state = 0; state < 3; state++) {
			__u64 page = 0x100 + 16 * state + 3 * kind;
			char want[16];

			snprintf(want, sizeof(want), "%llx", page);
			for (int again = 0; again < 4; again++) {
				EXPECT_EQ(0, write_by(vcpu, kind, AT(page) + 8 * again));
				EXPECT_TAKEN(want, self->log);
				EXPECT_TAKEN("", self->log);
			}
			/* One kind after the other. */
			EXPECT_EQ(0, write_by(vcpu, (kind + 1) % NR_KINDS, AT(page)));
			EXPECT_TAKEN(want, self->log);
		}
	}
	/* Over the end of a page, which for KVM are two accesses. */
	EXPECT_EQ(0, guest_write(vcpu, AT(0x133) - 4, ~0ULL));
	EXPECT_TAKEN("132+2", self->log);
	EXPECT_EQ(0, guest_write_emulated(vcpu, AT(0x133) - 2, ~0U));
	EXPECT_TAKEN("132+2", self->log);
}

TEST_F(log, what_is_read_is_not_dirty)
{
	ASSERT_EQ(0, guest_write_pages(self->vcpu, RAM, RAM_PAGES, 1));
	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, guest_read_pages(self->vcpu, RAM, RAM_PAGES));
		EXPECT_EQ(1, guest_read_emulated(self->vcpu, RAM + i * PG));
		EXPECT_TAKEN("", self->log);
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + i * PG, 1));
		EXPECT_EQ(0, guest_read_pages(self->vcpu, RAM, RAM_PAGES));
		EXPECT_STREQ(i == 0 ? "100" : i == 1 ? "101" : "102", log_take(self->log));
	}
}

TEST_F(log, others_write_as_well)
{
	int vat = vat_bound(self->b.as, RIGHTS_RW);

	ASSERT_LE(0, vat);
	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 2 * PG, i));
		EXPECT_EQ(8, as_pwrite(self->b.as, bytes(), 8, RAM + 4 * PG));
		EXPECT_EQ(8, vat_write(vat, VAT_THREAD, RAM + 6 * PG, bytes(), 8));
		EXPECT_EQ(0, as_mark(self->b.as, RAM + 8 * PG, 1));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 6 * PG, i));
		EXPECT_DIRTY("102 104 106 108", self->log);
		EXPECT_TAKEN("102 104 106 108", self->log);
	}
	close(vat);
}

TEST_F(log, opened_before_the_vm_is_bound)
{
	struct vm late;

	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, guest_open(&late, 1));
	ASSERT_EQ(0, kvm_bind(late.fd, self->b.as));
	EXPECT_TAKEN("", self->log);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, guest_write(&late.vcpus[0], RAM + 5 * PG, i));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 7 * PG, i));
		EXPECT_TAKEN("105 107", self->log);
		EXPECT_EQ(0, guest_write(&late.vcpus[0], RAM + 7 * PG, i));
		EXPECT_TAKEN("107", self->log);
	}
	/* And bound again, to the same. */
	EXPECT_EQ(0, guest_write(&late.vcpus[0], RAM + 9 * PG, 1));
	ASSERT_EQ(0, kvm_unbind(late.fd));
	EXPECT_TAKEN("109", self->log);
	ASSERT_EQ(0, kvm_bind(late.fd, self->b.as));
	EXPECT_EQ(0, guest_write(&late.vcpus[0], RAM + 9 * PG, 2));
	EXPECT_TAKEN("109", self->log);
	EXPECT_EQ(0, guest_write(&late.vcpus[0], RAM + 11 * PG, 2));
	vm_close(&late);
	EXPECT_TAKEN("10b", self->log);
}

TEST_F(log, two_logs)
{
	int second;

	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM, 1));
	second = log_open(self->b.as);
	ASSERT_LE(0, second);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + PG, 1));
	EXPECT_TAKEN("100+2", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 2 * PG, 1));
	EXPECT_EQ(0, guest_write(self->vcpu, RAM, 1));
	EXPECT_TAKEN("100+3", second);
	EXPECT_TAKEN("100 102", self->log);
	close(second);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM, 1));
	EXPECT_TAKEN("100", self->log);
}

/* The end of logging comes later than the close of the last log: at once, or not. */
TEST_F(log, closed_and_opened_again)
{
	for (int i = 0; i < 40; i++) {
		int log = log_open(self->b.as);

		ASSERT_LE(0, log);
		EXPECT_TAKEN("", log);
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + i * PG, i));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 63 * PG, i));
		EXPECT_STREQ("13f", log_text(log, 0, RAM + 63 * PG, TOP));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 63 * PG, i));
		EXPECT_STREQ("13f", log_text(log, 0, RAM + 63 * PG, TOP));
		EXPECT_STRNE("", log_take(log));
		close(log);
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 63 * PG, i));
		nap(i % 4 * 20000);
	}
}

/* Only what was harvested is armed again, and all of it is. */
TEST_F(log, harvests_of_a_part)
{
	struct virt_as_extent found[4];
	struct virt_as_harvest h;

	self->log = log_open(self->b.as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, guest_write_pages(self->vcpu, RAM, RAM_PAGES, i));
		EXPECT_STREQ("110+5", log_text(self->log, 0, AT(0x110), AT(0x115) - 1));
		EXPECT_EQ(0, guest_write(self->vcpu, AT(0x112), i));
		EXPECT_DIRTY("100+16 112 115+43", self->log);
		h = log_range(0, TOP, 0);
		h.max_pages = 20;
		ASSERT_EQ(0, log_harvest(self->log, &h, found, 4));
		EXPECT_EQ(20, h.out_pages);
		EXPECT_EQ(1, h.out_more);
		EXPECT_EQ(0, guest_write(self->vcpu, AT(0x100), i));
		EXPECT_TAKEN("100 118+40", self->log);
		EXPECT_TAKEN("", self->log);
		EXPECT_EQ(0, guest_write(self->vcpu, AT(0x101), i));
		EXPECT_DIRTY("101", self->log);
		EXPECT_EQ(0, log_clear(self->log, AT(0x101), PG));
		EXPECT_EQ(0, guest_write(self->vcpu, AT(0x101), i));
		EXPECT_TAKEN("101", self->log);
	}
}

static int add(struct bound *b, struct virt_as_entry e)
{
	return as_change(b->as, &e, 1);
}

TEST_F(log, added_while_logging)
{
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	/* What comes is dirty ... */
	ASSERT_EQ(0, add(b, as_ram(NEW, 8 * PG, b->spare)));
	EXPECT_TAKEN("9000+8", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, NEW + 3 * PG, 1));
	EXPECT_TAKEN("9003", self->log);
	/* ... unless it is said to be clean; and then it hears all the more. */
	ASSERT_EQ(0, add(b, clean(as_ram(FAR, 8 * PG, b->spare + 8 * PG))));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, FAR + 5 * PG, 1));
	EXPECT_EQ(0, guest_write_emulated(self->vcpu, FAR + 7 * PG, 1));
	EXPECT_TAKEN("140005 140007", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, FAR + 5 * PG, 2));
	EXPECT_EQ(0, guest_write(self->vcpu, NEW + 3 * PG, 2));
	EXPECT_TAKEN("9003 140005", self->log);
	/* The rest has not noticed. */
	EXPECT_EQ(0, guest_write(self->vcpu, RAM, 2));
	EXPECT_TAKEN("100", self->log);
}

TEST_F(log, what_leaves_is_handed_over)
{
	struct virt_as_entry gone = as_remove(RAM, RAM_PAGES * PG);
	struct virt_as_extent found[8];
	struct virt_as_commit reply;
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + i * PG, i));
		EXPECT_EQ(0, guest_write_emulated(self->vcpu, RAM + 60 * PG, i));
		EXPECT_TRUE(i % 2 == 0 || !strcmp(log_peek(self->log),
						  i == 1 ? "101 13c" : "103 13c"));
		ASSERT_EQ(0, as_handover(b->as, 0, &gone, 1, self->log, found, 8, &reply));
		ASSERT_EQ(2, reply.out_nr_extents);
		EXPECT_EQ(RAM + i * PG, found[0].gpa);
		EXPECT_EQ(RAM + 60 * PG, found[1].gpa);
		EXPECT_EQ(2 * PG, found[0].len + found[1].len);
		EXPECT_TAKEN("", self->log);
		EXPECT_EQ(-ENXIO, guest_write(self->vcpu, RAM, i));
		ASSERT_EQ(0, add(b, clean(as_ram(RAM, RAM_PAGES * PG, b->mem))));
		EXPECT_TAKEN("", self->log);
	}
	/* Or it stays in the log. */
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 9 * PG, 1));
	ASSERT_EQ(0, as_change(b->as, &gone, 1));
	EXPECT_TAKEN("109", self->log);
}

TEST_F(log, other_permissions)
{
	static const char * const first[] = { "100", "101", "102", "103", "104" };
	struct virt_as_entry protect = as_protect(RAM, RAM_PAGES * PG, RO);
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + i * PG, i));
		protect.perms = RO;
		ASSERT_EQ(0, as_change(b->as, &protect, 1));
		EXPECT_EQ(-ENXIO, guest_write(self->vcpu, RAM + 20 * PG, i));
		EXPECT_EQ(-ENXIO, guest_write_emulated(self->vcpu, RAM + 21 * PG, i));
		protect.perms = RW;
		ASSERT_EQ(0, as_change(b->as, &protect, 1));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 30 * PG, i));
		EXPECT_STREQ("11e", log_text(self->log, 0, AT(0x110), TOP));
		EXPECT_STREQ(first[i], log_take(self->log));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 30 * PG, i));
		EXPECT_TAKEN("11e", self->log);
	}
}

TEST_F(log, moved_and_backed_anew)
{
	struct virt_as_entry move = as_move(RAM, RAM_PAGES * PG, NEW), list[2];
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 2 * PG, 1));
	ASSERT_EQ(0, as_change(b->as, &move, 1));
	EXPECT_TAKEN("102 9000+64", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, NEW + 2 * PG, 1));
	EXPECT_TAKEN("9002", self->log);
	for (int i = 0; i < 4; i++) {
		list[0] = as_remove(NEW, RAM_PAGES * PG);
		list[1] = clean(as_ram(NEW, RAM_PAGES * PG, i & 1 ? b->mem : b->spare));
		EXPECT_EQ(0, guest_write(self->vcpu, NEW + 4 * PG, 1));
		ASSERT_EQ(0, as_change(b->as, list, 2));
		EXPECT_EQ(0, guest_write(self->vcpu, NEW + 5 * PG, 1));
		EXPECT_TAKEN("9004+2", self->log);
		EXPECT_EQ(0, guest_write(self->vcpu, NEW + 5 * PG, 1));
		EXPECT_TAKEN("9005", self->log);
	}
}

TEST_F(log, aliases)
{
	struct bound *b = &self->b;

	ASSERT_EQ(0, add(b, as_add(FAR, 8 * PG, b->mem + 2 * PG, VIRT_AS_TYPE_RAM, RO)));
	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 4 * PG, 1));
	EXPECT_TAKEN("104 140002", self->log);
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 4 * PG, 2));
	EXPECT_STREQ("140002", log_text(self->log, 0, FAR, TOP));
	EXPECT_EQ(0, guest_write(self->vcpu, RAM + 4 * PG, 3));
	EXPECT_TAKEN("104 140002", self->log);
}

/* What the processor, or KVM in its place, writes into the guest's page tables. */
TEST_F(log, page_tables)
{
	struct bound *b = &self->b;
	__u64 *pml4 = word_of(b->mem, 0), *pdpt = word_of(b->mem, 1);
	struct kvm_sregs sregs;

	ASSERT_EQ(0, add(b, as_ram(FAR, PG, b->spare)));
	memcpy(pdpt, b->sys + PDPT_GPA, PG);
	pml4[0] = AT(0x101) | 0x23;
	ASSERT_EQ(0, as_ioctl(self->vcpu->fd, KVM_GET_SREGS, &sregs));
	sregs.cr3 = RAM;
	ASSERT_EQ(0, as_ioctl(self->vcpu->fd, KVM_SET_SREGS, &sregs));
	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	for (int i = 0; i < 6; i++) {
		const char *dirty;

		/* Neither accessed nor dirty; the 5th is used by KVM alone. */
		pdpt[0] = 0x83;
		pdpt[5] = 5ULL << 30 | 0x83;
		ASSERT_EQ(0, as_ioctl(self->vcpu->fd, KVM_SET_SREGS, &sregs));
		EXPECT_EQ(0, i & 1 ? guest_write_emulated(self->vcpu, FAR, i) :
				     guest_write(self->vcpu, RAM + 9 * PG, i));
		EXPECT_EQ(i & 1 ? 0xe3 : 0x83, pdpt[5] & 0xff);
		EXPECT_NE(0x83, pdpt[0]);
		dirty = log_text(self->log, 0, AT(0x101), AT(0x102) - 1);
		EXPECT_STREQ("101", dirty);
		EXPECT_STREQ(i & 1 ? "140000" : "109",
			     log_text(self->log, 0, AT(0x102), TOP));
		log_take(self->log);
	}
}

#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_CLOCK	0x4b564d01
#define MSR_STEAL_TIME	0x4b564d03

/* Clocks and stolen time, which KVM writes when it likes: also after a commit. */
TEST_F(log, paravirtual)
{
	struct bound *b = &self->b;
	struct virt_as_entry list[2] = { as_remove(RAM, RAM_PAGES * PG) };
	static unsigned char was[4096];

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, guest_wrmsr(self->vcpu, MSR_WALL_CLOCK, RAM));
	EXPECT_TAKEN("100", self->log);
	ASSERT_EQ(0, guest_wrmsr(self->vcpu, MSR_CLOCK, (RAM + 2 * PG) | 1));
	EXPECT_TAKEN("102", self->log);
	ASSERT_EQ(0, guest_wrmsr(self->vcpu, MSR_STEAL_TIME, (RAM + 4 * PG) | 1));
	EXPECT_TAKEN("104", self->log);
	for (int i = 0; i < 10; i++) {
		unsigned char *mem = i & 1 ? b->mem : b->spare;
		unsigned char *old = i & 1 ? b->spare : b->mem;
		struct kvm_clock_data clock = { .clock = 1000000000ULL * i };

		list[1] = clean(as_ram(RAM, RAM_PAGES * PG, mem));
		memset(mem + 2 * PG, 0, 3 * PG);
		ASSERT_EQ(0, as_change(b->as, list, 2));
		log_take(self->log);
		memcpy(was, old + 4 * PG, PG);
		memset(old + 2 * PG, 0, PG);
		ASSERT_EQ(0, as_ioctl(b->vm.fd, KVM_SET_CLOCK, &clock));
		EXPECT_EQ(0, guest_read(self->vcpu, RAM + 9 * PG));
		/* Versions. */
		EXPECT_NE(0, *(__u32 *)(mem + 2 * PG));
		EXPECT_NE(0, *(__u32 *)(mem + 4 * PG + 8));
		EXPECT_EQ(0, *(__u32 *)(old + 2 * PG));
		EXPECT_EQ(0, memcmp(was, old + 4 * PG, PG));
		EXPECT_STREQ("102 104", log_text(self->log, 0, RAM, RAM + 5 * PG - 1));
		EXPECT_EQ(0, guest_read(self->vcpu, RAM + 9 * PG));
		EXPECT_STREQ("104", log_text(self->log, 0, RAM, RAM + 5 * PG - 1));
	}
	/* With no memory there, nothing is written, and nothing breaks. */
	ASSERT_EQ(0, as_change(b->as, list, 1));
	log_take(self->log);
	EXPECT_EQ(-ENXIO, guest_read(self->vcpu, RAM));
	EXPECT_TAKEN("", self->log);
}

TEST_HARNESS_MAIN
