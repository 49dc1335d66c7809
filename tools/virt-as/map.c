// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virt-as map": the regions and the holes between them in order of gpa. Lengths
 * differ by many powers of two, so a bar grows with the logarithm of them.
 *
 * Host addresses are told to the owner alone, which this program never is.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "virt-as.h"

#define MIN_BAR	10

static const char * const type_names[] = {
	[VIRT_AS_TYPE_RAM] = "ram",
	[VIRT_AS_TYPE_DEVICE] = "device",
	[VIRT_AS_TYPE_NOHVA] = "nohva",
};

static const char type_marks[] = {
	[VIRT_AS_TYPE_RAM] = '#',
	[VIRT_AS_TYPE_DEVICE] = '=',
	[VIRT_AS_TYPE_NOHVA] = '-',
};

/* Colours of the terminal: green, yellow, blue. */
static const char type_colours[] = {
	[VIRT_AS_TYPE_RAM] = '2',
	[VIRT_AS_TYPE_DEVICE] = '3',
	[VIRT_AS_TYPE_NOHVA] = '4',
};

static const char *type_name(__u32 type)
{
	return type < ARRAY_SIZE(type_names) ? type_names[type] : "other";
}

static const char *perms_name(__u32 perms)
{
	return perms & VIRT_AS_PERM_WRITE ? "rw" : "r";
}

/* How the rows are laid out. */
struct picture {
	unsigned int digits;
	unsigned int width;
	__u64 longest;
};

static __u64 last_of(const struct virt_as_entry *region)
{
	return region->gpa + region->len - 1;
}

/* The first gpa behind region @i - 1; only asked if there is a region @i. */
static __u64 behind(const struct map *map, __u32 i)
{
	return i ? last_of(&map->entries[i - 1]) + 1 : 0;
}

static void lay_out(struct picture *picture, const struct map *map)
{
	unsigned int columns, lines, used;

	screen_size(&columns, &lines);
	picture->digits = gpa_digits(last_of(&map->entries[map->nr - 1]));
	picture->longest = 0;
	for (__u32 i = 0; i < map->nr; i++) {
		__u64 hole = map->entries[i].gpa - behind(map, i);

		if (hole > picture->longest)
			picture->longest = hole;
		if (map->entries[i].len > picture->longest)
			picture->longest = map->entries[i].len;
	}
	/* "0xFIRST 0xLAST 1023.9 KiB device rw " */
	used = 2 * picture->digits + 27;
	picture->width = columns > used + MIN_BAR ? columns - used : MIN_BAR;
}

static void draw_row(const struct picture *picture, __u64 gpa, __u64 len, const char *type,
		     const char *perms, char mark, char colour)
{
	__u64 page = sysconf(_SC_PAGESIZE);
	double most = log2((double)(picture->longest / page));
	double share = most > 0 ? log2((double)(len / page)) / most : 1;
	unsigned int room = picture->width - 1;
	char text[16], cells[room + 1];

	bar(cells, room, share, mark, 0);
	printf("0x%0*llx 0x%0*llx %10s %-6s %-2s ", (int)picture->digits, gpa, (int)picture->digits,
	       gpa + len - 1, human(text, len), type, perms);
	if (colour && screen_has_colour())
		printf("\033[3%cm%c%s\033[0m\n", colour, mark, cells);
	else
		printf("%c%s\n", mark, cells);
}

static void draw(const struct map *map)
{
	struct picture picture;

	lay_out(&picture, map);
	printf("%-*s %-*s %10s TYPE\n", (int)picture.digits + 2, "FIRST",
	       (int)picture.digits + 2, "LAST", "SIZE");
	for (__u32 i = 0; i < map->nr; i++) {
		const struct virt_as_entry *region = &map->entries[i];
		bool known = region->type < ARRAY_SIZE(type_marks);
		__u64 hole = behind(map, i);

		if (hole < region->gpa)
			draw_row(&picture, hole, region->gpa - hole, "hole", "", '.', 0);
		draw_row(&picture, region->gpa, region->len, type_name(region->type),
			 perms_name(region->perms), known ? type_marks[region->type] : '?',
			 known ? type_colours[region->type] : 0);
	}
}

static void print_text(const struct args *args, const struct target *target,
		       const struct map *map)
{
	const struct as_facts *as = &target->facts;
	char ram[16];

	printf("address space %llu: file %d of process %d, owner %llu, rights %s\n", as->id,
	       args->fd, args->pid, as->owner, as->rights[0] ? as->rights : "none");
	printf("generation %llu: %u regions, %llu of them with aliases, %s of RAM\n",
	       map->generation, map->nr, as->aliases,
	       human(ram, as->logged_pages * sysconf(_SC_PAGESIZE)));
	if (map->nr)
		draw(map);
	check_output();
}

static void print_json(const struct args *args, const struct target *target,
		       const struct map *map)
{
	struct json_object *answer = json_new();
	struct json_object *regions = json_list();

	for (__u32 i = 0; i < map->nr; i++) {
		const struct virt_as_entry *entry = &map->entries[i];
		struct json_object *region = json_new();

		json_u64(region, "gpa", entry->gpa);
		json_u64(region, "len", entry->len);
		json_text(region, "type", type_name(entry->type));
		json_text(region, "perms", perms_name(entry->perms));
		json_append(regions, region);
	}
	json_u64(answer, "pid", args->pid);
	json_u64(answer, "fd", args->fd);
	as_facts_json(answer, &target->facts);
	/* The map may be newer than the facts. */
	json_u64(answer, "generation", map->generation);
	json_u64(answer, "regions", map->nr);
	json_put(answer, "map", regions);
	json_print(answer);
}

int run_map(const struct args *args)
{
	struct target target;
	struct map map = { };

	target_open(&target, args, 0);
	target_map(&target, &map);
	if (args->json)
		print_json(args, &target, &map);
	else
		print_text(args, &target, &map);
	free(map.entries);
	return 0;
}
