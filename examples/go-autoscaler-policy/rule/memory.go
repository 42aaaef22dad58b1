package rule

import (
	"fmt"
	"strings"
)

// Memory holds the recommendations of the last minutes. It lasts from pass to pass as a text in the job's state.
type Memory []Recommendation

// Recommendation is what was once recommended for a vertex.
type Recommendation struct {
	// Milliseconds since 1970.
	At       int64
	Vertex   string
	Subtasks uint32
}

// Recall reads what the last pass left, but for what was recommended before `since`. What cannot be read is forgotten.
func Recall(text string, since int64) Memory {
	var memory Memory
	for line := range strings.Lines(text) {
		var it Recommendation
		if _, err := fmt.Sscanf(line, "%d %s %d", &it.At, &it.Vertex, &it.Subtasks); err == nil && it.At >= since {
			memory = append(memory, it)
		}
	}
	return memory
}

// Text is what the next pass is left.
func (memory Memory) Text() string {
	var text strings.Builder
	for _, it := range memory {
		fmt.Fprintf(&text, "%d %s %d\n", it.At, it.Vertex, it.Subtasks)
	}
	return text.String()
}

// Highest is the most that was recommended for a vertex; 0 where nothing was.
func (memory Memory) Highest(vertex string) uint32 {
	var highest uint32
	for _, it := range memory {
		if it.Vertex == vertex {
			highest = max(highest, it.Subtasks)
		}
	}
	return highest
}
