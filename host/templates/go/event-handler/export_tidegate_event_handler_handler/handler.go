// Package export_tidegate_event_handler_handler is an event handler: each event becomes a line of JSON in the log.
package export_tidegate_event_handler_handler

import (
	"bytes"
	"encoding/json"
	"fmt"

	. "component/gen/tidegate_event_handler_handler"
	log "component/gen/tidegate_host_log"
	options "component/gen/tidegate_host_options"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Handle takes events, oldest first.
func Handle(events []Event) wit.Result[wit.Unit, string] {
	// Before it is put in service, it is handed no events: wrong options keep it out.
	for _, name := range options.Names() {
		return wit.Err[wit.Unit, string](fmt.Sprintf("there is no option `%s`; this handler has none", name))
	}
	for _, event := range events {
		text, err := line(event)
		if err != nil {
			return wit.Err[wit.Unit, string](err.Error())
		}
		level := log.LevelInfo
		if event.Severity == SeverityWarning {
			level = log.LevelWarn
		}
		log.Write(level, text)
	}
	return wit.Ok[wit.Unit, string](wit.Unit{})
}

// One event as JSON, in one line.
func line(event Event) (string, error) {
	severity := "normal"
	if event.Severity == SeverityWarning {
		severity = "warning"
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		At       int64  `json:"at"`
		Cluster  string `json:"cluster"`
		Count    uint32 `json:"count"`
		Job      string `json:"job"`
		Message  string `json:"message"`
		Reason   string `json:"reason"`
		Severity string `json:"severity"`
	}{event.At, event.Cluster, event.Count, event.JobName, event.Message, event.Reason, severity})
	return string(bytes.TrimRight(text.Bytes(), "\n")), err
}
