// SPDX-License-Identifier: GPL-2.0-only
/*
 * Additions by compare-exchange from every context at once: none may be lost.
 */
#include "consumer.h"
#include "effort.h"
#include "owner.h"

#define ADDERS		4
#define MIN_LOST	20

struct adder {
	int vat;
	__u32 context;
	unsigned int width;
	__u64 count;
	__u64 lost;
	long ret;
};

FIXTURE(cmpxchg)
{
	struct owner owner;
	struct adder *adders;
	__u64 *word;
};

FIXTURE_VARIANT(cmpxchg)
{
	bool foreign;
};

FIXTURE_VARIANT_ADD(cmpxchg, owner_here) { .foreign = false };
FIXTURE_VARIANT_ADD(cmpxchg, owner_elsewhere) { .foreign = true };

FIXTURE_SETUP(cmpxchg)
{
	struct virt_as_entry map;

	self->word = shared_alloc(PG);
	self->adders = shared_alloc(PG);
	ASSERT_NE(NULL, self->word);
	ASSERT_NE(NULL, self->adders);
	map = as_ram(0, PG, self->word);
	ASSERT_EQ(0, owner_start(&self->owner, variant->foreign));
	ASSERT_EQ(0, owner_commit(&self->owner, VIRT_AS_COMMIT_REPLACE, &map, 1));
	for (int i = 0; i < ADDERS; i++) {
		self->adders[i].vat = vat_bound(self->owner.as, RIGHTS_RW);
		ASSERT_LE(0, self->adders[i].vat);
		self->adders[i].context = i < 2 ? VAT_CALLER : VAT_THREAD;
	}
}

FIXTURE_TEARDOWN(cmpxchg)
{
	for (int i = 0; i < ADDERS; i++)
		close(self->adders[i].vat);
	EXPECT_EQ(0, owner_stop(&self->owner));
}

static void *add(void *arg)
{
	struct adder *adder = arg;
	struct vat_op op = vat_op(VAT_OP_ADD, 0, NULL, adder->width);

	op.value = adder->count;
	adder->ret = vat_in_section(adder->vat, adder->context, &op);
	adder->lost = op.old;
	return NULL;
}

/* What a guest does. */
static void add_by_hand(__u64 *word, unsigned int width, __u64 count)
{
	while (count--) {
		if (width == 2)
			__atomic_fetch_add((__u16 *)word, 1, __ATOMIC_SEQ_CST);
		else if (width == 4)
			__atomic_fetch_add((__u32 *)word, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	}
}

/* A child and a thread in their own context, two kernel threads, and user code. */
static int round_of(struct adder *adders, __u64 *word, unsigned int width,
		    __u64 count)
{
	pthread_t threads[ADDERS];
	pid_t child;

	for (int i = 0; i < ADDERS; i++) {
		adders[i].width = width;
		adders[i].count = count;
		adders[i].ret = -EINPROGRESS;
	}
	child = fork();
	if (!child) {
		add(&adders[0]);
		_exit(0);
	}
	for (int i = 1; i < ADDERS; i++)
		if (pthread_create(&threads[i], NULL, add, &adders[i]))
			return -EAGAIN;
	add_by_hand(word, width, count);
	for (int i = 1; i < ADDERS; i++)
		pthread_join(threads[i], NULL);
	if (child_status(child))
		return -ECHILD;
	for (int i = 0; i < ADDERS; i++)
		if (adders[i].ret)
			return adders[i].ret;
	return 0;
}

TEST_F_TIMEOUT(cmpxchg, sum, 120)
{
	const __u64 count = effort(1000, 5000, 200000);
	__u64 sum = 0, lost = 0, seen;

	/* Until it was really contended, which no single round promises. */
	for (int round = 0; round < 300 && (round < 3 || lost < MIN_LOST); round++) {
		unsigned int width = 2 << round % 3;
		__u64 want = count * (ADDERS + 1);

		*self->word = 0;
		ASSERT_EQ(0, round_of(self->adders, self->word, width, count));
		seen = __atomic_load_n(self->word, __ATOMIC_SEQ_CST);
		ASSERT_EQ(width == 2 ? want & 0xffff : want, seen);
		sum += want;
		for (int i = 0; i < ADDERS; i++)
			lost += self->adders[i].lost;
	}
	ksft_print_msg("0 of %llu additions lost, %llu attempts met another (at least %d)\n",
		       sum, lost, MIN_LOST);
	EXPECT_LE((__u64)MIN_LOST, lost);
}

TEST_HARNESS_MAIN
