package storetest

import "testing"

// Run checks a backend against the contract of [store.Backend]. Each check is
// a parallel subtest with a harness of its own, named after the part of the
// contract and the behaviour that it checks.
func Run(t *testing.T, newHarness func(tb testing.TB) Harness) {
	for _, a := range areas() {
		t.Run(a.name, func(t *testing.T) {
			for _, c := range a.checks {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newEnv(t, newHarness(t)))
				})
			}
		})
	}
}

// area is a part of the contract, in a file of its own.
type area struct {
	name   string
	checks []check
}

// check is one story. It starts from an empty harness.
type check struct {
	name string
	run  func(e *env)
}

func areas() []area {
	return []area{
		{"create", createChecks()},
		{"update", updateChecks()},
		{"change key", changeKeyChecks()},
		{"marks", markChecks()},
		{"ttl", ttlChecks()},
		{"sweep", sweepChecks()},
		{"values", valueChecks()},
		{"corrupt", corruptChecks()},
		{"context", contextChecks()},
		{"subjects", subjectChecks()},
		{"random", randomChecks()},
	}
}
