/* What the kernel says about this process, for /metrics and /v1/status; 0 = it does not say. */
#ifndef RW_SERVER_PROCESS_H
#define RW_SERVER_PROCESS_H

double rw_process_resident_bytes(void);
double rw_process_open_files(void);

#endif
