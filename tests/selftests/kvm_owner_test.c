// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a guest ends, in the middle of whatever it does, while others have files
 * of it. Its memory goes at once; its VM with the last file; the rest goes on.
 */
#include "effort.h"
#include "kvm_bound.h"
#include "uffd.h"

/* What the test has of the owner's. */
enum file { AS, LOG, VM, VCPU, NR_FILES };

#define HAS(file)	(1U << (file))

/* What it is in the middle of. */
enum deed {
	RUNS,		/* vCPUs write, commits are made, a log is harvested */
	SLEEPS,		/* a vCPU in a page fault; a commit waits for it */
	UNBINDS,	/* and so does UNBIND */
	BINDS,		/* BIND waits for a commit that somebody else holds up */
};

FIXTURE(owner)
{
	pid_t pid;
	int sock;
	int memfd;
	int vat;
	int files[NR_FILES];
	long refs;
};

FIXTURE_VARIANT(owner)
{
	enum deed deed;
	__u32 has;
	bool exits;
};

FIXTURE_VARIANT_ADD(owner, runs) { .deed = RUNS, .has = HAS(AS) };
FIXTURE_VARIANT_ADD(owner, runs_log) { .deed = RUNS, .has = HAS(AS) | HAS(LOG) };
FIXTURE_VARIANT_ADD(owner, runs_vm) {
	.deed = RUNS, .has = HAS(AS) | HAS(LOG) | HAS(VM),
};

FIXTURE_VARIANT_ADD(owner, runs_vcpu) {
	.deed = RUNS, .has = HAS(AS) | HAS(LOG) | HAS(VCPU),
};

FIXTURE_VARIANT_ADD(owner, exits) { .deed = RUNS, .has = HAS(AS), .exits = true };
FIXTURE_VARIANT_ADD(owner, exits_vm) {
	.deed = RUNS, .has = HAS(AS) | HAS(LOG) | HAS(VM) | HAS(VCPU), .exits = true,
};

FIXTURE_VARIANT_ADD(owner, sleeps) { .deed = SLEEPS, .has = HAS(AS) };
FIXTURE_VARIANT_ADD(owner, sleeps_vm) {
	.deed = SLEEPS, .has = HAS(AS) | HAS(LOG) | HAS(VM),
};

FIXTURE_VARIANT_ADD(owner, unbinds) { .deed = UNBINDS, .has = HAS(AS) };
FIXTURE_VARIANT_ADD(owner, unbinds_vm) { .deed = UNBINDS, .has = HAS(AS) | HAS(VM) };
FIXTURE_VARIANT_ADD(owner, binds) { .deed = BINDS, .has = HAS(AS) };
FIXTURE_VARIANT_ADD(owner, binds_vm) { .deed = BINDS, .has = HAS(AS) | HAS(VM) };

static void *call_kvm_bind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, kvm_bind(call->vat, call->as));
	return NULL;
}

static void *call_kvm_unbind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, kvm_unbind(call->vat));
	return NULL;
}

static int send_files(struct bound *b, int log, int sock, __u32 has)
{
	const int files[NR_FILES] = {
		[AS] = b->as, [LOG] = log, [VM] = b->vm.fd, [VCPU] = b->vcpu->fd,
	};
	int err = 0;

	for (enum file file = 0; !err && file < NR_FILES; file++)
		if (has & HAS(file))
			err = send_fd(sock, files[file]);
	return err;
}

/* Only ends with the process. */
static void run_for_ever(struct bound *b, int log, int sock)
{
	struct virt_as_entry list[2] = { as_remove(RAM, RAM_PAGES * PG) };
	struct met met = {};
	int err = guest_scatter(&b->vm.vcpus[1], AT(0x9000), 32, &met);

	for (__u64 i = 0; !err; i++) {
		list[1] = as_ram(RAM, RAM_PAGES * PG, i & 1 ? b->mem : b->spare);
		err = as_change(b->as, list, 2);
		if (i % 3 == 0)
			log_take(log);
		if (i == 5)
			err = post(sock);
	}
	_exit(1);
}

/* The first vCPU sleeps in a fault that nobody serves. */
static void sleep_for_ever(struct bound *b, int sock, bool unbinds)
{
	struct call call = { .as = b->as, .vat = b->vm.fd };
	unsigned char *missing = guest_alloc(PG);
	struct virt_as_entry e = as_ram(AT(0xa000), PG, missing);
	int uffd = uffd_watch(missing, PG);
	struct met met = {};

	if (uffd < 0 || as_change(b->as, &e, 1) ||
	    guest_set(b->vcpu, op_read, AT(0xa000), 0, 0, 0, &met) ||
	    vcpu_start(b->vcpu) || uffd_fault(uffd) != missing)
		_exit(1);
	e = as_remove(RAM, RAM_PAGES * PG);
	call.entries = &e;
	call.nr_entries = 1;
	if (call_start(&call, unbinds ? call_kvm_unbind : call_commit) ||
	    !call_waits(&call) || post(sock))
		_exit(1);
	for (;;)
		pause();
}

/* Somebody holds up a commit, and a VM that would bind waits. */
static void bind_for_ever(struct bound *b, int vat, int sock)
{
	struct call bind = { .as = b->as, .vat = b->vm.fd }, commit = { .as = b->as };

	if (kvm_unbind(b->vm.fd) || vat_bind(vat, b->as, RIGHTS_RW) ||
	    vat_mock(vat, 0, true) || call_start(&commit, call_commit) ||
	    !EVENTUALLY(vat_status(vat).waiting) || call_start(&bind, call_kvm_bind) ||
	    !call_waits(&bind) || post(sock))
		_exit(1);
	for (;;)
		pause();
}

static void *exit_when_told(void *arg)
{
	await((int)(intptr_t)arg);
	_exit(0);
}

/* The owner. What it counts in is the memfd. */
static void owner_main(struct _test_data_owner *self, int sock, __u32 has, enum deed deed)
{
	void *mem = mmap(NULL, 32 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, self->memfd, 0);
	struct virt_as_entry e = as_ram(AT(0x9000), 32 * PG, mem);
	pthread_t thread;
	struct bound b;
	int log;

	if (mem == MAP_FAILED || *bound_open(&b, 2) || as_change(b.as, &e, 1))
		_exit(1);
	log = log_open(b.as);
	if (log < 0 || send_files(&b, log, sock, has) ||
	    pthread_create(&thread, NULL, exit_when_told, (void *)(intptr_t)sock))
		_exit(1);
	switch (deed) {
	case RUNS:
		run_for_ever(&b, log, sock);
		break;
	case BINDS:
		bind_for_ever(&b, self->vat, sock);
		break;
	default:
		sleep_for_ever(&b, sock, deed == UNBINDS);
	}
}

static int owner_start(struct _test_data_owner *self, __u32 has, enum deed deed)
{
	int pair[2];

	self->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (self->memfd < 0 || ftruncate(self->memfd, 32 * PG) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -errno;
	self->pid = fork();
	if (!self->pid) {
		close(pair[0]);
		owner_main(self, pair[1], has, deed);
		_exit(1);
	}
	close(pair[1]);
	self->sock = pair[0];
	for (enum file file = 0; file < NR_FILES; file++) {
		self->files[file] = has & HAS(file) ? recv_fd(self->sock) : -1;
		if (has & HAS(file) && self->files[file] < 0)
			return self->files[file];
	}
	return await(self->sock);
}

FIXTURE_SETUP(owner)
{
	self->refs = module_refs("kvm");
	self->vat = vat_open();
	ASSERT_LE(0, self->vat);
}

/* All that was the owner's is gone. */
FIXTURE_TEARDOWN(owner)
{
	close(self->vat);
	EXPECT_TRUE(EVENTUALLY(module_refs("kvm") == self->refs));
}

static void owner_end(struct _test_data_owner *self, bool exits)
{
	if (exits)
		post(self->sock);
	else
		kill(self->pid, SIGKILL);
}

static void close_files(struct _test_data_owner *self)
{
	for (enum file file = 0; file < NR_FILES; file++)
		if (self->files[file] >= 0)
			close(self->files[file]);
	close(self->sock);
	close(self->memfd);
}

TEST_F(owner, ends)
{
	struct virt_as_entry mine = as_ram(RAM, PG, guest_alloc(PG));
	bool bound = variant->has & (HAS(VM) | HAS(VCPU)) && variant->deed != BINDS &&
		     variant->deed != UNBINDS;
	bool held = variant->deed == BINDS;
	int as;

	ASSERT_EQ(0, owner_start(self, variant->has, variant->deed));
	as = self->files[AS];
	/* The denominator: it is in use. */
	EXPECT_EQ(-EBUSY, sys(fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE)));
	owner_end(self, variant->exits);
	if (held)
		EXPECT_EQ(0, vat_mock(self->vat, 0, false));
	EXPECT_EQ(variant->exits ? 0 : 1000 + SIGKILL, child_status(self->pid));
	/* Its bind may have had its turn before it heard of its end. */
	if (held && variant->has & HAS(VM))
		bound = as_bindings(as) > 1;

	/* Nobody keeps its memory, not even a VM that is still there. */
	EXPECT_TRUE(EVENTUALLY(!fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE)));
	EXPECT_EQ(-ESRCH, as_peek(as, RAM));
	EXPECT_TRUE(EVENTUALLY(!as_drains(as)));
	EXPECT_TRUE(EVENTUALLY(as_bindings(as) == (__u32)bound + held));
	EXPECT_EQ(-EXDEV, as_change(as, NULL, 0));
	if (variant->has & HAS(LOG)) {
		/* What was written before is known. */
		log_take(self->files[LOG]);
		EXPECT_TAKEN("", self->files[LOG]);
	}
	if (variant->has & HAS(VM)) {
		EXPECT_EQ(-EIO, kvm_unbind(self->files[VM]));
		EXPECT_EQ(-EIO, kvm_bind(self->files[VM], as));
	}
	if (variant->has & HAS(VCPU))
		EXPECT_EQ(-EIO, as_ioctl(self->files[VCPU], KVM_RUN, 0));
	/* A VM cannot have other memory than that which it was made with. */
	EXPECT_EQ(bound ? -EBUSY : 0,
		  as_commit(as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT, 0, &mine, 1,
			    NULL));
	if (variant->has & HAS(VM))
		close(self->files[VM]);
	if (variant->has & HAS(VCPU))
		close(self->files[VCPU]);
	self->files[VM] = -1;
	self->files[VCPU] = -1;
	EXPECT_TRUE(EVENTUALLY(as_bindings(as) == (__u32)held));
	EXPECT_EQ(0, as_commit(as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT, 0, &mine,
			       1, NULL));
	EXPECT_EQ(0, as_peek(as, RAM));
	close_files(self);
}

/* Killed at any moment, again and again, with the log being read by another process. */
TEST_F_TIMEOUT(owner, is_killed_often, 300)
{
	const int kills = effort(3, 10, 200);

	/* Once is enough for who does not move. */
	for (int i = 0; i < kills && variant->deed == RUNS && !variant->exits; i++) {
		ASSERT_EQ(0, owner_start(self, variant->has, variant->deed));
		if (variant->has & HAS(LOG))
			log_take(self->files[LOG]);
		nap(i * 7919 % 20000);
		owner_end(self, false);
		EXPECT_EQ(1000 + SIGKILL, child_status(self->pid));
		if (variant->has & HAS(LOG))
			log_take(self->files[LOG]);
		close_files(self);
	}
}

TEST_HARNESS_MAIN
