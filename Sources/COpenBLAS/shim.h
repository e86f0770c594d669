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
  void p##gebal_(const char *job, const int *n, T *a, const int *lda, int *ilo, int *ihi, T *scale,\
                 int *info);                                                                       \
  void p##lahqr_(const int *wantt, const int *wantz, const int *n, const int *ilo, const int *ihi, \
                 T *h, const int *ldh, T *wr, T *wi, const int *iloz, const int *ihiz, T *z,       \
                 const int *ldz, int *info);                                                       \
  void p##laqr3_(const int *wantt, const int *wantz, const int *n, const int *ktop,                \
                 const int *kbot, const int *nw, T *h, const int *ldh, const int *iloz,            \
                 const int *ihiz, T *z, const int *ldz, int *ns, int *nd, T *sr, T *si, T *v,      \
                 const int *ldv, const int *nh, T *t, const int *ldt, const int *nv, T *wv,        \
                 const int *ldwv, T *work, const int *lwork);                                      \
  void p##laqr5_(const int *wantt, const int *wantz, const int *kacc22, const int *n,              \
                 const int *ktop, const int *kbot, const int *nshfts, T *sr, T *si, T *h,          \
                 const int *ldh, const int *iloz, const int *ihiz, T *z, const int *ldz, T *v,     \
                 const int *ldv, T *u, const int *ldu, const int *nv, T *wv, const int *ldwv,      \
                 const int *nh, T *wh, const int *ldwh);                                           \
  /* The steps of the QR algorithm, for eigenvalues alone: no Schur form, no Schur vectors. */     \
  static inline void asura_##p##lahqr(int n, T *h, T *wr, T *wi, int *info) {                      \
    const int no = 0, one = 1;                                                                     \
    T none = 0;                                                                                    \
    p##lahqr_(&no, &no, &n, &one, &n, h, &n, wr, wi, &one, &one, &none, &one, info);               \
  }                                                                                                \
  static inline void asura_##p##laqr3(int n, int top, int bottom, int window, T *h, int *shifts,   \
                                      int *deflated, T *sr, T *si, T *v, T *t, T *wv, T *work,     \
                                      int length) {                                                \
    const int no = 0, one = 1;                                                                     \
    T none = 0;                                                                                    \
    p##laqr3_(&no, &no, &n, &top, &bottom, &window, h, &n, &one, &one, &none, &one, shifts,        \
              deflated, sr, si, v, &window, &window, t, &window, &n, wv, &n, work, &length);       \
  }                                                                                                \
  static inline void asura_##p##laqr5(int n, int top, int bottom, int shifts, T *sr, T *si, T *h,  \
                                      T *v, T *u, int order, T *wv, T *wh) {                       \
    const int no = 0, one = 1, three = 3, blocked = 2;                                             \
    T none = 0;                                                                                    \
    p##laqr5_(&no, &no, &blocked, &n, &top, &bottom, &shifts, sr, si, h, &n, &one, &one, &none,    \
              &one, v, &three, u, &order, &n, wv, &n, &n, wh, &order);                             \
  }                                                                                                \
  void p##syevd_(const char *jobz, const char *uplo, const int *n, T *a, const int *lda, T *w,     \
                 T *work, const int *lwork, int *iwork, const int *liwork, int *info);
ASURA_LAPACK(s, float)
ASURA_LAPACK(d, double)
#undef ASURA_LAPACK
