// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virt-as list": every open file of a process that is an address space or a dirty
 * log, as fdinfo tells it. No file is taken or opened. What several files have in
 * common is told for each; their id is the same.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "virt-as.h"

struct as_file {
	int fd;
	struct as_facts facts;
};

struct log_file {
	int fd;
	struct log_facts facts;
};

struct files {
	struct as_file *spaces;
	struct log_file *logs;
	size_t nr_spaces;
	size_t nr_logs;
};

static void *grown(void *array, size_t nr, size_t size)
{
	array = reallocarray(array, nr, size);
	if (!array)
		errx(STATUS_FAILED, "there is no memory for the list");
	return array;
}

/* What is closed meanwhile is not there. */
static void look_at(const char *proc, int fd, struct files *files)
{
	struct log_facts log;
	struct as_facts as;

	switch (kind_of(proc, fd)) {
	case KIND_AS:
		if (!read_as_facts(proc, fd, &as))
			return;
		files->spaces = grown(files->spaces, files->nr_spaces + 1, sizeof(struct as_file));
		files->spaces[files->nr_spaces++] = (struct as_file) { fd, as };
		return;
	case KIND_LOG:
		if (!read_log_facts(proc, fd, &log))
			return;
		files->logs = grown(files->logs, files->nr_logs + 1, sizeof(struct log_file));
		files->logs[files->nr_logs++] = (struct log_file) { fd, log };
		return;
	case KIND_OTHER:
		return;
	}
}

static void scan(pid_t pid, struct files *files)
{
	char proc[32], path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(proc, sizeof(proc), "/proc/%d", pid);
	snprintf(path, sizeof(path), "%s/fd", proc);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		errx(STATUS_FAILED, "there is no process %d: look for its number with ps", pid);
	if (!dir && errno == EACCES)
		errx(STATUS_FAILED,
		     "files of process %d may not be seen: run as root, or as a user who may trace it (/proc/%d/fd needs ptrace access)",
		     pid, pid);
	if (!dir)
		err(STATUS_FAILED, "%s cannot be read", path);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			look_at(proc, atoi(entry->d_name), files);
	closedir(dir);
}

static void print_json(pid_t pid, const struct files *files)
{
	struct json_object *answer = json_new();
	struct json_object *spaces = json_list(), *logs = json_list();

	for (size_t i = 0; i < files->nr_spaces; i++) {
		struct json_object *space = json_new();

		json_u64(space, "fd", files->spaces[i].fd);
		as_facts_json(space, &files->spaces[i].facts);
		json_append(spaces, space);
	}
	for (size_t i = 0; i < files->nr_logs; i++) {
		struct json_object *log = json_new();

		json_u64(log, "fd", files->logs[i].fd);
		log_facts_json(log, &files->logs[i].facts);
		json_append(logs, log);
	}
	json_u64(answer, "pid", pid);
	json_put(answer, "address_spaces", spaces);
	json_put(answer, "logs", logs);
	json_print(answer);
}

static void print_spaces(const struct files *files)
{
	char ram[16];

	printf("%5s %5s %8s %11s %8s %11s %9s %5s  %s\n", "FD", "SPACE", "OWNER", "GENERATION",
	       "REGIONS", "RAM", "BINDINGS", "LOGS", "RIGHTS");
	for (size_t i = 0; i < files->nr_spaces; i++) {
		const struct as_facts *as = &files->spaces[i].facts;

		printf("%5d %5llu %8llu %11llu %8llu %11s %9llu %5llu  %s\n",
		       files->spaces[i].fd, as->id, as->owner, as->generation, as->regions,
		       human(ram, as->logged_pages * sysconf(_SC_PAGESIZE)), as->bindings,
		       as->logs, as->rights[0] ? as->rights : "none");
	}
}

static void print_logs(const struct files *files)
{
	printf("%s%5s %5s %14s %14s %10s %14s\n", files->nr_spaces ? "\n" : "", "LOG FD", "SPACE",
	       "DIRTY PAGES", "COVERED PAGES", "HARVESTS", "HARVESTED");
	for (size_t i = 0; i < files->nr_logs; i++) {
		const struct log_facts *log = &files->logs[i].facts;

		printf("%6d %5llu %14llu %14llu %10llu %14llu\n", files->logs[i].fd, log->id,
		       log->dirty_pages, log->covered_pages, log->harvests,
		       log->harvested_pages);
	}
}

int run_list(const struct args *args)
{
	struct files files = { };

	scan(args->pid, &files);
	if (args->json) {
		print_json(args->pid, &files);
	} else {
		if (files.nr_spaces)
			print_spaces(&files);
		if (files.nr_logs)
			print_logs(&files);
		if (!files.nr_spaces && !files.nr_logs)
			printf("process %d has no address space open\n", args->pid);
		check_output();
	}
	free(files.spaces);
	free(files.logs);
	return 0;
}
