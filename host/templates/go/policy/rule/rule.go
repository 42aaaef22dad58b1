// Package rule: a vertex that is busy for too much or too little of the time gets as many subtasks as bring it to a
// target.
package rule

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Bounds say between which loads a vertex is left alone, and where it is brought to.
type Bounds struct{ Target, Low, High float64 }

// Vertex is one vertex of a job.
type Vertex struct {
	Parallelism, MaxParallelism uint32
	// Whether it must stay as it is.
	Excluded bool
	// The busy share of its busiest subtask in every sample, oldest first; NaN where that is not known.
	Loads []float64
}

// Answer is what comes of a vertex.
type Answer struct {
	// The mean load; NaN where it is not known.
	Mean float64
	// The parallelism that would bring it to the target; 0 where the load is not known.
	Wanted uint32
	// Whether the load is outside of its bounds.
	IsOutside bool
	// The parallelism that the vertex is to have: that of now, unless its load is outside of its bounds.
	Target uint32
}

// Go's own parser takes hexadecimal numbers, underscores and words, too.
var number = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// Read says what a job's options are, and what is wrong with them: a default stands for each that is.
func Read(options map[string]string) (Bounds, []string) {
	var wrong []string
	read := func(key string, otherwise float64) float64 {
		text, isSet := options[key]
		if !isSet {
			return otherwise
		}
		if trimmed := strings.TrimSpace(text); number.MatchString(trimmed) {
			if value, err := strconv.ParseFloat(trimmed, 64); err == nil && value > 0 {
				return value
			}
		}
		wrong = append(wrong, fmt.Sprintf("`%s` must be a positive number, not `%s`", key, text))
		return otherwise
	}
	return Bounds{read("rule.target-load", 0.7), read("rule.low", 0.5), read("rule.high", 0.9)}, wrong
}

// Judge judges one vertex.
func Judge(vertex Vertex, bounds Bounds) Answer {
	sum, count := 0.0, 0.0
	for _, load := range vertex.Loads {
		if !math.IsNaN(load) {
			sum += load
			count++
		}
	}
	if vertex.Excluded || count == 0 {
		return Answer{Mean: math.NaN(), Target: vertex.Parallelism}
	}
	mean := sum / count
	wanted := math.Ceil(float64(vertex.Parallelism) * mean / bounds.Target)
	answer := Answer{
		Mean:      mean,
		Wanted:    uint32(min(max(wanted, 1), float64(vertex.MaxParallelism))),
		IsOutside: mean < bounds.Low || mean > bounds.High,
		Target:    vertex.Parallelism,
	}
	if answer.IsOutside {
		answer.Target = answer.Wanted
	}
	return answer
}
