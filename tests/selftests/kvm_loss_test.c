// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing that a running guest writes is lost where logging, or the memory, begins or
 * ends; with small pages, and with huge ones, which KVM has to split, at once or when
 * they are written.
 *
 * A copy of memory is kept by nothing but what a log reports. Whatever is another than
 * in the copy when the guest is out, and the last report is in, was lost.
 */
#include "effort.h"
#include "kvm_bound.h"

#define HUGE_PG		(2ULL << 20)
#define AREA		0x40000000ULL
#define MAX_PAGES	1024
#define EAGER		"/sys/module/kvm/parameters/eager_page_split"

FIXTURE(loss)
{
	struct bound b;
	struct vcpu *vcpu;
	struct met met;
	unsigned char *mem;	/* of the area */
	__u64 pages;
	unsigned char *copy;
	int log;
	__u64 lost, changed, reported, harvests;
};

FIXTURE_VARIANT(loss)
{
	__u64 pages;
	bool huge;
	const char *eager;
	unsigned long few, usual, many;
};

FIXTURE_VARIANT_ADD(loss, small_pages) {
	.pages = 64, .eager = "Y", .few = 20, .usual = 100, .many = 2000,
};

FIXTURE_VARIANT_ADD(loss, huge_pages) {
	.pages = MAX_PAGES, .huge = true, .eager = "Y",
	.few = 4, .usual = 20, .many = 200,
};

FIXTURE_VARIANT_ADD(loss, huge_pages_split_late) {
	.pages = MAX_PAGES, .huge = true, .eager = "N",
	.few = 4, .usual = 20, .many = 200,
};

/* Aligned to what a huge page takes, and made of some if that is wanted. */
static unsigned char *area_alloc(__u64 pages, bool huge)
{
	unsigned char *mem = guest_alloc(MAX_PAGES * PG + HUGE_PG);

	if (!mem)
		return NULL;
	mem += -(uintptr_t)mem % HUGE_PG;
	if (madvise(mem, MAX_PAGES * PG, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return NULL;
	memset(mem, 1, pages * PG);
	return mem;
}

static struct virt_as_entry area(struct _test_data_loss *self)
{
	return as_ram(AREA, self->pages * PG, self->mem);
}

FIXTURE_SETUP(loss)
{
	struct virt_as_entry e;

	ASSERT_EQ(0, put_text(EAGER, variant->eager));
	ASSERT_STREQ("", bound_open(&self->b, 2));
	self->vcpu = self->b.vcpu;
	self->pages = variant->pages;
	self->mem = area_alloc(self->pages, variant->huge);
	self->copy = guest_alloc(self->pages * PG);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->copy);
	self->log = -1;
	e = area(self);
	ASSERT_EQ(0, as_change(self->b.as, &e, 1));
}

FIXTURE_TEARDOWN(loss)
{
	if (self->log >= 0)
		close(self->log);
	vm_close(&self->b.vm);
	EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
	EXPECT_EQ(0, put_text(EAGER, "Y"));
	ksft_print_msg("%llu lost of %llu pages that changed; %llu harvests, %llu pages\n",
		       self->lost, self->changed, self->harvests, self->reported);
}

/* What was reported is as it is now. */
static void update(struct _test_data_loss *self, const struct virt_as_extent *found,
		   __u32 nr)
{
	for (__u32 i = 0; i < nr; i++) {
		__u64 at = found[i].gpa - AREA;

		if (at >= self->pages * PG)
			continue;
		memcpy(self->copy + at, self->mem + at, found[i].len);
		self->reported += found[i].len / PG;
	}
}

static int harvest(struct _test_data_loss *self, __u32 flags)
{
	static struct virt_as_extent found[MAX_PAGES];
	struct virt_as_harvest h = log_range(AREA, AREA + self->pages * PG - 1, flags);
	int err = log_harvest(self->log, &h, found, MAX_PAGES);

	self->harvests++;
	if (!err)
		update(self, found, h.out_nr_extents);
	return err ? err : h.out_more ? -EMSGSIZE : 0;
}

/* Of pages that are another than at the last call. */
static void compare(struct _test_data_loss *self, unsigned char *before)
{
	for (__u64 i = 0; i < self->pages; i++) {
		self->changed += memcmp(before + i * PG, self->mem + i * PG, PG) != 0;
		if (memcmp(self->copy + i * PG, self->mem + i * PG, PG) && !self->lost++)
			ksft_print_msg("the first page that was lost is number %llu\n", i);
	}
}

/* The guest writes all the time, and other numbers than ever before. */
static int scatter(struct _test_data_loss *self, __u64 round)
{
	self->met = (struct met) {};
	return guest_set(self->vcpu, op_scatter, 0, AREA, round << 32, self->pages,
			 &self->met) ?: vcpu_start(self->vcpu);
}

/* Where no log is, KVM may map huge pages: it comes to that some time after the close. */
static bool is_huge_again(struct _test_data_loss *self)
{
	return !guest_write_pages(self->vcpu, AREA, self->pages, 1) &&
	       kvm_stat(self->b.vm.fd, "pages_2m") == MAX_PAGES * PG / HUGE_PG;
}

/* Round by round a log is opened while the guest writes, and closed. */
TEST_F_TIMEOUT(loss, where_a_log_begins, 600)
{
	unsigned long rounds = effort(variant->few, variant->usual, variant->many);
	unsigned char *before = guest_alloc(self->pages * PG);
	long long huge = 0;

	for (unsigned long i = 1; i <= rounds; i++) {
		if (variant->huge && i % 2)
			ASSERT_TRUE(EVENTUALLY(is_huge_again(self)));
		ASSERT_EQ(0, scatter(self, i));
		nap(i * 977 % 5000);
		huge += kvm_stat(self->b.vm.fd, "pages_2m") > 0;
		self->log = log_open(self->b.as);
		ASSERT_LE(0, self->log);
		memcpy(self->copy, self->mem, self->pages * PG);
		memcpy(before, self->copy, self->pages * PG);
		nap(i * 577 % 3000);
		if (i & 1)
			ASSERT_EQ(0, harvest(self, 0));
		nap(i * 1877 % 3000);
		ASSERT_EQ(-EINTR, vcpu_stop(self->vcpu));
		ASSERT_EQ(0, harvest(self, VIRT_AS_HARVEST_SYNC));
		compare(self, before);
		close(self->log);
		self->log = -1;
		EXPECT_EQ(0, self->met.mmio);
	}
	EXPECT_EQ(0, self->lost);
	EXPECT_LE(rounds, self->changed);
	if (variant->huge) {
		ksft_print_msg("%lld of %lu times there were huge pages\n", huge, rounds);
		EXPECT_LE(rounds / 4, huge);
	}
}

/* Round by round the memory comes, clean, and goes, and hands over what is dirty. */
TEST_F_TIMEOUT(loss, where_memory_leaves, 600)
{
	unsigned long rounds = effort(variant->few, variant->usual, variant->many);
	struct virt_as_entry gone = as_remove(AREA, self->pages * PG), come;
	static struct virt_as_extent found[MAX_PAGES];
	unsigned char *before = guest_alloc(self->pages * PG);
	struct virt_as_commit reply;
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, as_change(b->as, &gone, 1));
	come = clean(area(self));
	ASSERT_EQ(0, scatter(self, 1));
	for (unsigned long i = 1; i <= rounds; i++) {
		memcpy(self->copy, self->mem, self->pages * PG);
		memcpy(before, self->copy, self->pages * PG);
		ASSERT_EQ(0, as_change(b->as, &come, 1));
		for (unsigned long j = 0; j < i % 3; j++) {
			nap(i * 577 % 3000);
			ASSERT_EQ(0, harvest(self, 0));
		}
		nap(i * 1877 % 5000);
		ASSERT_EQ(0, as_handover(b->as, 0, &gone, 1, self->log, found, MAX_PAGES,
					 &reply));
		ASSERT_EQ(0, reply.out_more);
		update(self, found, reply.out_nr_extents);
		compare(self, before);
	}
	EXPECT_EQ(-EINTR, vcpu_stop(self->vcpu));
	EXPECT_EQ(0, self->lost);
	EXPECT_LE(rounds, self->changed);
	/* It was there before and after, and wrote into the void. */
	EXPECT_LE(rounds / 10, self->met.mmio);
}

/* Round by round the VM is bound, writes, and is unbound while it does. */
TEST_F_TIMEOUT(loss, where_a_vm_is_unbound, 600)
{
	unsigned long rounds = effort(variant->few, variant->usual, variant->many);
	unsigned char *before = guest_alloc(self->pages * PG);
	struct bound *b = &self->b;

	self->log = log_open(b->as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, harvest(self, 0));
	for (unsigned long i = 1; i <= rounds; i++) {
		memcpy(self->copy, self->mem, self->pages * PG);
		memcpy(before, self->copy, self->pages * PG);
		ASSERT_EQ(0, scatter(self, i));
		ASSERT_TRUE(EVENTUALLY(word_now(word_of(self->mem, 0)) >> 32 == i));
		nap(i * 577 % 5000);
		if (i & 1)
			ASSERT_EQ(0, harvest(self, 0));
		nap(i * 1877 % 5000);
		ASSERT_EQ(0, kvm_unbind(b->vm.fd));
		ASSERT_EQ(0, harvest(self, i & 2 ? VIRT_AS_HARVEST_SYNC : 0));
		compare(self, before);
		/* Without memory it is at a loss. */
		vcpu_stop(self->vcpu);
		ASSERT_EQ(0, vcpu_revive(self->vcpu));
		ASSERT_EQ(0, kvm_bind(b->vm.fd, b->as));
	}
	EXPECT_EQ(0, self->lost);
	EXPECT_LE(rounds, self->changed);
}

/* A huge page is reported as the small one that was written. */
TEST_F(loss, by_pages_of_4_kib)
{
	int vm = self->b.vm.fd;

	if (!variant->huge)
		return;
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(EVENTUALLY(is_huge_again(self)));
		self->log = log_open(self->b.as);
		ASSERT_LE(0, self->log);
		EXPECT_TAKEN("", self->log);
		EXPECT_EQ(0, guest_read_pages(self->vcpu, AREA, self->pages));
		EXPECT_TAKEN("", self->log);
		EXPECT_EQ(0, guest_write(self->vcpu, AREA + 5 * PG, 1));
		EXPECT_EQ(0, guest_write_emulated(self->vcpu, AREA + 700 * PG, 1));
		EXPECT_TAKEN("40005 402bc", self->log);
		EXPECT_EQ(0, guest_write(self->vcpu, AREA + 6 * PG, 1));
		EXPECT_EQ(0, guest_write(self->vcpu, AREA + 5 * PG, 1));
		EXPECT_TAKEN("40005+2", self->log);
		EXPECT_EQ(0, guest_write_pages(self->vcpu, AREA, self->pages, 3));
		EXPECT_TAKEN("40000+1024", self->log);
		EXPECT_EQ(0, kvm_stat(vm, "pages_2m"));
		close(self->log);
		self->log = -1;
	}
}

TEST_HARNESS_MAIN
