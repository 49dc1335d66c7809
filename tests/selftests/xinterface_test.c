// SPDX-License-Identifier: GPL-2.0-only
/*
 * Defects of the interface of 2009 that this one is to have no more, by their
 * row in the list of them.
 */
#include "consumer.h"
#include "effort.h"
#include "owner.h"
#include "uffd.h"

#define GPA	0x100000ULL

/*
 * Row 1: one translation for the first page, then a copy of n bytes that runs
 * past the end of the slot, into whatever lies behind it in the host.
 */
TEST(xinterface_row1_copy_across_two_regions)
{
	static const __u32 contexts[] = { VAT_CALLER, VAT_THREAD };
	unsigned char *mem = shared_alloc(8 * PG), *buf = malloc(2 * PG);
	struct virt_as_entry map[] = {
		as_ram(GPA, PG, mem + 4 * PG),
		as_ram(GPA + PG, PG, mem),
	};

	for (int foreign = 0; foreign < 2; foreign++) {
		struct owner owner;
		int vat;

		ASSERT_EQ(0, owner_start(&owner, foreign));
		ASSERT_EQ(0, owner_commit(&owner, VIRT_AS_COMMIT_REPLACE, map, 2));
		vat = vat_bound(owner.as, RIGHTS_RW);
		ASSERT_LE(0, vat);
		for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
			memset(mem, 0xee, 8 * PG);
			fill(buf, 2 * PG, i + foreign);
			EXPECT_EQ((long)PG, vat_write(vat, contexts[i], GPA + PG / 2,
						      buf, PG));
			EXPECT_EQ(0, memcmp(mem + 4 * PG + PG / 2, buf, PG / 2));
			EXPECT_EQ(0, memcmp(mem, buf + PG / 2, PG / 2));
			/* Behind the first region nobody has written. */
			for (unsigned int j = 0; j < PG; j++)
				ASSERT_EQ(0xee, mem[5 * PG + j]);

			memset(mem + 5 * PG, 0xdd, PG);
			memset(buf, 0, PG);
			EXPECT_EQ((long)PG, vat_read(vat, contexts[i], GPA + PG / 2,
						     buf, PG));
			EXPECT_EQ(0, memcmp(mem + 4 * PG + PG / 2, buf, PG / 2));
			EXPECT_EQ(0, memcmp(mem, buf + PG / 2, PG / 2));
		}
		close(vat);
		EXPECT_EQ(0, owner_stop(&owner));
	}
}

/* Row 2: a cache of slots that nobody tells that its slots are gone. */
TEST(xinterface_row2_cache_of_a_replaced_map)
{
	const int rounds = effort(500, 2000, 20000);
	unsigned char *mem[2] = { guest_alloc(PG), guest_alloc(PG) };
	int as = as_create(), vat = vat_bound(as, RIGHTS_RW);
	struct virt_as_entry map[3];
	__u64 word;

	ASSERT_LE(0, vat);
	for (int i = 0; i < rounds; i++) {
		__u64 *stamp = (__u64 *)mem[i & 1];

		/* Of one to three regions, so that the arrays change in size. */
		map[0] = as_ram(GPA, PG, mem[i & 1]);
		map[1] = as_ram(GPA - 2 * PG, PG, mem[0]);
		map[2] = as_ram(GPA + 2 * PG, PG, mem[1]);
		*stamp = i;
		ASSERT_EQ(0, as_replace(as, map, 1 + i % 3));
		/* The thread's cache is warm with regions of the map before. */
		for (int j = 0; j < 2; j++) {
			ASSERT_EQ(8, vat_read(vat, VAT_THREAD, GPA, &word, 8));
			ASSERT_EQ(i, word);
		}
		ASSERT_EQ(i % 3 >= 1 ? 8 : -ENOENT,
			  vat_read(vat, VAT_THREAD, GPA - 2 * PG, &word, 8));
	}
	ASSERT_EQ(0, as_replace(as, NULL, 0));
	EXPECT_EQ(-ENOENT, vat_read(vat, VAT_THREAD, GPA, &word, 8));
	ksft_print_msg("0 stale of %d reads with a warm cache\n", rounds);
	close(vat);
	close(as);
}

/* The same for a cache that a user task warms in one section and uses in another. */
TEST(xinterface_row2_cache_of_a_caller)
{
	unsigned char *mem[2] = { guest_alloc(PG), guest_alloc(PG) };
	struct virt_as_entry map = as_ram(GPA, PG, mem[0]);
	int as = as_create(), vat = vat_open();
	unsigned char bytes[2] = {};
	struct call call = {
		.vat = vat, .context = VAT_CALLER, .nr = 7,
		.ops = {
			VAT_BEGIN,
			vat_op(VAT_OP_COPY_FROM, GPA, &bytes[0], 1),
			VAT_END,
			vat_op(VAT_OP_GATE, 0, NULL, 0),
			VAT_BEGIN,
			vat_op(VAT_OP_COPY_FROM, GPA, &bytes[1], 1),
			VAT_END,
		},
	};

	ASSERT_LE(0, vat);
	memset(mem[0], 'a', PG);
	memset(mem[1], 'b', PG);
	ASSERT_EQ(0, as_replace(as, &map, 1));
	/* Silent, so that the gate holds the caller and not the commit. */
	ASSERT_EQ(0, vat_bind_as(vat, as, RIGHTS_RW, VAT_BIND_SILENT));
	ASSERT_EQ(0, vat_mock(vat, 0, true));
	ASSERT_EQ(0, call_start(&call, call_run));
	ASSERT_TRUE(EVENTUALLY(vat_status(vat).waiting));

	map.hva = (uintptr_t)mem[1];
	EXPECT_EQ(0, as_replace(as, &map, 1));
	ASSERT_EQ(0, vat_mock(vat, 0, false));
	EXPECT_EQ(0, call_join(&call));
	EXPECT_EQ('a', bytes[0]);
	EXPECT_EQ('b', bytes[1]);
	close(vat);
	close(as);
}

/*
 * Row 3: a mutex held over page faults. Whoever served the fault and had to
 * change the map for it waited for that mutex, for ever.
 */
TEST(xinterface_row3_fault_handler_changes_the_map)
{
	const __u32 flags = VIRT_AS_COMMIT_NOWAIT;
	unsigned char *mem = guest_alloc(2 * PG), *page = guest_alloc(PG);
	struct virt_as_entry map = as_ram(GPA, PG, mem);
	struct virt_as_entry more = as_ram(GPA + PG, PG, page), gone;
	int as = as_create(), uffd = uffd_watch(mem, 2 * PG);
	int vat = vat_bound(as, RIGHTS_RW);
	unsigned char byte = 0;
	struct call call = {
		.vat = vat, .context = VAT_THREAD, .nr = 3,
		.ops = { VAT_BEGIN, vat_op(VAT_OP_COPY_FROM, GPA, &byte, 1), VAT_END },
	};

	ASSERT_LE(0, uffd);
	ASSERT_LE(0, vat);
	memset(page, 'p', PG);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, madvise(mem, PG, MADV_DONTNEED));
		ASSERT_EQ(0, as_replace(as, &map, 1));
		ASSERT_EQ(0, call_start(&call, call_run));
		ASSERT_EQ(mem, uffd_fault(uffd));

		/* We are the fault handler now. The region under it may even go. */
		if (i & 1)
			gone = as_remove(GPA, PG);
		else
			gone = more;
		ASSERT_EQ(0, as_commit(as, flags, 0, &gone, 1, NULL));
		ASSERT_EQ(i & 1 ? -ENOENT : 'p', as_peek(as, GPA + PG));
		ASSERT_EQ(0, uffd_serve(uffd, mem, page, PG));
		ASSERT_EQ(0, call_join(&call));
		ASSERT_EQ(1, call.ops[1].ret);
		ASSERT_EQ('p', byte);
		byte = 0;
	}
	close(vat);
	close(as);
	close(uffd);
}

/*
 * Row 11: the owner's memory was kept by a reference on its users, so it stayed
 * until the last back end closed its file.
 */
TEST(xinterface_row11_memory_goes_with_its_owner)
{
	int memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int pair[2], as, vat;
	unsigned char byte;
	pid_t owner;

	ASSERT_EQ(0, ftruncate(memfd, 4 * PG));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	owner = fork();
	if (!owner) {
		void *mem = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED,
				 memfd, 0);
		struct virt_as_entry map = as_ram(GPA, 4 * PG, mem);

		as = as_create();
		if (as_replace(as, &map, 1) || send_fd(pair[1], as))
			_exit(1);
		await(pair[1]);
		_exit(0);
	}
	as = recv_fd(pair[0]);
	vat = vat_bound(as, RIGHTS_RW);
	ASSERT_LE(0, vat);
	for (__u32 context = VAT_CALLER; context <= VAT_THREAD; context++)
		EXPECT_EQ(1, vat_read(vat, context, GPA, &byte, 1));

	/* While it lives the seal fails, so its success below tells something. */
	EXPECT_EQ(-1, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, post(pair[0]));
	EXPECT_EQ(0, child_status(owner));
	EXPECT_EQ(1, as_bindings(as));
	EXPECT_TRUE(EVENTUALLY(!fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE)));
	EXPECT_EQ(1, as_bindings(as));
	for (__u32 context = VAT_CALLER; context <= VAT_THREAD; context++)
		EXPECT_EQ(-ESRCH, vat_read(vat, context, GPA, &byte, 1));
	EXPECT_EQ(0, vat_unbind(vat));
	close(vat);
	close(as);
	close(memfd);
}

TEST_HARNESS_MAIN
