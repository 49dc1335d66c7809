// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may bind, how many may, and that binding and unbinding fit into any moment
 * of a commit.
 */
#include "consumer.h"
#include "effort.h"

#include <sys/syscall.h>

#define A	0x10000ULL

FIXTURE(bind)
{
	int as;
	unsigned char *mem;
	struct virt_as_entry map[2];
};

FIXTURE_SETUP(bind)
{
	self->mem = guest_alloc(16 * PG);
	ASSERT_NE(NULL, self->mem);
	self->map[0] = as_ram(A, PG, self->mem);
	self->map[1] = as_ram(A, PG, self->mem + 8 * PG);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, &self->map[0], 1));
}

FIXTURE_TEARDOWN(bind)
{
	EXPECT_EQ(0, as_bindings(self->as));
	close(self->as);
}

TEST_F(bind, wrong_files)
{
	int vat = vat_open(), closed = dup(self->as);
	int null = open("/dev/null", O_RDWR), device = open(DEVICE, O_RDWR);

	ASSERT_LE(0, vat);
	ASSERT_LE(0, null);
	ASSERT_LE(0, device);
	close(closed);
	for (__u32 flags = 0; flags <= VAT_BIND_BY_FILE; flags++) {
		EXPECT_EQ(-EBADF, vat_bind_as(vat, closed, 0, flags));
		EXPECT_EQ(-EBADF, vat_bind_as(vat, -1, 0, flags));
		EXPECT_EQ(-EBADFD, vat_bind_as(vat, null, 0, flags));
		EXPECT_EQ(-EBADFD, vat_bind_as(vat, device, 0, flags));
		EXPECT_EQ(-EBADFD, vat_bind_as(vat, vat, 0, flags));
	}
	EXPECT_EQ(-ENOTCONN, vat_unbind(vat));
	close(null);
	close(device);
	close(vat);
}

TEST_F(bind, rights_of_the_file)
{
	const __u32 bind = VIRT_AS_RIGHT_BIND, read = VIRT_AS_RIGHT_READ;
	const __u32 write = VIRT_AS_RIGHT_WRITE;

	for (__u32 have = 0; have <= VIRT_AS_RIGHTS; have++) {
		int as = as_restrict(self->as, have), vat = vat_open();

		ASSERT_LE(0, as);
		for (__u32 needs = 0; needs <= (read | write); needs++) {
			bool may = have & bind && (needs & have) == needs;

			for (__u32 flags = 0; flags <= VAT_BIND_BY_FILE; flags++) {
				EXPECT_EQ(may ? 0 : -EPERM,
					  vat_bind_as(vat, as, needs, flags));
				EXPECT_EQ(may ? 0 : -ENOTCONN, vat_unbind(vat));
			}
		}
		close(as);
		close(vat);
	}
}

TEST_F(bind, rights_of_the_binding)
{
	int vat = vat_open();

	ASSERT_LE(0, vat);
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, vat_bind_as(vat, self->as, 1U << bit, 0));
		EXPECT_EQ(-EINVAL, vat_bind_as(vat, self->as,
					       RIGHTS_RW | 1U << bit, 0));
	}
	EXPECT_EQ(0, vat_status(vat).nr_events);
	close(vat);
}

TEST_F_TIMEOUT(bind, limit, 120)
{
	struct virt_as_info info;
	struct rlimit limit;
	__u32 max;
	int *vat;

	ASSERT_EQ(0, as_info(self->as, &info));
	max = info.out_max_bindings;
	ASSERT_LT(0, max);
	ASSERT_GE(65536, max);
	limit.rlim_cur = max + 100;
	limit.rlim_max = max + 100;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	vat = calloc(max + 1, sizeof(*vat));
	for (__u32 i = 0; i <= max; i++) {
		vat[i] = vat_open();
		ASSERT_LE(0, vat[i]);
		ASSERT_EQ(i < max ? 0 : -ENOSPC, vat_bind(vat[i], self->as, 0));
	}
	EXPECT_EQ(0, vat_status(vat[max]).nr_events);
	EXPECT_EQ(max, as_bindings(self->as));
	EXPECT_EQ(0, as_replace(self->as, &self->map[1], 1));
	EXPECT_EQ(0, vat_unbind(vat[max / 2]));
	EXPECT_EQ(0, vat_bind(vat[max], self->as, 0));
	for (__u32 i = 0; i <= max; i++)
		close(vat[i]);
	free(vat);
}

static int delete_module(const char *name)
{
	return sys(syscall(SYS_delete_module, name, O_NONBLOCK));
}

TEST_F(bind, modules_stay)
{
	long test = module_refs(TEST_MODULE), core = module_refs("virt_as");
	int vat = vat_open();

	ASSERT_LE(0, vat);
	ASSERT_LE(0, test);
	ASSERT_TRUE(core >= 0 || core_is_built_in());
	EXPECT_EQ(test + 1, module_refs(TEST_MODULE));
	ASSERT_EQ(0, vat_bind(vat, self->as, 0));
	EXPECT_EQ(test + 2, module_refs(TEST_MODULE));
	EXPECT_EQ(-EWOULDBLOCK, delete_module(TEST_MODULE));
	EXPECT_EQ(core_is_built_in() ? -ENOENT : -EWOULDBLOCK,
		  delete_module("virt_as"));
	EXPECT_EQ(0, vat_unbind(vat));
	EXPECT_EQ(test + 1, module_refs(TEST_MODULE));
	EXPECT_EQ(-ENOTCONN, vat_unbind(vat));
	ASSERT_EQ(0, vat_bind(vat, self->as, 0));
	close(vat);
	EXPECT_TRUE(EVENTUALLY(module_refs(TEST_MODULE) == test));
	EXPECT_EQ(core, module_refs("virt_as"));
}

/* @slow is in prepare; the one before it has prepared, the one behind not. */
static int hold_commit(struct call *commit, int as, int slow,
		       const struct virt_as_entry *map)
{
	*commit = (struct call) {
		.as = as, .flags = VIRT_AS_COMMIT_REPLACE, .entries = map,
		.nr_entries = 1,
	};
	if (vat_mock(slow, 0, true) || call_start(commit, call_commit))
		return -EINVAL;
	return EVENTUALLY(vat_status(slow).waiting) ? 0 : -ETIMEDOUT;
}

TEST_F_TIMEOUT(bind, unbind_while_another_prepares, 60)
{
	struct vat_status status;
	struct call commit;
	int vat[3];

	for (int i = 0; i < 3; i++)
		vat[i] = vat_bound(self->as, RIGHTS_RW);
	ASSERT_EQ(0, hold_commit(&commit, self->as, vat[1], &self->map[1]));

	/* Neither waits for the slow one: if it did, this would not return. */
	EXPECT_EQ(0, vat_unbind(vat[0]));
	EXPECT_EQ(0, vat_unbind(vat[2]));
	EXPECT_EQ(1, vat_status(vat[1]).waiting);
	EXPECT_EQ(1, as_bindings(self->as));
	status = vat_status(vat[0]);
	EXPECT_EQ(2, status.calls[VAT_PREPARE]);
	EXPECT_EQ(1, status.calls[VAT_COMMIT]);
	EXPECT_EQ(1, status.calls[VAT_ABORT]);
	status = vat_status(vat[2]);
	EXPECT_EQ(1, status.calls[VAT_PREPARE]);
	EXPECT_EQ(0, status.calls[VAT_ABORT]);

	EXPECT_EQ(0, vat_mock(vat[1], 0, false));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(2, vat_status(vat[1]).calls[VAT_COMMIT]);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, vat_status(vat[i]).violations);
		close(vat[i]);
	}
}

/* Its own prepare it waits for; then it has prepared in vain, or refused. */
TEST_F_TIMEOUT(bind, unbind_while_it_prepares, 60)
{
	for (int error = 0; error <= EDOM; error += EDOM) {
		int vat = vat_bound(self->as, RIGHTS_RW);
		struct call unbind = { .vat = vat }, commit;

		ASSERT_EQ(0, hold_commit(&commit, self->as, vat, &self->map[1]));
		ASSERT_EQ(0, call_start(&unbind, call_unbind));
		EXPECT_TRUE(call_waits(&unbind));
		EXPECT_TRUE(call_waits(&commit));
		EXPECT_EQ(0, vat_mock(vat, -error, false));
		EXPECT_EQ(0, call_join(&unbind));
		EXPECT_EQ(-error, call_join(&commit));
		EXPECT_EQ(!error, vat_status(vat).calls[VAT_ABORT] +
				  vat_status(vat).calls[VAT_COMMIT] - 1);
		EXPECT_EQ(0, vat_status(vat).violations);
		EXPECT_EQ(0, as_bindings(self->as));
		close(vat);
	}
}

/* A file that is closed lets its prepare go. */
TEST_F_TIMEOUT(bind, close_while_it_prepares, 60)
{
	int vat = vat_bound(self->as, RIGHTS_RW);
	struct call commit;

	ASSERT_EQ(0, hold_commit(&commit, self->as, vat, &self->map[1]));
	close(vat);
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(0, as_bindings(self->as));
}

static void *call_bind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, vat_bind(call->vat, call->as, RIGHTS_RW));
	return NULL;
}

/* Who binds in the middle of a commit sees the map that comes of it. */
TEST_F_TIMEOUT(bind, bind_while_another_prepares, 60)
{
	int slow = vat_bound(self->as, RIGHTS_RW), vat = vat_open();
	struct call bind = { .as = self->as, .vat = vat }, commit;
	struct vat_status status;

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, hold_commit(&commit, self->as, slow, &self->map[1]));
	ASSERT_EQ(0, call_start(&bind, call_bind));
	EXPECT_TRUE(call_waits(&bind));
	EXPECT_EQ(0, vat_mock(slow, 0, false));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(0, call_join(&bind));
	status = vat_status(vat);
	EXPECT_EQ(2, status.nr_events);
	EXPECT_EQ(0, status.events[0].old_generation);
	EXPECT_EQ(commit.reply.out_generation, status.events[0].new_generation);
	close(slow);
	close(vat);
}

#define CHURNERS	3

struct churn {
	int as;
	int vat;
	int stop;
	__u64 rounds;
	int error;
	pthread_t thread;
};

static void *churn(void *arg)
{
	struct churn *c = arg;

	while (!c->error && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		c->error = vat_bind(c->vat, c->as, RIGHTS_RW);
		if (!c->error)
			c->error = vat_unbind(c->vat);
		c->rounds++;
	}
	return NULL;
}

/* Bindings come and go in every moment of commits, some of which only try. */
TEST_F_TIMEOUT(bind, churn, 120)
{
	const unsigned int commits = effort(500, 3000, 20000);
	__u64 rounds = 0, calls[VAT_NR_CALLS] = {};
	struct churn all[CHURNERS] = {};

	for (int i = 0; i < CHURNERS; i++) {
		all[i].as = self->as;
		all[i].vat = vat_open();
		ASSERT_LE(0, all[i].vat);
		ASSERT_EQ(0, pthread_create(&all[i].thread, NULL, churn, &all[i]));
	}
	for (unsigned int i = 0; i < commits; i++) {
		__u32 try = i % 3 ? 0 : VIRT_AS_COMMIT_TRY;

		ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | try, 0,
				       &self->map[i & 1], 1, NULL));
	}
	for (int i = 0; i < CHURNERS; i++) {
		struct vat_status status;

		__atomic_store_n(&all[i].stop, 1, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(all[i].thread, NULL));
		status = vat_status(all[i].vat);
		EXPECT_EQ(0, all[i].error);
		EXPECT_EQ(0, status.violations);
		EXPECT_EQ(status.calls[VAT_PREPARE],
			  status.calls[VAT_COMMIT] + status.calls[VAT_ABORT]);
		rounds += all[i].rounds;
		for (int j = 0; j < VAT_NR_CALLS; j++)
			calls[j] += status.calls[j];
		close(all[i].vat);
	}
	ksft_print_msg("0 wrong calls in %u commits and %llu bindings;\n", commits,
		       rounds);
	ksft_print_msg("%llu prepared, %llu committed, %llu aborted\n",
		       calls[VAT_PREPARE], calls[VAT_COMMIT], calls[VAT_ABORT]);
	EXPECT_LE(commits / 10, rounds);
	/* Each bind prepares; what is beyond that was seen by commits. */
	EXPECT_LE(commits / 100, calls[VAT_PREPARE] - rounds);
	EXPECT_LE(commits / 100, calls[VAT_ABORT]);
}

TEST_HARNESS_MAIN
