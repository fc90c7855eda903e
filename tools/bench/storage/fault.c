// Fails, kills or cuts the power at the n-th write or sync of files below one folder. Preloaded by run.py; built there.
// A power cut undoes what was written, named or unlinked since the last sync of the file or folder, then ends the process.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <pthread.h>

enum { WRITE = 1, SYNC = 2 };
enum { FAIL = 1, FULL = 2, KILL = 3, TORN = 4, POWER = 5 };  // FULL: ENOSPC for FULL_WRITES writes
enum { FULL_WRITES = 20 };
enum { BYTES = 1, CREATED = 2, RENAMED = 3, UNLINKED = 4 };

typedef struct undo {
  struct undo *before;
  int what;
  dev_t dev;
  ino_t ino;                                 // BYTES: of the file; others: of the folder
  char path[PATH_MAX], other[PATH_MAX];      // RENAMED: path -> other; UNLINKED: other keeps the content
  off_t at, size;
  size_t n;
  char *old;
} undo_t;

static char folder[PATH_MAX / 2];
static int fault_op, fault_mode, is_full, serial;
static long fault_n, counted[3];
static undo_t *newest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(name) *)real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

void fault_arm(const char *dir, int op, long n, int mode) {
  strncpy(folder, dir, sizeof folder - 1);
  fault_op = op; fault_n = n; fault_mode = mode;
  counted[WRITE] = counted[SYNC] = 0; is_full = 0;
}
long fault_count(int op) { return counted[op]; }

static int below(const char *path) {
  size_t n = strlen(folder);
  return n && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}
static int path_of(int fd, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, PATH_MAX - 1);
  if (n < 0) return 0;
  out[n] = 0;
  return below(out);
}
static void absolute(const char *path, char *out) {
  if (path[0] == '/') { strncpy(out, path, PATH_MAX - 1); out[PATH_MAX - 1] = 0; return; }
  char cwd[PATH_MAX / 2];
  snprintf(out, PATH_MAX, "%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", path);
}
static undo_t *remember(int what, const char *path) {
  undo_t *u = calloc(1, sizeof *u);
  u->what = what; u->before = newest; newest = u;
  strncpy(u->path, path, PATH_MAX - 1);
  char parent[PATH_MAX];
  strncpy(parent, path, PATH_MAX - 1);
  char *slash = strrchr(parent, '/');
  if (what != BYTES && slash) *slash = 0;
  struct stat st;
  if (stat(what == BYTES ? path : parent, &st) == 0) { u->dev = st.st_dev; u->ino = st.st_ino; u->size = st.st_size; }
  return u;
}
static void synced(int fd) {
  struct stat st;
  if (fstat(fd, &st)) return;
  for (undo_t *u = newest; u; u = u->before)
    if (u->dev == st.st_dev && u->ino == st.st_ino && (S_ISDIR(st.st_mode) ? u->what != BYTES : u->what == BYTES)) {
      if (u->what == UNLINKED) REAL(unlink)(u->other);
      u->what = 0;
    }
}
static void renamed(const char *from, const char *to) {  // earlier records follow the name
  for (undo_t *u = newest; u; u = u->before)
    if (u->what == BYTES && strcmp(u->path, from) == 0) strcpy(u->path, to);
}
static void power_cut(void) {
  for (undo_t *u = newest; u; u = u->before) {
    if (u->what == BYTES) {
      int fd = REAL(openat)(AT_FDCWD, u->path, O_WRONLY);
      if (fd < 0) continue;  // its name is gone by a later step that was undone before
      if (u->n) { ssize_t done = REAL(pwrite)(fd, u->old, u->n, u->at); (void)done; }
      int cut = REAL(ftruncate)(fd, u->size); (void)cut;
      close(fd);
    } else if (u->what == CREATED) REAL(unlink)(u->path);
    else if (u->what == RENAMED) { REAL(rename)(u->other, u->path); renamed(u->other, u->path); }
    else if (u->what == UNLINKED) REAL(rename)(u->other, u->path);
  }
  _exit(137);
}
// 0: go on. Else the call must return -1 with this errno; TORN is told by *torn.
static int fault(int op, int *torn) {
  counted[op]++;
  if (is_full && op == WRITE && counted[op] < fault_n + FULL_WRITES) return ENOSPC;
  if (!fault_n || op != fault_op || counted[op] != fault_n) return 0;
  if (fault_mode == FAIL) return EIO;
  if (fault_mode == FULL) { is_full = 1; return ENOSPC; }
  if (fault_mode == KILL) _exit(137);
  if (fault_mode == POWER) power_cut();
  if (fault_mode == TORN && torn) *torn = 1;
  return 0;
}
static void keep_old(int fd, const char *path, off_t at, size_t n) {
  if (fault_mode != POWER) return;
  undo_t *u = remember(BYTES, path);
  if (n && at < u->size) {
    u->n = (size_t)(u->size - at) < n ? (size_t)(u->size - at) : n;
    u->old = malloc(u->n); u->at = at;
    int copy = REAL(openat)(AT_FDCWD, path, O_RDONLY);
    ssize_t got = pread(copy, u->old, u->n, at); (void)got; (void)fd;
    close(copy);
  }
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(pwrite)(fd, data, n, at);
  pthread_mutex_lock(&lock);
  int torn = 0, why = fault(WRITE, &torn);
  if (why) { pthread_mutex_unlock(&lock); errno = why; return -1; }
  if (torn) { ssize_t half = REAL(pwrite)(fd, data, n / 2, at); (void)half; _exit(137); }
  keep_old(fd, path, at, n);
  ssize_t done = REAL(pwrite)(fd, data, n, at);
  pthread_mutex_unlock(&lock);
  return done;
}
ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) { return pwrite(fd, data, n, at); }

ssize_t write(int fd, const void *data, size_t n) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(write)(fd, data, n);
  pthread_mutex_lock(&lock);
  int torn = 0, why = fault(WRITE, &torn);
  if (why) { pthread_mutex_unlock(&lock); errno = why; return -1; }
  if (torn) { ssize_t half = REAL(write)(fd, data, n / 2); (void)half; _exit(137); }
  struct stat st;
  int appends = fcntl(fd, F_GETFL) & O_APPEND;
  off_t at = appends && fstat(fd, &st) == 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
  keep_old(fd, path, at, n);
  ssize_t done = REAL(write)(fd, data, n);
  pthread_mutex_unlock(&lock);
  return done;
}

int ftruncate(int fd, off_t size) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(ftruncate)(fd, size);
  pthread_mutex_lock(&lock);
  int why = fault(WRITE, NULL);
  if (why) { pthread_mutex_unlock(&lock); errno = why; return -1; }
  struct stat st;
  if (fstat(fd, &st) == 0) keep_old(fd, path, size, st.st_size > size ? (size_t)(st.st_size - size) : 0);
  int done = REAL(ftruncate)(fd, size);
  pthread_mutex_unlock(&lock);
  return done;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int sync_of(int fd, int (*call)(int)) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return call(fd);
  pthread_mutex_lock(&lock);
  int why = fault(SYNC, NULL);
  int done = why ? -1 : call(fd);
  if (done == 0) synced(fd);
  pthread_mutex_unlock(&lock);
  if (why) errno = why;
  return done;
}
int fsync(int fd) { return sync_of(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_of(fd, REAL(fdatasync)); }

int rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  absolute(from, a); absolute(to, b);
  if (!below(b)) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  int why = fault(WRITE, NULL);
  if (why) { pthread_mutex_unlock(&lock); errno = why; return -1; }
  int done = REAL(rename)(from, to);
  if (done == 0 && fault_mode == POWER) { renamed(a, b); strncpy(remember(RENAMED, a)->other, b, PATH_MAX - 1); }
  pthread_mutex_unlock(&lock);
  return done;
}

int unlink(const char *path) {
  char a[PATH_MAX];
  absolute(path, a);
  if (!below(a)) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  int why = fault(WRITE, NULL);
  if (why) { pthread_mutex_unlock(&lock); errno = why; return -1; }
  int done;
  if (fault_mode == POWER && access(a, F_OK) == 0) {
    undo_t *u = remember(UNLINKED, a);
    snprintf(u->other, sizeof u->other, "%s/.unlinked-%d", folder, serial++);
    done = REAL(rename)(a, u->other);
  } else done = REAL(unlink)(path);
  pthread_mutex_unlock(&lock);
  return done;
}

static int open_of(int dir, const char *path, int flags, mode_t mode) {
  char a[PATH_MAX];
  absolute(path, a);
  int is_new = (flags & O_CREAT) && fault_mode == POWER && below(a) && access(a, F_OK) != 0;
  if ((flags & O_TRUNC) && fault_mode == POWER && below(a) && access(a, F_OK) == 0) {
    struct stat st;
    pthread_mutex_lock(&lock);
    if (stat(a, &st) == 0) keep_old(-1, a, 0, (size_t)st.st_size);
    pthread_mutex_unlock(&lock);
  }
  int fd = REAL(openat)(dir, path, flags, mode);
  if (fd >= 0 && is_new) { pthread_mutex_lock(&lock); remember(CREATED, a); pthread_mutex_unlock(&lock); }
  return fd;
}
#define MODE(flags) mode_t mode = 0; if ((flags) & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return open_of(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_of(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return path[0] == '/' || dir == AT_FDCWD ? open_of(dir, path, flags, mode) : REAL(openat)(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return path[0] == '/' || dir == AT_FDCWD ? open_of(dir, path, flags, mode) : REAL(openat)(dir, path, flags, mode); }
