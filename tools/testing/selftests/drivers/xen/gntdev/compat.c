// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs compat-32, if this kernel runs 32-bit programs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"

int main(void)
{
	execl("./compat-32", "compat-32", NULL);
	ksft_print_header();
	if (errno == ENOEXEC)
		ksft_exit_skip("this kernel runs no 32-bit programs\n");
	ksft_exit_fail_msg("compat-32: %s\n", strerror(errno));
}
