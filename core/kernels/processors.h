/* How many processors a control group allows; the parsing half of rw_team_processors, apart from it
 * so that tests can show it any file tree. */
#ifndef RW_KERNELS_PROCESSORS_H
#define RW_KERNELS_PROCESSORS_H

/* `membership` is the text of /proc/self/cgroup, `mount` where the hierarchies are mounted
 * (/sys/fs/cgroup). The smallest quota on the way from the own group up to the root counts, rounded
 * down but at least 1; UINT_MAX when there is none. */
unsigned rw_processors_quota(const char *membership, const char *mount);

#endif
