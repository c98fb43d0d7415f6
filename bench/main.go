package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if runAsGenerator() {
		return
	}
	defer endRequests()
	quick := flag.Bool("quick", false, "measure with less repetition, in two minutes, into the folder quick, and leave the documents as they are")
	render := flag.Bool("render", false, "measure nothing: write the table, the charts and the documents of the last run again")
	simulate := flag.Bool("simulate", false, "play the simulation of docs/scale.md alone, and print it")
	flag.Parse()
	if err := run(*quick, *render, *simulate); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(quick, render, simulate bool) (err error) {
	if simulate {
		fmt.Print(simulationTable(simulations()))
		return nil
	}
	out := "results"
	if quick {
		out = "quick"
	}
	file := filepath.Join(out, "results.json")
	var r *results
	if render {
		r, err = readResults(file)
	} else {
		r, err = measure(quick)
	}
	if err != nil {
		return err
	}
	r.Simulations = simulations()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := r.save(file); err != nil {
		return err
	}
	if err := writeReport(r, out); err != nil {
		return err
	}
	if !quick {
		if err := writeDocuments(r, filepath.Join("..", "docs")); err != nil {
			return err
		}
	}
	fmt.Print(goalTable(r))
	fmt.Printf("\nEvery figure is in %s, the table and the charts are beside it.\n", file)
	return nil
}
