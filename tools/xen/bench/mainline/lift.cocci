// SPDX-License-Identifier: GPL-2.0-only
// The device of the kernel's own driver gets a name of its own, so that it can
// be there at the same time.
// Options: --no-includes

virtual lift

@@
@@
- "xen/gntdev"
+ BENCH_NODE

// Grants are mapped at kernel addresses only, as in domains that are not PV,
// which it can do in PV domains, too; that way it also exports there.
@depends on lift@
@@
- xen_feature(XENFEAT_auto_translated_physmap)
+ BENCH_NOT_PV

// It asks for this where Xen refuses it.
@depends on lift@
@@
- GNTMAP_device_map
+ BENCH_DEVICE_MAP
