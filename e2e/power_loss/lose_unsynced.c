/*
 * A disk that forgets, for LD_PRELOAD: makes it possible to lose, after a SIGKILL, every write that the
 * program had not synced, as a power loss does. A SIGKILL alone loses nothing: the kernel still holds it all.
 *
 *   LOSE_UNSYNCED_DIR  files below this directory are watched
 *   LOSE_UNSYNCED_LOG  where the undo logs go; a directory outside the first
 *   LOSE_UNSYNCED_SYNC_US  how long a sync takes at least, so that a kill finds one under way as on a real disk
 *   LOSE_UNSYNCED_LIES  while this file exists, a sync says that it was done and does nothing
 *   LOSE_UNSYNCED_FULL  while this file exists, no watched file may grow: the disk is full
 *   LOSE_UNSYNCED_FAIL_WRITE  while this file exists, a write does half of what it should and fails with EIO
 *   LOSE_UNSYNCED_FAIL_SYNC  while this file exists, a sync fails with EIO. What the file had not synced then is lost
 *                      whatever a later sync says, as on Linux, where a failed sync takes pages for written
 *
 * Each write to a watched file goes through at once, so the program reads what it wrote. Before it does, what
 * it overwrites and the size of the file are appended to the file's undo log. A successful fsync or fdatasync
 * empties that log. After the kill disk.py applies the logs backwards: exactly the writes since the last
 * sync of each file are gone. A kill in the middle of anything here is safe: a record is complete before its
 * write begins, and a record that is not complete belongs to a write that did not begin.
 *
 * Logs are named by device and inode, so renamed and duplicated descriptors need no care. Names of files
 * (creating, renaming, removing) count as durable at once; only contents are lost. Files ending in -shm are
 * not watched: they are mapped, and SQLite makes them anew at each start. Any other shared writable mapping of
 * a watched file would escape, so it aborts.
 *
 * System calls are made directly, so nothing here depends on the order in which libraries are loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#if !defined(__linux__) || !defined(__LP64__)
#error "only for 64-bit Linux"
#endif

struct file {
	dev_t dev;
	ino_t ino;
	int log;
	/* The file was removed and its inode went to one that is not watched. */
	atomic_bool gone;
	/* A sync of it failed: what was written since the last good one is lost, and all after it with it. */
	int lost;
	pthread_mutex_t lock;
	struct file *next;
};

/* disk.py reads this. */
struct record {
	uint64_t magic, old_size, offset, length;
};
#define MAGIC 0x31304f444e55ULL

static char watched[PATH_MAX], logs[PATH_MAX];
static size_t watched_length;
static useconds_t sync_time;
static const char *lies, *full, *fail_write, *fail_sync;
/* Only ever grows at its head, so it can be read without a lock. */
static _Atomic(struct file *) files;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *why)
{
	char text[256];
	int length = snprintf(text, sizeof text, "lose_unsynced: %s: %s\n", why, strerror(errno));
	syscall(SYS_write, 2, text, (size_t)length);
	abort();
}

__attribute__((constructor)) static void start(void)
{
	const char *dir = getenv("LOSE_UNSYNCED_DIR"), *log = getenv("LOSE_UNSYNCED_LOG");
	if (!dir || !log)
		return;
	if (!realpath(dir, watched) || !realpath(log, logs))
		die("LOSE_UNSYNCED_DIR and LOSE_UNSYNCED_LOG must be directories");
	watched_length = strlen(watched);
	const char *time = getenv("LOSE_UNSYNCED_SYNC_US");
	lies = getenv("LOSE_UNSYNCED_LIES");
	full = getenv("LOSE_UNSYNCED_FULL");
	fail_write = getenv("LOSE_UNSYNCED_FAIL_WRITE");
	fail_sync = getenv("LOSE_UNSYNCED_FAIL_SYNC");
	sync_time = time ? (useconds_t)atoi(time) : 0;
}

/* What was once watched under the inode of a descriptor. */
static struct file *known(int fd)
{
	struct stat st;
	struct file *file = atomic_load(&files);
	if (!file)
		return NULL;
	int kept = errno;
	int failed = fstat(fd, &st);
	errno = kept;
	if (failed || !S_ISREG(st.st_mode))
		return NULL;
	while (file && (file->dev != st.st_dev || file->ino != st.st_ino))
		file = file->next;
	return file;
}

static struct file *find(int fd)
{
	struct file *file = known(fd);
	return file && !atomic_load(&file->gone) ? file : NULL;
}

/* Watches what a descriptor stands for, if it is below the directory. Called with `opening` held. */
static struct file *watch(int fd)
{
	char link[64], path[PATH_MAX], log[PATH_MAX + 64];
	struct stat st;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length <= (ssize_t)watched_length || strncmp(path, watched, watched_length) || path[watched_length] != '/')
		return NULL;
	path[length] = 0;
	if (length > 4 && !strcmp(path + length - 4, "-shm"))
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	struct file *file = known(fd);
	if (file) {
		atomic_store(&file->gone, 0);
		return file;
	}
	file = calloc(1, sizeof *file);
	if (!file)
		die("no memory");
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	pthread_mutex_init(&file->lock, NULL);
	snprintf(log, sizeof log, "%s/%llu-%llu.undo", logs, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	file->log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (file->log < 0)
		die("cannot open an undo log");
	file->next = atomic_load(&files);
	atomic_store(&files, file);
	return file;
}

/* Writes down what a write of `length` bytes at `offset` is about to destroy. Called with the file's lock held. */
static void keep(struct file *file, int fd, off_t offset, size_t length)
{
	struct stat st;
	if (fstat(fd, &st))
		die("fstat");
	if (offset >= st.st_size)
		length = 0;
	else if ((off_t)length > st.st_size - offset)
		length = (size_t)(st.st_size - offset);
	struct record record = {MAGIC, (uint64_t)st.st_size, (uint64_t)offset, length};
	char *all = malloc(sizeof record + length);
	if (!all)
		die("no memory");
	memcpy(all, &record, sizeof record);
	if (length) {
		char link[64];
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
		if (from < 0)
			die("cannot read back");
		for (size_t done = 0; done < length;) {
			ssize_t n = syscall(SYS_pread64, from, all + sizeof record + done, length - done, offset + (off_t)done);
			if (n <= 0)
				die("cannot read back");
			done += (size_t)n;
		}
		syscall(SYS_close, from);
	}
	for (size_t done = 0; done < sizeof record + length;) {
		ssize_t n = syscall(SYS_write, file->log, all + done, sizeof record + length - done);
		if (n <= 0)
			die("cannot write an undo log");
		done += (size_t)n;
	}
	free(all);
}

/* Where the next plain write of a descriptor goes. */
static off_t position(int fd)
{
	struct stat st;
	if (fcntl(fd, F_GETFL) & O_APPEND)
		return fstat(fd, &st) ? 0 : st.st_size;
	return lseek(fd, 0, SEEK_CUR);
}

static size_t total(const struct iovec *parts, int count)
{
	size_t sum = 0;
	for (int i = 0; i < count; i++)
		sum += parts[i].iov_len;
	return sum;
}

/* Whether a write does not fit, as on a disk that is full: what is there may be overwritten. */
static int lacks_room(int fd, off_t offset, size_t length)
{
	struct stat st;
	if (!full || access(full, F_OK) != 0 || !find(fd) || fstat(fd, &st) || offset + (off_t)length <= st.st_size)
		return 0;
	errno = ENOSPC;
	return 1;
}

/* Whether the disk is to fail at this file just now. */
static int fails(const char *trigger, int fd)
{
	int kept = errno;
	int failing = trigger && access(trigger, F_OK) == 0 && find(fd);
	errno = kept;
	return failing;
}

/* The same, of a call that may make a file larger; `half` is what of it is written if it fails. */
#define GROW(fd, offset, length, call, half)                                                                                 \
	if (lacks_room(fd, offset, length))                                                                            \
		return -1;                                                                                             \
	if (fails(fail_write, fd)) {                                                                                   \
		torn(fd, offset, length / 2, half);                                                                    \
		errno = EIO;                                                                                           \
		return -1;                                                                                             \
	}                                                                                                              \
	CHANGE(fd, offset, length, call)

/* Does a system call that changes a file, after writing down what was there. */
#define CHANGE(fd, offset, length, call)                                                                               \
	struct file *file = find(fd);                                                                                  \
	if (!file)                                                                                                     \
		return call;                                                                                           \
	pthread_mutex_lock(&file->lock);                                                                               \
	keep(file, fd, offset, length);                                                                                \
	long result = call;                                                                                            \
	pthread_mutex_unlock(&file->lock);                                                                             \
	return result;

/* Writes what is written of a write that fails; nothing, of one that has several parts. */
static void torn(int fd, off_t offset, size_t length, const void *from)
{
	struct file *file = find(fd);
	if (!file || !from || !length)
		return;
	pthread_mutex_lock(&file->lock);
	keep(file, fd, offset, length);
	syscall(SYS_pwrite64, fd, from, length, offset);
	pthread_mutex_unlock(&file->lock);
}

static long change_write(int fd, const void *from, size_t size)
{
	GROW(fd, position(fd), size, syscall(SYS_write, fd, from, size), from)
}

static long change_pwrite(int fd, const void *from, size_t size, off_t at)
{
	GROW(fd, at, size, syscall(SYS_pwrite64, fd, from, size, at), from)
}

static long change_writev(int fd, const struct iovec *parts, int count)
{
	GROW(fd, position(fd), total(parts, count), syscall(SYS_writev, fd, parts, count), NULL)
}

static long change_pwritev(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
	GROW(fd, at < 0 ? position(fd) : at, total(parts, count), syscall(SYS_pwritev2, fd, parts, count, at, 0, flags), NULL)
}

static long change_ftruncate(int fd, off_t size)
{
	CHANGE(fd, size, SIZE_MAX >> 1, syscall(SYS_ftruncate, fd, size))
}

static long change_fallocate(int fd, int mode, off_t at, off_t size)
{
	if (mode && find(fd)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (lacks_room(fd, at, (size_t)size))
		return -1;
	CHANGE(fd, at, 0, syscall(SYS_fallocate, fd, mode, at, size))
}

static long sync_with(long call, int fd)
{
	struct file *file = find(fd);
	if (!file)
		return syscall(call, fd);
	pthread_mutex_lock(&file->lock);
	if (sync_time)
		usleep(sync_time);
	long result = 0;
	if (fails(fail_sync, fd)) {
		file->lost = 1;
		errno = EIO;
		result = -1;
	} else if (!lies || access(lies, F_OK) != 0) {
		result = syscall(call, fd);
		if (result == 0 && !file->lost && syscall(SYS_ftruncate, file->log, 0))
			die("cannot empty an undo log");
	}
	pthread_mutex_unlock(&file->lock);
	return result;
}

static int open_with(int dir, const char *path, int flags, mode_t mode)
{
	if (!watched_length || (flags & (O_PATH | O_DIRECTORY)))
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	struct stat st;
	struct file *file = NULL;
	pthread_mutex_lock(&opening);
	int existed = fstatat(dir, path, &st, 0) == 0;
	if (existed && (flags & O_TRUNC) && S_ISREG(st.st_mode)) {
		int peek = (int)syscall(SYS_openat, dir, path, O_RDONLY | O_CLOEXEC);
		file = peek < 0 ? NULL : watch(peek);
		if (file) {
			pthread_mutex_lock(&file->lock);
			keep(file, peek, 0, SIZE_MAX >> 1);
		}
		if (peek >= 0)
			syscall(SYS_close, peek);
	}
	int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	int kept = errno;
	if (file)
		pthread_mutex_unlock(&file->lock);
	if (fd >= 0) {
		int is_watched = (file = watch(fd)) != NULL;
		/* The inode of a new file may have been that of a removed one, whose log is not about this file. */
		if (!existed && (is_watched || (file = known(fd)))) {
			atomic_store(&file->gone, !is_watched);
			if (syscall(SYS_ftruncate, file->log, 0))
				die("cannot empty an undo log");
		}
	}
	pthread_mutex_unlock(&opening);
	errno = kept;
	return fd;
}

static long change_truncate(const char *path, off_t size)
{
	int fd = open_with(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	long result = change_ftruncate(fd, size);
	int kept = errno;
	syscall(SYS_close, fd);
	errno = kept;
	return result;
}

static mode_t mode_of(int flags, va_list rest)
{
	return (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(rest, unsigned int) : 0;
}

static void *map(void *at, size_t size, int protection, int flags, int fd, off_t from)
{
	if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && find(fd))
		die("a watched file is mapped for writing, which is not seen");
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, from);
}

/* What the program calls. Those that take an offset exist under two names on 64-bit systems. */
#define OPEN(name, dir, head, ...)                                                                                     \
	int name(head __VA_ARGS__, int flags, ...)                                                                     \
	{                                                                                                              \
		va_list rest;                                                                                          \
		va_start(rest, flags);                                                                                 \
		mode_t mode = mode_of(flags, rest);                                                                    \
		va_end(rest);                                                                                          \
		return open_with(dir, path, flags, mode);                                                              \
	}
#define NOTHING
#define DIR_FIRST int dir,
OPEN(open, AT_FDCWD, NOTHING, const char *path)
OPEN(open64, AT_FDCWD, NOTHING, const char *path)
OPEN(openat, dir, DIR_FIRST, const char *path)
OPEN(openat64, dir, DIR_FIRST, const char *path)
int creat(const char *path, mode_t mode) { return open_with(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }
ssize_t write(int fd, const void *from, size_t size) { return change_write(fd, from, size); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { return change_pwrite(fd, from, size, at); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { return change_pwrite(fd, from, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return change_writev(fd, parts, count); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return change_pwritev(fd, parts, count, at, 0); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return change_pwritev(fd, parts, count, at, 0); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) { return change_pwritev(fd, parts, count, at, flags); }
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags) { return change_pwritev(fd, parts, count, at, flags); }
int ftruncate(int fd, off_t size) { return (int)change_ftruncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return (int)change_ftruncate(fd, size); }
int truncate(const char *path, off_t size) { return (int)change_truncate(path, size); }
int truncate64(const char *path, off64_t size) { return (int)change_truncate(path, size); }
int fallocate(int fd, int mode, off_t at, off_t size) { return (int)change_fallocate(fd, mode, at, size); }
int fallocate64(int fd, int mode, off64_t at, off64_t size) { return (int)change_fallocate(fd, mode, at, size); }
int posix_fallocate(int fd, off_t at, off_t size) { return change_fallocate(fd, 0, at, size) ? errno : 0; }
int posix_fallocate64(int fd, off64_t at, off64_t size) { return change_fallocate(fd, 0, at, size) ? errno : 0; }
int fsync(int fd) { return (int)sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return (int)sync_with(SYS_fdatasync, fd); }
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t from) { return map(at, size, protection, flags, fd, from); }
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t from) { return map(at, size, protection, flags, fd, from); }

/* Copies inside the kernel would escape: refused, so that the caller falls back to reading and writing. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags)
{
	if (find(to)) {
		errno = ENOSYS;
		return -1;
	}
	return syscall(SYS_copy_file_range, from, from_at, to, to_at, size, flags);
}
