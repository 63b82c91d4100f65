#include "server/process.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/file.h"

double rw_process_resident_bytes(void)
{
    struct rw_file file;
    char text[128] = "";
    unsigned long long total = 0;
    unsigned long long resident = 0;
    if (rw_file_open("/proc/self/statm", &file, NULL) != RW_OK) {
        return 0;
    }
    ssize_t n = pread(file.fd, text, sizeof text - 1, 0);
    rw_file_close(&file);
    if (n <= 0 || sscanf(text, "%llu %llu", &total, &resident) != 2) {
        return 0;
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

double rw_process_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return 0;
    }
    double n = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        n += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(dir);
    return n - 1; /* the directory itself */
}
