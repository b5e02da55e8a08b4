/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether this process may do what a change takes, asked first so that nothing has to be undone. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

/* DONE, or FAILED after a line that names the capabilities that are missing. */
int capabilities_check(void);

#endif
