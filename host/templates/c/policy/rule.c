#include "rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool positive_number(const char *text, size_t length, double *number) {
  static const char space[] = " \t\n\v\f\r";
  while (length > 0 && strchr(space, text[0])) text++, length--;
  while (length > 0 && strchr(space, text[length - 1])) length--;
  // `strtod` reads hexadecimal numbers, and words, too.
  for (size_t i = 0; i < length; i++) {
    if (!strchr("0123456789.eE+-", text[i])) return false;
  }
  char copy[64] = {0};
  if (length == 0 || length >= sizeof copy) return false;
  memcpy(copy, text, length);
  char *end;
  *number = strtod(copy, &end);
  return end == copy + length && isfinite(*number) && *number > 0;
}

answer_t judge(vertex_t vertex, const double *loads, size_t count, size_t step, bounds_t bounds) {
  double sum = 0, known = 0;
  for (size_t i = 0; i < count; i += step) {
    if (isnan(loads[i])) continue;
    sum += loads[i];
    known += 1;
  }
  if (vertex.excluded || known == 0) return (answer_t){.mean = NAN};
  double mean = sum / known;
  double wanted = ceil(vertex.parallelism * mean / bounds.target);
  wanted = fmin(fmax(wanted, 1), vertex.max_parallelism);
  return (answer_t){.mean = mean, .wanted = (uint32_t)wanted, .is_outside = mean < bounds.low || mean > bounds.high};
}
