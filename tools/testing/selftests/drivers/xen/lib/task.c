// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "task.h"

char task_state(pid_t task)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", task);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

bool task_sleeps(void *arg)
{
	return task_state(__atomic_load_n((pid_t *)arg, __ATOMIC_ACQUIRE)) == 'S';
}
