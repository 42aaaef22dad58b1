// The smallest policy that is of use: a job whose busiest vertex is busy for more than 80 % of the time gets half as many
// subtasks again, one that is busy for less than 30 % a third fewer.
//
// Every call has a fresh instance, so that nothing has to be freed here. What is answered is freed by the bindings.

#include <math.h>
#include <stdlib.h>

#include "gen/policy.h"

typedef exports_tidegate_policy_scaling_target_t target_t;
typedef tidegate_policy_observation_borrow_view_t view_t;
#define VIEW(name) tidegate_policy_observation_method_view_##name

void exports_tidegate_policy_scaling_describe(exports_tidegate_policy_scaling_description_t *ret) {
  policy_string_dup(&ret->name, "c-minimal-policy");
  policy_string_dup(&ret->version, "0.1.0");
  policy_string_dup(&ret->summary, "half as many subtasks again above 80 % of load, a third fewer below 30 %");
}

void exports_tidegate_policy_scaling_check_options(policy_list_tuple2_string_string_t *options,
                                                   policy_list_string_t *ret) {
  (void)options;  // It has none.
  *ret = (policy_list_string_t){0};
}

// The mean load of the busiest vertex over the window; 0 where none is known.
static double busiest(view_t view, size_t vertices) {
  policy_string_t name;
  policy_list_f64_t loads;
  double most = 0;
  policy_string_set(&name, "LOAD");
  if (!VIEW(metric)(view, &name, &loads)) return 0;
  for (size_t vertex = 0; vertex < vertices; vertex++) {
    double sum = 0, count = 0;
    for (size_t entry = vertex; entry < loads.len; entry += vertices) {
      if (isnan(loads.ptr[entry])) continue;
      sum += loads.ptr[entry];
      count += 1;
    }
    if (count > 0 && sum / count > most) most = sum / count;
  }
  return most;
}

bool exports_tidegate_policy_scaling_decide(view_t view, exports_tidegate_policy_scaling_decision_t *ret,
                                            exports_tidegate_policy_scaling_failure_t *err) {
  (void)err;
  tidegate_policy_observation_list_vertex_id_t ids;
  policy_list_u32_t parallelism, most;
  policy_list_bool_t excluded;
  VIEW(vertices)(view, &ids);
  VIEW(parallelism)(view, &parallelism);
  VIEW(max_parallelism)(view, &most);
  VIEW(excluded)(view, &excluded);
  double load = busiest(view, ids.len);
  bool is_early = VIEW(now)(view) < VIEW(window_full_at)(view);

  target_t *targets = calloc(ids.len + 1, sizeof(target_t));
  if (!targets) abort();
  bool differs = false;
  for (size_t i = 0; i < ids.len; i++) {
    uint32_t now = parallelism.ptr[i], wanted = now;
    if (load > 0.8) wanted = now + (now + 1) / 2;
    if (load > 0 && load < 0.3) wanted = now - now / 3;
    if (wanted > most.ptr[i]) wanted = most.ptr[i];
    if (excluded.ptr[i]) wanted = now;
    targets[i] = (target_t){.vertex = ids.ptr[i], .parallelism = wanted};
    differs |= wanted != now;
  }

  *ret = (exports_tidegate_policy_scaling_decision_t){0};
  if (is_early || !differs) {
    ret->verdict.tag = EXPORTS_TIDEGATE_POLICY_SCALING_VERDICT_HOLD;
    policy_string_dup(&ret->verdict.val.hold, is_early ? "the window is not full yet" : "the load is right");
  } else {
    ret->verdict.tag = EXPORTS_TIDEGATE_POLICY_SCALING_VERDICT_SCALE;
    ret->verdict.val.scale.ptr = targets;
    ret->verdict.val.scale.len = ids.len;
  }
  return true;
}
