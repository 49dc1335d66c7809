// SPDX-License-Identifier: GPL-2.0-only
/*
 * virt-as: looks at the address spaces of running processes. Here is what can be
 * typed: the first word or two are the command, each of which has options of its
 * own.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virt-as.h"

#define SHORTEST	0.01	/* seconds between two harvests */
#define LONGEST		86400.0

const char *argp_program_version = "virt-as " VERSION;

/**
 * struct command - what the tool can do
 * @name: what is typed
 * @run: does it; returns the exit status
 * @nr_args: 1 for PID, 2 for PID FD
 * @argp: its arguments
 */
struct command {
	const char *name;
	int (*run)(const struct args *args);
	unsigned int nr_args;
	struct argp argp;
};

/* What the parser of a command is given. */
struct parsed {
	const struct command *command;
	struct args args;
};

static bool number(const char *text, __u64 max, __u64 *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && !*end && *value <= max;
}

static void parse_interval(const char *text, struct argp_state *state, struct args *args)
{
	char *end;

	args->interval = strtod(text, &end);
	if (end == text || *end || !(args->interval >= SHORTEST && args->interval <= LONGEST))
		argp_error(state, "%s: the interval is a number of seconds from %g to %g",
			   text, SHORTEST, LONGEST);
}

static void parse_count(const char *text, struct argp_state *state, struct args *args)
{
	if (!number(text, ULLONG_MAX, &args->count) || !args->count)
		argp_error(state, "%s: the count is a number from 1 on", text);
}

static void parse_range(const char *text, struct argp_state *state, struct args *args)
{
	__u64 page = sysconf(_SC_PAGESIZE);
	const char *dash = strchrnul(text, '-');
	char *first = strndup(text, dash - text);
	bool good = first && *dash && number(first, ULLONG_MAX, &args->first) &&
		    number(dash + 1, ULLONG_MAX, &args->last);

	free(first);
	if (!good || args->first > args->last)
		argp_error(state, "%s: a range is GPA-LAST, such as 0x100000000-0x1ffffffff",
			   text);
	if (args->first % page || (args->last + 1) % page)
		argp_error(state, "%s: a range is of whole pages, from the first byte to the last",
			   text);
}

static void parse_argument(const char *text, struct argp_state *state, struct parsed *parsed)
{
	__u64 value;

	if (state->arg_num >= parsed->command->nr_args)
		argp_error(state, "%s: one argument too many", text);
	if (state->arg_num == 0) {
		if (!number(text, INT_MAX, &value) || !value)
			argp_error(state, "%s: PID is the number of a process", text);
		parsed->args.pid = value;
	} else {
		if (!number(text, INT_MAX, &value))
			argp_error(state, "%s: FD is the number of an open file of the process",
				   text);
		parsed->args.fd = value;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsed *parsed = state->input;

	switch (key) {
	case 'j':
		parsed->args.json = true;
		return 0;
	case 'i':
		parse_interval(arg, state, &parsed->args);
		return 0;
	case 'n':
		parse_count(arg, state, &parsed->args);
		return 0;
	case 'r':
		parse_range(arg, state, &parsed->args);
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(arg, state, parsed);
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < parsed->command->nr_args)
			argp_error(state, "%s is missing", state->arg_num ? "FD" : "PID");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option json_option[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ }
};

static const struct argp_option watch_options[] = {
	{ "interval", 'i', "SECONDS", 0, "Time between two harvests (1)", 0 },
	{ "count", 'n', "N", 0, "End after N harvests", 0 },
	{ "range", 'r', "GPA-LAST", 0, "Only this part of the guest's memory", 0 },
	{ "json", 'j', NULL, 0, "Print JSON, a line for each harvest", 0 },
	{ }
};

static const struct command commands[] = {
	{
		.name = "list", .run = run_list, .nr_args = 1,
		.argp = {
			.options = json_option, .parser = parse, .args_doc = "PID",
			.doc = "Lists the address spaces and dirty logs that a process has open.",
		},
	},
	{
		.name = "map", .run = run_map, .nr_args = 2,
		.argp = {
			.options = json_option, .parser = parse, .args_doc = "PID FD",
			.doc = "Draws the map of the address space that is file FD of a process.",
		},
	},
	{
		.name = "log watch", .run = run_watch, .nr_args = 2,
		.argp = {
			.options = watch_options, .parser = parse, .args_doc = "PID FD",
			.doc = "Shows where guest memory is written to, until ^C, by a dirty log.",
		},
	},
};

static const char main_doc[] =
	"Looks at the address spaces of running processes.\vCommands:\n"
	"  list PID            the address spaces and dirty logs of a process\n"
	"  map PID FD          the map of one, as a picture\n"
	"  log watch PID FD    where guest memory is written to, live\n"
	"\n"
	"\"virt-as COMMAND --help\" tells the options of each.";

/* How many words of @argv are the command: 0 if it is another one. */
static int words_of(const struct command *command, int argc, char **argv)
{
	const char *second = strchr(command->name, ' ');
	size_t len = strcspn(command->name, " ");

	if (strlen(argv[0]) != len || memcmp(argv[0], command->name, len))
		return 0;
	if (!second)
		return 1;
	return argc > 1 && !strcmp(argv[1], second + 1) ? 2 : 0;
}

/**
 * struct choice - the command that was typed
 * @index: of its last word in argv
 */
struct choice {
	const struct command *command;
	int index;
};

static error_t choose(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;
	int index = state->next - 1;
	int words;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < ARRAY_SIZE(commands) && !choice->command; i++) {
			words = words_of(&commands[i], state->argc - index, state->argv + index);
			if (!words)
				continue;
			choice->command = &commands[i];
			choice->index = index + words - 1;
		}
		if (!choice->command)
			argp_error(state, "%s: no such command", arg);
		/* The rest is not for this parser. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	static const struct argp main_argp = {
		.parser = choose, .args_doc = "COMMAND PID [FD]", .doc = main_doc,
	};
	struct choice choice = { };
	struct parsed parsed = { .args = { .interval = 1, .last = ULLONG_MAX } };
	char name[32];

	argp_err_exit_status = STATUS_USAGE;
	if (argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &choice))
		return STATUS_USAGE;

	parsed.command = choice.command;
	snprintf(name, sizeof(name), "virt-as %s", choice.command->name);
	argv[choice.index] = name;
	if (argp_parse(&choice.command->argp, argc - choice.index, argv + choice.index, 0, NULL,
		       &parsed))
		return STATUS_USAGE;
	return choice.command->run(&parsed.args);
}
