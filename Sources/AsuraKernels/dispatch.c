#define _GNU_SOURCE
#include "dispatch.h"
#include <stdatomic.h>

// The public entry points: each passes on to the kernel of the element type.

#if defined(__x86_64__)
int asura_vector_level(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return 2;
  if (__builtin_cpu_supports("x86-64-v3")) return 1;
  return 0;
}
#else
int asura_vector_level(void) { return 0; }
#endif

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
int asura_available_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}
void asura_begin_writeback(int descriptor) {
  sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
}
#else
int asura_available_processors(void) { return 0; }
void asura_begin_writeback(int descriptor) {}
#endif

int asura_thread_number(void) {
  static atomic_int count;
  static _Thread_local int number = -1;
  if (number < 0) number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  return number;
}

#define STRIP(...) __VA_ARGS__
#define ENTRY(result, name, parameters, ...)                                                       \
  result asura_f32_##name(STRIP parameters);                                                       \
  result asura_f64_##name(STRIP parameters);                                                       \
  result asura_##name(asura_type t, STRIP parameters) {                                            \
    return t == ASURA_F32 ? asura_f32_##name(__VA_ARGS__) : asura_f64_##name(__VA_ARGS__);         \
  }

ENTRY(void, add, (const void *a, const void *b, void *y, long n), a, b, y, n)
ENTRY(void, mul, (const void *a, const void *b, void *y, long n), a, b, y, n)
ENTRY(void, axpy, (double a, const void *x, void *y, long n), a, x, y, n)
ENTRY(void, scale, (double a, const void *x, void *y, long n), a, x, y, n)
ENTRY(void, lerp, (double c, const void *a, const void *b, void *y, long n), c, a, b, y, n)
ENTRY(void, add_to_rows, (const void *b, void *y, long rows, long n), b, y, rows, n)
ENTRY(void, sum_rows, (const void *x, void *b, long rows, long n), x, b, rows, n)
ENTRY(double, sum, (const void *x, long n), x, n)
ENTRY(double, dot, (const void *x, const void *y, long n), x, y, n)
ENTRY(double, squared_distance, (const void *x, const void *y, long n), x, y, n)
ENTRY(int, all_finite, (const void *x, long n), x, n)
ENTRY(void, moments, (const void *x, long n, double *sum, double *squares, long *others), x, n, sum, squares, others)
ENTRY(void, round_mantissa, (int bits, const void *x, void *y, long n), bits, x, y, n)
ENTRY(void, gelu, (const void *x, void *y, long n), x, y, n)
ENTRY(void, gelu_derivative, (const void *x, void *d, long n), x, d, n)
ENTRY(void, gelu_vjp, (const void *x, const void *dy, void *dx, long n), x, dy, dx, n)
ENTRY(void, relu, (const void *x, void *y, long n), x, y, n)
ENTRY(void, relu_derivative, (const void *x, void *d, long n), x, d, n)
ENTRY(void, silu, (const void *x, void *y, long n), x, y, n)
ENTRY(void, silu_derivative, (const void *x, void *d, long n), x, d, n)
ENTRY(void, sigmoid, (const void *x, void *y, long n), x, y, n)
ENTRY(void, sigmoid_derivative, (const void *x, void *d, long n), x, d, n)
ENTRY(void, norm, (int centred, double eps, const void *x, const void *g, const void *b, void *y, void *xhat, void *rstd, long rows, long n), centred, eps, x, g, b, y, xhat, rstd, rows, n)
ENTRY(void, norm_derivative, (int centred, const void *xhat, const void *rstd, const void *g, const void *v, void *out, long repeats, long rows, long n), centred, xhat, rstd, g, v, out, repeats, rows, n)
ENTRY(void, norm_gain_vjp, (const void *xhat, const void *dy, void *dg, long rows, long n), xhat, dy, dg, rows, n)
ENTRY(void, mul_repeated, (const void *x, const void *s, void *y, long repeats, long n), x, s, y, repeats, n)
ENTRY(void, softmax, (void *x, long rows, long n), x, rows, n)
ENTRY(void, softmax_derivative, (const void *p, const void *v, void *out, long repeats, long rows, long n), p, v, out, repeats, rows, n)
ENTRY(void, cross_entropy, (const void *logits, const int32_t *targets, double smoothing, void *loss, void *probability, long rows, long n), logits, targets, smoothing, loss, probability, rows, n)
ENTRY(double, logistic, (const void *x, const void *w, double bias, const int32_t *targets, void *probability, void *gradient, double *residual, long rows, long n), x, w, bias, targets, probability, gradient, residual, rows, n)
ENTRY(void, neighbour_attention, (const asura_neighbours *n, const void *q, long qs, const void *k, const void *v, long ks, const void *bias, long bias_stride, void *pattern, void *out, long os, void *scratch), n, q, qs, k, v, ks, bias, bias_stride, pattern, out, os, scratch)
ENTRY(void, neighbour_attention_vjp, (const asura_neighbours *n, const void *q, const void *k, const void *v, long stride, const void *pattern, const void *dz, long zs, void *dq, void *dk, void *dv, void *dbias, long bias_stride, void *scratch), n, q, k, v, stride, pattern, dz, zs, dq, dk, dv, dbias, bias_stride, scratch)
ENTRY(void, neighbour_pattern_rows, (const void *pattern, void *out, long p, long w, long heads), pattern, out, p, w, heads)
ENTRY(void, neighbour_dots, (const void *x, long xs, const void *y, long ys, const int32_t *index, double scale, double fill, void *a, long p, long w, long d), x, xs, y, ys, index, scale, fill, a, p, w, d)
ENTRY(void, neighbour_sum, (const void *a, const void *y, long ys, const int32_t *index, double scale, void *out, long os, long p, long w, long d), a, y, ys, index, scale, out, os, p, w, d)
ENTRY(void, neighbour_spread, (const void *a, const void *x, long xs, const int32_t *index, double scale, void *out, long os, long p, long w, long d), a, x, xs, index, scale, out, os, p, w, d)
ENTRY(void, row_products, (const void *a, const void *b, long ldb, const void *bias, const void *d, void *c, long m, long n, long k, void *panel), a, b, ldb, bias, d, c, m, n, k, panel)
ENTRY(long, note_changes, (const void *x, const int32_t *rows, long count, long n, double tolerance, void *y, int32_t *changed), x, rows, count, n, tolerance, y, changed)
ENTRY(void, rotate, (const void *cosine, const void *sine, double direction, void *x, long rows, long stride, long positions, long heads, long d), cosine, sine, direction, x, rows, stride, positions, heads, d)
ENTRY(void, adamw, (void *w, const void *g, void *m, void *v, double grad_scale, double lr, double weight_decay, double beta1, double beta2, double eps, double correction1, double correction2, long n), w, g, m, v, grad_scale, lr, weight_decay, beta1, beta2, eps, correction1, correction2, n)
