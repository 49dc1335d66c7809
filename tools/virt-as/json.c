// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of json-c that are never NULL, and how they are printed: each on one
 * line.
 */
#include <err.h>

#include "virt-as.h"

static struct json_object *made(struct json_object *object)
{
	if (!object)
		errx(STATUS_FAILED, "there is no memory for the answer");
	return object;
}

struct json_object *json_new(void)
{
	return made(json_object_new_object());
}

struct json_object *json_list(void)
{
	return made(json_object_new_array());
}

void json_put(struct json_object *to, const char *key, struct json_object *value)
{
	if (json_object_object_add(to, key, value))
		made(NULL);
}

void json_append(struct json_object *to, struct json_object *value)
{
	if (json_object_array_add(to, value))
		made(NULL);
}

void json_u64(struct json_object *to, const char *key, __u64 value)
{
	json_put(to, key, made(json_object_new_uint64(value)));
}

/* As many digits as a clock is good for. */
void json_double(struct json_object *to, const char *key, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", value);
	json_put(to, key, made(json_object_new_double_s(value, text)));
}

void json_text(struct json_object *to, const char *key, const char *value)
{
	json_put(to, key, made(json_object_new_string(value)));
}

/* Frees @object. */
void json_print(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		made(NULL);
	puts(text);
	check_output();
	json_object_put(object);
}
