// Package faults breaks real servers and programs, again and again, under the
// traffic of an application, and checks at the end that nothing was lost or
// revived. It has tests alone, behind the build tag faults, as they take
// minutes; scripts/faults runs them.
package faults
