/* Fails chosen file calls of a program: a library to preload (LD_PRELOAD), steered by the file that FAULTS names.
 *
 * Each line of the file is a rule:   CALL  PATH  WHEN  OUTCOME
 *   CALL     pwrite | write | sync | create | rename | truncate | mkdir | unlink | any
 *   PATH     a pattern as in a shell, in which * also matches slashes
 *   WHEN     3: the third such call from now on; 3+: that one and all later ones
 *   OUTCOME  EIO | ENOSPC | EDQUOT | EROFS | SHORT (half is written) | NOTHING (a sync that does nothing and says that
 *            it did) | KILL (the process dies before the call)
 * The file may change while the program runs; then the counts begin anew. Each fault adds a line to FILE.fired.
 * Calls that a program makes without the C library (io_uring, inline system calls) pass by.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum outcome { NONE, FAIL, SHORT, NOTHING };

struct rule {
    char call[16], path[512], outcome[16];
    long when, seen;
    int stays;
};

static struct rule rules[64];
static int count;
static struct stat last;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Its own files go by system calls of their own, so that no rule meets them. */
static void read_rules(const char *file) {
    struct stat now;
    if (stat(file, &now) != 0) { count = 0; memset(&last, 0, sizeof last); return; }
    if (now.st_ino == last.st_ino && now.st_mtim.tv_sec == last.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == last.st_mtim.tv_nsec && now.st_size == last.st_size) return;
    last = now;
    count = 0;
    char text[16384];
    long fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    long got = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[got > 0 ? got : 0] = 0;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) && count < 64) {
        struct rule *rule = &rules[count];
        char when[24];
        if (sscanf(line, "%15s %511s %23s %15s", rule->call, rule->path, when, rule->outcome) != 4) continue;
        rule->when = atol(when);
        rule->stays = strchr(when, '+') != NULL;
        rule->seen = 0;
        count++;
    }
}

static void note(const char *file, const char *call, const char *path, const char *outcome) {
    char name[600], line[1200];
    snprintf(name, sizeof name, "%s.fired", file);
    int length = snprintf(line, sizeof line, "%s %s %s\n", call, path, outcome);
    long fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return;
    (void)!syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

static enum outcome fate(const char *call, const char *path) {
    const char *file = getenv("FAULTS");
    if (!file) return NONE;
    enum outcome outcome = NONE;
    int error = 0, before = errno;
    pthread_mutex_lock(&lock);
    read_rules(file);
    for (int i = 0; i < count && outcome == NONE; i++) {
        struct rule *rule = &rules[i];
        if (strcmp(rule->call, "any") != 0 && strcmp(rule->call, call) != 0) continue;
        if (fnmatch(rule->path, path, 0) != 0) continue;
        rule->seen++;
        if (rule->seen != rule->when && !(rule->stays && rule->seen > rule->when)) continue;
        note(file, call, path, rule->outcome);
        outcome = FAIL;
        if (!strcmp(rule->outcome, "KILL")) kill(getpid(), SIGKILL);
        else if (!strcmp(rule->outcome, "SHORT")) outcome = SHORT;
        else if (!strcmp(rule->outcome, "NOTHING")) outcome = NOTHING;
        else if (!strcmp(rule->outcome, "ENOSPC")) error = ENOSPC;
        else if (!strcmp(rule->outcome, "EDQUOT")) error = EDQUOT;
        else if (!strcmp(rule->outcome, "EROFS")) error = EROFS;
        else error = EIO;
    }
    pthread_mutex_unlock(&lock);
    errno = outcome == FAIL ? error : before;
    return outcome;
}

static enum outcome fate_of_fd(const char *call, int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return NONE;
    path[length] = 0;
    return fate(call, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITES(name, type) \
    ssize_t name(int fd, const void *bytes, size_t length, type at) { \
        enum outcome outcome = fate_of_fd("pwrite", fd); \
        if (outcome == FAIL) return -1; \
        return NEXT(name)(fd, bytes, outcome == SHORT && length > 1 ? length / 2 : length, at); \
    }
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
    enum outcome outcome = fate_of_fd("write", fd);
    if (outcome == FAIL) return -1;
    return NEXT(write)(fd, bytes, outcome == SHORT && length > 1 ? length / 2 : length);
}

#define ON_FD(name, call, parameters, ...) \
    int name parameters { \
        enum outcome outcome = fate_of_fd(call, fd); \
        if (outcome != NONE) return outcome == NOTHING ? 0 : -1; \
        return NEXT(name)(__VA_ARGS__); \
    }
ON_FD(fsync, "sync", (int fd), fd)
ON_FD(fdatasync, "sync", (int fd), fd)
ON_FD(ftruncate, "truncate", (int fd, off_t length), fd, length)
ON_FD(ftruncate64, "truncate", (int fd, off64_t length), fd, length)

#define ON_PATH(name, call, path, parameters, ...) \
    int name parameters { \
        if (fate(call, path) == FAIL) return -1; \
        return NEXT(name)(__VA_ARGS__); \
    }
ON_PATH(rename, "rename", to, (const char *from, const char *to), from, to)
ON_PATH(mkdir, "mkdir", path, (const char *path, mode_t mode), path, mode)
ON_PATH(unlink, "unlink", path, (const char *path), path)

/* The mode is there only with O_CREAT. */
#define OPENS(name, parameters, ...) \
    int name parameters { \
        mode_t mode = 0; \
        if (flags & O_CREAT) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
            if (fate("create", path) == FAIL) return -1; \
        } \
        return NEXT(name)(__VA_ARGS__, flags, mode); \
    }
OPENS(open, (const char *path, int flags, ...), path)
OPENS(open64, (const char *path, int flags, ...), path)
OPENS(openat, (int at, const char *path, int flags, ...), at, path)
OPENS(openat64, (int at, const char *path, int flags, ...), at, path)
