// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest sees of commits of every kind, directly and by what KVM does for it, and
 * what it must not notice of them.
 */
#include "effort.h"
#include "kvm_bound.h"

#define NEW	AT(0x9000)

FIXTURE(commit)
{
	struct bound b;
	struct vcpu *vcpu;
};

FIXTURE_SETUP(commit)
{
	ASSERT_STREQ("", bound_open(&self->b, 2));
	self->vcpu = self->b.vcpu;
	for (__u64 i = 0; i < RAM_PAGES; i++) {
		*word_of(self->b.mem, i) = 1000 + i;
		*word_of(self->b.spare, i) = 2000 + i;
	}
}

FIXTURE_TEARDOWN(commit)
{
	vm_close(&self->b.vm);
	EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
}

static int add(struct bound *b, __u64 gpa, __u64 pages, const void *hva)
{
	struct virt_as_entry e = as_ram(gpa, pages * PG, hva);

	return as_change(b->as, &e, 1);
}

static int drop(struct bound *b, __u64 gpa, __u64 pages)
{
	struct virt_as_entry e = as_remove(gpa, pages * PG);

	return as_change(b->as, &e, 1);
}

/* A vCPU remembers that there is a hole, and where memory is. */
TEST_F(commit, holes)
{
	struct bound *b = &self->b;

	for (int i = 0; i < 50; i++) {
		struct met met = {};

		EXPECT_EQ(-ENXIO, guest_read(self->vcpu, NEW + 8 * i));
		EXPECT_EQ(-ENXIO, guest_read_emulated(self->vcpu, NEW + 8 * i));
		ASSERT_EQ(0, guest_op(self->vcpu, op_write, 0, NEW + 16, 77, 0, &met));
		EXPECT_EQ(1, met.mmio);
		EXPECT_EQ(NEW + 16, met.gpa);
		EXPECT_TRUE(met.wrote);
		EXPECT_EQ(77, met.value);
		ASSERT_EQ(0, add(b, NEW, 1, b->spare + i * PG));
		EXPECT_EQ(2000 + i, guest_read(self->vcpu, NEW));
		EXPECT_EQ(2000 + i, guest_read_emulated(self->vcpu, NEW));
		EXPECT_EQ(0, guest_write(self->vcpu, NEW + 16, 77));
		EXPECT_EQ(77, word_of(b->spare, i)[2]);
		ASSERT_EQ(0, drop(b, NEW, 1));
	}
	/* Also if it is touched for the first time by what KVM does. */
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, add(b, NEW, 1, b->spare + i * PG));
		EXPECT_EQ(2000 + i, guest_read_emulated(self->vcpu, NEW));
		EXPECT_EQ(0, guest_write_emulated(self->vcpu, NEW + 24, i));
		EXPECT_EQ(i, word_of(b->spare, i)[3]);
		ASSERT_EQ(0, drop(b, NEW, 1));
		EXPECT_EQ(-ENXIO, guest_read_emulated(self->vcpu, NEW));
		EXPECT_EQ(-ENXIO, guest_write_emulated(self->vcpu, NEW, 5));
	}
}

TEST_F(commit, permissions)
{
	struct virt_as_entry protect = as_protect(RAM, RAM_PAGES * PG, RO);
	struct bound *b = &self->b;

	for (__u32 i = 0; i < 30; i++) {
		struct met met = {};

		EXPECT_EQ(0, guest_write(self->vcpu, RAM, i));
		EXPECT_EQ(0, guest_write_emulated(self->vcpu, RAM + 8, i));
		EXPECT_EQ(i, word_of(b->mem, 0)[0]);
		EXPECT_EQ(i, word_of(b->mem, 0)[1]);
		protect.perms = RO;
		ASSERT_EQ(0, as_change(b->as, &protect, 1));
		ASSERT_EQ(0, guest_op(self->vcpu, op_write, 0, RAM, 99, 0, &met));
		EXPECT_EQ(1, met.mmio);
		EXPECT_EQ(RAM, met.gpa);
		EXPECT_TRUE(met.wrote);
		EXPECT_EQ(99, met.value);
		EXPECT_EQ(-ENXIO, guest_write_emulated(self->vcpu, RAM + 8, 99));
		EXPECT_EQ(i, guest_read(self->vcpu, RAM));
		EXPECT_EQ(i, guest_read_emulated(self->vcpu, RAM + 8));
		EXPECT_EQ(i, word_of(b->mem, 0)[0]);
		EXPECT_EQ(i, word_of(b->mem, 0)[1]);
		protect.perms = RW;
		ASSERT_EQ(0, as_change(b->as, &protect, 1));
	}
	EXPECT_EQ(0, guest_write_pages(self->vcpu, RAM, RAM_PAGES, 5));
	for (__u64 i = 0; i < RAM_PAGES; i++)
		EXPECT_EQ(5, *word_of(b->mem, i));
}

TEST_F(commit, aliases)
{
	struct bound *b = &self->b;
	const __u64 far = 5ULL << 30, top = GUEST_SPACE - 4 * PG;

	ASSERT_EQ(0, add(b, far, 4, b->mem));
	ASSERT_EQ(0, add(b, top, 4, b->mem));
	EXPECT_EQ(0, guest_write(self->vcpu, RAM, 1));
	EXPECT_EQ(1, guest_read(self->vcpu, far));
	EXPECT_EQ(1, guest_read(self->vcpu, top));
	EXPECT_EQ(0, guest_write(self->vcpu, top, 2));
	EXPECT_EQ(2, guest_read_emulated(self->vcpu, far));
	ASSERT_EQ(0, drop(b, far, 4));
	EXPECT_EQ(-ENXIO, guest_read(self->vcpu, far));
	EXPECT_EQ(2, guest_read(self->vcpu, RAM));
	EXPECT_EQ(2, guest_read(self->vcpu, top));
	EXPECT_EQ(1003, guest_read(self->vcpu, top + 3 * PG));
}

/* A region moves so little that where it was and where it is overlap. */
TEST_F(commit, moves)
{
	struct bound *b = &self->b;
	__u64 at = RAM;

	for (int i = 0; i < 40; i++) {
		__u64 to = i % 4 < 2 ? at + PG : at - PG;
		struct virt_as_entry move = as_move(at, RAM_PAGES * PG, to);

		ASSERT_EQ(0, guest_read_pages(self->vcpu, at, RAM_PAGES));
		ASSERT_EQ(0, as_change(b->as, &move, 1));
		EXPECT_EQ(1000, guest_read(self->vcpu, to));
		EXPECT_EQ(1007, guest_read_emulated(self->vcpu, to + 7 * PG));
		EXPECT_EQ(1000 + RAM_PAGES - 1,
			  guest_read(self->vcpu, to + (RAM_PAGES - 1) * PG));
		EXPECT_EQ(-ENXIO, guest_read(self->vcpu,
					     to > at ? at : at + (RAM_PAGES - 1) * PG));
		at = to;
	}
}

TEST_F(commit, change_places)
{
	struct virt_as_entry list[2] = {
		as_move(RAM, RAM_PAGES * PG, NEW), as_move(NEW, RAM_PAGES * PG, RAM),
	};
	struct bound *b = &self->b;

	ASSERT_EQ(0, add(b, NEW, RAM_PAGES, b->spare));
	for (int i = 0; i < 20; i++) {
		int there = i & 1 ? 2000 : 1000;

		EXPECT_EQ(there, guest_read(self->vcpu, RAM));
		EXPECT_EQ(3000 - there, guest_read(self->vcpu, NEW));
		ASSERT_EQ(0, as_change(b->as, list, 2));
	}
}

/* The same memory as one region, or as many: nothing is another for the guest. */
TEST_F(commit, split_and_join)
{
	struct bound *b = &self->b;
	struct virt_as_entry map[1 + RAM_PAGES];
	struct met met = {};

	map[0] = sys_region(b->sys);
	ASSERT_EQ(0, guest_count(&b->vm.vcpus[1], RAM + 9 * PG, &met));
	for (int i = 0; i < 60; i++) {
		__u64 each = 1ULL << i % 7, nr = RAM_PAGES / each;

		for (__u64 j = 0; j < nr; j++)
			map[1 + j] = as_ram(RAM + j * each * PG, each * PG,
					    b->mem + j * each * PG);
		ASSERT_EQ(0, as_replace(b->as, map, 1 + nr));
		EXPECT_EQ(0, guest_read_pages(self->vcpu, RAM, RAM_PAGES));
		/* Not the page that is being counted in. */
		EXPECT_EQ(1000 + (10 + i) % RAM_PAGES,
			  guest_read(self->vcpu, RAM + (10 + i) % RAM_PAGES * PG));
	}
	EXPECT_EQ(-EINTR, vcpu_stop(&b->vm.vcpus[1]));
	EXPECT_EQ(0, met.mmio);
	EXPECT_LT(60, *word_of(b->mem, 9));
}

static long long faults(const struct vcpu *vcpu)
{
	return kvm_stat(vcpu->fd, "pf_taken");
}

/* What a commit leaves as it is stays mapped; what it gives other memory does not. */
TEST_F(commit, the_rest_stays_mapped)
{
	struct bound *b = &self->b;
	long long stay, changed = 0, before;

	ASSERT_EQ(0, guest_write_pages(self->vcpu, RAM, RAM_PAGES, 1));
	ASSERT_EQ(0, add(b, NEW, 2, b->spare));
	stay = faults(self->vcpu);
	for (int i = 0; i < 50; i++) {
		struct virt_as_entry list[2] = {
			as_remove(NEW, 2 * PG), as_ram(NEW, 2 * PG, b->spare + i * PG),
		};

		ASSERT_EQ(0, as_change(b->as, list, 2));
		EXPECT_EQ(0, guest_write_pages(self->vcpu, RAM, RAM_PAGES, i));
		before = faults(self->vcpu);
		EXPECT_EQ(2000 + i, guest_read(self->vcpu, NEW));
		changed += faults(self->vcpu) - before;
	}
	stay = faults(self->vcpu) - stay - changed;
	ksft_print_msg("%lld faults in %d pages that stayed, %lld in one that did not\n",
		       stay, 50 * RAM_PAGES, changed);
	EXPECT_LE(50, changed);
	/* The machine may take a page away for reasons of its own. */
	EXPECT_GT(RAM_PAGES, stay);
}

static void make_many(struct virt_as_entry *map, __u32 nr, unsigned char *mem)
{
	/* Neighbours in gpa are none in memory, so that none can be joined. */
	for (__u32 i = 0; i < nr; i++)
		map[i] = as_add(AT(0x10000 + i), PG, mem + (__u64)(nr - i) * PG,
				VIRT_AS_TYPE_DEVICE, RW);
}

/* Regions come and go by far more than there are slots. */
TEST_F_TIMEOUT(commit, slots_are_used_again, 400)
{
	const __u32 nr = 1000, rounds = effort(34, 100, 1000);
	unsigned char *mem = guest_alloc(3 * nr * PG);
	struct virt_as_entry *map = calloc(nr + 1, sizeof(*map));
	struct bound *b = &self->b;

	for (__u32 i = 0; i < rounds; i++) {
		unsigned char *at = mem + i % 2 * nr * PG;

		make_many(map, nr - i % 3, at);
		map[nr - i % 3] = sys_region(b->sys);
		ASSERT_EQ(0, as_replace(b->as, map, nr + 1 - i % 3));
		*(__u64 *)(uintptr_t)map[i % 900].hva = i;
		ASSERT_EQ(i, guest_read(self->vcpu, map[i % 900].gpa));
	}
	EXPECT_EQ(1 + rounds, kvm_stat(b->vm.fd, "virt_as_replaces"));
	EXPECT_EQ(-ENXIO, guest_read(self->vcpu, RAM));
}

/* All slots that there are, all of them replaced at once, and one too many. */
TEST_F_TIMEOUT(commit, as_many_as_kvm_has, 600)
{
	struct bound *b = &self->b;
	__u32 nr = as_ioctl(b->vm.kvm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_NR_MEMSLOTS);
	unsigned char *mem = mmap(NULL, 2 * (nr + 2) * PG, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct virt_as_entry *map = calloc(nr + 2, sizeof(*map));
	const int rounds = effort(1, 2, 4);
	int other;

	ASSERT_EQ(32764, nr);
	ASSERT_NE(MAP_FAILED, mem);
	make_many(map + 1, nr, mem);
	map[0] = sys_region(b->sys);
	EXPECT_REFUSED(ENOSPC, VIRT_AS_NO_INDEX, b->as, VIRT_AS_COMMIT_REPLACE, 0, map,
		       nr + 1);
	EXPECT_EQ(1000, guest_read(self->vcpu, RAM));
	for (int i = 0; i < rounds; i++) {
		/* From the second time on all of them go, too. */
		ASSERT_EQ(0, as_replace(b->as, map, nr));
		*(__u64 *)(uintptr_t)map[nr - 1].hva = 4711 + i;
		EXPECT_EQ(4711 + i, guest_read(self->vcpu, map[nr - 1].gpa));
		EXPECT_EQ(-ENXIO, guest_read(self->vcpu, RAM));
		make_many(map + 1, nr, mem + (nr + 2) * PG);
	}
	EXPECT_REFUSED(ENOSPC, VIRT_AS_NO_INDEX, b->as, 0, 0, &map[nr], 1);
	EXPECT_EQ(4710 + rounds, guest_read(self->vcpu, map[nr - 1].gpa));

	/* At bind it is the same. */
	other = as_create();
	make_many(map, nr + 1, mem);
	ASSERT_EQ(0, as_replace(other, map, nr + 1));
	ASSERT_EQ(0, kvm_unbind(b->vm.fd));
	EXPECT_EQ(-ENOSPC, kvm_bind(b->vm.fd, other));
	ASSERT_EQ(0, as_replace(other, map, nr));
	EXPECT_EQ(0, kvm_bind(b->vm.fd, other));
	EXPECT_EQ(0, kvm_unbind(b->vm.fd));
	close(other);
}

TEST_F(commit, several_vms)
{
	struct bound *b = &self->b;
	struct vm others[2];
	struct vcpu *vcpus[3] = { self->vcpu };

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, guest_open(&others[i], 1));
		ASSERT_EQ(0, kvm_bind(others[i].fd, b->as));
		vcpus[1 + i] = &others[i].vcpus[0];
	}
	EXPECT_EQ(3, as_bindings(b->as));
	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(0, add(b, NEW, 1, b->spare + i * PG));
		for (int j = 0; j < 3; j++) {
			EXPECT_EQ(2000 + i, guest_read(vcpus[j], NEW));
			EXPECT_EQ(2000 + i, guest_read_emulated(vcpus[j], NEW));
			EXPECT_EQ(0, guest_write(vcpus[j], RAM, 100 * i + j));
			EXPECT_EQ(100 * i + j, guest_read(vcpus[(j + 1) % 3], RAM));
		}
		ASSERT_EQ(0, drop(b, NEW, 1));
		for (int j = 0; j < 3; j++)
			EXPECT_EQ(-ENXIO, guest_read(vcpus[j], NEW));
	}
	EXPECT_EQ(0, kvm_unbind(others[0].fd));
	EXPECT_EQ(2, as_bindings(b->as));
	ASSERT_EQ(0, add(b, NEW, 1, b->spare));
	EXPECT_EQ(2000, guest_read(self->vcpu, NEW));
	EXPECT_EQ(2000, guest_read(vcpus[2], NEW));
	vm_close(&others[1]);
	EXPECT_EQ(1, as_bindings(b->as));
	ASSERT_EQ(0, drop(b, NEW, 1));
	EXPECT_EQ(-ENXIO, guest_read(self->vcpu, NEW));
	vm_close(&others[0]);
}

/* A vCPU that is made after the VM was bound, and one after commits. */
TEST_F(commit, later_vcpus)
{
	struct bound *b = &self->b;
	struct vm vm;

	ASSERT_EQ(0, vm_open(&vm));
	ASSERT_EQ(0, kvm_bind(vm.fd, b->as));
	ASSERT_EQ(0, vm_add_vcpu(&vm));
	ASSERT_EQ(0, vcpu_long_mode(&vm.vcpus[0]));
	EXPECT_EQ(1000, guest_read(&vm.vcpus[0], RAM));
	ASSERT_EQ(0, add(b, NEW, 1, b->spare));
	ASSERT_EQ(1, vm_add_vcpu(&vm));
	ASSERT_EQ(0, vcpu_long_mode(&vm.vcpus[1]));
	EXPECT_EQ(2000, guest_read(&vm.vcpus[1], NEW));
	EXPECT_EQ(2000, guest_read(&vm.vcpus[0], NEW));
	vm_close(&vm);
}

/* KVM has prepared, and then the commit is refused by another, or only tried. */
TEST_F(commit, aborted)
{
	struct bound *b = &self->b;
	int vat = vat_bound(b->as, RIGHTS_RW);
	struct virt_as_entry list[3] = {
		as_remove(RAM, RAM_PAGES * PG), as_ram(RAM, RAM_PAGES * PG, b->spare),
		as_ram(NEW, PG, b->spare),
	};
	long long replaces = kvm_stat(b->vm.fd, "virt_as_replaces");
	int before = vat_bound(b->as, RIGHTS_RW);

	ASSERT_LE(0, vat);
	ASSERT_LE(0, before);
	for (int i = 0; i < 40; i++) {
		ASSERT_EQ(0, vat_mock(i & 1 ? before : vat, -EDOM, false));
		EXPECT_REFUSED(EDOM, VIRT_AS_NO_INDEX, b->as, 0, 0, list, 3);
		ASSERT_EQ(0, vat_mock(i & 1 ? before : vat, 0, false));
		EXPECT_EQ(0, as_commit(b->as, VIRT_AS_COMMIT_TRY, 0, list, 3, NULL));
		EXPECT_EQ(1000, guest_read(self->vcpu, RAM));
		EXPECT_EQ(-ENXIO, guest_read(self->vcpu, NEW));
	}
	EXPECT_EQ(replaces, kvm_stat(b->vm.fd, "virt_as_replaces"));
	/* Nor is anything left that the next one could stumble over. */
	ASSERT_EQ(0, as_change(b->as, list, 3));
	EXPECT_EQ(2000, guest_read(self->vcpu, RAM));
	EXPECT_EQ(2000, guest_read(self->vcpu, NEW));
	EXPECT_EQ(replaces + 1, kvm_stat(b->vm.fd, "virt_as_replaces"));
	close(vat);
	close(before);
	EXPECT_TRUE(EVENTUALLY(as_bindings(b->as) == 1));
}

/* A vCPU of whose memory nothing changes does not notice commits. */
TEST_F(commit, a_running_vcpu)
{
	const int commits = effort(50, 300, 3000);
	struct bound *b = &self->b;
	const __u64 *count = word_of(b->mem, 5);
	struct met met = {};
	__u64 was = 0, moved = 0;

	ASSERT_EQ(0, guest_count(self->vcpu, RAM + 5 * PG, &met));
	for (int i = 0; i < commits; i++) {
		/* Time to get back into the guest after the commit of before. */
		nap(2000);
		ASSERT_EQ(0, add(b, NEW, 1, b->spare));
		ASSERT_EQ(0, drop(b, NEW, 1));
		moved += word_now(count) != was;
		was = word_now(count);
	}
	EXPECT_EQ(-EINTR, vcpu_stop(self->vcpu));
	EXPECT_EQ(0, met.mmio);
	EXPECT_LT(commits / 10, moved);
	EXPECT_LE(commits / 10, kvm_stat(b->vm.fd, "virt_as_replaces_running"));
}

TEST_HARNESS_MAIN
