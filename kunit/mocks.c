// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three mocks of one address space. What they note is compared as a text, a letter
 * for the call and one for the mock: "pA cA " is prepare and commit of A.
 */
#include <kunit/test.h>

#include "mocks.h"

/**
 * mocks_init - make three mocks, none of them bound
 * @mocks: memory for them
 * @world: the world of their address space
 * @log: what they note in
 */
void mocks_init(struct mock *mocks, struct world *world, struct mock_log *log)
{
	unsigned int i;

	spin_lock_init(&log->lock);
	for (i = 0; i < NR_MOCKS; i++)
		mock_init(&mocks[i], world, log, 'A' + i);
}

/**
 * mocks_forget - forget what was noted
 * @mocks: the mocks
 */
void mocks_forget(struct mock *mocks)
{
	mocks[0].log->len = 0;
	mocks[0].log->text[0] = 0;
}

/**
 * mocks_bind - bind some, in order, and forget what that called
 * @mocks: the mocks
 * @names: which of them
 */
void mocks_bind(struct mock *mocks, const char *names)
{
	for (; *names; names++)
		KUNIT_ASSERT_EQ(mocks[0].world->test, mock_bind(&mocks[*names - 'A']), 0);
	mocks_forget(mocks);
}

/**
 * mocks_expect - compare what was noted, and forget it
 * @mocks: the mocks, none of which may have seen its contract violated
 * @wanted: what they should have noted
 */
void mocks_expect(struct mock *mocks, const char *wanted)
{
	struct kunit *test = mocks[0].world->test;
	unsigned int i;

	KUNIT_EXPECT_STREQ(test, mocks[0].log->text, wanted);
	for (i = 0; i < NR_MOCKS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&mocks[i].violations), 0);
	mocks_forget(mocks);
}

/**
 * mocks_unbind_b_meanwhile - unbind B while A is in its slow call, which then ends
 * @world: the world
 * @mocks: the mocks
 *
 * Return: 0.
 */
long mocks_unbind_b_meanwhile(struct world *world, void *mocks)
{
	struct mock *slow = mocks;

	world_wait(world, READ_ONCE(slow->entered));
	mock_unbind(slow + 1);
	KUNIT_EXPECT_EQ(world->test, atomic_read(&slow->in_call), 1);
	WRITE_ONCE(slow->open, true);
	return 0;
}

/**
 * mocks_unbind_a - unbind A while it is in its slow call
 * @world: the world
 * @mocks: the mocks
 *
 * Return: Whether that call was opened before A was unbound.
 */
long mocks_unbind_a(struct world *world, void *mocks)
{
	struct mock *slow = mocks;

	world_wait(world, READ_ONCE(slow->entered));
	mock_unbind(slow);
	return READ_ONCE(slow->open);
}

/**
 * mocks_open_a_once_dying - end the slow call of A when A is being unbound
 * @world: the world
 * @mocks: the mocks
 *
 * Return: 0.
 */
long mocks_open_a_once_dying(struct world *world, void *mocks)
{
	struct mock *slow = mocks;

	world_wait(world, READ_ONCE(slow->binding.dying));
	WRITE_ONCE(slow->open, true);
	return 0;
}
