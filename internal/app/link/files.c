// The files that are inside an app, as a folder that is opened when the program starts. Python and packages see files like any
// others: what they import, read or list below it never reaches the host.
//
// The linker (--wrap) leads what wasi-libc asks of the host to here. Descriptors from FIRST on are ours; all others go on to the
// host. Nothing inside can be changed.
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>
#include <wasi/libc.h>

#include "entry.h"
#include "files.h"

#define FIRST 0x10000000
#define OURS(fd) ((fd) >= FIRST)

// Bytes of all files, and all names, one after the other: tree.s has them.
extern const uint8_t app_bytes[];
extern const char app_names[];

struct open {
    bool used;
    uint32_t node;
    uint64_t at;
};

static struct open *opened;
static int room;

static struct open *of(__wasi_fd_t fd) {
    int i = fd - FIRST;
    return OURS(fd) && i < room && opened[i].used ? &opened[i] : NULL;
}

static __wasi_errno_t take(uint32_t node, __wasi_fd_t *fd) {
    int i = 0;
    while (i < room && opened[i].used) i++;
    if (i == room) {
        int more = room ? 2 * room : 16;
        struct open *larger = realloc(opened, more * sizeof *opened);
        if (!larger) return __WASI_ERRNO_NOMEM;
        memset(larger + room, 0, (more - room) * sizeof *opened);
        opened = larger;
        room = more;
    }
    opened[i] = (struct open){true, node, 0};
    *fd = FIRST + i;
    return 0;
}

void app_open_files(void) {
    __wasi_fd_t root;
    if (take(0, &root) || __wasilibc_register_preopened_fd(root, APP_ROOT)) abort();
}

static int compare(uint32_t node, const char *name, size_t length) {
    const struct app_node *n = &app_nodes[node];
    size_t common = n->name_length < length ? n->name_length : length;
    int c = memcmp(app_names + n->name, name, common);
    return c ? c : (int)n->name_length - (int)length;
}

// The entry of a folder by its name, or 0, which is the root and in no folder.
static uint32_t child(uint32_t folder, const char *name, size_t length) {
    uint32_t low = app_nodes[folder].first, high = low + app_nodes[folder].size;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare(middle, name, length);
        if (!c) return middle;
        if (c < 0) low = middle + 1;
        else high = middle;
    }
    return 0;
}

// Follows a path from a folder. *missing is set where only its last part is not there.
static __wasi_errno_t find(uint32_t from, const char *path, size_t length, uint32_t *found, bool *missing) {
    const char *end = path + length;
    uint32_t node = from;
    bool folder_wanted = false;
    *missing = false;
    if (length == 0) return __WASI_ERRNO_NOENT;
    if (*path == '/') return __WASI_ERRNO_NOTCAPABLE;
    while (path < end) {
        const char *slash = memchr(path, '/', end - path);
        size_t n = (slash ? slash : end) - path;
        folder_wanted = slash != NULL;
        if (n > 0 && !app_nodes[node].folder) return __WASI_ERRNO_NOTDIR;
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            if (node == 0) return __WASI_ERRNO_NOTCAPABLE;
            node = app_nodes[node].parent;
        } else if (n > 0 && !(n == 1 && *path == '.')) {
            uint32_t next = child(node, path, n);
            if (!next) {
                while (slash && slash < end && *slash == '/') slash++;
                *missing = !slash || slash == end;
                return __WASI_ERRNO_NOENT;
            }
            node = next;
        }
        path = slash ? slash + 1 : end;
    }
    if (folder_wanted && !app_nodes[node].folder) return __WASI_ERRNO_NOTDIR;
    *found = node;
    return 0;
}

static void status(uint32_t node, __wasi_filestat_t *out) {
    const struct app_node *n = &app_nodes[node];
    *out = (__wasi_filestat_t){
        .dev = FIRST, .ino = node + 1, .nlink = 1,
        .filetype = n->folder ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
        .size = n->folder ? 0 : n->size,
        .atim = APP_TIME, .mtim = APP_TIME, .ctim = APP_TIME,
    };
}

#define REAL(name) __real___wasi_##name
#define WRAP(name) __wrap___wasi_##name
// Declares the host's function, and begins ours; for a descriptor that isn't open here the answer is "bad file descriptor".
#define WRAPPED(name, arguments, ...) \
    __wasi_errno_t REAL(name) arguments; \
    __wasi_errno_t WRAP(name) arguments { \
        if (!OURS(fd)) return REAL(name)(__VA_ARGS__); \
        struct open *f = of(fd); \
        if (!f) return __WASI_ERRNO_BADF; \
        const struct app_node *n = &app_nodes[f->node]; \
        (void)n;

WRAPPED(fd_close, (__wasi_fd_t fd), fd)
    f->used = false;
    return 0;
}

static __wasi_errno_t copy(const struct app_node *n, uint64_t at, const __wasi_iovec_t *iovs, size_t count, __wasi_size_t *done) {
    if (n->folder) return __WASI_ERRNO_ISDIR;
    *done = 0;
    for (size_t i = 0; i < count && at < n->size; i++) {
        size_t some = n->size - at;
        if (some > iovs[i].buf_len) some = iovs[i].buf_len;
        memcpy(iovs[i].buf, app_bytes + n->first + at, some);
        at += some;
        *done += some;
    }
    return 0;
}

WRAPPED(fd_read, (__wasi_fd_t fd, const __wasi_iovec_t *iovs, size_t count, __wasi_size_t *done), fd, iovs, count, done)
    __wasi_errno_t e = copy(n, f->at, iovs, count, done);
    if (!e) f->at += *done;
    return e;
}

WRAPPED(fd_pread, (__wasi_fd_t fd, const __wasi_iovec_t *iovs, size_t count, __wasi_filesize_t at, __wasi_size_t *done), fd, iovs, count, at, done)
    return copy(n, at, iovs, count, done);
}

WRAPPED(fd_seek, (__wasi_fd_t fd, __wasi_filedelta_t by, __wasi_whence_t from, __wasi_filesize_t *at), fd, by, from, at)
    if (n->folder) return __WASI_ERRNO_BADF;
    int64_t to = by + (from == __WASI_WHENCE_SET ? 0 : from == __WASI_WHENCE_CUR ? (int64_t)f->at : (int64_t)n->size);
    if (to < 0) return __WASI_ERRNO_INVAL;
    *at = f->at = to;
    return 0;
}

WRAPPED(fd_tell, (__wasi_fd_t fd, __wasi_filesize_t *at), fd, at)
    *at = f->at;
    return 0;
}

WRAPPED(fd_fdstat_get, (__wasi_fd_t fd, __wasi_fdstat_t *out), fd, out)
    // A folder lets through all rights, so that path_open hears what is wanted of a file.
    *out = (__wasi_fdstat_t){
        .fs_filetype = n->folder ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
        .fs_rights_base = n->folder ? ~(__wasi_rights_t)0 : __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_FILESTAT_GET,
        .fs_rights_inheriting = ~(__wasi_rights_t)0,
    };
    return 0;
}

WRAPPED(fd_fdstat_set_flags, (__wasi_fd_t fd, __wasi_fdflags_t flags), fd, flags)
    return 0;
}

WRAPPED(fd_filestat_get, (__wasi_fd_t fd, __wasi_filestat_t *out), fd, out)
    status(f->node, out);
    return 0;
}

WRAPPED(fd_advise, (__wasi_fd_t fd, __wasi_filesize_t at, __wasi_filesize_t length, __wasi_advice_t advice), fd, at, length, advice)
    return 0;
}

WRAPPED(fd_readdir, (__wasi_fd_t fd, uint8_t *buffer, __wasi_size_t length, __wasi_dircookie_t cookie, __wasi_size_t *used), fd, buffer, length, cookie, used)
    if (!n->folder) return __WASI_ERRNO_NOTDIR;
    *used = 0;
    // Entries 0 and 1 are "." and "..". The last one is cut where the buffer ends, as preview 1 wants it.
    for (; cookie < (uint64_t)n->size + 2 && *used < length; cookie++) {
        uint32_t node = cookie == 0 ? f->node : cookie == 1 ? n->parent : n->first + (uint32_t)cookie - 2;
        const char *name = cookie == 0 ? "." : cookie == 1 ? ".." : app_names + app_nodes[node].name;
        size_t name_length = cookie < 2 ? cookie + 1 : app_nodes[node].name_length;
        __wasi_dirent_t entry = {
            .d_next = cookie + 1, .d_ino = node + 1, .d_namlen = name_length,
            .d_type = app_nodes[node].folder ? __WASI_FILETYPE_DIRECTORY : __WASI_FILETYPE_REGULAR_FILE,
        };
        size_t some = length - *used < sizeof entry ? length - *used : sizeof entry;
        memcpy(buffer + *used, &entry, some);
        *used += some;
        some = length - *used < name_length ? length - *used : name_length;
        memcpy(buffer + *used, name, some);
        *used += some;
    }
    return 0;
}

__wasi_errno_t REAL(path_open)(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_oflags_t, __wasi_rights_t, __wasi_rights_t, __wasi_fdflags_t, __wasi_fd_t *);
__wasi_errno_t WRAP(path_open)(__wasi_fd_t fd, __wasi_lookupflags_t lookup, const char *path, __wasi_oflags_t flags, __wasi_rights_t rights,
                               __wasi_rights_t inheriting, __wasi_fdflags_t fdflags, __wasi_fd_t *out) {
    if (!OURS(fd)) return REAL(path_open)(fd, lookup, path, flags, rights, inheriting, fdflags, out);
    struct open *f = of(fd);
    if (!f) return __WASI_ERRNO_BADF;
    uint32_t node;
    bool missing;
    __wasi_errno_t e = find(f->node, path, strlen(path), &node, &missing);
    if (e) return missing && flags & __WASI_OFLAGS_CREAT ? __WASI_ERRNO_ROFS : e;
    bool folder = app_nodes[node].folder;
    if (flags & __WASI_OFLAGS_CREAT && flags & __WASI_OFLAGS_EXCL) return __WASI_ERRNO_EXIST;
    if (flags & __WASI_OFLAGS_DIRECTORY && !folder) return __WASI_ERRNO_NOTDIR;
    if (rights & __WASI_RIGHTS_FD_WRITE || flags & __WASI_OFLAGS_TRUNC) return folder ? __WASI_ERRNO_ISDIR : __WASI_ERRNO_ROFS;
    return take(node, out);
}

__wasi_errno_t REAL(path_filestat_get)(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_filestat_t *);
__wasi_errno_t WRAP(path_filestat_get)(__wasi_fd_t fd, __wasi_lookupflags_t lookup, const char *path, __wasi_filestat_t *out) {
    if (!OURS(fd)) return REAL(path_filestat_get)(fd, lookup, path, out);
    struct open *f = of(fd);
    if (!f) return __WASI_ERRNO_BADF;
    uint32_t node;
    bool missing;
    __wasi_errno_t e = find(f->node, path, strlen(path), &node, &missing);
    if (!e) status(node, out);
    return e;
}

__wasi_errno_t REAL(path_readlink)(__wasi_fd_t, const char *, uint8_t *, __wasi_size_t, __wasi_size_t *);
__wasi_errno_t WRAP(path_readlink)(__wasi_fd_t fd, const char *path, uint8_t *buffer, __wasi_size_t length, __wasi_size_t *used) {
    if (!OURS(fd)) return REAL(path_readlink)(fd, path, buffer, length, used);
    struct open *f = of(fd);
    if (!f) return __WASI_ERRNO_BADF;
    uint32_t node;
    bool missing;
    __wasi_errno_t e = find(f->node, path, strlen(path), &node, &missing);
    return e ? e : __WASI_ERRNO_INVAL; // there are no links
}

// What would change something inside.
#define REFUSED(name, fd, arguments, ...) \
    __wasi_errno_t REAL(name) arguments; \
    __wasi_errno_t WRAP(name) arguments { return OURS(fd) ? __WASI_ERRNO_ROFS : REAL(name)(__VA_ARGS__); }

REFUSED(path_create_directory, fd, (__wasi_fd_t fd, const char *path), fd, path)
REFUSED(path_remove_directory, fd, (__wasi_fd_t fd, const char *path), fd, path)
REFUSED(path_unlink_file, fd, (__wasi_fd_t fd, const char *path), fd, path)
REFUSED(path_symlink, fd, (const char *target, __wasi_fd_t fd, const char *path), target, fd, path)
REFUSED(path_rename, fd | to, (__wasi_fd_t fd, const char *path, __wasi_fd_t to, const char *new_path), fd, path, to, new_path)
REFUSED(path_link, fd | to, (__wasi_fd_t fd, __wasi_lookupflags_t lookup, const char *path, __wasi_fd_t to, const char *new_path), fd, lookup, path, to, new_path)
REFUSED(path_filestat_set_times, fd,
        (__wasi_fd_t fd, __wasi_lookupflags_t lookup, const char *path, __wasi_timestamp_t a, __wasi_timestamp_t m, __wasi_fstflags_t flags), fd, lookup, path, a, m, flags)
