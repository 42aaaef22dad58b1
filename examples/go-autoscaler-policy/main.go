// A plugin for tidegate. What the host asks is answered in export_….
package main

import (
	"runtime/debug"

	_ "component/gen/wit_exports"
)

// Every call has a fresh instance, so that there is nothing to collect. The collector must not run: within a call of the
// host's it would call the host, which WebAssembly forbids.
func init() {
	debug.SetGCPercent(-1)
}

func main() {}
