#include "dispatch.h"

// What HDF5's filters do to a chunk, on whole chunks and vectorised.

// One step of the checksum: 32 words of 16 bits, summed in 32 bits.
#define LANES 32
// So many steps that Σ k·65535 stays below 2³².
#define STEPS 256
typedef uint16_t Words __attribute__((ext_vector_type(LANES), aligned(1)));
typedef uint32_t Sums __attribute__((ext_vector_type(LANES)));

CLONES uint32_t asura_fletcher32(const void *data, long bytes) {
  const uint8_t *p = data;
  const long words = bytes / 2;
  // Sums of words as this machine reads them: the first, and the sum of its running values.
  uint64_t first = 0, second = 0;
  long done = 0;
  while (done + LANES <= words) {
    long steps = (words - done) / LANES;
    if (steps > STEPS) steps = STEPS;
    Sums a = 0, b = 0;
    for (long k = 0; k < steps; k++, p += 2 * LANES) {
      a += __builtin_convertvector(*(const Words *)p, Sums);
      b += a;
    }
    // Word l of step k counts (steps − k)·LANES − l times in the block's second sum.
    uint64_t sum = 0, running = 0;
    for (int l = 0; l < LANES; l++) {
      sum += a[l];
      running += (uint64_t)LANES * b[l] - (uint64_t)l * a[l];
    }
    second = (second + (uint64_t)(steps * LANES) * first + running) % 65535;
    first = (first + sum) % 65535;
    done += steps * LANES;
  }
  for (; done < words; done++, p += 2) {
    first += (uint32_t)p[0] | (uint32_t)p[1] << 8;
    second += first;
  }
  first %= 65535;
  second %= 65535;
  // The filter's words are big-endian: modulo 65535, swapping a word's bytes multiplies it by 256.
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
    first = first * 256 % 65535;
    second = second * 256 % 65535;
  }
  if (bytes % 2) {
    first = (first + ((uint32_t)*p << 8)) % 65535;
    second = (second + first) % 65535;
  }
  // The filter folds its sums rather than divide, so that a multiple of 65535 stays 65535, and only zeros give 0.
  if (first == 0 || second == 0) {
    int any = 0;
    for (long i = 0; i < bytes && !any; i++) any = ((const uint8_t *)data)[i] != 0;
    if (any && first == 0) first = 65535;
    if (any && second == 0) second = 65535;
  }
  return (uint32_t)(second << 16 | first);
}

CLONES void asura_shuffle(const void *restrict from, void *restrict to, long count, long size) {
  const uint8_t *x = from;
  uint8_t *y = to;
  if (size == 4) {
    for (long i = 0; i < count; i++) {
      y[i] = x[4 * i];
      y[count + i] = x[4 * i + 1];
      y[2 * count + i] = x[4 * i + 2];
      y[3 * count + i] = x[4 * i + 3];
    }
  } else {
    for (long b = 0; b < size; b++)
      for (long i = 0; i < count; i++) y[b * count + i] = x[size * i + b];
  }
}
