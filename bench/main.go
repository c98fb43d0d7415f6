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
	quick := flag.Bool("quick", false, "measure with less repetition, in two minutes")
	render := flag.Bool("render", false, "measure nothing: write the table, the charts and the documents of the last run again")
	simulate := flag.Bool("simulate", false, "play the simulation of docs/scale.md alone, and print it")
	out := flag.String("out", "results", "the folder for the results")
	docs := flag.String("docs", filepath.Join("..", "docs"), "the folder of the documents whose figures are replaced; empty for none")
	flag.Parse()
	if err := run(*quick, *render, *simulate, *out, *docs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(quick, render, simulate bool, out, docs string) (err error) {
	if simulate {
		fmt.Print(simulationTable(simulations()))
		return nil
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
	if docs != "" {
		if err := writeDocuments(r, docs); err != nil {
			return err
		}
	}
	fmt.Print(goalTable(r))
	fmt.Printf("\nEvery figure is in %s, the table and the charts are beside it.\n", file)
	return nil
}
