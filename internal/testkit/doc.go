// Package testkit has what the tests of several packages need.
package testkit
