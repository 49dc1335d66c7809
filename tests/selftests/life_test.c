// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long things live: the address space as long as a file of it, the owner's
 * memory exactly as long as the owner.
 */
#include "modules.h"
#include "uffd.h"

#define LEN		(32 * PG)
#define EXEC_ENV	"VIRT_AS_LIFE_EXEC"

/*
 * What this program does when the test has executed it again: it has the files
 * of who it was, and another memory.
 */
static void __attribute__((constructor)) after_exec(void)
{
	const char *files = getenv(EXEC_ENV);
	int as, sock;

	if (!files || sscanf(files, "%d,%d", &as, &sock) != 2)
		return;
	if (as_change(as, NULL, 0) != -EXDEV || as_peek(as, 0) != -ESRCH)
		_exit(1);
	post(sock);
	await(sock);
	_exit(0);
}

enum end {
	END_EXIT,
	END_KILL,
	END_EXEC,
	END_LEAVES_CHILD,
};

FIXTURE(life) {
	pid_t owner;
	int memfd;
	int as;
	int pair[2];
};

FIXTURE_VARIANT(life) {
	enum end end;
};

FIXTURE_VARIANT_ADD(life, exit) {
	.end = END_EXIT,
};

FIXTURE_VARIANT_ADD(life, kill) {
	.end = END_KILL,
};

FIXTURE_VARIANT_ADD(life, exec) {
	.end = END_EXEC,
};

/* A child of the owner has a copy of its memory, which is not its memory. */
FIXTURE_VARIANT_ADD(life, leaves_child) {
	.end = END_LEAVES_CHILD,
};

static void owner_ends(enum end end, int as, int sock)
{
	char * const argv[] = { "life_test", NULL };
	char files[64];
	pid_t child;

	switch (end) {
	case END_KILL:
		pause();
		break;
	case END_EXEC:
		snprintf(files, sizeof(files), "%d,%d", as, sock);
		fcntl(as, F_SETFD, 0);
		setenv(EXEC_ENV, files, 1);
		execv("/proc/self/exe", argv);
		_exit(2);
	case END_LEAVES_CHILD:
		child = fork();
		if (!child) {
			/* Until the test is over and its end of the pair closed. */
			await(sock);
			_exit(0);
		}
		_exit(child < 0);
	default:
		break;
	}
	_exit(0);
}

/* What the owner does until it is told to end. The memfd is its guest. */
static int owner_lives(const struct _test_data_life *self)
{
	int as = as_create();
	struct virt_as_entry e;
	void *mem;

	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, self->memfd, 0);
	if (as < 0 || mem == MAP_FAILED)
		return -1;
	fill(mem, LEN, 1);
	e = as_ram(0, LEN, mem);
	if (as_replace(as, &e, 1) || send_fd(self->pair[1], as) ||
	    await(self->pair[1]))
		return -1;
	return as;
}

/* The owner is another process, and the only one that maps the memfd. */
FIXTURE_SETUP(life)
{
	self->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_LE(0, self->memfd);
	ASSERT_EQ(0, ftruncate(self->memfd, LEN));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));
	self->owner = fork();
	ASSERT_LE(0, self->owner);
	if (!self->owner) {
		int as;

		close(self->pair[0]);
		as = owner_lives(self);
		if (as < 0)
			_exit(1);
		owner_ends(variant->end, as, self->pair[1]);
	}
	close(self->pair[1]);
	self->as = recv_fd(self->pair[0]);
	ASSERT_LE(0, self->as);
	/* The denominator: while it lives all is well. */
	ASSERT_EQ(pattern(PG, 1), as_peek(self->as, PG));
	ASSERT_EQ(self->owner, fdinfo_number(self->as, "virt_as-owner"));
	ASSERT_EQ(-EBUSY, sys(fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE)));
}

FIXTURE_TEARDOWN(life)
{
	close(self->as);
	close(self->pair[0]);
	if (variant->end == END_EXEC)
		child_status(self->owner);
}

/* When it returns the owner's memory has no user any more. */
static int end_owner(const struct _test_data_life *self, enum end end)
{
	int err;

	err = post(self->pair[0]);
	if (err)
		return err;
	switch (end) {
	case END_KILL:
		kill(self->owner, SIGKILL);
		return child_status(self->owner) == 1000 + SIGKILL ? 0 : -EIO;
	case END_EXEC:
		return await(self->pair[0]);
	default:
		return child_status(self->owner);
	}
}

TEST_F(life, access_when_the_owner_is_gone)
{
	char buf[4] = {};

	ASSERT_EQ(0, end_owner(self, variant->end));
	EXPECT_EQ(-ESRCH, as_pread(self->as, buf, 4, 0));
	EXPECT_EQ(-ESRCH, as_pwrite(self->as, buf, 4, 0));
	EXPECT_EQ(-ESRCH, sys(read(self->as, buf, 4)));
	/* Whatever the map says of the place. */
	EXPECT_EQ(-ESRCH, as_pread(self->as, buf, 4, 1ULL << 40));
	EXPECT_EQ(0, as_pread(self->as, buf, 0, 0));
	/* Who may not ask is not told. */
	EXPECT_EQ(-EPERM, as_pread(as_restrict(self->as, 0), buf, 4, 0));
}

TEST_F(life, commit_when_the_owner_is_gone)
{
	struct virt_as_entry e = as_ram(0, PG, NULL);

	ASSERT_EQ(0, end_owner(self, variant->end));
	EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0, NULL, 0);
	EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_REPLACE,
		       0, &e, 1);
}

TEST_F(life, the_map_is_still_there)
{
	struct virt_as_entry got;
	struct virt_as_info info;
	__u32 nr = 1;
	int other;

	ASSERT_EQ(0, end_owner(self, variant->end));
	EXPECT_EQ(0, as_info(self->as, &info));
	EXPECT_EQ(2, info.out_generation);
	EXPECT_EQ(2, info.out_drained_generation);
	EXPECT_EQ(1, info.out_nr_regions);
	EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(LEN, got.len);
	EXPECT_EQ(0, got.hva);
	other = as_restrict(self->as, VIRT_AS_RIGHT_READ);
	EXPECT_LE(0, other);
	EXPECT_EQ(0, fdinfo_number(other, "virt_as-owner"));
	EXPECT_EQ(1, fdinfo_number(other, "virt_as-regions"));
}

/* Sealing fails as long as anybody has the memfd mapped for writing. */
TEST_F(life, memory_is_not_kept_alive)
{
	ASSERT_EQ(0, end_owner(self, variant->end));
	if (variant->end == END_LEAVES_CHILD) {
		/* Here it is mapped by the copy, until that goes too. */
		EXPECT_EQ(-EBUSY, sys(fcntl(self->memfd, F_ADD_SEALS,
					    F_SEAL_WRITE)));
		return;
	}
	EXPECT_EQ(0, sys(fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE)));
	EXPECT_EQ(-ESRCH, as_peek(self->as, 0));
}

TEST_F(life, revived_by_adoption)
{
	struct virt_as_entry e;
	unsigned char *mem;

	ASSERT_EQ(0, end_owner(self, variant->end));
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, self->memfd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	e = as_ram(0, LEN, mem);
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE |
			       VIRT_AS_COMMIT_ADOPT, 0, &e, 1, NULL));
	for (__u64 gpa = 0; gpa < LEN; gpa += 511)
		ASSERT_EQ(pattern(gpa, 1), as_peek(self->as, gpa));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, PG));
	EXPECT_EQ('x', mem[PG]);
}

struct reading {
	int as;
	size_t len;
	unsigned int good, gone, other;
};

static void *read_until_gone(void *arg)
{
	struct reading *r = arg;
	unsigned char *buf = malloc(r->len);

	while (!r->gone && !r->other) {
		long rc = as_pread(r->as, buf, r->len, 0);

		if (rc == -ESRCH)
			r->gone++;
		else if (rc != (long)r->len || buf[0] != pattern(0, 1) ||
			 buf[rc - 1] != pattern(rc - 1, 1))
			r->other++;
		else
			__atomic_fetch_add(&r->good, 1, __ATOMIC_RELAXED);
	}
	free(buf);
	return NULL;
}

/*
 * All or ESRCH, while the memory is torn down under who reads it; and ESRCH even
 * if there is never a moment in which nobody reads it.
 */
TEST_F(life, ends_while_it_is_read)
{
	/* Each is one chunk: a longer call may end between two of them. */
	static const size_t lens[] = {
		100, PG, 8 * PG, 16 * PG, 16 * PG, 16 * PG,
	};
	struct reading reading[ARRAY_SIZE(lens)] = {};
	pthread_t threads[ARRAY_SIZE(lens)];

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		reading[i].as = self->as;
		reading[i].len = lens[i];
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_until_gone,
					    &reading[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		while (__atomic_load_n(&reading[i].good, __ATOMIC_RELAXED) < 3 &&
		       !__atomic_load_n(&reading[i].other, __ATOMIC_RELAXED))
			sched_yield();
	}
	ASSERT_EQ(0, end_owner(self, variant->end));
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(1, reading[i].gone);
		EXPECT_EQ(0, reading[i].other);
	}
}

/* The owner is this process. */
FIXTURE(owner) {
	struct virt_as_entry base;
	unsigned char *mem;
	int as;
};

FIXTURE_SETUP(owner)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	memset(self->mem, 'a', 4 * PG);
	self->base = as_ram(0, 4 * PG, self->mem);
}

FIXTURE_TEARDOWN(owner)
{
	close(self->as);
}

static int clone_commits(void *arg)
{
	const struct _test_data_owner *self = arg;

	return as_replace(self->as, &self->base, 1) ? 1 : 0;
}

/* A process that shares the memory is the owner as well. */
TEST_F(owner, is_a_memory_and_no_process)
{
	char *stack = guest_alloc(64 * PG);
	pid_t child;

	child = clone(clone_commits, stack + 64 * PG,
		      CLONE_VM | CLONE_VFORK | SIGCHLD, self);
	ASSERT_LT(0, child);
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(2, as_generation(self->as));
	EXPECT_EQ('a', as_peek(self->as, 0));
	/* The memory is still that of this process. */
	EXPECT_EQ(getpid(), fdinfo_number(self->as, "virt_as-owner"));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

static void *thread_commits(void *arg)
{
	const struct _test_data_owner *self = arg;

	return (void *)(long)as_replace(self->as, &self->base, 1);
}

TEST_F(owner, any_thread)
{
	pthread_t thread;
	void *err;

	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_commits, self));
	pthread_join(thread, &err);
	EXPECT_EQ(NULL, err);
	EXPECT_EQ('a', as_peek(self->as, 0));
}

static int sockets[2];

static void *thread_outlives_leader(void *arg)
{
	const struct _test_data_owner *self = arg;
	int as = as_create();

	if (as < 0 || as_replace(as, &self->base, 1) || await_state(getpid(), 'Z'))
		_exit(1);
	/* The leader is no more, the memory lives. */
	if (as_change(as, NULL, 0) || as_peek(as, 0) != 'a' ||
	    send_fd(sockets[1], as) || await(sockets[1]))
		_exit(2);
	_exit(0);
}

TEST_F(owner, leader_exits_first)
{
	pthread_t thread;
	pid_t child;
	int as;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (pthread_create(&thread, NULL, thread_outlives_leader, self))
			_exit(3);
		/* Of this thread alone. */
		syscall(SYS_exit, 0);
	}
	as = recv_fd(sockets[0]);
	ASSERT_LE(0, as);
	EXPECT_EQ('a', as_peek(as, 0));
	ASSERT_EQ(0, post(sockets[0]));
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(-ESRCH, as_peek(as, 0));
	close(as);
}

/*
 * A foreign process that reads much has a kernel thread read for it. When it is
 * killed, that thread stays behind in the fault, with no file open any more: it
 * needs the module all the same.
 */
TEST_F(owner, kernel_thread_left_behind_holds_the_module)
{
	size_t len = 16 * PG;
	unsigned char *from = guest_alloc(len);
	unsigned char *mem = guest_alloc(len);
	struct virt_as_entry e = as_ram(0, len, mem);
	long users;
	pid_t child;
	int uffd;

	ASSERT_EQ(0, as_replace(self->as, &e, 1));
	uffd = uffd_watch(mem, len);
	ASSERT_LE(0, uffd);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		unsigned char buf[16 * PG];

		as_pread(self->as, buf, len, 0);
		_exit(0);
	}
	ASSERT_EQ(mem, uffd_fault(uffd));
	close(self->as);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(1000 + SIGKILL, child_status(child));

	/* It is seen by the reference that it gives back when it may go on. */
	users = module_refs("virt_as");
	ASSERT_TRUE(users > 0 || core_is_built_in());
	ASSERT_EQ(0, uffd_serve(uffd, mem, from, len));
	while (users > 0 && module_refs("virt_as") >= users)
		sched_yield();
	close(uffd);
	self->as = as_create();
	EXPECT_LE(0, self->as);
}

TEST_F(owner, closes_and_leaves_the_rest_to_others)
{
	int other = as_restrict(self->as, VIRT_AS_RIGHT_READ);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	close(self->as);
	EXPECT_EQ(-EBADF, as_peek(self->as, 0));
	EXPECT_EQ('a', as_peek(other, 0));
	/* Nobody can commit any more, the map is for ever. */
	EXPECT_EQ(-EPERM, as_change(other, NULL, 0));
	self->as = other;
}

TEST_HARNESS_MAIN
