// Package export_tidegate_policy_scaling speaks with the host; package rule decides.
package export_tidegate_policy_scaling

import (
	"math"

	. "component/gen/tidegate_policy_scaling"
	"component/rule"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Describe says who this policy is.
func Describe() Description {
	return Description{Name: "{{name}}", Version: "0.1.0", Summary: "keeps the mean load of every vertex near a target"}
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
	bounds, _ := rule.Read(texts(view.Options([]string{"rule."})))
	parallelism, most, excluded := view.Parallelism(), view.MaxParallelism(), view.Excluded()
	count := len(parallelism)
	// Entry sample * count + vertex, NaN where there is no value.
	loads := view.Metric("LOAD").SomeOr(nil)

	answers := make([]rule.Answer, count)
	recommended := make([]uint32, count)
	latest, means := make([]float64, count), make([]float64, count)
	for i := range count {
		vertex := rule.Vertex{Parallelism: parallelism[i], MaxParallelism: most[i], Excluded: excluded[i]}
		latest[i] = math.NaN()
		for entry := i; entry < len(loads); entry += count {
			latest[i] = loads[entry]
			vertex.Loads = append(vertex.Loads, loads[entry])
		}
		answers[i] = rule.Judge(vertex, bounds)
		recommended[i], means[i] = answers[i].Wanted, answers[i].Mean
	}
	return wit.Ok[Decision, Failure](Decision{
		Verdict:     verdict(view, answers),
		Recommended: recommended,
		Evaluated:   []Column{{Metric: "MEAN_LOAD", Current: latest, Average: means}},
	})
}

func verdict(view *View, answers []rule.Answer) Verdict {
	parallelism := view.Parallelism()
	targets := make([]Target, len(answers))
	isOutside, differs := false, false
	for i, vertex := range view.Vertices() {
		targets[i] = Target{Vertex: vertex, Parallelism: answers[i].Target}
		isOutside = isOutside || answers[i].IsOutside
		differs = differs || answers[i].Target != parallelism[i]
	}
	switch {
	case view.Now() < view.WindowFullAt():
		return MakeVerdictHold("the window is not full yet")
	case !isOutside:
		return MakeVerdictHold("every vertex is within its bounds")
	case !differs:
		return MakeVerdictHold("the parallelism fits")
	}
	return MakeVerdictScale(targets)
}

func texts(options []wit.Tuple2[string, string]) map[string]string {
	texts := make(map[string]string, len(options))
	for _, option := range options {
		texts[option.F0] = option.F1
	}
	return texts
}
