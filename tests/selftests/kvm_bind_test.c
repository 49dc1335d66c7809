// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_BIND_VIRT_AS and KVM_UNBIND_VIRT_AS: what they are refused for, one errno for
 * each cause, and that nothing is changed by it; and what a VM that is bound may not
 * do. <linux/kvm_virt_as.h> has the table. Not here is EADDRINUSE, for KVM has pages
 * of its own only with VMX or AVIC, which no emulated processor offers.
 */
#include "kvm_guest.h"
#include "owner.h"

#define RAM		AT(0x100)
#define RAM_PAGES	16
#define MARK		0x5eed1234ULL

/* In kernels newer than the headers of the system. */
struct region2 {
	__u32 slot;
	__u32 flags;
	__u64 gpa;
	__u64 len;
	__u64 hva;
	__u64 memfd_offset;
	__u32 memfd;
	__u32 pad1;
	__u64 pad2[14];
};

#define SET_REGION2	_IOW(KVMIO, 0x49, struct region2)

FIXTURE(bind)
{
	struct vm vm;
	struct vcpu *vcpu;
	unsigned char *sys;
	unsigned char *mem;
	int as;
	struct virt_as_entry map[4];
};

FIXTURE_SETUP(bind)
{
	ASSERT_EQ(0, guest_open(&self->vm, 1));
	self->vcpu = &self->vm.vcpus[0];
	self->sys = guest_pages();
	self->mem = shared_alloc(2 * RAM_PAGES * PG);
	ASSERT_NE(NULL, self->sys);
	ASSERT_NE(NULL, self->mem);
	*(__u64 *)self->mem = MARK;
	self->map[0] = sys_region(self->sys);
	self->map[1] = as_ram(RAM, RAM_PAGES * PG, self->mem);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, self->map, 2));
}

FIXTURE_TEARDOWN(bind)
{
	vm_close(&self->vm);
	EXPECT_EQ(0, as_bindings(self->as));
	close(self->as);
}

/* Whether nothing has happened to the VM: it may have slots of its own. */
static const char *still_free(struct _test_data_bind *self)
{
	int vm = self->vm.fd;

	if (as_bindings(self->as))
		return "bound";
	if (kvm_unbind(vm) != -ENOENT)
		return "UNBIND finds something";
	if (vm_slot(vm, 0, 0, 0, SYS_LEN, self->sys) ||
	    vm_slot(vm, 1, 0, RAM, PG, self->mem))
		return "no slots of its own";
	if (guest_read(self->vcpu, RAM) != MARK)
		return "the guest does not see them";
	if (vm_slot(vm, 0, 0, 0, 0, NULL) || vm_slot(vm, 1, 0, 0, 0, NULL))
		return "they cannot be removed";
	return "";
}

TEST_F(bind, capability)
{
	void *cap = (void *)KVM_CAP_VIRT_AS;

	EXPECT_EQ(1, as_ioctl(self->vm.kvm, KVM_CHECK_EXTENSION, cap));
	EXPECT_EQ(1, as_ioctl(self->vm.fd, KVM_CHECK_EXTENSION, cap));
	EXPECT_STREQ("", still_free(self));
	EXPECT_EQ(0, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(1, as_bindings(self->as));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, wrong_files)
{
	int files[] = {
		open("/dev/null", O_RDWR), open(DEVICE, O_RDWR), self->vm.kvm,
		self->vm.fd, self->vcpu->fd,
		log_open(self->as),
	};
	int closed = dup(self->as);

	close(closed);
	EXPECT_EQ(-EBADF, kvm_bind(self->vm.fd, -1));
	EXPECT_EQ(-EBADF, kvm_bind(self->vm.fd, closed));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_LE(0, files[i]);
		EXPECT_EQ(-EBADFD, kvm_bind(self->vm.fd, files[i]));
	}
	EXPECT_EQ(-EFAULT, as_ioctl(self->vm.fd, KVM_BIND_VIRT_AS, (void *)8));
	EXPECT_EQ(-EFAULT, as_ioctl(self->vm.fd, KVM_UNBIND_VIRT_AS, (void *)8));
	EXPECT_STREQ("", still_free(self));
	close(files[0]);
	close(files[1]);
	close(files[5]);
}

TEST_F(bind, rights_of_the_file)
{
	const __u32 need = VIRT_AS_RIGHT_BIND | VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE;

	for (__u32 have = 0; have <= VIRT_AS_RIGHTS; have++) {
		bool may = (have & need) == need;
		int as = as_restrict(self->as, have);

		ASSERT_LE(0, as);
		EXPECT_EQ(may ? 0 : -EPERM, kvm_bind(self->vm.fd, as));
		EXPECT_EQ(may, as_bindings(self->as));
		close(as);
		EXPECT_EQ(may ? 0 : -ENOENT, kvm_unbind(self->vm.fd));
	}
	EXPECT_STREQ("", still_free(self));
}

static int unbind_as(int vm, __s32 fd, __u32 flags, __u32 as_id, __u32 reserved)
{
	struct kvm_bind_virt_as unbind = {
		.fd = fd, .flags = flags, .as_id = as_id, .__reserved = reserved,
	};

	return as_ioctl(vm, KVM_UNBIND_VIRT_AS, &unbind);
}

TEST_F(bind, wrong_values)
{
	static const __u32 no_as_ids[] = { 2, 3, 0xffff, 0x10000, 0x80000000, ~0U };
	int vm = self->vm.fd;

	/* KVM knows two maps of a VM, the second of which is that of SMM. */
	ASSERT_EQ(2, as_ioctl(vm, KVM_CHECK_EXTENSION,
			      (void *)KVM_CAP_MULTI_ADDRESS_SPACE));
	for (int bound = 0; bound < 2; bound++) {
		if (bound)
			ASSERT_EQ(0, kvm_bind(vm, self->as));
		for (int bit = 0; bit < 32; bit++) {
			EXPECT_EQ(-EOPNOTSUPP, kvm_bind_as(vm, self->as, 1U << bit, 0, 0));
			EXPECT_EQ(-EOPNOTSUPP, unbind_as(vm, 0, 1U << bit, 0, 0));
			EXPECT_EQ(-EINVAL, kvm_bind_as(vm, self->as, 0, 0, 1U << bit));
			EXPECT_EQ(-EINVAL, unbind_as(vm, 0, 0, 0, 1U << bit));
		}
		for (size_t i = 0; i < ARRAY_SIZE(no_as_ids); i++) {
			EXPECT_EQ(-EINVAL, kvm_bind_as(vm, self->as, 0, no_as_ids[i], 0));
			EXPECT_EQ(-EINVAL, unbind_as(vm, 0, 0, no_as_ids[i], 0));
		}
		EXPECT_EQ(-EOPNOTSUPP, kvm_bind_as(vm, self->as, 0, 1, 0));
		EXPECT_EQ(-EOPNOTSUPP, unbind_as(vm, 0, 0, 1, 0));
		EXPECT_EQ(-EINVAL, unbind_as(vm, self->as, 0, 0, 0));
		EXPECT_EQ(-EINVAL, unbind_as(vm, -1, 0, 0, 0));
	}
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(vm));
	EXPECT_STREQ("", still_free(self));
}

/* The calls of another file: neither of /dev/kvm nor of a vCPU. */
TEST_F(bind, not_of_this_file)
{
	struct kvm_bind_virt_as bind = { .fd = self->as };
	static const unsigned long calls[] = { KVM_BIND_VIRT_AS, KVM_UNBIND_VIRT_AS };

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, as_ioctl(self->vm.kvm, calls[i], &bind));
		EXPECT_EQ(-EINVAL, as_ioctl(self->vcpu->fd, calls[i], &bind));
		EXPECT_EQ(-ENOTTY, as_ioctl(self->as, calls[i], &bind));
	}
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, of_another_process)
{
	struct owner owner;
	pid_t child;

	ASSERT_EQ(0, owner_start(&owner, true));
	ASSERT_EQ(0, owner_commit(&owner, VIRT_AS_COMMIT_REPLACE, self->map, 2));
	EXPECT_EQ(-EXDEV, kvm_bind(self->vm.fd, owner.as));
	EXPECT_EQ(0, as_bindings(owner.as));
	EXPECT_STREQ("", still_free(self));
	/* Nor if it is gone. */
	close(owner.sock);
	EXPECT_EQ(0, child_status(owner.pid));
	EXPECT_EQ(-EXDEV, kvm_bind(self->vm.fd, owner.as));
	close(owner.as);
	EXPECT_STREQ("", still_free(self));

	/* Whose VM it is not, KVM lets do nothing at all. */
	child = fork();
	if (!child)
		_exit(kvm_bind(self->vm.fd, self->as) != -EIO ||
		      kvm_unbind(self->vm.fd) != -EIO);
	EXPECT_EQ(0, child_status(child));
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, twice)
{
	int other = as_create();

	ASSERT_LE(0, other);
	EXPECT_EQ(-ENOENT, kvm_unbind(self->vm.fd));
	ASSERT_EQ(0, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(-EBUSY, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(-EBUSY, kvm_bind(self->vm.fd, other));
	EXPECT_EQ(1, as_bindings(self->as));
	EXPECT_EQ(0, as_bindings(other));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	EXPECT_EQ(-ENOENT, kvm_unbind(self->vm.fd));
	/* Of the other one, which is empty. */
	EXPECT_EQ(0, kvm_bind(self->vm.fd, other));
	EXPECT_EQ(0, as_replace(other, self->map, 2));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	close(other);
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, slots_of_its_own)
{
	int vm = self->vm.fd;

	ASSERT_EQ(0, vm_slot(vm, 7, 0, AT(0x10000), PG, self->mem));
	EXPECT_EQ(-ENOTEMPTY, kvm_bind(vm, self->as));
	ASSERT_EQ(0, vm_slot(vm, 7, 0, 0, 0, NULL));
	/* Those of SMM are in another map, which nobody could keep. */
	ASSERT_EQ(0, vm_slot(vm, 1 << 16, 0, 0, PG, self->mem));
	EXPECT_EQ(-EOPNOTSUPP, kvm_bind(vm, self->as));
	ASSERT_EQ(0, vm_slot(vm, 1 << 16, 0, 0, 0, NULL));
	EXPECT_EQ(0, as_bindings(self->as));
	EXPECT_EQ(0, kvm_bind(vm, self->as));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(vm));
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, dirty_rings)
{
	static const __u32 caps[] = {
		KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		struct kvm_enable_cap ring = { .cap = caps[i], .args = { 65536 } };
		struct vm vm;

		ASSERT_EQ(0, vm_open(&vm));
		ASSERT_EQ(0, as_ioctl(vm.fd, KVM_ENABLE_CAP, &ring));
		EXPECT_EQ(-EPROTONOSUPPORT, kvm_bind(vm.fd, self->as));
		EXPECT_EQ(0, as_bindings(self->as));
		vm_close(&vm);

		ASSERT_EQ(0, vm_open(&vm));
		ASSERT_EQ(0, kvm_bind(vm.fd, self->as));
		EXPECT_EQ(-EPROTONOSUPPORT, as_ioctl(vm.fd, KVM_ENABLE_CAP, &ring));
		EXPECT_EQ(0, kvm_unbind(vm.fd));
		EXPECT_EQ(0, as_ioctl(vm.fd, KVM_ENABLE_CAP, &ring));
		EXPECT_EQ(-EPROTONOSUPPORT, kvm_bind(vm.fd, self->as));
		vm_close(&vm);
	}
}

/* All that would change the map, or read a log that is none. */
static int refused_memory_calls(struct _test_data_bind *self, int error)
{
	static __u64 bits[64];
	struct kvm_dirty_log get = { .dirty_bitmap = bits };
	struct kvm_clear_dirty_log clear = { .num_pages = 64, .dirty_bitmap = bits };
	struct region2 region = { .slot = 9, .gpa = AT(0x9000), .len = PG,
				  .hva = (uintptr_t)self->mem };
	int vm = self->vm.fd, nr = 0;

	nr += vm_slot(vm, 9, 0, AT(0x9000), PG, self->mem) == error;
	nr += vm_slot(vm, 9, KVM_MEM_LOG_DIRTY_PAGES, AT(0x9000), PG, self->mem) == error;
	nr += vm_slot(vm, 1 << 16, 0, AT(0x9000), PG, self->mem) == error;
	for (int slot = 0; slot < 3; slot++) {
		nr += vm_slot(vm, slot, 0, 0, 0, NULL) == error;
		get.slot = slot;
		clear.slot = slot;
		nr += as_ioctl(vm, KVM_GET_DIRTY_LOG, &get) == error;
		nr += as_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &clear) == error;
	}
	nr += as_ioctl(vm, SET_REGION2, &region) == error;
	return nr;
}

TEST_F(bind, memory_calls_while_bound)
{
	ASSERT_EQ(0, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(13, refused_memory_calls(self, -EBUSY));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(-ENXIO, guest_read(self->vcpu, AT(0x9000)));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	EXPECT_EQ(0, refused_memory_calls(self, -EBUSY));
	EXPECT_EQ(0, vm_slot(self->vm.fd, 9, 0, 0, 0, NULL));
	EXPECT_EQ(0, vm_slot(self->vm.fd, 1 << 16, 0, 0, 0, NULL));
	EXPECT_STREQ("", still_free(self));
}

TEST_F(bind, after_unbind)
{
	int vm = self->vm.fd;

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, kvm_bind(vm, self->as));
		EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
		ASSERT_EQ(0, kvm_unbind(vm));
		/* Its code has to be somewhere. */
		ASSERT_EQ(0, vm_slot(vm, 0, 0, 0, SYS_LEN, self->sys));
		EXPECT_EQ(-ENXIO, guest_read(self->vcpu, RAM));
		/* What the address space has does not concern it. */
		EXPECT_EQ(0, as_replace(self->as, self->map, 2));
		EXPECT_EQ(-ENXIO, guest_read(self->vcpu, RAM));
		ASSERT_EQ(0, vm_slot(vm, 0, 0, 0, 0, NULL));
	}
	EXPECT_STREQ("", still_free(self));
}

/* What KVM cannot follow, with the errno, by itself among good regions. */
static const struct {
	int error;
	struct virt_as_entry entry;
} impossible[] = {
	{ ENXIO, { .type = VIRT_AS_TYPE_NOHVA, .perms = RW, .gpa = AT(0x9000), .len = PG } },
	{ EFBIG, { .type = VIRT_AS_TYPE_DEVICE, .perms = RW, .gpa = AT(0x9000),
		   .len = PG << 31, .hva = AT(0x1000) } },
	{ EDOM, { .perms = RW, .gpa = 1ULL << 52, .len = PG, .hva = AT(0x1000) } },
	{ EDOM, { .perms = RW, .gpa = (1ULL << 52) - PG, .len = 2 * PG, .hva = AT(0x1000) } },
	{ EDOM, { .perms = RW, .gpa = 0ULL - PG, .len = PG, .hva = AT(0x1000) } },
};

TEST_F(bind, impossible_map)
{
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		self->map[2] = impossible[i].entry;
		ASSERT_EQ(0, as_replace(self->as, self->map, 3));
		EXPECT_EQ(-impossible[i].error, kvm_bind(self->vm.fd, self->as));
		EXPECT_STREQ("", still_free(self));
	}
}

TEST_F(bind, impossible_commit)
{
	ASSERT_EQ(0, kvm_bind(self->vm.fd, self->as));
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		int error = impossible[i].error;

		/* All else would be another, too. */
		self->map[0] = as_add(0, SYS_LEN, self->sys, VIRT_AS_TYPE_RAM, RW);
		self->map[1] = as_ram(RAM, RAM_PAGES * PG, self->mem + RAM_PAGES * PG);
		self->map[2] = impossible[i].entry;
		EXPECT_REFUSED(error, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_REPLACE,
			       0, self->map, 3);
		EXPECT_REFUSED(error, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_TRY, 0, self->map,
			       3);
		EXPECT_REFUSED(error, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_NOWAIT, 0,
			       &impossible[i].entry, 1);
		EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
		EXPECT_EQ(0, guest_write(self->vcpu, RAM + 8, i));
		EXPECT_EQ(i, ((__u64 *)self->mem)[1]);
	}
	EXPECT_EQ(0, kvm_stat(self->vm.fd, "virt_as_replaces_running"));
	EXPECT_EQ(1, kvm_stat(self->vm.fd, "virt_as_replaces"));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
}

/* By another process, whose memory the VM cannot have. */
static int adopt(int as, const struct virt_as_entry *map)
{
	pid_t child = fork();

	if (!child)
		_exit(-as_commit(as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT, 0, map,
				 2, NULL));
	return child_status(child);
}

TEST_F(bind, adopting_commit)
{
	struct as_state before, after;

	ASSERT_EQ(0, kvm_bind(self->vm.fd, self->as));
	before = as_state(self->as);
	EXPECT_EQ(EBUSY, adopt(self->as, self->map));
	after = as_state(self->as);
	EXPECT_TRUE(same_state(&before, &after));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	/* By who is the owner it is a commit like any other. */
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT, 0,
			       self->map, 2, NULL));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	EXPECT_EQ(0, adopt(self->as, self->map));
	EXPECT_EQ(-EXDEV, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT, 0,
			       self->map, 2, NULL));
	EXPECT_EQ(0, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
}

TEST_F(bind, limit_of_bindings)
{
	struct rlimit limit;
	struct virt_as_info info;
	int *vat;

	ASSERT_EQ(0, as_info(self->as, &info));
	limit.rlim_cur = info.out_max_bindings + 100;
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	vat = calloc(info.out_max_bindings, sizeof(*vat));
	for (__u32 i = 0; i < info.out_max_bindings; i++) {
		vat[i] = vat_bound(self->as, 0);
		ASSERT_LE(0, vat[i]);
	}
	EXPECT_EQ(-ENOSPC, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(-ENOENT, kvm_unbind(self->vm.fd));
	close(vat[0]);
	EXPECT_TRUE(EVENTUALLY(as_bindings(self->as) < info.out_max_bindings));
	EXPECT_EQ(0, kvm_bind(self->vm.fd, self->as));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(0, kvm_unbind(self->vm.fd));
	for (__u32 i = 1; i < info.out_max_bindings; i++)
		close(vat[i]);
	free(vat);
	EXPECT_TRUE(EVENTUALLY(!as_bindings(self->as)));
}

static void *call_kvm_bind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, kvm_bind(call->vat, call->as));
	return NULL;
}

/*
 * In the middle of a commit, which another binding holds up, it waits; and the VM is as
 * good as bound. That ends only when the process is killed: see kvm_life_test.
 */
TEST_F(bind, while_another_prepares)
{
	int vat = vat_bound(self->as, RIGHTS_RW), vm = self->vm.fd;
	struct call bind = { .vat = vm, .as = self->as };
	struct call commit = { .as = self->as, .entries = &self->map[2], .nr_entries = 1 };

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, vat_mock(vat, 0, true));
	self->map[2] = as_ram(AT(0x9000), PG, self->mem + RAM_PAGES * PG);
	((__u64 *)self->mem)[RAM_PAGES * PG / 8] = ~MARK;
	ASSERT_EQ(0, call_start(&commit, call_commit));
	ASSERT_TRUE(EVENTUALLY(vat_status(vat).waiting));
	ASSERT_EQ(0, call_start(&bind, call_kvm_bind));
	EXPECT_TRUE(call_waits(&bind));
	EXPECT_EQ(-EBUSY, kvm_bind(vm, self->as));
	EXPECT_EQ(-EBUSY, kvm_unbind(vm));
	EXPECT_EQ(-EBUSY, vm_slot(vm, 0, 0, 0, SYS_LEN, self->sys));
	EXPECT_EQ(1, as_bindings(self->as));
	EXPECT_EQ(0, vat_mock(vat, 0, false));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(0, call_join(&bind));
	EXPECT_EQ(2, as_bindings(self->as));
	EXPECT_EQ(MARK, guest_read(self->vcpu, RAM));
	EXPECT_EQ(~MARK, guest_read(self->vcpu, AT(0x9000)));
	EXPECT_EQ(0, kvm_unbind(vm));
	close(vat);
	EXPECT_TRUE(EVENTUALLY(!as_bindings(self->as)));
	EXPECT_STREQ("", still_free(self));
}

TEST_HARNESS_MAIN
