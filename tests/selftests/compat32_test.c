// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit process on the 64-bit kernel: the same structures, no compat layer.
 * There is no 32-bit C library here, so nolibc and KTAP by hand.
 */
#include "nolibc.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/virt_as.h>

#define PG	4096
#define LEN	(4 * PG)

/* Of the system call, where it exists. */
#define NR_CREATE	600

static unsigned char *mem;
static int number, failed;

static void check(int good, const char *name)
{
	number++;
	if (!good)
		failed++;
	printf("%s %d compat32.%s\n", good ? "ok" : "not ok", number, name);
}

static long call(int fd, unsigned long request, void *arg)
{
	return my_syscall3(__NR_ioctl, fd, request, arg);
}

/* The offset goes in two registers, low half first. */
static long pread64_(int fd, void *buf, size_t len, __u64 gpa)
{
	return my_syscall5(__NR_pread64, fd, buf, len, (__u32)gpa,
			   (__u32)(gpa >> 32));
}

static long pwrite64_(int fd, const void *buf, size_t len, __u64 gpa)
{
	return my_syscall5(__NR_pwrite64, fd, buf, len, (__u32)gpa,
			   (__u32)(gpa >> 32));
}

static struct virt_as_entry ram(__u64 gpa, __u64 len, __u64 hva)
{
	struct virt_as_entry e = {
		.op = VIRT_AS_OP_ADD, .type = VIRT_AS_TYPE_RAM,
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE,
		.gpa = gpa, .len = len, .hva = hva,
	};

	return e;
}

static long commit(int as, __u32 flags, struct virt_as_entry *e, __u32 nr,
		   struct virt_as_commit *reply)
{
	struct virt_as_commit c = {
		.size = sizeof(c), .flags = flags, .entries = (__u32)e,
		.nr_entries = nr,
	};
	long rc = call(as, VIRT_AS_COMMIT, &c);

	*reply = c;
	return rc;
}

/* Whether a whole map of one region at @hva is refused with @error. */
static int refused(int as, __u64 len, __u64 hva, int error)
{
	struct virt_as_entry e = ram(0, len, hva);
	struct virt_as_commit reply;
	long rc = commit(as, VIRT_AS_COMMIT_REPLACE, &e, 1, &reply);

	if (rc != -error)
		printf("# hva %x%08x: %d\n", (unsigned int)(hva >> 32),
		       (unsigned int)hva, (int)rc);
	return rc == -error && reply.out_index == 0 && reply.out_generation == 2;
}

static void test_hvas(int as)
{
	__u64 high = 1ULL << 32;

	check(refused(as, PG, high, ERANGE), "hva_at_4_gib");
	check(refused(as, PG, high + (__u32)mem, ERANGE), "hva_beyond_4_gib");
	check(refused(as, high, (__u32)mem, ERANGE), "hva_straddles_4_gib");
	check(refused(as, 2 * PG, 0xfffff000, ERANGE), "hva_wraps_32_bits");
	check(refused(as, PG, 1ULL << 63, EFAULT), "hva_of_the_kernel");
	check(refused(as, PG, -PG * 1ULL, EFAULT), "hva_sign_extended");
	check(refused(as, 2 * PG, -PG * 1ULL, EOVERFLOW), "hva_overflow");
}

static void test_rw(int as, __u64 gpa)
{
	unsigned char buf[16];
	unsigned int i;
	int good = 1;

	for (i = 0; i < LEN; i++)
		mem[i] = i + (i >> 8);
	check(pread64_(as, buf, 16, gpa + PG - 8) == 16, "pread");
	for (i = 0; i < 16; i++)
		good &= buf[i] == mem[PG - 8 + i];
	check(good, "pread_bytes");
	for (i = 0; i < 16; i++)
		buf[i] = 0xf0 + i;
	check(pwrite64_(as, buf, 16, gpa + 3) == 16, "pwrite");
	good = mem[2] == 2 && mem[19] == 19;
	for (i = 0; i < 16; i++)
		good &= mem[3 + i] == 0xf0 + i;
	check(good, "pwrite_bytes");
	check(pread64_(as, buf, 16, gpa - 16) == -ENOENT, "hole");
	check(pread64_(as, buf, 16, gpa + 4 * PG - 8) == 8, "short");
	check(pread64_(as, (void *)0xfffff000, 16, gpa) == -EFAULT, "bad_buffer");
	check(pread64_(as, buf, 16, 1ULL << 63) == -EINVAL, "bad_offset");
}

static void test_map(int as, __u64 gpa)
{
	struct virt_as_entry got[2];
	struct virt_as_get_map get = {
		.size = sizeof(get), .entries = (__u32)got, .nr_entries = 0,
	};

	check(call(as, VIRT_AS_GET_MAP, &get) == -EMSGSIZE && get.nr_entries == 1,
	      "get_map_room");
	get.nr_entries = 2;
	check(call(as, VIRT_AS_GET_MAP, &get) == 0 && get.nr_entries == 1 &&
	      get.out_generation == 2, "get_map");
	check(got[0].gpa == gpa && got[0].len == LEN &&
	      got[0].hva == (__u32)mem, "get_map_entry");
	/* All 64 bits of the address count. */
	get.entries = (1ULL << 32) | (__u32)got;
	check(call(as, VIRT_AS_GET_MAP, &get) == -EFAULT, "get_map_high_address");
}

static void test_info(int as)
{
	struct {
		struct virt_as_info info;
		__u32 tail;
	} longer = { .info.size = sizeof(longer) };
	struct virt_as_info info = { .size = 63 };

	check(call(as, VIRT_AS_INFO, &info) == -EINVAL, "info_too_short");
	longer.tail = 1;
	check(call(as, VIRT_AS_INFO, &longer) == -E2BIG, "info_too_long");
	longer.tail = 0;
	check(call(as, VIRT_AS_INFO, &longer) == 0, "info_longer");
	info.size = sizeof(info);
	check(call(as, VIRT_AS_INFO, &info) == 0 &&
	      info.out_abi == VIRT_AS_ABI &&
	      info.out_rights == VIRT_AS_RIGHTS &&
	      info.out_generation == 2 && info.out_drained_generation == 2 &&
	      info.out_nr_regions == 1, "info");
	check(call(as, _IO(VIRT_AS_IOCTL_TYPE, 0xff), &info) == -ENOTTY,
	      "unknown_call");
}

static void test_restrict(int as, __u64 gpa)
{
	struct virt_as_restrict r = {
		.size = sizeof(r), .rights = VIRT_AS_RIGHT_READ,
	};
	char byte = 0;
	int fd = call(as, VIRT_AS_RESTRICT, &r);

	check(fd >= 0, "restrict");
	check(pread64_(fd, &byte, 1, gpa) == 1, "restricted_pread");
	check(pwrite64_(fd, &byte, 1, gpa) == -EPERM, "restricted_pwrite");
}

/* Addresses of buffers are 64 bits wide, and so are those of the guest. */
static void test_log(int as, __u64 gpa)
{
	struct virt_as_log_open attr = { .size = sizeof(attr) };
	struct virt_as_mark mark = { .size = sizeof(mark), .gpa = gpa + PG, .len = 1 };
	struct virt_as_extent extents[2];
	struct virt_as_harvest h = {
		.size = sizeof(h), .last = ~0ULL, .page_size = PG,
		.buffer = (__u32)extents, .nr_extents = 2,
	};
	struct virt_as_extents clear = {
		.size = sizeof(clear), .extents = (__u32)extents, .nr_extents = 1,
	};
	int log = call(as, VIRT_AS_LOG, &attr);

	check(log >= 0, "log");
	check(call(as, VIRT_AS_MARK, &mark) == 0, "mark");
	h.flags = VIRT_AS_HARVEST_PEEK;
	check(call(log, VIRT_AS_LOG_HARVEST, &h) == 0 && h.out_pages == 1 &&
	      h.out_nr_extents == 1 && extents[0].gpa == gpa + PG &&
	      extents[0].len == PG, "peek");
	h.flags = 0;
	h.buffer |= 1ULL << 32;
	check(call(log, VIRT_AS_LOG_HARVEST, &h) == -EFAULT, "harvest_high_address");
	check(call(log, VIRT_AS_LOG_CLEAR, &clear) == 0 && clear.out_done == 1, "clear");
	h.buffer = (__u32)extents;
	check(call(log, VIRT_AS_LOG_HARVEST, &h) == 0 && h.out_pages == 0, "harvest");
}

int main(void)
{
	struct virt_as_create create = { .size = sizeof(create) };
	struct virt_as_entry e;
	struct virt_as_commit reply;
	__u64 gpa = 1ULL << 40;
	int dev, as;

	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("# address spaces are made by /dev/virt_as, as in any 32-bit program\n");
	printf("TAP version 13\n1..40\n");
	check(my_syscall3(NR_CREATE, NULL, 0, 0) == -ENOSYS, "no_system_call");
	dev = my_syscall4(__NR_openat, AT_FDCWD, "/dev/virt_as", O_RDWR, 0);
	check(dev >= 0, "open");
	/* As the 64-bit test has it. */
	check(sizeof(long) == 4 && sizeof(struct virt_as_info) == 72 &&
	      sizeof(struct virt_as_entry) == 64 &&
	      sizeof(struct virt_as_commit) == 64 &&
	      sizeof(struct virt_as_get_map) == 32 &&
	      sizeof(struct virt_as_harvest) == 80, "layout");
	check(call(dev, VIRT_AS_COMMIT, &create) == -ENOTTY, "wrong_file");
	as = call(dev, VIRT_AS_CREATE, &create);
	check(as >= 0, "create");

	e = ram(gpa, LEN, (__u32)mem);
	check(commit(as, 0, &e, 1, &reply) == 0 && reply.out_generation == 2,
	      "commit");
	test_hvas(as);
	test_rw(as, gpa);
	test_map(as, gpa);
	test_info(as);
	test_restrict(as, gpa);
	test_log(as, gpa);
	check(number == 39, "all_were_run");

	printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:0 error:0\n",
	       number - failed, failed);
	return failed != 0;
}
