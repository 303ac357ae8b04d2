// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <sys/types.h>

#include "task.h"

bool task_sleeps(void *arg)
{
	pid_t task = __atomic_load_n((pid_t *)arg, __ATOMIC_ACQUIRE);
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", task);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}
