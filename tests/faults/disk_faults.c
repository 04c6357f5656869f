/* Injects one fault into a process at its n-th file operation below a folder, or at the first one from then on that this
   kind of fault affects. With n = 0 it only reports all operations. Loaded with LD_PRELOAD, so that Python,
   TensorFlow, SQLite and HDF5 are all affected. A process arms itself with `disk_faults_arm`, or starts armed by the
   environment variable DISK_FAULTS=folder|number|kind|report. tests/faults/disk_faults.py is the Python side. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE = 2, STREAM = 4, CHANGE = 8, SYNC = 16, READ = 32 };
enum answer { GO, FAIL, HALF, TEAR };

/* `lasting`: every later operation fails as well, as on a disk that stays full. */
static const struct kind { const char *name; int affected, lasting, error; enum answer on_write; } kinds[] = {
    {"kill", CREATE | WRITE | STREAM | CHANGE | SYNC, 0, 0, GO},
    {"torn write", WRITE | STREAM, 0, 0, TEAR},
    {"no space", CREATE | WRITE | STREAM, 1, ENOSPC, HALF},
    {"input/output error", CREATE | WRITE | STREAM | CHANGE | SYNC, 0, EIO, FAIL},
    {"read-only", CREATE | WRITE | STREAM | CHANGE, 1, EROFS, FAIL},
    {"short write", WRITE, 1, 0, HALF},
    {"read error", READ, 0, EIO, FAIL},
};

static const struct kind *armed;
static char folder[PATH_MAX], report[PATH_MAX];
static long number, count;
static int reached;

void disk_faults_arm(const char *where, long nth, const char *kind, const char *report_file) {
    armed = NULL;
    snprintf(folder, sizeof folder, "%s", where);
    snprintf(report, sizeof report, "%s", report_file);
    number = nth, count = 0, reached = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, kind)) armed = &kinds[i];
}

__attribute__((constructor)) static void arm_from_environment(void) {
    char *text = getenv("DISK_FAULTS"), *parts[4];
    if (!text) return;
    text = strdup(text);
    for (int i = 0; i < 4; i++) parts[i] = strsep(&text, "|");
    unsetenv("DISK_FAULTS"); /* child processes are not affected */
    if (parts[3]) disk_faults_arm(parts[0], atol(parts[1]), parts[2], parts[3]);
}

static void say(const char *operation, const char *path) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", operation, path);
    int file = syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, file, line, length);
    syscall(SYS_close, file);
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); }

static enum answer ask(const char *operation, int class, const char *path) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) || (path[length] && path[length] != '/')) return GO;
    long here = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (!number) say(operation, path);
    if (!number || here < number || !(armed->affected & class)) return GO;
    int before = __atomic_exchange_n(&reached, 1, __ATOMIC_SEQ_CST);
    if (before && !armed->lasting) return GO;
    if (!before) say(operation, path);
    if (!armed->error && armed->on_write == GO) die();
    errno = armed->error;
    if (class == WRITE && (!before || !armed->error)) return armed->on_write;
    return armed->on_write == TEAR ? TEAR : FAIL;
}

static enum answer ask_at(const char *operation, int class, int directory, const char *name) {
    char path[2 * PATH_MAX + 1] = "", link[64];
    if (!armed) return GO;
    if (name[0] != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(directory == AT_FDCWD ? "/proc/self/cwd" : link, path, PATH_MAX - 1);
        path[length < 0 ? 0 : length] = '\0';
        strcat(path, "/");
    }
    strncat(path, name, PATH_MAX);
    return ask(operation, class, path);
}

static enum answer ask_open(const char *operation, int class, int descriptor) {
    char path[PATH_MAX], link[64];
    if (!armed) return GO;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return GO;
    path[length] = '\0';
    return ask(operation, class, path);
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })
#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define MODE(flags) ({ va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); mode; })

#define OPEN(name) int name(const char *path, int flags, ...) { \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? MODE(flags) : 0; \
    return WRITES(flags) && ask_at("open", CREATE, AT_FDCWD, path) ? -1 : REAL(name)(path, flags, mode); }
#define OPENAT(name) int name(int at, const char *path, int flags, ...) { \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? MODE(flags) : 0; \
    return WRITES(flags) && ask_at("open", CREATE, at, path) ? -1 : REAL(name)(at, path, flags, mode); }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* A function whose result is -1 after an error. */
#define CALL(name, parameters, question, arguments) int name parameters { return question ? -1 : REAL(name) arguments; }
#define AT(operation, class, directory, path) ask_at(operation, class, directory, path)
#define HERE(operation, class, path) ask_at(operation, class, AT_FDCWD, path)
CALL(mkdir, (const char *path, mode_t mode), HERE("mkdir", CREATE, path), (path, mode))
CALL(mkdirat, (int at, const char *path, mode_t mode), AT("mkdir", CREATE, at, path), (at, path, mode))
CALL(link, (const char *old, const char *new), HERE("link", CREATE, new), (old, new))
CALL(symlink, (const char *old, const char *new), HERE("symlink", CREATE, new), (old, new))
CALL(unlink, (const char *path), HERE("unlink", CHANGE, path), (path))
CALL(unlinkat, (int at, const char *path, int flags), AT("unlink", CHANGE, at, path), (at, path, flags))
CALL(rmdir, (const char *path), HERE("rmdir", CHANGE, path), (path))
CALL(rename, (const char *old, const char *new), HERE("rename", CHANGE, new), (old, new))
CALL(renameat, (int from, const char *old, int to, const char *new), AT("rename", CHANGE, to, new), (from, old, to, new))
CALL(ftruncate, (int file, off_t size), ask_open("truncate", CHANGE, file), (file, size))
CALL(ftruncate64, (int file, off64_t size), ask_open("truncate", CHANGE, file), (file, size))

/* What the system has accepted survives the death of the process, so an armed process need not wait for the disk. */
int fsync(int file) { return ask_open("fsync", SYNC, file) ? -1 : armed ? 0 : REAL(fsync)(file); }
int fdatasync(int file) { return ask_open("fsync", SYNC, file) ? -1 : armed ? 0 : REAL(fdatasync)(file); }

/* A write: `whole` writes `size` bytes. */
#define WRITING(file, size, whole) do { switch (ask_open("write", WRITE, file)) { \
    case FAIL: return -1; \
    case HALF: if (size > 1) size = size > 4096 ? 2048 : size / 2; break; \
    case TEAR: size = size > 4096 ? 2048 : size / 2; (void)!whole; die(); break; \
    case GO: break; } \
    return whole; } while (0)
ssize_t write(int file, const void *data, size_t size) { WRITING(file, size, REAL(write)(file, data, size)); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { WRITING(file, size, REAL(pwrite)(file, data, size, at)); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { WRITING(file, size, REAL(pwrite64)(file, data, size, at)); }
ssize_t sendfile(int file, int from, off_t *at, size_t size) { WRITING(file, size, REAL(sendfile)(file, from, at, size)); }
ssize_t sendfile64(int file, int from, off64_t *at, size_t size) { WRITING(file, size, REAL(sendfile64)(file, from, at, size)); }
ssize_t writev(int file, const struct iovec *parts, int size) { WRITING(file, size, REAL(writev)(file, parts, size)); }

#define READING(file, whole) return ask_open("read", READ, file) ? -1 : whole
ssize_t read(int file, void *data, size_t size) { READING(file, REAL(read)(file, data, size)); }
ssize_t pread(int file, void *data, size_t size, off_t at) { READING(file, REAL(pread)(file, data, size, at)); }
ssize_t pread64(int file, void *data, size_t size, off64_t at) { READING(file, REAL(pread64)(file, data, size, at)); }

/* The streams of C, which TensorFlow writes with: libc's own writes do not pass through `write` above. */
#define FOPEN(name) FILE *name(const char *path, const char *mode) { \
    return strpbrk(mode, "wa+") && ask_at("open", CREATE, AT_FDCWD, path) ? NULL : REAL(name)(path, mode); }
FOPEN(fopen) FOPEN(fopen64)

size_t fwrite(const void *data, size_t size, size_t items, FILE *stream) {
    enum answer answer = ask_open("fwrite", STREAM, fileno(stream));
    if (answer == FAIL) return 0;
    if (answer == TEAR) {
        REAL(fwrite)(data, 1, size * items / 2, stream);
        REAL(fflush)(stream);
        die();
    }
    return REAL(fwrite)(data, size, items, stream);
}

/* Torn: what is still in the buffer of the stream is lost. */
int fflush(FILE *stream) {
    enum answer answer = stream ? ask_open("fflush", STREAM, fileno(stream)) : GO;
    if (answer == TEAR) die();
    return answer == GO ? REAL(fflush)(stream) : EOF;
}

int fclose(FILE *stream) {
    enum answer answer = ask_open("fclose", STREAM, fileno(stream));
    if (answer == TEAR) die();
    int error = errno, closed = REAL(fclose)(stream);
    if (answer == GO) return closed;
    errno = error;
    return EOF;
}
