/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands of the tool share. Whatever cannot go on ends the program by
 * errx() with one sentence that says what to do, and status 1; what was typed
 * wrongly ends it with status 2, in main.c.
 */
#ifndef VIRT_AS_TOOL_H
#define VIRT_AS_TOOL_H

#include <json-c/json.h>
#include <linux/virt_as.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define STATUS_FAILED	1
#define STATUS_USAGE	2

/**
 * struct args - what was typed
 * @pid: the process
 * @fd: number of an open file of it; not of "list"
 * @json: for machines
 * @interval: seconds between two harvests
 * @count: harvests; 0: no limit
 * @first: first gpa of the range
 * @last: last gpa of the range
 */
struct args {
	pid_t pid;
	int fd;
	bool json;
	double interval;
	__u64 count;
	__u64 first;
	__u64 last;
};

int run_list(const struct args *args);
int run_map(const struct args *args);
int run_watch(const struct args *args);

/**
 * struct as_facts - fdinfo of an address space, and the rights of the file
 */
struct as_facts {
	__u64 id;
	__u64 owner;
	__u64 generation;
	__u64 drained;
	__u64 regions;
	__u64 aliases;
	__u64 logged_pages;
	__u64 bindings;
	__u64 logs;
	__u64 commits;
	__u64 refused;
	__u64 remote_pages;
	char rights[64];
};

/**
 * struct log_facts - fdinfo of a dirty log
 * @id: of its address space
 */
struct log_facts {
	__u64 id;
	__u64 dirty_pages;
	__u64 covered_pages;
	__u64 harvests;
	__u64 harvested_pages;
	__u64 restored_pages;
	__u64 threshold;
};

/* What a link in /proc/PID/fd leads to. */
enum kind {
	KIND_OTHER,
	KIND_AS,
	KIND_LOG,
};

/**
 * struct target - an address space of another process
 * @as: a file of ours; what is asked of it, the process does not notice
 * @pidfd: POLLIN when the process has ended
 * @facts: fdinfo of the file of the process
 */
struct target {
	int as;
	int pidfd;
	struct as_facts facts;
};

/**
 * struct map - the regions in order of gpa
 */
struct map {
	__u64 generation;
	__u32 nr;
	__u32 room;
	struct virt_as_entry *entries;
};

/* target.c */
enum kind kind_of(const char *proc, int fd);
bool read_as_facts(const char *proc, int fd, struct as_facts *facts);
bool read_log_facts(const char *proc, int fd, struct log_facts *facts);
void as_facts_json(struct json_object *to, const struct as_facts *facts);
void log_facts_json(struct json_object *to, const struct log_facts *facts);
void target_open(struct target *target, const struct args *args, __u32 rights);
void target_info(const struct target *target, struct virt_as_info *info);
void target_map(const struct target *target, struct map *map);

/* json.c: objects that are never NULL */
struct json_object *json_new(void);
struct json_object *json_list(void);
void json_put(struct json_object *to, const char *key, struct json_object *value);
void json_append(struct json_object *to, struct json_object *value);
void json_u64(struct json_object *to, const char *key, __u64 value);
void json_double(struct json_object *to, const char *key, double value);
void json_text(struct json_object *to, const char *key, const char *value);
void json_print(struct json_object *object);

/* screen.c */
bool screen_is_live(void);
bool screen_has_colour(void);
void screen_size(unsigned int *columns, unsigned int *lines);
void screen_begin(void);
void screen_up(unsigned int lines);
void screen_clear(void);
void screen_end_line(void);
void screen_end_picture(void);
void check_output(void);
const char *human(char text[16], __u64 bytes);
void bar(char *text, unsigned int width, double share, char full, char empty);
unsigned int gpa_digits(__u64 highest);

#endif /* VIRT_AS_TOOL_H */
