/* SPDX-License-Identifier: GPL-2.0-only */
/* The list goes where the program goes. */
	.section .rodata
	.global regressions_text
regressions_text:
	.incbin "regressions.txt"
	.byte 0
	.section .note.GNU-stack, "", %progbits
