// SPDX-License-Identifier: Apache-2.0

// Command train builds lexicon.bin and model.bin of the package names, and notes in METRICS.txt what they are made of and how good
// they are on text that was held out.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nymstream/nymstream/internal/detect/names"
)

func main() {
	folder := "internal/detect/names"
	var p paths
	flag.StringVar(&p.corpus, "corpus", "", "labeled cases, JSON lines")
	flag.StringVar(&p.lists, "lists", filepath.Join(folder, "train", "lists.tsv.gz"), "what lists.py gathered")
	flag.StringVar(&p.templates, "templates", filepath.Join(folder, "train", "templates.txt"), "texts with places for names")
	flag.StringVar(&p.out, "out", folder, "folder of lexicon.bin, model.bin and METRICS.txt; empty to measure only")
	show := flag.String("show", "", "source of cases whose errors to print")
	flag.Parse()
	if err := run(p, *show); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

type paths struct{ corpus, lists, templates, out string }

// training is what all folds share.
type training struct {
	samples, templates []sample
	lists              *lists
	lexicon            *names.Lexicon
	packed             []byte // the lexicon
}

func run(p paths, show string) error {
	t, err := prepare(p)
	if err != nil {
		return err
	}
	m, err := t.crossValidate(show)
	if err != nil {
		return err
	}
	slope, offset := m.calibration()
	report := fmt.Sprintf("Inputs (SHA-256)\n%s\n%sCalibration: slope %.3f, offset %.3f\n", p.sums(), m.table(), slope, offset)
	if p.out == "" {
		fmt.Print(report)
		return nil
	}
	final := t.train(t.samples, t.templates, folds)
	final.Slope, final.Offset = float32(slope), float32(offset)
	raw, err := final.Pack(settings.least)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"lexicon.bin": t.packed, "model.bin": raw, "METRICS.txt": []byte(report)} {
		if err := os.WriteFile(filepath.Join(p.out, name), content, 0o644); err != nil { //nolint:gosec // no secret: a file of the repository
			return err
		}
	}
	fmt.Print(report)
	return nil
}

func prepare(p paths) (*training, error) {
	var t training
	var err error
	if t.samples, err = readCorpus(p.corpus); err != nil {
		return nil, err
	}
	if t.templates, err = readTemplates(p.templates); err != nil {
		return nil, err
	}
	words, lists, err := readLists(p.lists)
	if err != nil {
		return nil, err
	}
	t.lists = lists
	if t.packed, err = names.BuildLexicon(words); err != nil {
		return nil, fmt.Errorf("%s: %d words: %w", p.lists, len(words), err)
	}
	t.lexicon, err = names.ReadLexicon(t.packed)
	return &t, err
}

// sums names the inputs by content.
func (p paths) sums() string {
	var out strings.Builder
	for _, path := range []string{p.corpus, p.lists, p.templates} {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it was read before
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(raw), filepath.Base(path))
	}
	return out.String()
}

// crossValidate trains on all folds but one, in turn, and measures on that one.
func (t *training) crossValidate(show string) (*metrics, error) {
	m := newMetrics(show)
	var models [folds]*names.Model
	var held [folds][]sample
	var failed [folds]error
	var wait sync.WaitGroup
	for fold := range folds {
		wait.Go(func() { models[fold], held[fold], failed[fold] = t.fold(fold) })
	}
	wait.Wait()
	for fold := range folds { // in order: sums of floats depend on it
		if failed[fold] != nil {
			return nil, failed[fold]
		}
		m.add(names.New(t.lexicon, models[fold]), held[fold])
	}
	return m, nil
}

// fold trains without a fold, and gives what was held out.
func (t *training) fold(fold int) (*names.Model, []sample, error) {
	trained := t.train(split(t.samples, fold, false), split(t.templates, fold, false), uint64(fold))
	trained.Slope, trained.Offset = wide.slope, wide.offset
	raw, err := trained.Pack(settings.least)
	if err != nil {
		return nil, nil, err
	}
	model, err := names.ReadModel(raw)
	held := split(t.samples, fold, true)
	f := &filler{lists: t.lists, rand: rand.New(rand.NewPCG(uint64(fold), 1))}
	for _, s := range split(t.templates, fold, true) {
		held = append(held, f.fill(s))
	}
	return model, held, err
}

// train trains models that differ by chance, and gives their mean.
func (t *training) train(samples, templates []sample, seed uint64) *names.Trained {
	var mean *names.Trained
	for i := range settings.rounds {
		trainer := newTrainer(t.lexicon, settings, seed*uint64(settings.rounds)+uint64(i)+1)
		trainer.fit(samples, templates, &filler{lists: t.lists})
		if mean == nil {
			mean = &trainer.model
			continue
		}
		blend(mean, &trainer.model, 1/float32(i+1))
	}
	return mean
}

// blend moves the mean towards one more model.
func blend(mean, other *names.Trained, share float32) {
	for i, w := range other.Weights {
		m := &mean.Weights[i]
		m[0] += (w[0] - m[0]) * share
		m[1] += (w[1] - m[1]) * share
	}
	for f := range mean.Steps {
		for to := range mean.Steps[f] {
			mean.Steps[f][to] += (other.Steps[f][to] - mean.Steps[f][to]) * share
		}
	}
}

// split gives the samples of a fold, or all others.
func split(samples []sample, fold int, held bool) (out []sample) {
	for _, s := range samples {
		if (s.fold == fold) == held {
			out = append(out, s)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
