# SPDX-License-Identifier: GPL-2.0-only
#
# The Xen grant device as a drop-in module for stock kernels, and what proves
# that it works. "make help" lists the targets.

O	?= build
# One absolute path, whatever folder a recipe works in.
override O := $(abspath $(O))
export O
# The kernel's build has a meaning of its own for O=, so it gets none.
KBUILD	= $(MAKE) -C $(KDIR) O=$(realpath $(KDIR)) M=$(SHADOW)/drivers/xen W=$(W)

TOP	:= $(CURDIR)
SELF	:= tools/testing/selftests/drivers/xen
RIG	:= $(SELF)/qemu/rig.sh
SHADOW	:= $(O)/module
KO	:= $(SHADOW)/drivers/xen/xen-gntdev.ko
# The driver with hooks for tests, to be loaded beside the real one.
HOOKED	:= SHADOW=$(O)/module-selftest CONFIG_XEN_GNTDEV_SELFTEST=y
# The driver with what a fuzzer follows, to be loaded in place of the real one.
TRACED	:= SHADOW=$(O)/module-coverage CONFIG_XEN_GNTDEV_COVERAGE=y

# The kernel to build for: on a Xen host the running one when its headers are
# installed, else the stock kernel that the rig boots, fetched on demand.
RUNNING	:= /lib/modules/$(shell uname -r)/build
ON_XEN	:= $(filter xen,$(shell cat /sys/hypervisor/type 2>/dev/null))
ifneq ($(and $(ON_XEN),$(wildcard $(RUNNING)/.config)),)
KDIR	?= $(RUNNING)
endif
KDIR	?= $(shell $(RIG) headers)
W	?= 1
# The kernel that "make series" is for; without, the archive's source of 6.12.
KSRC	?=
# Where its patches go.
OUT	?= $(O)/patches
# How long "make fuzz" makes programs.
SECONDS	?= 180

.PHONY: all modules selftest-module coverage-module test test-all test-debug \
	test-long fuzz bench run docs series check-series install clean help FORCE

all: modules

modules: $(KO)

# Kbuild of this series builds next to the sources; a tree of links below $(O)
# keeps the sources clean.
$(KO): FORCE
	@mkdir -p $(SHADOW)/drivers/xen $(SHADOW)/tools/xen
	@find $(SHADOW)/drivers/xen -xtype l -delete
	@ln -sfn $(TOP)/include $(SHADOW)/include
	@ln -sfn $(TOP)/tools/xen/drop-in $(SHADOW)/tools/xen/drop-in
	@find $(TOP)/drivers/xen -maxdepth 1 -type f \
		\( -name '*.[ch]' -o -name 'Make*' -o -name Kconfig \) \
		! -name '*.mod.c' -exec ln -sf -t $(SHADOW)/drivers/xen {} +
	@test -d "$(KDIR)" || { echo 'no kernel headers: set KDIR=' >&2; exit 1; }
	+$(KBUILD) modules

selftest-module:
	+@$(MAKE) $(HOOKED) modules

coverage-module:
	+@$(MAKE) $(TRACED) modules

test:
	@$(SELF)/qemu/test.sh

test-debug:
	@$(SELF)/qemu/test.sh debug

test-long:
	@$(SELF)/qemu/test.sh long

test-all:
	@$(SELF)/qemu/test.sh all

fuzz:
	@$(SELF)/qemu/fuzz.sh "$(SECONDS)" $(SEED)

bench:
	@tools/xen/bench/run.sh
	@tools/xen/bench/run.sh --cell pvh-6.12

# Guests of both types: PV ones show their own memory, PVH ones the device's.
run:
	@tools/xen/vdispl-backend/run.sh pv
	@tools/xen/vdispl-backend/run.sh pvh

docs:
	@$(SELF)/qemu/docs.sh

series:
	@$(SELF)/qemu/series.sh "$(abspath $(OUT))" $(if $(KSRC),"$(abspath $(KSRC))")

check-series:
	@$(SELF)/qemu/check-series.sh $(if $(KSRC),"$(abspath $(KSRC))")

# What "make" built, for the kernel that it was built for: no rule to build it
# here, as this runs as root.
install:
	@test -e $(KO) || { echo 'run "make" first' >&2; exit 1; }
	kver=$$(modinfo -F vermagic $(KO) | cut -d' ' -f1) && \
	install -D -m 644 $(KO) \
		$(DESTDIR)/lib/modules/$$kver/updates/xen-gntdev.ko && \
	depmod -b $(DESTDIR)/ $$kver

clean:
	rm -rf -- $(O)

help:
	@echo 'make            build the module: $(KO)'
	@echo 'make modules    the same'
	@echo 'make selftest-module  build a second one, with hooks for tests'
	@echo 'make test       static checks and tests on real Xen in QEMU: PV and'
	@echo '                PVH dom0, ARM64, with guests'
	@echo 'make test-debug the same with kernels that check themselves, which it'
	@echo '                builds: lockdep, kmemleak, KASAN and others'
	@echo 'make test-long  100,000 lives of buffers, 100 guests that die, and the balloon'
	@echo '                down and up 100 times in a kernel with all built in'
	@echo 'make test-all   the same on all machines, modes and kernels'
	@echo 'make fuzz SECONDS=n [SEED=s] [CELL=c]  run programs that nobody wrote, and'
	@echo '                tell what of the driver they cover'
	@echo 'make bench      what it costs, beside the kernel'\''s own driver and the bare'
	@echo '                hypercalls, in instructions'
	@echo 'make run        show screens of unmodified guests without a copy'
	@echo 'make docs       check and build the documentation'
	@echo 'make series [KSRC=k] [OUT=d]  make patches for a kernel: a git work tree,'
	@echo '                a folder or a tarball; without, the source of 6.12'
	@echo 'make check-series [KSRC=k]  apply, check and build each of them'
	@echo 'make install    install the module for the kernel it was built for'
	@echo 'make clean      remove $(O)'
	@echo ''
	@echo 'KDIR=  headers of the kernel to build for'
	@echo 'O=     folder for everything that is built (build/)'
	@echo 'XEN_GNTDEV_CACHE=  folder for what is downloaded'
