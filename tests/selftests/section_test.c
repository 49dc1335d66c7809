// SPDX-License-Identifier: GPL-2.0-only
/*
 * A section that a kernel thread holds open over many calls: what it sees, and
 * who waits for it.
 */
#include "consumer.h"

FIXTURE(section)
{
	int as;
	int vat;
	unsigned char *mem[2];
	struct virt_as_entry map[2];
};

static void on_signal(int signal)
{
	(void)signal;
}

FIXTURE_SETUP(section)
{
	struct sigaction action = { .sa_handler = on_signal };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	for (int i = 0; i < 2; i++) {
		self->mem[i] = guest_alloc(PG);
		memset(self->mem[i], '0' + i, PG);
		self->map[i] = as_ram(0, PG, self->mem[i]);
	}
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, &self->map[0], 1));
	self->vat = vat_bound(self->as, RIGHTS_RW);
	ASSERT_LE(0, self->vat);
}

FIXTURE_TEARDOWN(section)
{
	close(self->vat);
	/* A thread that was busy a moment ago unbinds by itself. */
	EXPECT_TRUE(EVENTUALLY(!as_bindings(self->as)));
	close(self->as);
}

static long begin(int vat)
{
	struct vat_op op = VAT_BEGIN;

	return vat_one(vat, VAT_THREAD, &op);
}

static long end(int vat)
{
	struct vat_op op = VAT_END;

	return vat_one(vat, VAT_THREAD, &op);
}

/* The byte at gpa 0 as the open section has it. */
static long peek(int vat)
{
	unsigned char byte;
	struct vat_op op = vat_op(VAT_OP_COPY_FROM, 0, &byte, 1);
	long rc = vat_one(vat, VAT_THREAD, &op);

	return rc == 1 ? byte : rc;
}

static __u64 generation(int vat)
{
	struct vat_op op = vat_op(VAT_OP_GENERATION, 0, NULL, 0);

	return vat_one(vat, VAT_THREAD, &op) ? 0 : op.value;
}

TEST_F_TIMEOUT(section, commit_waits, 60)
{
	struct call commit = {
		.as = self->as, .flags = VIRT_AS_COMMIT_REPLACE,
		.entries = &self->map[1], .nr_entries = 1,
	};

	ASSERT_EQ(0, begin(self->vat));
	EXPECT_EQ('0', peek(self->vat));
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(EVENTUALLY(as_generation(self->as) == 3));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ('0', peek(self->vat));
	EXPECT_EQ(2, generation(self->vat));
	EXPECT_EQ('1', as_peek(self->as, 0));
	EXPECT_TRUE(as_drains(self->as));
	EXPECT_EQ(0, as_poll(self->as, POLLOUT, 100));

	ASSERT_EQ(0, end(self->vat));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(3, commit.reply.out_generation);
	EXPECT_FALSE(as_drains(self->as));
	EXPECT_EQ(POLLOUT, as_poll(self->as, POLLOUT, HANG_MS));
	ASSERT_EQ(0, begin(self->vat));
	EXPECT_EQ('1', peek(self->vat));
	EXPECT_EQ(3, generation(self->vat));
	ASSERT_EQ(0, end(self->vat));
}

TEST_F_TIMEOUT(section, nowait_does_not_wait, 60)
{
	const __u32 flags = VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT;
	struct virt_as_commit reply;

	ASSERT_EQ(0, begin(self->vat));
	EXPECT_EQ(0, as_commit(self->as, flags, 0, &self->map[1], 1, &reply));
	EXPECT_EQ(3, reply.out_generation);
	EXPECT_EQ('0', peek(self->vat));
	EXPECT_EQ('1', as_peek(self->as, 0));
	for (int i = 0; i < 10; i++)
		EXPECT_REFUSED(EAGAIN, VIRT_AS_NO_INDEX, self->as, flags, 0,
			       &self->map[0], 1);
	EXPECT_EQ(0, as_poll(self->as, POLLOUT, 0));
	ASSERT_EQ(0, end(self->vat));
	EXPECT_EQ(POLLOUT, as_poll(self->as, POLLOUT, HANG_MS));
	EXPECT_EQ(0, as_commit(self->as, flags, 0, &self->map[0], 1, &reply));
	EXPECT_EQ(4, reply.out_generation);
}

/* Sections of a later map do not keep an earlier one from being drained. */
TEST_F_TIMEOUT(section, only_old_sections_count, 60)
{
	int other = vat_bound(self->as, RIGHTS_RW);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, begin(self->vat));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, &self->map[1], 1, NULL));
	ASSERT_EQ(0, end(self->vat));
	EXPECT_EQ(POLLOUT, as_poll(self->as, POLLOUT, HANG_MS));
	ASSERT_EQ(0, begin(other));
	EXPECT_EQ('1', peek(other));
	EXPECT_FALSE(as_drains(self->as));
	ASSERT_EQ(0, end(other));
	close(other);
}

/* Nobody stalls a stranger. */
TEST_F_TIMEOUT(section, drain_is_of_one_space, 60)
{
	int as = as_create();

	ASSERT_LE(0, as);
	ASSERT_EQ(0, begin(self->vat));
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(0, as_replace(as, &self->map[i & 1], 1));
	EXPECT_FALSE(as_drains(as));
	ASSERT_EQ(0, end(self->vat));
	close(as);
}

/* More stuck drains than there are quick ones: slower for a stranger, no more. */
TEST_F_TIMEOUT(section, drains_of_many_spaces, 60)
{
	enum { SPACES = 20 };
	int as[SPACES], vat[SPACES];

	for (int i = 0; i < SPACES; i++) {
		as[i] = as_create();
		ASSERT_LE(0, as[i]);
		vat[i] = vat_bound(as[i], RIGHTS_RW);
		ASSERT_LE(0, vat[i]);
		ASSERT_EQ(0, begin(vat[i]));
		ASSERT_EQ(0, as_commit(as[i], VIRT_AS_COMMIT_REPLACE |
				       VIRT_AS_COMMIT_NOWAIT, 0, self->map, 1,
				       NULL));
	}
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(0, as_replace(self->as, &self->map[i & 1], 1));
	for (int i = 0; i < SPACES; i++) {
		EXPECT_TRUE(as_drains(as[i]));
		ASSERT_EQ(0, end(vat[i]));
	}
	for (int i = 0; i < SPACES; i++) {
		EXPECT_EQ(POLLOUT, as_poll(as[i], POLLOUT, HANG_MS));
		close(vat[i]);
		close(as[i]);
	}
}

TEST_F_TIMEOUT(section, interrupted_commits, 60)
{
	struct call commit = {
		.as = self->as, .flags = VIRT_AS_COMMIT_REPLACE,
		.entries = &self->map[1], .nr_entries = 1,
	};

	ASSERT_EQ(0, begin(self->vat));
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(3, commit.reply.out_generation);
	EXPECT_EQ(3, as_generation(self->as));

	/* The next one has not even begun. */
	commit.entries = &self->map[0];
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(0, commit.reply.out_generation);
	EXPECT_EQ(3, as_generation(self->as));
	EXPECT_EQ('1', as_peek(self->as, 0));
	EXPECT_EQ('0', peek(self->vat));
	ASSERT_EQ(0, end(self->vat));
	EXPECT_EQ(0, as_replace(self->as, &self->map[0], 1));
	EXPECT_EQ(4, as_generation(self->as));
}

/* The file of the consumer is closed while its thread has a section open. */
TEST_F_TIMEOUT(section, closed_with_a_section_open, 60)
{
	long refs = module_refs(TEST_MODULE);

	for (int i = 0; i < 50; i++) {
		int vat = vat_bound(self->as, RIGHTS_RW);

		ASSERT_LE(0, vat);
		ASSERT_EQ(0, begin(vat));
		close(vat);
	}
	EXPECT_EQ(1, as_bindings(self->as));
	EXPECT_EQ(0, as_replace(self->as, &self->map[1], 1));
	EXPECT_TRUE(EVENTUALLY(module_refs(TEST_MODULE) == refs));
}

/* Closing the address space itself does not matter to a section. */
TEST_F_TIMEOUT(section, outlives_the_file, 60)
{
	ASSERT_EQ(0, begin(self->vat));
	close(self->as);
	EXPECT_EQ('0', peek(self->vat));
	ASSERT_EQ(0, end(self->vat));
	ASSERT_EQ(0, begin(self->vat));
	EXPECT_EQ('0', peek(self->vat));
	ASSERT_EQ(0, end(self->vat));
	EXPECT_EQ(0, vat_unbind(self->vat));
	self->as = as_create();
}

TEST_HARNESS_MAIN
