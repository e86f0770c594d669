#include "dispatch.h"
#include "transpose.h"

// Which products run here: where OpenBLAS was measured slower (see products.inc), on CPUs with AVX-512.

#if defined(__x86_64__)

// The longest sum: a panel of B lies on the stack.
#define MAX_DEPTH 512

// Without a width asked for, the compiler would use half of each register.
#pragma clang attribute push(                                                                      \
    __attribute__((target("arch=x86-64-v4"), min_vector_width(512))), apply_to = function)
#define T float
#define IS_DOUBLE 0
#define NAME(x) JOIN(asura_f32_, x)
#include "products.inc"
#undef T
#undef IS_DOUBLE
#undef NAME
#define T double
#define IS_DOUBLE 1
#define NAME(x) JOIN(asura_f64_, x)
#include "products.inc"
#pragma clang attribute pop

int asura_small_gemm(asura_type t, int ta, int tb, long m, long n, long k, double alpha,
                     const void *a, long lda, const void *b, long ldb, const void *bias,
                     const void *d, long ldd, double beta, void *c, long ldc) {
  const long vector = t == ASURA_F32 ? 16 : 8;
  // A single vector of columns would leave half the arithmetic units waiting for A's elements.
  if (n % vector != 0 || n < 2 * vector || n > 1024 || m > 1024 || k > MAX_DEPTH) return 0;
  if (!__builtin_cpu_supports("x86-64-v4")) return 0;
  if (t == ASURA_F32)
    asura_f32_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, bias, d, ldd, beta, c, ldc);
  else
    asura_f64_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, bias, d, ldd, beta, c, ldc);
  return 1;
}

#else

int asura_small_gemm(asura_type t, int ta, int tb, long m, long n, long k, double alpha,
                     const void *a, long lda, const void *b, long ldb, const void *bias,
                     const void *d, long ldd, double beta, void *c, long ldc) {
  return 0;
}

#endif
