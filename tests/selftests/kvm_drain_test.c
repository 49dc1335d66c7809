// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU sleeps in a page fault that user space has not served yet. It goes on using
 * the old map, so a commit is not over; but whoever need not wait for it does not.
 */
#include "kvm_bound.h"
#include "uffd.h"

#define HOLE_PAGES	16
#define MISSING		AT(0x9000)	/* memory that the test gives */

/* How the first vCPU comes to sleep. */
enum how {
	READS,
	WRITES,
	READS_EMULATED,	/* KVM sleeps, in a copy from user memory */
	WRITES_EMULATED,
	EXECUTES,
};

FIXTURE(drain)
{
	struct bound b;
	unsigned char *missing;
	int uffd;
	struct met met;
	struct virt_as_entry to_spare[2];
};

FIXTURE_VARIANT(drain)
{
	enum how how;
};

FIXTURE_VARIANT_ADD(drain, reads) { .how = READS };
FIXTURE_VARIANT_ADD(drain, writes) { .how = WRITES };
FIXTURE_VARIANT_ADD(drain, reads_emulated) { .how = READS_EMULATED };
FIXTURE_VARIANT_ADD(drain, writes_emulated) { .how = WRITES_EMULATED };
FIXTURE_VARIANT_ADD(drain, executes) { .how = EXECUTES };

static int start(struct _test_data_drain *self, enum how how)
{
	static const char * const ops[] = {
		[READS] = op_read, [WRITES] = op_write, [READS_EMULATED] = op_outs,
		[WRITES_EMULATED] = op_movs, [EXECUTES] = op_call,
	};
	bool write = how == WRITES || how == WRITES_EMULATED;
	struct vcpu *vcpu = self->b.vcpu;
	int err;

	self->met = (struct met) { .give = 99 };
	err = guest_set(vcpu, ops[how], write ? MMIO_GPA : MISSING, write ? MISSING : 0,
			99, 0, &self->met);
	return err ? err : vcpu_start(vcpu);
}

/* When it is over, the first vCPU sleeps. */
FIXTURE_SETUP(drain)
{
	struct bound *b = &self->b;
	struct virt_as_entry e;

	ASSERT_STREQ("", bound_open(b, 2));
	*word_of(b->mem, 0) = 1000;
	*word_of(b->spare, 0) = 2000;
	self->missing = guest_alloc(HOLE_PAGES * PG);
	self->uffd = uffd_watch(self->missing, HOLE_PAGES * PG);
	ASSERT_LE(0, self->uffd);
	e = as_ram(MISSING, HOLE_PAGES * PG, self->missing);
	ASSERT_EQ(0, as_change(b->as, &e, 1));
	self->to_spare[0] = as_remove(RAM, RAM_PAGES * PG);
	self->to_spare[1] = as_ram(RAM, RAM_PAGES * PG, b->spare);
	/* The other vCPU has all mapped that it will need. */
	ASSERT_EQ(1000, guest_read(&b->vm.vcpus[1], RAM));
	ASSERT_EQ(0, start(self, variant->how));
	ASSERT_EQ(self->missing, uffd_fault(self->uffd));
}

FIXTURE_TEARDOWN(drain)
{
	vm_close(&self->b.vm);
	EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
	close(self->uffd);
}

/* Serves the page, a function that returns 1234, and looks at what the vCPU did. */
static const char *serve(struct _test_data_drain *self, enum how how)
{
	static unsigned char page[4096];
	struct kvm_regs regs;

	put_stub(page, 1234);
	if (uffd_serve(self->uffd, self->missing, page, PG))
		return "the page cannot be given";
	if (vcpu_join(self->b.vcpu))
		return "the vCPU does not end";
	if (as_ioctl(self->b.vcpu->fd, KVM_GET_REGS, &regs))
		return "no registers";
	if (how == READS && regs.rax != *(__u64 *)page)
		return "it has read something else";
	if (how == READS_EMULATED && (__u32)self->met.value != *(__u32 *)page)
		return "KVM has read something else";
	if (how == EXECUTES && (__u32)regs.rax != 1234)
		return "it has executed something else";
	if ((how == WRITES || how == WRITES_EMULATED) &&
	    *(__u32 *)self->missing != 99)
		return "it has not written";
	return self->met.mmio == (how == WRITES_EMULATED) ? "" : "exits";
}

/* The commit returns, and is in force, but not over. */
TEST_F(drain, nowait)
{
	struct bound *b = &self->b;
	__u64 generation = as_generation(b->as);
	struct virt_as_commit reply;
	struct virt_as_info info;

	ASSERT_EQ(0, as_commit(b->as, VIRT_AS_COMMIT_NOWAIT, 0, self->to_spare, 2,
			       &reply));
	EXPECT_EQ(generation + 1, reply.out_generation);
	ASSERT_EQ(0, as_info(b->as, &info));
	EXPECT_EQ(generation + 1, info.out_generation);
	EXPECT_EQ(generation, info.out_drained_generation);
	EXPECT_EQ(0, as_poll(b->as, POLLOUT, 0));
	EXPECT_EQ(2000, guest_read(&b->vm.vcpus[1], RAM));
	EXPECT_EQ(2000, guest_read_emulated(&b->vm.vcpus[1], RAM));
	/* Who does not wait is told, and nothing has changed. */
	EXPECT_EQ(-EAGAIN, as_commit(b->as, VIRT_AS_COMMIT_NOWAIT, 0, NULL, 0, &reply));
	EXPECT_EQ(generation + 1, reply.out_generation);
	EXPECT_EQ(generation + 1, as_generation(b->as));
	EXPECT_TRUE(as_drains(b->as));
	EXPECT_FALSE(vcpu_done(b->vcpu));

	EXPECT_STREQ("", serve(self, variant->how));
	EXPECT_EQ(POLLOUT, as_poll(b->as, POLLOUT, HANG_MS));
	ASSERT_EQ(0, as_info(b->as, &info));
	EXPECT_EQ(generation + 1, info.out_drained_generation);
	EXPECT_EQ(0, as_change(b->as, NULL, 0));
}

TEST_F(drain, wait)
{
	struct bound *b = &self->b;
	struct call commit = { .as = b->as, .entries = self->to_spare, .nr_entries = 2 };

	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(2000, guest_read(&b->vm.vcpus[1], RAM));
	EXPECT_FALSE(call_done(&commit));
	EXPECT_STREQ("", serve(self, variant->how));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_FALSE(as_drains(b->as));
}

/* What was interrupted is in force, if it came that far. */
TEST_F(drain, interrupted)
{
	struct bound *b = &self->b;
	struct call commit = { .as = b->as, .entries = self->to_spare, .nr_entries = 2 };
	__u64 generation = as_generation(b->as);

	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(generation + 1, commit.reply.out_generation);
	EXPECT_EQ(2000, guest_read(&b->vm.vcpus[1], RAM));
	commit.nr_entries = 0;
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(0, commit.reply.out_generation);
	EXPECT_EQ(generation + 1, as_generation(b->as));
	EXPECT_STREQ("", serve(self, variant->how));
	EXPECT_EQ(0, as_change(b->as, NULL, 0));
}

/* The region in which it sleeps goes; then it has another memory, or none. */
TEST_F(drain, its_own_region)
{
	struct bound *b = &self->b;
	struct virt_as_entry list[2] = {
		as_remove(MISSING, HOLE_PAGES * PG),
		as_ram(MISSING, HOLE_PAGES * PG, b->spare),
	};
	static unsigned char page[4096];
	struct kvm_regs regs;
	__u32 was;

	put_stub(b->spare, 4321);
	memcpy(&was, b->spare, 4);
	ASSERT_EQ(0, as_commit(b->as, VIRT_AS_COMMIT_NOWAIT, 0, list, 2, NULL));
	EXPECT_TRUE(as_drains(b->as));
	put_stub(page, 1234);
	ASSERT_EQ(0, uffd_serve(self->uffd, self->missing, page, PG));
	ASSERT_EQ(0, vcpu_join(b->vcpu));
	ASSERT_EQ(0, as_ioctl(b->vcpu->fd, KVM_GET_REGS, &regs));
	EXPECT_TRUE(EVENTUALLY(!as_drains(b->as)));
	switch (variant->how) {
	case READS:
		/* The fault has found out that it was stale. */
		EXPECT_EQ(was, (__u32)regs.rax);
		break;
	case EXECUTES:
		EXPECT_EQ(4321, regs.rax);
		break;
	case WRITES:
		EXPECT_EQ(99, *(__u32 *)b->spare);
		EXPECT_EQ(0, memcmp(page, self->missing, PG));
		break;
	case READS_EMULATED:
		/* KVM was in the middle of it. */
		EXPECT_EQ(*(__u32 *)page, (__u32)self->met.value);
		break;
	case WRITES_EMULATED:
		EXPECT_EQ(99, *(__u32 *)self->missing);
		EXPECT_EQ(was, *(__u32 *)b->spare);
		break;
	}
}

/* A signal ends the fault of a guest's access, and then the drain is over. */
TEST_F(drain, vcpu_is_stopped)
{
	struct bound *b = &self->b;

	ASSERT_EQ(0, as_commit(b->as, VIRT_AS_COMMIT_NOWAIT, 0, self->to_spare, 2, NULL));
	EXPECT_TRUE(as_drains(b->as));
	if (variant->how == READS_EMULATED || variant->how == WRITES_EMULATED) {
		/* That of KVM's own access it does not end. */
		vcpu_kick(b->vcpu);
		EXPECT_TRUE(as_drains(b->as));
		b->vcpu->run->immediate_exit = 0;
		EXPECT_STREQ("", serve(self, variant->how));
	} else {
		EXPECT_EQ(-EINTR, vcpu_stop(b->vcpu));
	}
	EXPECT_TRUE(EVENTUALLY(!as_drains(b->as)));
	EXPECT_EQ(0, as_change(b->as, NULL, 0));
}

/* A log is opened and harvested all the same; and what the vCPU writes in the end is in it. */
TEST_F(drain, log)
{
	struct bound *b = &self->b;
	int log = log_open(b->as);
	bool writes = variant->how == WRITES || variant->how == WRITES_EMULATED;

	ASSERT_LE(0, log);
	EXPECT_EQ(0, guest_write(&b->vm.vcpus[1], RAM + 3 * PG, 1));
	EXPECT_TAKEN("103", log);
	EXPECT_EQ(0, guest_write(&b->vm.vcpus[1], RAM + 3 * PG, 2));
	EXPECT_STREQ("103", log_text(log, VIRT_AS_HARVEST_SYNC, 0, TOP));
	EXPECT_FALSE(vcpu_done(b->vcpu));
	EXPECT_STREQ("", serve(self, variant->how));
	if (writes)
		EXPECT_TAKEN("9000", log);
	close(log);
}

/* A new map, a log, and the fault: all at the same time. */
TEST_F(drain, log_while_draining)
{
	struct bound *b = &self->b;
	bool writes = variant->how == WRITES || variant->how == WRITES_EMULATED;
	struct log_call open = { .fd = b->as };
	int log;

	ASSERT_EQ(0, as_commit(b->as, VIRT_AS_COMMIT_NOWAIT, 0, self->to_spare, 2, NULL));
	ASSERT_EQ(0, call_start(&open.call, call_log));
	EXPECT_EQ(2000, guest_read(&b->vm.vcpus[1], RAM));
	EXPECT_STREQ("", serve(self, variant->how));
	log = call_join(&open.call);
	ASSERT_LE(0, log);
	if (writes && !*log_peek(log)) {
		/* It may have been written before the log was open. */
		EXPECT_EQ(0, guest_write(b->vcpu, MISSING, 5));
	}
	if (writes)
		EXPECT_TAKEN("9000", log);
	EXPECT_EQ(0, guest_write(b->vcpu, RAM, 5));
	EXPECT_STREQ("100", log_text(log, 0, RAM, RAM + PG - 1));
	close(log);
}

static void *call_kvm_unbind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, kvm_unbind(call->vat));
	return NULL;
}

/* UNBIND leaves nothing behind, so it waits. */
TEST_F(drain, unbind)
{
	struct bound *b = &self->b;
	struct call unbind = { .vat = b->vm.fd };

	ASSERT_EQ(0, call_start(&unbind, call_kvm_unbind));
	EXPECT_TRUE(call_waits(&unbind));
	/* A page that is there, but is not the guest's any more: its fault ends nowhere. */
	ASSERT_EQ(0, uffd_serve(self->uffd, self->missing, self->b.spare, PG));
	EXPECT_EQ(0, call_join(&unbind));
	EXPECT_EQ(0, as_bindings(b->as));
	vcpu_stop(b->vcpu);
	EXPECT_EQ(0, as_change(b->as, NULL, 0));
}

TEST_HARNESS_MAIN
