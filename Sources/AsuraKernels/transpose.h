#pragma once

// Blocks of registers transposed in place: step h swaps what lies h off the diagonal between registers i and i + h.

#define TRANSPOSE_LO_16_1(x, y) __builtin_shufflevector(x,y,0,16,2,18,4,20,6,22,8,24,10,26,12,28,14,30)
#define TRANSPOSE_HI_16_1(x, y) __builtin_shufflevector(x,y,1,17,3,19,5,21,7,23,9,25,11,27,13,29,15,31)
#define TRANSPOSE_LO_16_2(x, y) __builtin_shufflevector(x,y,0,1,16,17,4,5,20,21,8,9,24,25,12,13,28,29)
#define TRANSPOSE_HI_16_2(x, y) __builtin_shufflevector(x,y,2,3,18,19,6,7,22,23,10,11,26,27,14,15,30,31)
#define TRANSPOSE_LO_16_4(x, y) __builtin_shufflevector(x,y,0,1,2,3,16,17,18,19,8,9,10,11,24,25,26,27)
#define TRANSPOSE_HI_16_4(x, y) __builtin_shufflevector(x,y,4,5,6,7,20,21,22,23,12,13,14,15,28,29,30,31)
#define TRANSPOSE_LO_16_8(x, y) __builtin_shufflevector(x,y,0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23)
#define TRANSPOSE_HI_16_8(x, y) __builtin_shufflevector(x,y,8,9,10,11,12,13,14,15,24,25,26,27,28,29,30,31)
#define TRANSPOSE_LO_8_1(x, y) __builtin_shufflevector(x,y,0,8,2,10,4,12,6,14)
#define TRANSPOSE_HI_8_1(x, y) __builtin_shufflevector(x,y,1,9,3,11,5,13,7,15)
#define TRANSPOSE_LO_8_2(x, y) __builtin_shufflevector(x,y,0,1,8,9,4,5,12,13)
#define TRANSPOSE_HI_8_2(x, y) __builtin_shufflevector(x,y,2,3,10,11,6,7,14,15)
#define TRANSPOSE_LO_8_4(x, y) __builtin_shufflevector(x,y,0,1,2,3,8,9,10,11)
#define TRANSPOSE_HI_8_4(x, y) __builtin_shufflevector(x,y,4,5,6,7,12,13,14,15)

#define TRANSPOSE_UNROLL _Pragma("unroll")
// One step of a block of `count` registers r of type R with `lanes` elements each.
#define TRANSPOSE_STEP(R, lanes, count, h, r)                                                      \
  TRANSPOSE_UNROLL for (int i = 0; i < count; i++) if (!(i & h)) {                                 \
    R x = (r)[i], y = (r)[i + h];                                                                  \
    (r)[i] = TRANSPOSE_LO_##lanes##_##h(x, y);                                                     \
    (r)[i + h] = TRANSPOSE_HI_##lanes##_##h(x, y);                                                 \
  }
#define TRANSPOSE_16(R, r)                                                                         \
  TRANSPOSE_STEP(R, 16, 16, 1, r) TRANSPOSE_STEP(R, 16, 16, 2, r) TRANSPOSE_STEP(R, 16, 16, 4, r)  \
  TRANSPOSE_STEP(R, 16, 16, 8, r)
#define TRANSPOSE_8(R, r)                                                                          \
  TRANSPOSE_STEP(R, 8, 8, 1, r) TRANSPOSE_STEP(R, 8, 8, 2, r) TRANSPOSE_STEP(R, 8, 8, 4, r)
// Two 8 × 8 blocks side by side, in the halves of eight registers of sixteen.
#define TRANSPOSE_HALVES(R, r)                                                                     \
  TRANSPOSE_STEP(R, 16, 8, 1, r) TRANSPOSE_STEP(R, 16, 8, 2, r) TRANSPOSE_STEP(R, 16, 8, 4, r)
