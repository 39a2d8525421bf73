/* A small file in one system call of Python's, as it were: opened, looked at, read and looked at again; and at the end
 * compared with its path and closed. In Python each of these steps lets go of the interpreter's lock and waits for it,
 * which costs a busy program more than the step, for every one of millions of files.
 *
 * Only what goes well is done here. For anything else whole_file.py's caller takes the long way, and says what is wrong.
 * Must not know uploads. For systems with POSIX's calls; elsewhere nothing is built.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#define _FILE_OFFSET_BITS 64
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define WRITTEN(seen) ((seen).st_mtimespec)
#define CHANGED(seen) ((seen).st_ctimespec)
#else
#define WRITTEN(seen) ((seen).st_mtim)
#define CHANGED(seen) ((seen).st_ctim)
#endif

/* What tells one state of one file from another: `SourceIdentity`, in its order. Times are nanoseconds. */
struct identity {
    long long device;
    unsigned long long inode;
    long long size, written, changed;
};

/* Beyond this (the year 2255) nanoseconds are too many for 64 bits. */
enum { LAST_HOUR = 2500000 };

static int countable(struct timespec moment)
{
    long long hours = (long long)moment.tv_sec / 3600;
    return hours > -LAST_HOUR && hours < LAST_HOUR;
}

static long long nanoseconds(struct timespec moment)
{
    return countable(moment) ? (long long)moment.tv_sec * 1000000000 + moment.tv_nsec : -1;
}

static struct identity identity_of(const struct stat *seen)
{
    return (struct identity){
        (long long)seen->st_dev,
        (unsigned long long)seen->st_ino,
        (long long)seen->st_size,
        nanoseconds(WRITTEN(*seen)),
        nanoseconds(CHANGED(*seen)),
    };
}

static int same(struct identity one, struct identity other)
{
    return one.device == other.device && one.inode == other.inode && one.size == other.size &&
           one.written == other.written && one.changed == other.changed;
}

/* Fill `content`, or return 0. */
static int fill(int fd, char *content, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, content + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    return 1;
}

/* Return the bytes of an open file, which the caller frees; NULL when it is not what can be read here. */
static char *content_of(int fd, long long most, struct identity *identity)
{
    struct stat before, after;
    if (fstat(fd, &before) < 0 || !S_ISREG(before.st_mode) || before.st_size > most)
        return NULL;
    if (!countable(WRITTEN(before)) || !countable(CHANGED(before)))
        return NULL;
    *identity = identity_of(&before);
    char *content = malloc((size_t)before.st_size + 1);
    if (content != NULL && fill(fd, content, (size_t)before.st_size) && fstat(fd, &after) == 0 &&
        same(*identity, identity_of(&after)))
        return content;
    free(content);
    return NULL;
}

static PyObject *read_whole(PyObject *module, PyObject *arguments)
{
    PyObject *path, *result;
    long long most;
    if (!PyArg_ParseTuple(arguments, "O&L", PyUnicode_FSConverter, &path, &most))
        return NULL;
    const char *name = PyBytes_AsString(path);
    struct identity identity = {0};
    char *content = NULL;
    int fd;
    Py_BEGIN_ALLOW_THREADS
    /* A pipe without a writer would block the open for ever. */
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        content = content_of(fd, most, &identity);
        if (content == NULL)
            close(fd);
    }
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    if (content == NULL)
        Py_RETURN_NONE;
    result = Py_BuildValue(
        "(iN(LKLLL))", fd, PyByteArray_FromStringAndSize(content, (Py_ssize_t)identity.size), identity.device,
        identity.inode, identity.size, identity.written, identity.changed
    );
    free(content);
    if (result == NULL)
        close(fd);
    return result;
}

static PyObject *close_unchanged(PyObject *module, PyObject *arguments)
{
    PyObject *path;
    int fd, unchanged;
    struct identity wanted;
    if (!PyArg_ParseTuple(
            arguments, "O&i(LKLLL)", PyUnicode_FSConverter, &path, &fd, &wanted.device, &wanted.inode, &wanted.size,
            &wanted.written, &wanted.changed
        ))
        return NULL;
    const char *name = PyBytes_AsString(path);
    Py_BEGIN_ALLOW_THREADS
    struct stat seen;
    unchanged = stat(name, &seen) == 0 && same(wanted, identity_of(&seen));
    if (unchanged)
        close(fd); /* it was only read: there is nothing that this could fail to write */
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    return PyBool_FromLong(unchanged);
}

static PyMethodDef methods[] = {
    {"read_whole", read_whole, METH_VARARGS, "Open and read a file; see the stub file."},
    {"close_unchanged", close_unchanged, METH_VARARGS, "Close a file that its path still names; see the stub file."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_whole_file", "Small files, read and closed.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__whole_file(void)
{
    return PyModuleDef_Init(&definition);
}
