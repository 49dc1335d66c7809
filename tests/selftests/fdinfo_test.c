// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo/FD says of an address space.
 */
#include <sys/mount.h>

#include "log.h"

FIXTURE(fdinfo) {
	struct virt_as_entry base[2];
	unsigned char *mem;
	int as;
};

FIXTURE_SETUP(fdinfo)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(8 * PG);
	self->base[0] = as_ram(0, 4 * PG, self->mem);
	self->base[1] = as_add(0x100000, 2 * PG, self->mem + 2 * PG,
			       VIRT_AS_TYPE_DEVICE, RW);
}

FIXTURE_TEARDOWN(fdinfo)
{
	close(self->as);
}

#define NUMBER(key)	fdinfo_number(self->as, "virt_as-" key)

/* Other files have no such lines, not even the device. */
TEST_F(fdinfo, of_no_address_space)
{
	int dev = open(DEVICE, O_RDWR);
	char value[FDINFO_LINE];

	ASSERT_LE(0, dev);
	EXPECT_EQ(-ENOENT, fdinfo_text(dev, "virt_as-generation", value));
	close(dev);
}

/* Whether the file has all these lines, in this order, and no other of ours. */
static const char *lines_wrong(int fd, const char * const *want, size_t nr)
{
	static char line[256];
	char path[64], key[64];
	const char *wrong = "";
	size_t seen = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	if (!f)
		return "no such file";
	while (!*wrong && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "virt_as-", 8))
			continue;
		snprintf(key, sizeof(key), "virt_as-%s:\t", seen < nr ? want[seen] : "");
		if (strncmp(line, key, strlen(key)))
			wrong = line;
		seen++;
	}
	fclose(f);
	return !*wrong && seen != nr ? "not all the lines" : wrong;
}

TEST_F(fdinfo, every_line_once_and_in_order)
{
	static const char * const want[] = {
		"id", "owner", "rights", "generation", "drained", "regions", "aliases",
		"logged-pages", "bindings", "logs", "commits", "refused", "remote",
	};

	EXPECT_STREQ("", lines_wrong(self->as, want, ARRAY_SIZE(want)));
}

TEST_F(fdinfo, of_a_new_one)
{
	EXPECT_EQ(getpid(), NUMBER("owner"));
	EXPECT_EQ(1, NUMBER("generation"));
	EXPECT_EQ(1, NUMBER("drained"));
	EXPECT_EQ(0, NUMBER("regions"));
	EXPECT_EQ(0, NUMBER("aliases"));
	EXPECT_EQ(0, NUMBER("logged-pages"));
	EXPECT_EQ(0, NUMBER("bindings"));
	EXPECT_EQ(0, NUMBER("logs"));
	EXPECT_EQ(0, NUMBER("commits"));
	EXPECT_EQ(0, NUMBER("refused"));
	EXPECT_EQ(0, NUMBER("remote"));
}

TEST_F(fdinfo, follows_the_commits)
{
	struct virt_as_entry wrong = as_ram(PG, PG, self->mem);

	ASSERT_EQ(0, as_replace(self->as, self->base, 2));
	EXPECT_EQ(2, NUMBER("generation"));
	EXPECT_EQ(2, NUMBER("drained"));
	EXPECT_EQ(2, NUMBER("regions"));
	EXPECT_EQ(2, NUMBER("aliases"));
	EXPECT_EQ(4, NUMBER("logged-pages"));
	EXPECT_EQ(1, NUMBER("commits"));
	EXPECT_EQ(0, NUMBER("refused"));

	EXPECT_EQ(-EEXIST, as_change(self->as, &wrong, 1));
	EXPECT_EQ(1, NUMBER("refused"));
	EXPECT_EQ(-ESTALE, as_commit(self->as, VIRT_AS_COMMIT_EXPECT, 1, NULL, 0,
				     NULL));
	EXPECT_EQ(2, NUMBER("refused"));
	EXPECT_EQ(1, NUMBER("commits"));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_TRY, 0, NULL, 0, NULL));
	EXPECT_EQ(1, NUMBER("commits"));
	EXPECT_EQ(2, NUMBER("refused"));

	wrong = as_remove(0, 4 * PG);
	EXPECT_EQ(0, as_change(self->as, &wrong, 1));
	EXPECT_EQ(2, NUMBER("commits"));
	EXPECT_EQ(1, NUMBER("regions"));
	EXPECT_EQ(0, NUMBER("aliases"));
	EXPECT_EQ(0, NUMBER("logged-pages"));
}

TEST_F(fdinfo, rights)
{
	static const char * const names[] = {
		"READ", "WRITE", "BIND", "LOG", "COMMIT", "ADOPT",
	};

	for (__u32 mask = 0; mask <= VIRT_AS_RIGHTS; mask++) {
		int fd = as_restrict(self->as, mask);
		char want[64] = "", got[FDINFO_LINE] = "?";

		ASSERT_LE(0, fd);
		for (int i = 0; i < 6; i++) {
			if (!(mask & 1U << i))
				continue;
			if (want[0])
				strcat(want, ",");
			strcat(want, names[i]);
		}
		EXPECT_EQ(0, fdinfo_text(fd, "virt_as-rights", got));
		EXPECT_STREQ(want, got);
		close(fd);
	}
}

/* The same numbers through every file, but for the rights. */
TEST_F(fdinfo, through_another_file)
{
	int other = as_restrict(self->as, 0);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, as_replace(self->as, self->base, 2));
	EXPECT_EQ(2, fdinfo_number(other, "virt_as-generation"));
	EXPECT_EQ(2, fdinfo_number(other, "virt_as-regions"));
	EXPECT_EQ(1, fdinfo_number(other, "virt_as-commits"));
	EXPECT_EQ(getpid(), fdinfo_number(other, "virt_as-owner"));
	close(other);
}

TEST_F(fdinfo, seen_by_a_child)
{
	pid_t owner = getpid(), child;
	char byte;

	ASSERT_EQ(0, as_replace(self->as, self->base, 2));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_EQ(owner, NUMBER("owner"));
		EXPECT_EQ(0, NUMBER("remote"));
		EXPECT_EQ(1, as_pread(self->as, &byte, 1, 0));
		EXPECT_EQ(1, NUMBER("remote"));
		EXPECT_EQ(-EXDEV, as_change(self->as, NULL, 0));
		EXPECT_EQ(1, NUMBER("refused"));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(1, NUMBER("remote"));
	EXPECT_EQ(owner, NUMBER("owner"));
}

#define LOG(key)	fdinfo_number(log, "virt_as-log-" key)

TEST_F(fdinfo, of_a_log)
{
	static const char * const want[] = {
		"id", "log-dirty", "log-covered", "log-threshold", "log-harvests",
		"log-harvested", "log-restored",
	};
	int log = log_open_with(self->as, VIRT_AS_LOG_ALL_DIRTY, 77), other;

	ASSERT_LE(0, log);
	EXPECT_STREQ("", lines_wrong(log, want, ARRAY_SIZE(want)));
	/* By that it is known which address space it is of. */
	EXPECT_EQ(NUMBER("id"), fdinfo_number(log, "virt_as-id"));
	EXPECT_EQ(0, LOG("dirty"));
	EXPECT_EQ(0, LOG("covered"));
	EXPECT_EQ(0, LOG("harvests"));
	EXPECT_EQ(0, LOG("harvested"));
	EXPECT_EQ(0, LOG("restored"));
	EXPECT_EQ(77, LOG("threshold"));
	EXPECT_EQ(1, NUMBER("logs"));
	other = log_open(self->as);
	ASSERT_LE(0, other);
	EXPECT_EQ(2, NUMBER("logs"));
	close(log);
	EXPECT_EQ(1, NUMBER("logs"));
	EXPECT_EQ(0, fdinfo_number(other, "virt_as-log-threshold"));
	close(other);
	EXPECT_EQ(0, NUMBER("logs"));
}

TEST_F(fdinfo, of_a_log_in_use)
{
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_entry gone = as_remove(0, 4 * PG);
	int log;

	ASSERT_EQ(0, as_replace(self->as, self->base, 2));
	log = log_open_with(self->as, VIRT_AS_LOG_ALL_DIRTY, 0);
	ASSERT_LE(0, log);
	EXPECT_EQ(4, LOG("dirty"));
	/* Bits are for 64 pages at a time. */
	EXPECT_EQ(64, LOG("covered"));
	EXPECT_DIRTY("0+4", log);
	EXPECT_EQ(4, LOG("dirty"));
	/* What is reported counts, also if only to look at. */
	EXPECT_EQ(4, LOG("harvested"));
	EXPECT_EQ(1, LOG("harvests"));
	/* What cannot be delivered is restored. */
	EXPECT_EQ(-EFAULT, log_harvest(log, &h, NULL, 4));
	EXPECT_EQ(4, LOG("restored"));
	EXPECT_EQ(4, LOG("dirty"));
	EXPECT_EQ(4, LOG("harvested"));
	EXPECT_TAKEN("0+4", log);
	EXPECT_EQ(8, LOG("harvested"));
	EXPECT_EQ(3, LOG("harvests"));
	EXPECT_EQ(4, LOG("restored"));
	EXPECT_EQ(0, LOG("dirty"));
	EXPECT_EQ(0, log_mark(log, PG, PG));
	EXPECT_EQ(1, LOG("dirty"));
	ASSERT_EQ(0, as_change(self->as, &gone, 1));
	EXPECT_EQ(1, LOG("dirty"));
	EXPECT_EQ(0, log_clear(log, 0, 4 * PG));
	EXPECT_EQ(0, LOG("dirty"));
	EXPECT_EQ(8, LOG("harvested"));
	close(log);
}

/* Where the owner has no number, it is 0. */
TEST_F(fdinfo, in_another_pid_namespace)
{
	pid_t child;

	ASSERT_EQ(0, unshare(CLONE_NEWPID | CLONE_NEWNS));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(1, getpid());
		ASSERT_EQ(0, mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
		ASSERT_EQ(0, mount("proc", "/proc", "proc", 0, NULL));
		EXPECT_EQ(0, NUMBER("owner"));
		EXPECT_EQ(1, NUMBER("generation"));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
}

TEST_HARNESS_MAIN
