/* MD5 (RFC 1321) of several messages in lockstep, one in each element of a vector register.
 *
 * A message's own blocks depend on each other, so that one message keeps a core waiting for itself most of the time,
 * whatever the core could do meanwhile. Independent messages share every instruction here: four of them take as long as
 * one. Only the compression of whole blocks is in this file; padding and the order of pieces are multi_md5.py's.
 *
 * Written with the vector extensions of GCC and Clang. Where they are missing nothing is built, and hashlib does it.
 * Must not know parts, files or threads; it lets go of the interpreter's lock while it computes.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "needs the vector extensions of GCC or Clang, and a little-endian processor"
#endif

enum { BLOCK = 64, WORDS = 4, STATE = WORDS * 4, MOST = 16 };

/* So many bytes before they are needed, those of several messages are fetched: a processor that follows few streams of
 * its own accord waited for memory with sixteen. Fetching what lies behind a message's end does nothing. */
enum { FETCHED_BEFORE = 8 * BLOCK };

typedef uint32_t one;
typedef uint32_t four __attribute__((vector_size(16)));
typedef uint32_t eight __attribute__((vector_size(32)));
typedef uint32_t sixteen __attribute__((vector_size(64)));

/* Word w of message m is at [w][m]. */
typedef uint32_t states[WORDS][MOST];
typedef void compress(states, const uint8_t *const *, size_t);

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(x, y, a, b, c, d) __builtin_shufflevector(x, y, a, b, c, d)
#else
#define PICK(x, y, a, b, c, d) __builtin_shuffle(x, y, (four){a, b, c, d})
#endif

/* Four words each of four messages: from one register for each message to one for each word. */
INLINE void transpose(four rows[4])
{
    four low_01 = PICK(rows[0], rows[1], 0, 4, 1, 5), high_01 = PICK(rows[0], rows[1], 2, 6, 3, 7);
    four low_23 = PICK(rows[2], rows[3], 0, 4, 1, 5), high_23 = PICK(rows[2], rows[3], 2, 6, 3, 7);
    rows[0] = PICK(low_01, low_23, 0, 1, 4, 5);
    rows[1] = PICK(low_01, low_23, 2, 3, 6, 7);
    rows[2] = PICK(high_01, high_23, 0, 1, 4, 5);
    rows[3] = PICK(high_01, high_23, 2, 3, 6, 7);
}

/* RFC 1321, 3.4: the four functions, the step, and which word, constant and rotation each of the 64 steps has. The
 * first two functions are written with one operation less than there, the same in every bit. */
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) ((y) ^ ((z) & ((x) ^ (y))))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, a, b, c, d, word, constant, by)                                                                        \
    a += (word) + (uint32_t)(constant) + f(b, c, d);                                                                   \
    a = ((a << (by)) | (a >> (32 - (by)))) + b;
#define FOUR_STEPS(f, w, i, j, k, l, s, t, u, v, p, q, r, o)                                                           \
    STEP(f, a, b, c, d, w[i], p, s)                                                                                    \
    STEP(f, d, a, b, c, w[j], q, t)                                                                                    \
    STEP(f, c, d, a, b, w[k], r, u)                                                                                    \
    STEP(f, b, c, d, a, w[l], o, v)
#define ALL_STEPS(w)                                                                                                   \
    FOUR_STEPS(F, w, 0, 1, 2, 3, 7, 12, 17, 22, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee)                        \
    FOUR_STEPS(F, w, 4, 5, 6, 7, 7, 12, 17, 22, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501)                        \
    FOUR_STEPS(F, w, 8, 9, 10, 11, 7, 12, 17, 22, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be)                      \
    FOUR_STEPS(F, w, 12, 13, 14, 15, 7, 12, 17, 22, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821)                    \
    FOUR_STEPS(G, w, 1, 6, 11, 0, 5, 9, 14, 20, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa)                        \
    FOUR_STEPS(G, w, 5, 10, 15, 4, 5, 9, 14, 20, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8)                       \
    FOUR_STEPS(G, w, 9, 14, 3, 8, 5, 9, 14, 20, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed)                        \
    FOUR_STEPS(G, w, 13, 2, 7, 12, 5, 9, 14, 20, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a)                       \
    FOUR_STEPS(H, w, 5, 8, 11, 14, 4, 11, 16, 23, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c)                      \
    FOUR_STEPS(H, w, 1, 4, 7, 10, 4, 11, 16, 23, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70)                       \
    FOUR_STEPS(H, w, 13, 0, 3, 6, 4, 11, 16, 23, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05)                       \
    FOUR_STEPS(H, w, 9, 12, 15, 2, 4, 11, 16, 23, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665)                      \
    FOUR_STEPS(I, w, 0, 7, 14, 5, 6, 10, 15, 21, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039)                       \
    FOUR_STEPS(I, w, 12, 3, 10, 1, 6, 10, 15, 21, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1)                      \
    FOUR_STEPS(I, w, 8, 15, 6, 13, 6, 10, 15, 21, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1)                      \
    FOUR_STEPS(I, w, 4, 11, 2, 9, 6, 10, 15, 21, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391)

/* The words of one block of each message, as vectors: `count` messages, which is 1 or a multiple of 4. */
#define WORDS_OF(vector, count)                                                                                        \
    union {                                                                                                            \
        vector words[16];                                                                                              \
        four quads[16][count / 4 + (count < 4)];                                                                       \
        uint8_t bytes[16 * sizeof(vector)];                                                                            \
    }

#define COMPRESS(name, target, vector, count)                                                                          \
    target static void name(states state, const uint8_t *const *messages, size_t length)                               \
    {                                                                                                                  \
        vector a, b, c, d;                                                                                             \
        memcpy(&a, state[0], sizeof a);                                                                                \
        memcpy(&b, state[1], sizeof b);                                                                                \
        memcpy(&c, state[2], sizeof c);                                                                                \
        memcpy(&d, state[3], sizeof d);                                                                                \
        for (size_t at = 0; at < length; at += BLOCK) {                                                                \
            WORDS_OF(vector, count) block;                                                                             \
            if (count == 1)                                                                                            \
                memcpy(block.bytes, messages[0] + at, sizeof block.bytes);                                             \
            for (int m = 0; m < count && count > 1; m++)                                                               \
                __builtin_prefetch(messages[m] + at + FETCHED_BEFORE);                                                 \
            for (int group = 0; group < count / 4; group++)                                                            \
                for (int quarter = 0; quarter < 4; quarter++) {                                                        \
                    four rows[4];                                                                                      \
                    for (int row = 0; row < 4; row++)                                                                  \
                        memcpy(&rows[row], messages[4 * group + row] + at + 16 * quarter, sizeof(four));               \
                    transpose(rows);                                                                                   \
                    for (int row = 0; row < 4; row++)                                                                  \
                        block.quads[4 * quarter + row][group] = rows[row];                                             \
                }                                                                                                      \
            vector a_before = a, b_before = b, c_before = c, d_before = d;                                             \
            ALL_STEPS(block.words)                                                                                     \
            a += a_before;                                                                                             \
            b += b_before;                                                                                             \
            c += c_before;                                                                                             \
            d += d_before;                                                                                             \
        }                                                                                                              \
        memcpy(state[0], &a, sizeof a);                                                                                \
        memcpy(state[1], &b, sizeof b);                                                                                \
        memcpy(state[2], &c, sizeof c);                                                                                \
        memcpy(state[3], &d, sizeof d);                                                                                \
    }

/* A vector wider than the processor's registers is computed in halves: they wait for each other less than one does. */
COMPRESS(alone, , one, 1)
COMPRESS(portable_4, , four, 4)
COMPRESS(portable_8, , eight, 8)
COMPRESS(portable_16, , sixteen, 16)
#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512vl")))
COMPRESS(avx2_4, AVX2, four, 4)
COMPRESS(avx2_8, AVX2, eight, 8)
COMPRESS(avx2_16, AVX2, sixteen, 16)
COMPRESS(avx512_4, AVX512, four, 4)
COMPRESS(avx512_8, AVX512, eight, 8)
COMPRESS(avx512_16, AVX512, sixteen, 16)
#endif

typedef struct {
    const char *name;
    compress *four, *eight, *sixteen;
} instructions;

static const instructions KNOWN[] = {
    {"portable", portable_4, portable_8, portable_16},
#if defined(__x86_64__)
    {"AVX2", avx2_4, avx2_8, avx2_16},
    {"AVX-512", avx512_4, avx512_8, avx512_16},
#endif
};

/* How many of KNOWN this processor has: each has those before it. */
static int known_here(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2"))
        return 1;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? 3 : 2;
#else
    return 1;
#endif
}

/* Compress `length` bytes of each message. Without the interpreter's lock. */
static void compress_all(const instructions *with, Py_ssize_t count, const Py_buffer *digests,
                         const Py_buffer *messages, size_t length)
{
    states state;
    const uint8_t *bytes[MOST];
    for (int m = 0; m < MOST; m++) {
        /* An element without a message of its own computes the first one's, for nobody. */
        Py_ssize_t from = m < count ? m : 0;
        bytes[m] = messages[from].buf;
        for (int w = 0; w < WORDS; w++)
            memcpy(&state[w][m], (const uint8_t *)digests[from].buf + 4 * w, 4);
    }
    (count == 1 ? alone : count <= 4 ? with->four : count <= 8 ? with->eight : with->sixteen)(state, bytes, length);
    for (Py_ssize_t m = 0; m < count; m++)
        for (int w = 0; w < WORDS; w++)
            memcpy((uint8_t *)digests[m].buf + 4 * w, &state[w][m], 4);
}

/* Get a buffer of at least `least` bytes of each object of a list. Return how many were got; all, or there is an error. */
static Py_ssize_t get_buffers(PyObject *list, Py_ssize_t count, int flags, Py_ssize_t least, Py_buffer *buffers)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *object = PyList_GetItem(list, i);
        if (object == NULL || PyObject_GetBuffer(object, &buffers[i], flags) < 0)
            return i;
        if (buffers[i].len < least) {
            PyErr_Format(PyExc_ValueError, "%zd bytes, where %zd are needed", buffers[i].len, least);
            return i + 1;
        }
    }
    return count;
}

static void release(Py_buffer *buffers, Py_ssize_t count)
{
    while (count > 0)
        PyBuffer_Release(&buffers[--count]);
}

static PyObject *advance(PyObject *module, PyObject *arguments)
{
    PyObject *digest_list, *message_list;
    Py_ssize_t length;
    int level;
    if (!PyArg_ParseTuple(arguments, "O!O!ni", &PyList_Type, &digest_list, &PyList_Type, &message_list, &length, &level))
        return NULL;
    Py_ssize_t count = PyList_Size(digest_list);
    if (count < 1 || count > MOST || PyList_Size(message_list) != count)
        return PyErr_Format(PyExc_ValueError, "needs a digest and a message each of 1 to %d", MOST);
    if (length < 0 || length % BLOCK != 0)
        return PyErr_Format(PyExc_ValueError, "%zd bytes are not whole blocks of %d", length, BLOCK);
    if (level < 0 || level >= known_here())
        return PyErr_Format(PyExc_ValueError, "this processor has no instructions of level %d", level);

    Py_buffer digests[MOST], messages[MOST];
    Py_ssize_t got_messages = 0, got_digests = get_buffers(digest_list, count, PyBUF_WRITABLE, STATE, digests);
    if (!PyErr_Occurred())
        got_messages = get_buffers(message_list, count, PyBUF_SIMPLE, length, messages);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        compress_all(&KNOWN[level], count, digests, messages, (size_t)length);
        Py_END_ALLOW_THREADS
    }
    release(messages, got_messages);
    release(digests, got_digests);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static int add_facts(PyObject *module)
{
    PyObject *names = PyTuple_New(known_here());
    for (int level = 0; names != NULL && level < known_here(); level++)
        if (PyTuple_SetItem(names, level, PyUnicode_FromString(KNOWN[level].name)) < 0)
            Py_CLEAR(names);
    int failed = names == NULL || PyModule_AddObjectRef(module, "INSTRUCTIONS", names) < 0;
    Py_XDECREF(names);
    return failed || PyModule_AddIntConstant(module, "MOST", MOST) < 0 ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"advance", advance, METH_VARARGS, "Go on with the digests of some messages; see the stub file."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_facts},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_multi_md5", "MD5 of several messages in lockstep.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__multi_md5(void)
{
    return PyModuleDef_Init(&definition);
}
