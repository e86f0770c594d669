#pragma once
#include <cblas.h>

// OpenBLAS picks its kernels once, when it is loaded. These two let a program make it pick again;
// they are missing from builds without DYNAMIC_ARCH, hence weak.
#if defined(__linux__)
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));
static inline int asura_openblas_can_reselect(void) {
  return gotoblas_dynamic_quit != 0 && gotoblas_dynamic_init != 0;
}
static inline void asura_openblas_reselect(void) {
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
}
#else
static inline int asura_openblas_can_reselect(void) { return 0; }
static inline void asura_openblas_reselect(void) {}
#endif

// LAPACK by its Fortran names, because Debian ships lapacke.h apart from OpenBLAS. Workspace sizes
// and info codes are the reference LAPACK's; every argument is a pointer.
#define ASURA_LAPACK(p, T)                                                                         \
  void p##geev_(const char *jobvl, const char *jobvr, const int *n, T *a, const int *lda, T *wr,   \
                T *wi, T *vl, const int *ldvl, T *vr, const int *ldvr, T *work, const int *lwork,  \
                int *info);                                                                        \
  void p##gees_(const char *jobvs, const char *sort, int (*select)(const T *, const T *),          \
                const int *n, T *a, const int *lda, int *sdim, T *wr, T *wi, T *vs,                \
                const int *ldvs, T *work, const int *lwork, int *bwork, int *info);                \
  /* Without sorting, which would take a function of every eigenvalue. */                          \
  static inline void asura_##p##gees(const char *jobvs, const int *n, T *a, const int *lda,         \
                                     int *sdim, T *wr, T *wi, T *vs, const int *ldvs, T *work,      \
                                     const int *lwork, int *bwork, int *info) {                     \
    p##gees_(jobvs, "N", 0, n, a, lda, sdim, wr, wi, vs, ldvs, work, lwork, bwork, info);           \
  }                                                                                                 \
  void p##trsen_(const char *job, const char *compq, const int *select, const int *n, T *t,        \
                 const int *ldt, T *q, const int *ldq, T *wr, T *wi, int *m, T *s, T *sep, T *work,\
                 const int *lwork, int *iwork, const int *liwork, int *info);                      \
  void p##gesdd_(const char *jobz, const int *m, const int *n, T *a, const int *lda, T *s, T *u,   \
                 const int *ldu, T *vt, const int *ldvt, T *work, const int *lwork, int *iwork,    \
                 int *info);                                                                       \
  void p##gelqf_(const int *m, const int *n, T *a, const int *lda, T *tau, T *work,                \
                 const int *lwork, int *info);                                                     \
  void p##orglq_(const int *m, const int *n, const int *k, T *a, const int *lda, const T *tau,     \
                 T *work, const int *lwork, int *info);                                            \
  void p##potrf_(const char *uplo, const int *n, T *a, const int *lda, int *info);                 \
  void p##gelsd_(const int *m, const int *n, const int *nrhs, T *a, const int *lda, T *b,          \
                 const int *ldb, T *s, const T *rcond, int *rank, T *work, const int *lwork,       \
                 int *iwork, int *info);                                                           \
  void p##syevd_(const char *jobz, const char *uplo, const int *n, T *a, const int *lda, T *w,     \
                 T *work, const int *lwork, int *iwork, const int *liwork, int *info);
ASURA_LAPACK(s, float)
ASURA_LAPACK(d, double)
#undef ASURA_LAPACK
