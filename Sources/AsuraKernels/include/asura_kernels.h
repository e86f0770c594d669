#pragma once
#include <stdint.h>

// Elementwise and row-wise kernels, each compiled for AVX-512, AVX2 and the baseline and chosen by the
// CPU at run time. Pointers are to elements of the type named first; counts are in elements; inputs and
// outputs are the same array or do not overlap. `accumulate` non-zero adds to the output.

typedef enum { ASURA_F32 = 0, ASURA_F64 = 1 } asura_type;


/// 2: AVX-512, 1: AVX2, 0: baseline.
int asura_vector_level(void);
/// How many processors this process may run on, 0 when the system does not tell.
int asura_available_processors(void);
/// Has the system begin to bring a file's changes to the disk, without waiting for it; nothing where it cannot.
void asura_begin_writeback(int descriptor);
/// The calling thread's number, counted from 0 in the order in which threads ask first.
int asura_thread_number(void);

// C = alpha·op(A)·op(B) + bias + D + beta·C on small row-major matrices, transposed where ta or tb is not 0; bias is
// a row, and it and D may be null. Returns 0, and does nothing, where a BLAS is the better choice. Each element is one
// chain of fused multiply-adds in the order of k, so it does not depend on the other rows; what is added to it is
// rounded as if it were added afterwards.
int asura_small_gemm(asura_type t, int ta, int tb, long m, long n, long k, double alpha,
                     const void *a, long lda, const void *b, long ldb, const void *bias,
                     const void *d, long ldd, double beta, void *c, long ldc);

// y = a + b;  y = a·b;  y += a·x;  y = a·x
void asura_add(asura_type t, const void *a, const void *b, void *y, long n);
void asura_mul(asura_type t, const void *a, const void *b, void *y, long n);
void asura_axpy(asura_type t, double a, const void *x, void *y, long n);
void asura_scale(asura_type t, double a, const void *x, void *y, long n);
// y = a + c·(b − a)
void asura_lerp(asura_type t, double c, const void *a, const void *b, void *y, long n);
// y[r,:] += b for each row;  b += the sum of x's rows
void asura_add_to_rows(asura_type t, const void *b, void *y, long rows, long n);
void asura_sum_rows(asura_type t, const void *x, void *b, long rows, long n);
// Sums in a fixed order: Σx, Σx·y, and Σ(x − y)²
double asura_sum(asura_type t, const void *x, long n);
double asura_dot(asura_type t, const void *x, const void *y, long n);
double asura_squared_distance(asura_type t, const void *x, const void *y, long n);
/// Whether every element is finite.
int asura_all_finite(asura_type t, const void *x, long n);
// Of the finite elements Σx and Σx², in double and in a fixed order; and how many are not finite
void asura_moments(asura_type t, const void *x, long n, double *sum, double *squares, long *others);
// y = x rounded to the nearest number with `bits` explicit bits of mantissa, ties to even; never from finite to infinite
void asura_round_mantissa(asura_type t, int bits, const void *x, void *y, long n);

// Activations: y = f(x);  d = f′(x);  dx = dy·f′(x)
void asura_gelu(asura_type t, const void *x, void *y, long n);
void asura_gelu_derivative(asura_type t, const void *x, void *d, long n);
void asura_gelu_vjp(asura_type t, const void *x, const void *dy, void *dx, long n);
void asura_relu(asura_type t, const void *x, void *y, long n);
void asura_relu_derivative(asura_type t, const void *x, void *d, long n);
void asura_silu(asura_type t, const void *x, void *y, long n);
void asura_silu_derivative(asura_type t, const void *x, void *d, long n);
void asura_sigmoid(asura_type t, const void *x, void *y, long n);
void asura_sigmoid_derivative(asura_type t, const void *x, void *d, long n);

// Norms over rows of n. xhat = (x − mean)·rstd when centred, x·rstd when not; y = xhat·g + b,
// where b may be null.
void asura_norm(asura_type t, int centred, double eps, const void *x, const void *g, const void *b,
                void *y, void *xhat, void *rstd, long rows, long n);
// The derivative of xhat with respect to x, which is symmetric:
// out = rstd·(v − mean(v) − xhat·mean(xhat·v)), with v = v·g first when g is given.
// v has repeats·rows rows, xhat and rstd have rows.
void asura_norm_derivative(asura_type t, int centred, const void *xhat, const void *rstd,
                           const void *g, const void *v, void *out, long repeats, long rows, long n);
// dg += Σ dy·xhat over rows
void asura_norm_gain_vjp(asura_type t, const void *xhat, const void *dy, void *dg, long rows, long n);
// y[k,r,:] = x[k,r,:]·s[r,:] for k < repeats
void asura_mul_repeated(asura_type t, const void *x, const void *s, void *y, long repeats, long n);

// Softmax over rows of n of x, in place; −∞ gives exactly 0, a row of −∞ gives zeros.
void asura_softmax(asura_type t, void *x, long rows, long n);
// Its derivative, which is symmetric: out = p·(v − Σ p·v); v has repeats·rows rows.
void asura_softmax_derivative(asura_type t, const void *p, const void *v, void *out, long repeats,
                              long rows, long n);

// Cross-entropy of rows of logits against targets (< 0: ignored), with label smoothing s:
// loss[r] = −Σ q·log softmax;  probability receives the softmax.
void asura_cross_entropy(asura_type t, const void *logits, const int32_t *targets, double smoothing,
                         void *loss, void *probability, long rows, long n);

// Logistic regression of two classes on rows of n of x, in one pass over them: probability[r] = σ(w·x_r + bias) of
// the class of targets > 0; gradient += Σ (p − y)·x_r, residual += Σ (p − y); returns Σ −log p of the targets.
double asura_logistic(asura_type t, const void *x, const void *w, double bias,
                      const int32_t *targets, void *probability, void *gradient, double *residual,
                      long rows, long n);

/// Which keys queries attend to, and the sizes of their attention.
typedef struct {
  /// The queries to compute; `first` is a multiple of 16.
  long first, count;
  /// Query i lies in row r = rows[i], or i itself where `rows` is null; index[r·width + j] is a key's row or −1.
  const int32_t *index, *rows;
  long width;
  /// Heads of queries, heads of keys and values that they share, and the elements of one head's vectors.
  long heads, shared, depth;
  /// The scores' factor.
  double scale;
} asura_neighbours;

// Fused attention among neighbours, all heads at once. Query i lies at q + r·qs, key r at k + r·ks and its value at
// v + r·ks, heads side by side; bias, which may be null, is [head, r, width] with bias_stride between heads. Writes
// out_i = Σ_j p_j·v_j and, unless it is null, the pattern p [⌈queries/16⌉, width, head, 16], in lanes of 16 queries.
// scratch holds 16·((heads + shared)·depth + (heads + 1)·width) elements.
void asura_neighbour_attention(asura_type t, const asura_neighbours *n, const void *q, long qs,
                               const void *k, const void *v, long ks, const void *bias,
                               long bias_stride, void *pattern, void *out, long os, void *scratch);
// Adds to the cotangents of q, k and v, which lie as those do, unless dq is null, and to dbias unless that is. `rows`
// is not heeded.
void asura_neighbour_attention_vjp(asura_type t, const asura_neighbours *n, const void *q,
                                   const void *k, const void *v, long stride, const void *pattern,
                                   const void *dz, long zs, void *dq, void *dk, void *dv,
                                   void *dbias, long bias_stride, void *scratch);
// A pattern in lanes as [head, query, width].
void asura_neighbour_pattern_rows(asura_type t, const void *pattern, void *out, long p, long w,
                                  long heads);

// Its parts, for one head at a time: index[i·w + j] is a key's position or −1. Vectors of d elements lie `stride`
// elements apart; a is [positions, w].
// dots: a[i,j] = scale·x_i·y_index(i,j), and `fill` where there is none
void asura_neighbour_dots(asura_type t, const void *x, long xs, const void *y, long ys,
                          const int32_t *index, double scale, double fill, void *a, long p, long w,
                          long d);
// sum: out_i += scale·Σ_j a[i,j]·y_index(i,j)
void asura_neighbour_sum(asura_type t, const void *a, const void *y, long ys, const int32_t *index,
                         double scale, void *out, long os, long p, long w, long d);
// spread: out_index(i,j) += scale·a[i,j]·x_i
void asura_neighbour_spread(asura_type t, const void *a, const void *x, long xs,
                            const int32_t *index, double scale, void *out, long os, long p, long w,
                            long d);

// C = A·Bᵀ + bias + D, where A [m, k], C and D [m, n] are dense, B is [n, k] with rows ldb apart, and bias and D may be
// null. Each element is one chain in the order of k, so it does not depend on the other rows. panel holds 16·k elements.
void asura_row_products(asura_type t, const void *a, const void *b, long ldb, const void *bias,
                        const void *d, void *c, long m, long n, long k, void *panel);
// Rows of `bytes` bytes: y_i = x_rows(i), and y_rows(i) = x_i.
void asura_gather_rows(const void *x, const int32_t *rows, long count, long bytes, void *y);
void asura_scatter_rows(const void *x, const int32_t *rows, long count, long bytes, void *y);
// The rows `from`, each once, and those that `steps` steps along the table's entries [row, width] (−1 for none) lead to.
// Those already marked with `mark` are left out, the others become so. Returns how many there are.
long asura_reach(const int32_t *from, long count, const int32_t *table, long width, long steps,
                 int32_t *marks, int32_t mark, int32_t *reached);
// Which rows x_i differ from y_rows(i) by more than the tolerance in some element, or by any bit where it is 0: y takes
// them over, and their numbers are listed in `changed`. Returns how many there are.
long asura_note_changes(asura_type t, const void *x, const int32_t *rows, long count, long n,
                        double tolerance, void *y, int32_t *changed);

// Rotary positions on `heads` vectors of d elements at the start of each row: pairs (j, j + d/2) turn by
// angles whose cosine and sine are [positions, d/2]; direction −1 turns back. Rows are stride apart.
void asura_rotate(asura_type t, const void *cosine, const void *sine, double direction, void *x,
                  long rows, long stride, long positions, long heads, long d);

// AdamW (Loshchilov & Hutter 2019): step sizes already hold the bias corrections.
void asura_adamw(asura_type t, void *w, const void *g, void *m, void *v,
                 double grad_scale, double lr, double weight_decay, double beta1, double beta2,
                 double eps, double correction1, double correction2, long n);

// What HDF5's filters make of a chunk. The checksum goes behind the bytes, little-endian.
uint32_t asura_fletcher32(const void *data, long bytes);
// The first bytes of all `count` elements of `size` bytes, then the second ones, and so on.
void asura_shuffle(const void *from, void *to, long count, long size);
