#include "dispatch.h"
#include "transpose.h"
#define T double
#define INT int64_t
#define IS_DOUBLE 1
#define NAME(x) JOIN(asura_f64_, x)
#include "kernels.inc"
