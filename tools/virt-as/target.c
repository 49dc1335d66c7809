// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of another process: what /proc says of them, and how one is reached.
 *
 * A file that pidfd_getfd() gives is the very one of that process. INFO would tell
 * it of the generation, and the process would not be told by poll(). So a file
 * with fewer rights is made of it, and that is used.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "virt-as.h"

/* Lines "virt_as-KEY:<tab>NUMBER" of fdinfo, and what they are called in JSON. */
struct fact {
	const char *key;
	const char *name;
	size_t offset;
};

#define AS_FACT(key, member)	{ key, #member, offsetof(struct as_facts, member) }
#define LOG_FACT(key, member)	{ key, #member, offsetof(struct log_facts, member) }

static const struct fact as_table[] = {
	AS_FACT("id", id),
	AS_FACT("owner", owner),
	AS_FACT("generation", generation),
	AS_FACT("drained", drained),
	AS_FACT("regions", regions),
	AS_FACT("aliases", aliases),
	AS_FACT("logged-pages", logged_pages),
	AS_FACT("bindings", bindings),
	AS_FACT("logs", logs),
	AS_FACT("commits", commits),
	AS_FACT("refused", refused),
	AS_FACT("remote", remote_pages),
};

static const struct fact log_table[] = {
	LOG_FACT("id", id),
	LOG_FACT("log-dirty", dirty_pages),
	LOG_FACT("log-covered", covered_pages),
	LOG_FACT("log-harvests", harvests),
	LOG_FACT("log-harvested", harvested_pages),
	LOG_FACT("log-restored", restored_pages),
	LOG_FACT("log-threshold", threshold),
};

#define PREFIX	"virt_as-"

/* The value of a line whose key is @key, or NULL. */
static char *value_of(char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, PREFIX, strlen(PREFIX)))
		return NULL;
	line += strlen(PREFIX);
	if (strncmp(line, key, len) || strncmp(line + len, ":\t", 2))
		return NULL;
	line[strcspn(line, "\n")] = 0;
	return line + len + 2;
}

static void take_line(char *line, const struct fact *table, size_t nr, void *facts)
{
	for (size_t i = 0; i < nr; i++) {
		const char *value = value_of(line, table[i].key);

		if (!value)
			continue;
		*(__u64 *)((char *)facts + table[i].offset) = strtoull(value, NULL, 10);
		return;
	}
}

/* @proc is the folder of a process. */
static FILE *open_fdinfo(const char *proc, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/fdinfo/%d", proc, fd);
	return fopen(path, "re");
}

/* False if there is no such file any more. */
bool read_as_facts(const char *proc, int fd, struct as_facts *facts)
{
	FILE *file = open_fdinfo(proc, fd);
	char line[256];
	char *rights;

	memset(facts, 0, sizeof(*facts));
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		take_line(line, as_table, ARRAY_SIZE(as_table), facts);
		rights = value_of(line, "rights");
		if (rights)
			snprintf(facts->rights, sizeof(facts->rights), "%.63s", rights);
	}
	fclose(file);
	return true;
}

bool read_log_facts(const char *proc, int fd, struct log_facts *facts)
{
	FILE *file = open_fdinfo(proc, fd);
	char line[256];

	memset(facts, 0, sizeof(*facts));
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		take_line(line, log_table, ARRAY_SIZE(log_table), facts);
	fclose(file);
	return true;
}

static void facts_json(struct json_object *to, const struct fact *table, size_t nr,
		       const void *facts)
{
	for (size_t i = 0; i < nr; i++)
		json_u64(to, table[i].name, *(__u64 *)((char *)facts + table[i].offset));
}

void as_facts_json(struct json_object *to, const struct as_facts *facts)
{
	struct json_object *rights = json_list();
	char text[sizeof(facts->rights)], *rest = text, *right;

	facts_json(to, as_table, ARRAY_SIZE(as_table), facts);
	memcpy(text, facts->rights, sizeof(text));
	while ((right = strsep(&rest, ",")))
		if (*right)
			json_append(rights, json_object_new_string(right));
	json_put(to, "rights", rights);
}

void log_facts_json(struct json_object *to, const struct log_facts *facts)
{
	facts_json(to, log_table, ARRAY_SIZE(log_table), facts);
}

enum kind kind_of(const char *proc, int fd)
{
	char path[64], link[64];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/fd/%d", proc, fd);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return KIND_OTHER;
	link[len] = 0;
	if (!strcmp(link, "anon_inode:[virt_as]"))
		return KIND_AS;
	if (!strcmp(link, "anon_inode:[virt_as_log]"))
		return KIND_LOG;
	return KIND_OTHER;
}

static int open_process(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);

	if (pidfd >= 0)
		return pidfd;
	if (errno == ESRCH)
		errx(STATUS_FAILED, "there is no process %d: look for its number with ps", pid);
	if (errno == EINVAL)
		errx(STATUS_FAILED, "%d is a thread: give the number of its process", pid);
	err(STATUS_FAILED, "process %d cannot be opened", pid);
}

/* The file of the process itself: to be closed soon, and asked nothing but fdinfo. */
static int borrow(int pidfd, const struct args *args)
{
	int fd = pidfd_getfd(pidfd, args->fd, 0);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		errx(STATUS_FAILED, "process %d has ended: give one that runs", args->pid);
	if (errno == EBADF)
		errx(STATUS_FAILED,
		     "process %d has no file %d: \"virt-as list %d\" tells which it has",
		     args->pid, args->fd, args->pid);
	if (errno == EPERM)
		errx(STATUS_FAILED,
		     "files of process %d may not be taken: run as root, or as a user who may trace it (pidfd_getfd needs ptrace access)",
		     args->pid);
	err(STATUS_FAILED, "file %d of process %d cannot be taken", args->fd, args->pid);
}

static void refuse_kind(const struct args *args, enum kind kind)
{
	if (kind == KIND_LOG)
		errx(STATUS_FAILED,
		     "file %d of process %d is a dirty log: give its address space, which \"virt-as list %d\" tells",
		     args->fd, args->pid, args->pid);
	errx(STATUS_FAILED,
	     "file %d of process %d is no address space: \"virt-as list %d\" tells which are",
	     args->fd, args->pid, args->pid);
}

/* Ends the program if the process, the file or the rights are not there. */
void target_open(struct target *target, const struct args *args, __u32 rights)
{
	struct virt_as_restrict own = { .size = sizeof(own), .rights = rights };
	enum kind kind;
	int fd;

	target->pidfd = open_process(args->pid);
	fd = borrow(target->pidfd, args);
	kind = kind_of("/proc/self", fd);
	if (kind != KIND_AS)
		refuse_kind(args, kind);
	if (!read_as_facts("/proc/self", fd, &target->facts))
		err(STATUS_FAILED, "/proc/self/fdinfo cannot be read");
	target->as = ioctl(fd, VIRT_AS_RESTRICT, &own);
	if (target->as < 0 && errno == EPERM)
		errx(STATUS_FAILED,
		     "file %d of process %d lacks the right LOG: \"virt-as list %d\" tells which have it",
		     args->fd, args->pid, args->pid);
	if (target->as < 0)
		err(STATUS_FAILED, "file %d of process %d cannot be used", args->fd, args->pid);
	close(fd);
}

void target_info(const struct target *target, struct virt_as_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (ioctl(target->as, VIRT_AS_INFO, info))
		err(STATUS_FAILED, "the address space says nothing of itself");
}

/* Replaces what is in @map, which begins with zeros. */
void target_map(const struct target *target, struct map *map)
{
	struct virt_as_get_map get = { .size = sizeof(get) };

	for (;;) {
		get.entries = (__u64)(uintptr_t)map->entries;
		get.nr_entries = map->room;
		if (!ioctl(target->as, VIRT_AS_GET_MAP, &get))
			break;
		if (errno != EMSGSIZE)
			err(STATUS_FAILED, "the map cannot be read");
		free(map->entries);
		map->room = get.nr_entries;
		map->entries = calloc(map->room, sizeof(*map->entries));
		if (!map->entries)
			errx(STATUS_FAILED, "there is no memory for %u regions", map->room);
	}
	map->nr = get.nr_entries;
	map->generation = get.out_generation;
}
