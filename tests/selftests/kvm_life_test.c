// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a VM and its address space part, in every order and at any moment.
 */
#include "effort.h"
#include "kvm_bound.h"

FIXTURE(life)
{
	struct bound b;
	struct virt_as_entry to[2][2];	/* change lists: to the spare, and back */
};

FIXTURE_SETUP(life)
{
	struct bound *b = &self->b;

	ASSERT_STREQ("", bound_open(b, 2));
	for (__u64 i = 0; i < RAM_PAGES; i++) {
		*word_of(b->mem, i) = 1000 + i;
		*word_of(b->spare, i) = 2000 + i;
	}
	for (int i = 0; i < 2; i++) {
		self->to[i][0] = as_remove(RAM, RAM_PAGES * PG);
		self->to[i][1] = as_ram(RAM, RAM_PAGES * PG, i ? b->mem : b->spare);
	}
}

FIXTURE_TEARDOWN(life)
{
	vm_close(&self->b.vm);
	if (self->b.as >= 0)
		EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
}

/* The next commit leads to the other memory. */
static int flip(struct _test_data_life *self, __u64 nr, __u32 flags)
{
	return as_commit(self->b.as, flags, 0, self->to[nr & 1], 2, NULL);
}

TEST_F(life, the_vm_goes_first)
{
	struct bound *b = &self->b;
	int log = log_open(b->as);

	ASSERT_LE(0, log);
	EXPECT_EQ(0, guest_write(b->vcpu, RAM + 3 * PG, 1));
	vm_close(&b->vm);
	EXPECT_EQ(0, as_bindings(b->as));
	EXPECT_TAKEN("103", log);
	EXPECT_EQ(0, flip(self, 0, 0));
	EXPECT_TAKEN("100+64", log);
	EXPECT_EQ(8, as_pwrite(b->as, bytes(), 8, RAM));
	EXPECT_TAKEN("100", log);
	close(log);
}

TEST_F(life, the_address_space_goes_first)
{
	struct bound *b = &self->b;

	close(b->as);
	b->as = -1;
	EXPECT_EQ(1000, guest_read(b->vcpu, RAM));
	EXPECT_EQ(0, guest_write(b->vcpu, RAM + PG, 5));
	EXPECT_EQ(5, *word_of(b->mem, 1));
	EXPECT_EQ(-EBUSY, vm_slot(b->vm.fd, 0, 0, 0, SYS_LEN, b->sys));
	EXPECT_EQ(0, kvm_unbind(b->vm.fd));
	EXPECT_EQ(0, vm_slot(b->vm.fd, 0, 0, 0, SYS_LEN, b->sys));
}

/* With a log, which is the last file that there is of it. */
TEST_F(life, the_log_goes_last)
{
	struct bound *b = &self->b;
	int log = log_open(b->as);

	ASSERT_LE(0, log);
	close(b->as);
	b->as = -1;
	EXPECT_EQ(0, guest_write(b->vcpu, RAM + PG, 5));
	EXPECT_TAKEN("101", log);
	EXPECT_EQ(0, guest_write(b->vcpu, RAM + PG, 6));
	vm_close(&b->vm);
	EXPECT_TAKEN("101", log);
	close(log);
}

/* Whatever file there is of a VM keeps it, and it goes on to follow. */
TEST_F(life, by_the_last_file_of_the_vm)
{
	struct bound *b = &self->b;
	int stats = as_ioctl(b->vm.fd, KVM_GET_STATS_FD, 0);

	ASSERT_LE(0, stats);
	close(b->vm.fd);
	b->vm.fd = -1;
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(i & 1 ? 2000 : 1000, guest_read(b->vcpu, RAM));
		EXPECT_EQ(0, flip(self, i, 0));
	}
	vm_close(&b->vm);
	EXPECT_EQ(1, as_bindings(b->as));
	EXPECT_EQ(0, flip(self, 0, 0));
	close(stats);
	EXPECT_EQ(0, as_bindings(b->as));
	EXPECT_EQ(0, flip(self, 1, 0));
}

static int delete_module(const char *name)
{
	return sys(syscall(SYS_delete_module, name, O_NONBLOCK));
}

TEST_F(life, modules_stay)
{
	struct bound *b = &self->b;
	long refs = module_refs("kvm"), core = module_refs("virt_as");
	bool module = refs != -ENOENT;

	EXPECT_EQ(module ? -EWOULDBLOCK : -ENOENT, delete_module("kvm"));
	EXPECT_EQ(core_is_built_in() ? -ENOENT : -EWOULDBLOCK, delete_module("virt_as"));
	EXPECT_EQ(0, kvm_unbind(b->vm.fd));
	if (module) {
		/* A VM holds the module of its processor, a binding that of KVM. */
		EXPECT_EQ(refs - 1, module_refs("kvm"));
		EXPECT_EQ(core, module_refs("virt_as"));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, kvm_bind(b->vm.fd, b->as));
		EXPECT_EQ(refs, module_refs("kvm"));
		EXPECT_EQ(0, kvm_unbind(b->vm.fd));
	}
	/* Nor does one that is refused keep any. */
	EXPECT_EQ(-EPERM, kvm_bind(b->vm.fd, as_restrict(b->as, 0)));
	EXPECT_EQ(module ? refs - 1 : refs, module_refs("kvm"));
}

/* Commits, one after the other, until they are told to end. */
struct committer {
	struct _test_data_life *self;
	pthread_t thread;
	int stop;
	int error;
	__u64 commits;
};

static void *commit_main(void *arg)
{
	struct committer *c = arg;

	while (!c->error && !__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		__u32 flags = c->commits % 5 == 1 ? VIRT_AS_COMMIT_TRY : 0;

		c->error = flip(c->self, c->commits / 5 * 4 + c->commits % 5 -
				(c->commits % 5 > 1), flags);
		c->commits++;
	}
	return NULL;
}

static int committer_start(struct committer *c, struct _test_data_life *self)
{
	*c = (struct committer) { .self = self };
	return -pthread_create(&c->thread, NULL, commit_main, c);
}

/* What the guest must read at RAM afterwards: 1000, 2000, or -errno. */
static long long committer_stop(struct committer *c)
{
	__u64 word;

	__atomic_store_n(&c->stop, 1, __ATOMIC_RELEASE);
	pthread_join(c->thread, NULL);
	if (c->error)
		return c->error;
	return as_pread(c->self->b.as, &word, 8, RAM) == 8 ? (long long)word : -ENODATA;
}

/* Each round a VM comes into the middle of commits, and must not have missed any. */
TEST_F_TIMEOUT(life, bind_and_unbind_among_commits, 300)
{
	const __u64 rounds = effort(20, 100, 1000);
	struct bound *b = &self->b;
	struct committer c;
	__u64 commits = 0;

	for (__u64 i = 0; i < rounds; i++) {
		long long want;

		ASSERT_EQ(0, committer_start(&c, self));
		for (__u64 j = 0; j < i % 4; j++) {
			ASSERT_EQ(0, kvm_unbind(b->vm.fd));
			ASSERT_EQ(0, kvm_bind(b->vm.fd, b->as));
		}
		nap(i * 277 % 3000);
		ASSERT_EQ(0, kvm_unbind(b->vm.fd));
		nap(i * 1277 % 1000);
		ASSERT_EQ(0, kvm_bind(b->vm.fd, b->as));
		want = committer_stop(&c);
		ASSERT_LE(1000, want);
		EXPECT_EQ(want, guest_read(b->vcpu, RAM));
		EXPECT_EQ(want + 63, guest_read_emulated(b->vcpu, RAM + 63 * PG));
		/* The next round begins as the first. */
		if (want == 2000)
			ASSERT_EQ(0, flip(self, 1, 0));
		commits += c.commits;
	}
	ksft_print_msg("%llu commits in %llu rounds\n", commits, rounds);
	EXPECT_LE(rounds, commits);
}

/* The same while vCPUs run: they lose their memory, and do not reach it any more. */
TEST_F_TIMEOUT(life, unbind_under_running_vcpus, 300)
{
	const __u64 rounds = effort(20, 100, 1000);
	struct bound *b = &self->b;
	__u64 ran = 0, late = 0;
	struct committer c;

	for (__u64 i = 0; i < rounds; i++) {
		__u64 *count = (__u64 *)(b->sys + SYS_FREE_GPA);
		struct met met[2] = {};
		long long want;
		__u64 was[2];

		count[0] = 0;
		count[1] = 0;
		for (int j = 0; j < 2; j++)
			ASSERT_EQ(0, guest_count(&b->vm.vcpus[j], SYS_FREE_GPA + 8 * j,
						 &met[j]));
		ASSERT_EQ(0, committer_start(&c, self));
		if (i & 1)
			EXPECT_TRUE(EVENTUALLY(word_now(&count[0]) && word_now(&count[1])));
		nap(i * 577 % 3000);
		ASSERT_EQ(0, kvm_unbind(b->vm.fd));
		was[0] = word_now(&count[0]);
		was[1] = word_now(&count[1]);
		ran += was[0] && was[1];
		want = committer_stop(&c);
		ASSERT_LE(1000, want);
		late += was[0] != word_now(&count[0]) || was[1] != word_now(&count[1]);
		for (int j = 0; j < 2; j++) {
			vcpu_stop(&b->vm.vcpus[j]);
			ASSERT_EQ(0, vcpu_revive(&b->vm.vcpus[j]));
		}
		ASSERT_EQ(0, kvm_bind(b->vm.fd, b->as));
		EXPECT_EQ(want, guest_read(b->vcpu, RAM));
		if (want == 2000)
			ASSERT_EQ(0, flip(self, 1, 0));
	}
	ksft_print_msg("0 late writes in %llu of %llu rounds in which vCPUs had run\n", ran,
		       rounds);
	EXPECT_EQ(0, late);
	EXPECT_LE(rounds / 3, ran);
}

/* VMs come and go, with all that they have, while commits are made and a log is read. */
TEST_F_TIMEOUT(life, vms_among_commits, 300)
{
	const __u64 rounds = effort(20, 100, 1000);
	struct bound *b = &self->b;
	struct committer c;
	int log = log_open(b->as);

	ASSERT_LE(0, log);
	ASSERT_EQ(0, committer_start(&c, self));
	for (__u64 i = 0; i < rounds; i++) {
		struct vm vm;

		ASSERT_EQ(0, guest_open(&vm, 1));
		ASSERT_EQ(0, kvm_bind(vm.fd, b->as));
		EXPECT_LE(0, guest_write(&vm.vcpus[0], RAM + 5 * PG, i));
		if (i & 1)
			log_take(log);
		if (i & 2)
			EXPECT_EQ(0, kvm_unbind(vm.fd));
		vm_close(&vm);
	}
	EXPECT_LE(1000, committer_stop(&c));
	ksft_print_msg("%llu commits\n", c.commits);
	EXPECT_LE(rounds / 4, c.commits);
	EXPECT_EQ(1, as_bindings(b->as));
	EXPECT_LE(1000, guest_read(b->vcpu, RAM));
	close(log);
}

/* Between prepare and commit, where another binding holds up the commit. */
enum parting { UNBIND, CLOSE, ABORT_AND_UNBIND, ABORT_AND_CLOSE, NR_PARTINGS };

static const char *part_in_commit(struct _test_data_life *self, enum parting how)
{
	struct bound *b = &self->b;
	struct call commit = { .as = b->as, .entries = self->to[0], .nr_entries = 2 };
	bool fails = how == ABORT_AND_UNBIND || how == ABORT_AND_CLOSE;
	struct vm vm;
	int vat;

	if (guest_open(&vm, 1) || kvm_bind(vm.fd, b->as) ||
	    guest_read(&vm.vcpus[0], RAM) != 1000)
		return "nothing to part";
	/* Who has bound last is asked last: when it waits KVM has prepared. */
	vat = vat_bound(b->as, RIGHTS_RW);
	if (vat < 0)
		return "nobody to hold up";
	if (vat_mock(vat, 0, true) || call_start(&commit, call_commit) ||
	    !EVENTUALLY(vat_status(vat).waiting))
		return "no commit that waits";
	if ((how == UNBIND || how == ABORT_AND_UNBIND) && kvm_unbind(vm.fd))
		return "UNBIND is refused";
	vm_close(&vm);
	/* Of the VM that is left. */
	if (guest_read(b->vcpu, RAM) != 1000)
		return "too early";
	vat_mock(vat, fails ? -EDOM : 0, false);
	if (call_join(&commit) != (fails ? -EDOM : 0))
		return "the commit ends otherwise";
	if (guest_read(b->vcpu, RAM) != (fails ? 1000 : 2000))
		return "the other VM does not follow";
	if (!fails && flip(self, 1, 0))
		return "no way back";
	close(vat);
	return EVENTUALLY(as_bindings(b->as) == 1) ? "" : "somebody is still bound";
}

TEST_F(life, in_the_middle_of_a_commit)
{
	for (int i = 0; i < 5; i++)
		for (enum parting how = 0; how < NR_PARTINGS; how++)
			ASSERT_STREQ("", part_in_commit(self, how));
	EXPECT_EQ(1000, guest_read(self->b.vcpu, RAM));
}

static void *call_kvm_unbind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, kvm_unbind(call->vat));
	return NULL;
}

TEST_F(life, two_unbind)
{
	struct bound *b = &self->b;

	for (int i = 0; i < 50; i++) {
		struct call call[2] = { { .vat = b->vm.fd }, { .vat = b->vm.fd } };
		long rc[2];

		for (int j = 0; j < 2; j++)
			ASSERT_EQ(0, call_start(&call[j], call_kvm_unbind));
		for (int j = 0; j < 2; j++)
			rc[j] = call_join(&call[j]);
		EXPECT_TRUE(!rc[0] != !rc[1]);
		EXPECT_TRUE(rc[0] + rc[1] == -ENOENT || rc[0] + rc[1] == -EBUSY);
		ASSERT_EQ(0, kvm_bind(b->vm.fd, b->as));
	}
	EXPECT_EQ(1000, guest_read(b->vcpu, RAM));
}

/* An interrupt to system management mode, whose memory the VM does not have: it dies. */
TEST_F(life, a_vm_that_is_dead)
{
	struct bound *b = &self->b;
	struct met met = {};

	ASSERT_EQ(0, as_ioctl(b->vcpu->fd, KVM_SMI, 0));
	EXPECT_GT(0, guest_op(b->vcpu, op_read, RAM, 0, 0, 0, &met));
	EXPECT_EQ(-EIO, kvm_unbind(b->vm.fd));
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(0, flip(self, i, 0));
	EXPECT_EQ(1, as_bindings(b->as));
	vm_close(&b->vm);
	EXPECT_EQ(0, as_bindings(b->as));
	EXPECT_EQ(0, flip(self, 0, 0));
}

TEST_HARNESS_MAIN
