#pragma once
#include "asura_kernels.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

// One copy of a kernel for each instruction set; the loader picks by the CPU. Elsewhere the compiler's
// target (NEON on arm64) is all there is.
#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
// Without a width asked for, the compiler would use half of each AVX-512 register. A kernel with clones cannot ask,
// but takes over what the functions inlined into it ask for.
#if defined(__x86_64__)
#define INLINE static inline __attribute__((always_inline, min_vector_width(512)))
#else
#define INLINE static inline __attribute__((always_inline))
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
