#include "dispatch.h"
#include "transpose.h"
#define T float
#define INT int32_t
#define IS_DOUBLE 0
#define NAME(x) JOIN(asura_f32_, x)
#include "kernels.inc"
