# SPDX-License-Identifier: GPL-2.0-only
#
# The Makefile of these tests inside a kernel tree, where they are in
# tools/testing/selftests/virt_as. Most need the module virt_as_test
# (CONFIG_VIRT_AS_TEST), sample_test that of CONFIG_SAMPLE_VIRT_AS.

top_srcdir := ../../../..
ARCH ?= $(shell uname -m)

CFLAGS += -Wall -Wextra -O2 -g -pthread $(KHDR_INCLUDES) -isystem .. \
	  -I$(top_srcdir)/lib/test_virt_as -I$(top_srcdir)/samples/virt_as
LDLIBS += -lpthread

LOCAL_HDRS += $(wildcard *.h) $(top_srcdir)/lib/test_virt_as/virt_as_test.h \
	      $(top_srcdir)/samples/virt_as/virt_as_sample.h

# For compat32_test there need not be a C library of 32 bits: it uses nolibc.
NOLIBC_TESTS := compat32_test

TEST_GEN_PROGS := $(filter-out $(NOLIBC_TESTS),$(basename $(wildcard *_test.c)))
ifneq ($(filter x86 x86_64,$(ARCH)),)
TEST_GEN_PROGS += $(NOLIBC_TESTS)
endif

include ../lib.mk

$(filter-out $(NOLIBC_TESTS:%=$(OUTPUT)/%),$(TEST_GEN_PROGS)): virt_as.c

$(OUTPUT)/compat32_test: CFLAGS := -Wall -Wextra -O2 -g -m32 -march=i686 -nostdlib \
	-nostdinc -static -ffreestanding -fno-stack-protector -fno-pic -no-pie \
	-isystem $(top_srcdir)/tools/include/nolibc $(KHDR_INCLUDES) \
	-isystem $(shell $(CC) -print-file-name=include) -D_GNU_SOURCE=
$(OUTPUT)/compat32_test: LDLIBS :=
