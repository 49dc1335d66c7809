/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Three mocks, named A, B, C, that note their calls in one log; and threads that
 * unbind one of them while A is slow in a call. See mocks.c.
 */
#ifndef VIRT_AS_KUNIT_MOCKS_H
#define VIRT_AS_KUNIT_MOCKS_H

#include "mock.h"

#define NR_MOCKS	3

/**
 * struct slowness - a way in which A is slow
 * @name: what happens
 * @order: who is bound, in that order
 * @slow: the call of A that waits until it is opened
 * @err: what C refuses with, if it is bound
 * @calls: all calls that there are to be
 */
struct slowness {
	const char *name;
	const char *order;
	enum mock_call slow;
	int err;
	const char *calls;
};

void mocks_init(struct mock *mocks, struct world *world, struct mock_log *log);
void mocks_bind(struct mock *mocks, const char *names);
void mocks_forget(struct mock *mocks);
void mocks_expect(struct mock *mocks, const char *wanted);

long mocks_unbind_b_meanwhile(struct world *world, void *mocks);
long mocks_unbind_a(struct world *world, void *mocks);
long mocks_open_a_once_dying(struct world *world, void *mocks);

#endif /* VIRT_AS_KUNIT_MOCKS_H */
