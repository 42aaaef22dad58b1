// Package rule: the rule of Kubernetes' Horizontal Pod Autoscaler, for the subtasks of a vertex. It knows no component.
// https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Options are the autoscaler's own, with the defaults that are documented for it.
type Options struct {
	// The load that a vertex is brought to. Where it is between (1 - Tolerance) and (1 + Tolerance) of that, nothing changes.
	Target, Tolerance float64
	// Up at once to so many times the subtasks, or by so many, whichever is more.
	UpFactor, UpBy float64
	// Down only to the most that was recommended in so many seconds.
	DownAfter float64
}

// Read says what a job's options are, and what is wrong with them: a default stands for each that is.
func Read(texts map[string]string) (Options, []string) {
	var wrong []string
	read := func(key string, otherwise float64) float64 {
		text, isSet := texts[key]
		if !isSet {
			return otherwise
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err == nil && value > 0 && !math.IsInf(value, 0) {
			return value
		}
		wrong = append(wrong, fmt.Sprintf("`%s` must be a positive number, not `%s`", key, text))
		return otherwise
	}
	return Options{
		Target:    read("autoscaler.target-load", 0.7),
		Tolerance: read("autoscaler.tolerance", 0.1),
		UpFactor:  read("autoscaler.up-factor", 2),
		UpBy:      read("autoscaler.up-by", 4),
		DownAfter: read("autoscaler.down-after-seconds", 300),
	}, wrong
}

// Recommend says how many subtasks a load asks for; as many as there are where it is not known.
func Recommend(subtasks uint32, load float64, options Options) uint32 {
	ratio := load / options.Target
	if math.IsNaN(ratio) || math.Abs(ratio-1) <= options.Tolerance {
		return subtasks
	}
	return uint32(max(math.Ceil(float64(subtasks)*ratio), 1))
}

// Limit says how far a vertex goes at once: `highest` is the most that was lately recommended for it.
func Limit(subtasks, recommended, highest, most uint32, options Options) uint32 {
	if recommended < subtasks {
		return min(subtasks, highest, most)
	}
	now := float64(subtasks)
	return min(recommended, uint32(max(now*options.UpFactor, now+options.UpBy)), most)
}
