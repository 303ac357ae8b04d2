/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which code of the driver a task runs, for a fuzzer. With
 * CONFIG_XEN_GNTDEV_COVERAGE the compiler calls __sanitizer_cov_trace_pc() in
 * every block of the driver.
 */
#ifndef _XEN_GNTDEV_COVERAGE_H
#define _XEN_GNTDEV_COVERAGE_H

#if IS_ENABLED(CONFIG_XEN_GNTDEV_COVERAGE)
void __sanitizer_cov_trace_pc(void);

int gntdev_coverage_init(void);
void gntdev_coverage_exit(void);
#else
static inline int gntdev_coverage_init(void)
{
	return 0;
}

static inline void gntdev_coverage_exit(void) {}
#endif

#endif /* _XEN_GNTDEV_COVERAGE_H */
