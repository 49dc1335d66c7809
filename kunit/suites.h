/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRT_AS_KUNIT_SUITES_H
#define VIRT_AS_KUNIT_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite virt_as_access_suite;
extern struct kunit_suite virt_as_binding_suite;
extern struct kunit_suite virt_as_bits_suite;
extern struct kunit_suite virt_as_cache_suite;
extern struct kunit_suite virt_as_commit_suite;
extern struct kunit_suite virt_as_harvest_suite;
extern struct kunit_suite virt_as_log_suite;
extern struct kunit_suite virt_as_log_binding_suite;
extern struct kunit_suite virt_as_log_oracle_suite;
extern struct kunit_suite virt_as_log_race_suite;
extern struct kunit_suite virt_as_map_suite;
extern struct kunit_suite virt_as_rights_suite;
extern struct kunit_suite virt_as_spans_suite;

#endif /* VIRT_AS_KUNIT_SUITES_H */
