// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of virtual address spaces: the list.
 */
#include <linux/module.h>

#include "suites.h"

kunit_test_suites(&virt_as_access_suite, &virt_as_binding_suite,
		  &virt_as_bits_suite, &virt_as_cache_suite,
		  &virt_as_commit_suite, &virt_as_harvest_suite,
		  &virt_as_log_suite, &virt_as_log_binding_suite,
		  &virt_as_log_oracle_suite, &virt_as_log_race_suite,
		  &virt_as_map_suite, &virt_as_rights_suite,
		  &virt_as_spans_suite);

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_DESCRIPTION("KUnit tests of virtual address spaces");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
