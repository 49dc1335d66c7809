// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the owner, at every stage of what others do with its memory. The
 * owner is a child; the test and its kernel threads are the others.
 */
#include "consumer.h"
#include "uffd.h"

#define LEN	(16 * PG)

struct stage {
	long refs;	/* on the test module, before all */
	int memfd;	/* mapped by the owner alone */
	int sock;
	pid_t pid;
	int as;
	int vat;
};

enum stage_order {
	COMMIT,		/* commit another map; answers when it has returned */
	EXEC,		/* become another program, which waits */
	LEAVE,		/* exit, with a consumer bound */
	WATCH,		/* replace the memory by one whose faults the owner serves */
};

static void owner_main(int sock, int memfd)
{
	unsigned char *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
				  memfd, 0);
	struct virt_as_entry map = as_ram(0, LEN, mem);
	int as = as_create(), order, rc;

	memset(mem, 'g', LEN);
	if (as < 0 || as_replace(as, &map, 1) || send_fd(sock, as))
		_exit(1);
	while (recv(sock, &order, sizeof(order), 0) == sizeof(order)) {
		switch (order) {
		case COMMIT:
			map.gpa += LEN;
			rc = as_replace(as, &map, 1);
			break;
		case EXEC:
			execl("/bin/sleep", "sleep", "1000", NULL);
			_exit(1);
		case LEAVE:
			_exit(vat_bound(as, RIGHTS_RW) < 0);
		default:
			mem = guest_alloc(LEN);
			rc = uffd_watch(mem, LEN);
			map = as_ram(0, LEN, mem);
			rc = rc < 0 ? rc : as_replace(as, &map, 1);
			break;
		}
		if (send(sock, &rc, sizeof(rc), MSG_NOSIGNAL) != sizeof(rc))
			break;
	}
	_exit(2);
}

static int stage_open(struct stage *s)
{
	int pair[2];

	s->refs = module_refs(TEST_MODULE);
	s->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->memfd < 0 || ftruncate(s->memfd, LEN))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	s->pid = fork();
	if (!s->pid) {
		close(pair[0]);
		owner_main(pair[1], s->memfd);
	}
	close(pair[1]);
	s->sock = pair[0];
	s->as = recv_fd(s->sock);
	if (s->as < 0)
		return s->as;
	s->vat = vat_bound(s->as, RIGHTS_RW);
	return s->vat < 0 ? s->vat : 0;
}

static int tell(struct stage *s, int order)
{
	return send(s->sock, &order, sizeof(order), MSG_NOSIGNAL) ==
	       sizeof(order) ? 0 : -errno;
}

static int answer(struct stage *s)
{
	int rc;

	return recv(s->sock, &rc, sizeof(rc), 0) == sizeof(rc) ? rc : -EPIPE;
}

/* Nobody maps the memory any more. */
static bool memory_is_free(struct stage *s)
{
	return EVENTUALLY(!fcntl(s->memfd, F_ADD_SEALS, F_SEAL_WRITE));
}

static bool memory_is_used(struct stage *s)
{
	return fcntl(s->memfd, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EBUSY;
}

static long one(struct stage *s, __u32 code, __u64 gpa)
{
	unsigned char byte = 0;
	struct vat_op op = vat_op(code, gpa, &byte, code == VAT_OP_COPY_FROM);
	long rc = vat_one(s->vat, VAT_THREAD, &op);

	return rc == 1 ? byte : rc;
}

#define BEGIN()		one(s, VAT_OP_BEGIN, 0)
#define END()		one(s, VAT_OP_END, 0)
#define PEEK(gpa)	one(s, VAT_OP_COPY_FROM, gpa)

FIXTURE(owner)
{
	struct stage stage;
};

FIXTURE_SETUP(owner)
{
	ASSERT_EQ(0, stage_open(&self->stage));
	ASSERT_TRUE(memory_is_used(&self->stage));
}

/* However it went: all are told so, all is given back, and unbinding works. */
FIXTURE_TEARDOWN(owner)
{
	struct stage *s = &self->stage;
	struct virt_as_entry map = as_ram(0, PG, guest_alloc(PG));
	struct vat_status status = vat_status(s->vat);
	unsigned char byte;

	EXPECT_TRUE(memory_is_free(s));
	EXPECT_EQ(-ESRCH, as_peek(s->as, 0));
	EXPECT_EQ(-ESRCH, as_pwrite(s->as, "x", 1, 0));
	EXPECT_EQ(-ESRCH, vat_read(s->vat, VAT_CALLER, 0, &byte, 1));
	EXPECT_EQ(-ESRCH, vat_read(s->vat, VAT_THREAD, 0, &byte, 1));
	EXPECT_EQ(-EXDEV, as_replace(s->as, &map, 1));

	/* Another one can take it over, and then all works again. */
	EXPECT_EQ(0, as_commit(s->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT,
			       0, &map, 1, NULL));
	EXPECT_EQ(1, vat_read(s->vat, VAT_THREAD, 0, &byte, 1));
	EXPECT_EQ(1, as_bindings(s->as));
	EXPECT_EQ(0, status.violations);
	EXPECT_EQ(0, vat_unbind(s->vat));
	EXPECT_EQ(0, as_bindings(s->as));
	close(s->vat);
	close(s->as);
	close(s->sock);
	close(s->memfd);
	EXPECT_TRUE(EVENTUALLY(module_refs(TEST_MODULE) == s->refs));
}

static int killed(struct stage *s)
{
	if (kill(s->pid, SIGKILL))
		return -errno;
	return child_status(s->pid) == 1000 + SIGKILL ? 0 : -ECHILD;
}

TEST_F_TIMEOUT(owner, killed_at_rest, 60)
{
	ASSERT_EQ(0, killed(&self->stage));
}

/* The section keeps the memory as long as it is open, and not longer. */
TEST_F_TIMEOUT(owner, killed_in_a_section, 60)
{
	struct stage *s = &self->stage;

	ASSERT_EQ(0, BEGIN());
	EXPECT_EQ('g', PEEK(0));
	ASSERT_EQ(0, killed(s));
	EXPECT_EQ('g', PEEK(LEN - 1));
	EXPECT_TRUE(memory_is_used(s));
	ASSERT_EQ(0, END());
	EXPECT_TRUE(memory_is_free(s));
	EXPECT_EQ(-ESRCH, BEGIN());
}

/* The commit waits for the section, which does not keep the owner from dying. */
TEST_F_TIMEOUT(owner, killed_in_a_waiting_commit, 60)
{
	struct stage *s = &self->stage;

	ASSERT_EQ(0, BEGIN());
	ASSERT_EQ(0, tell(s, COMMIT));
	EXPECT_TRUE(EVENTUALLY(as_generation(s->as) == 3));
	ASSERT_EQ(0, killed(s));
	EXPECT_EQ(-EPIPE, answer(s));
	EXPECT_EQ('g', PEEK(0));
	EXPECT_EQ(3, as_generation(s->as));
	EXPECT_TRUE(as_drains(s->as));
	ASSERT_EQ(0, END());
	EXPECT_EQ(POLLOUT, as_poll(s->as, POLLOUT, HANG_MS));
}

TEST_F_TIMEOUT(owner, killed_in_prepare, 60)
{
	struct stage *s = &self->stage;
	struct vat_status status;

	ASSERT_EQ(0, vat_mock(s->vat, 0, true));
	ASSERT_EQ(0, tell(s, COMMIT));
	ASSERT_TRUE(EVENTUALLY(vat_status(s->vat).waiting));
	ASSERT_EQ(0, killed(s));
	EXPECT_EQ(2, as_generation(s->as));
	status = vat_status(s->vat);
	EXPECT_EQ(0, status.waiting);
	EXPECT_EQ(2, status.calls[VAT_PREPARE]);
	EXPECT_EQ(1, status.calls[VAT_COMMIT]);
	EXPECT_EQ(0, status.calls[VAT_ABORT]);
	ASSERT_EQ(0, vat_mock(s->vat, 0, false));
}

/*
 * A kernel thread sleeps in a fault that only the owner could have served. Its
 * userfaultfd goes with it, so what the thread gets is what the page would be
 * without: zeroes.
 */
TEST_F_TIMEOUT(owner, killed_while_a_fault_waits_for_it, 60)
{
	struct stage *s = &self->stage;
	unsigned char buf[64] = { 1 }, zeroes[64] = {};
	struct call call = {
		.vat = s->vat, .context = VAT_THREAD, .nr = 3,
		.ops = {
			VAT_BEGIN,
			vat_op(VAT_OP_COPY_FROM, 0, buf, sizeof(buf)),
			VAT_END,
		},
	};

	ASSERT_EQ(0, tell(s, WATCH));
	ASSERT_EQ(0, answer(s));
	ASSERT_EQ(0, call_start(&call, call_run));
	EXPECT_TRUE(call_waits(&call));
	ASSERT_EQ(0, killed(s));
	EXPECT_EQ(0, call_join(&call));
	EXPECT_EQ(0, call.ops[0].ret);
	EXPECT_EQ((long)sizeof(buf), call.ops[1].ret);
	EXPECT_EQ(0, memcmp(buf, zeroes, sizeof(buf)));
	EXPECT_EQ(0, call.ops[2].ret);
}

/* The same, and the consumer is closed while its thread sleeps. */
TEST_F_TIMEOUT(owner, consumer_closed_while_its_thread_sleeps, 60)
{
	struct stage *s = &self->stage;
	pid_t reader;

	ASSERT_EQ(0, tell(s, WATCH));
	ASSERT_EQ(0, answer(s));
	reader = fork();
	if (!reader) {
		int vat = vat_bound(s->as, RIGHTS_RW);
		char byte;

		/* Killed in the middle: the thread must outlive its consumer. */
		_exit(vat_read(vat, VAT_THREAD, 0, &byte, 1) != 1);
	}
	EXPECT_TRUE(EVENTUALLY(as_bindings(s->as) == 2));
	nap(100000);
	ASSERT_EQ(0, kill(reader, SIGKILL));
	EXPECT_EQ(1000 + SIGKILL, child_status(reader));
	ASSERT_EQ(0, killed(s));
	EXPECT_TRUE(EVENTUALLY(as_bindings(s->as) == 1));
}

TEST_F_TIMEOUT(owner, execs, 60)
{
	struct stage *s = &self->stage;

	ASSERT_EQ(0, BEGIN());
	ASSERT_EQ(0, tell(s, EXEC));
	EXPECT_EQ('g', PEEK(0));
	/* The socket is closed by the exec. */
	EXPECT_EQ(-EPIPE, answer(s));
	EXPECT_EQ('g', PEEK(0));
	ASSERT_EQ(0, END());
	EXPECT_TRUE(memory_is_free(s));
	EXPECT_EQ(0, kill(s->pid, 0));
	EXPECT_EQ(-ESRCH, BEGIN());
	ASSERT_EQ(0, killed(s));
}

TEST_F_TIMEOUT(owner, exits_with_a_binding, 60)
{
	struct stage *s = &self->stage;

	ASSERT_EQ(0, tell(s, LEAVE));
	EXPECT_EQ(0, child_status(s->pid));
	EXPECT_TRUE(EVENTUALLY(as_bindings(s->as) == 1));
}

/* Foreign tasks who read all the time are told, and hold nothing. */
TEST_F_TIMEOUT(owner, killed_with_its_foreign_readers_at_work, 60)
{
	struct stage *s = &self->stage;
	pid_t readers[4];

	for (int i = 0; i < 4; i++) {
		readers[i] = fork();
		if (!readers[i]) {
			static char buf[LEN];
			long rc;

			do {
				rc = i & 1 ? as_pread(s->as, buf, LEN, 0) :
				     vat_read(s->vat, VAT_CALLER, 0, buf, LEN);
			} while (rc == LEN);
			_exit(rc == -ESRCH ? 0 : 1);
		}
	}
	nap(50000);
	ASSERT_EQ(0, killed(s));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, child_status(readers[i]));
}

TEST_HARNESS_MAIN
