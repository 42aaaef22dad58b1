// Package export_tidegate_policy_scaling speaks with the host; package rule decides.
package export_tidegate_policy_scaling

import (
	"math"

	. "component/gen/tidegate_policy_scaling"
	"component/rule"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What is kept in the job's state.
const memoryKey = "autoscalerRecommendations"

// Describe says who this policy is.
func Describe() Description {
	return Description{
		Name:    "go-autoscaler-policy",
		Version: "0.1.0",
		Summary: "scales every vertex by its load, as Kubernetes' Horizontal Pod Autoscaler scales pods",
	}
}

// CheckOptions says what is wrong with a job's options.
func CheckOptions(options []wit.Tuple2[string, string]) []string {
	_, wrong := rule.Read(texts(options))
	return wrong
}

// Decide decides on one observation.
func Decide(view *View) wit.Result[Decision, Failure] {
	// A borrowed resource has to be given back.
	defer view.Drop()
	options, _ := rule.Read(texts(view.Options([]string{"autoscaler."})))
	now := view.Now()
	memory := rule.Recall(view.State(memoryKey).SomeOr(""), now-int64(options.DownAfter*1000))
	loads := latest(view)
	most, excluded, subtasks := view.MaxParallelism(), view.Excluded(), view.Parallelism()

	targets := make([]Target, len(subtasks))
	recommended := make([]uint32, len(subtasks))
	isRight, fits := true, true
	for i, vertex := range view.Vertices() {
		recommended[i] = min(rule.Recommend(subtasks[i], loads[i], options), most[i])
		target := subtasks[i]
		if !excluded[i] {
			memory = append(memory, rule.Recommendation{At: now, Vertex: vertex, Subtasks: recommended[i]})
			target = rule.Limit(subtasks[i], recommended[i], memory.Highest(vertex), most[i], options)
			isRight = isRight && recommended[i] == subtasks[i]
		}
		targets[i] = Target{Vertex: vertex, Parallelism: target}
		fits = fits && target == subtasks[i]
	}
	var verdict Verdict
	switch {
	case now < view.WindowFullAt():
		verdict = MakeVerdictHold("the window is not full yet")
	case isRight:
		verdict = MakeVerdictHold("the load of every vertex is right")
	case fits:
		verdict = MakeVerdictHold("more was recommended within the last minutes")
	default:
		verdict = MakeVerdictScale(targets)
	}
	return wit.Ok[Decision, Failure](Decision{
		Verdict:     verdict,
		Recommended: recommended,
		Evaluated:   []Column{{Metric: "LOAD", Current: loads}},
		State: []wit.Tuple2[string, wit.Option[string]]{
			{F0: memoryKey, F1: wit.Some(memory.Text())},
		},
	})
}

// The busy share of each vertex in its latest sample; NaN where it has none.
func latest(view *View) []float64 {
	count := len(view.Vertices())
	// Entry sample * count + vertex, NaN where there is no value.
	samples := view.Metric("LOAD").SomeOr(nil)
	loads := make([]float64, count)
	for i := range loads {
		loads[i] = math.NaN()
	}
	if len(samples) >= count {
		copy(loads, samples[len(samples)-count:])
	}
	return loads
}

func texts(options []wit.Tuple2[string, string]) map[string]string {
	texts := make(map[string]string, len(options))
	for _, option := range options {
		texts[option.F0] = option.F1
	}
	return texts
}
