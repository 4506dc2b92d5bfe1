// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/nymstream/nymstream/internal/detect/names"
	"github.com/nymstream/nymstream/internal/detect/span"
)

// lists are names to fill templates with, in lower case.
type lists struct{ given, family, place []string }

// readLists reads what lists.py gathered.
func readLists(path string) ([]names.Word, *lists, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	var words []names.Word
	at := map[string]int{}
	l := &lists{}
	lines := bufio.NewScanner(unpacked)
	for lines.Scan() {
		column := strings.Split(lines.Text(), "\t")
		if len(column) != 3 {
			return nil, nil, fmt.Errorf("%s: want kind, tier and word in a line", path)
		}
		kind, word := column[0], column[2]
		folded := string(span.Fold(nil, word))
		if strings.ContainsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
			continue
		}
		i, ok := at[folded]
		if !ok {
			i = len(words)
			at[folded] = i
			words = append(words, names.Word{Text: folded})
		}
		if kind == "class" {
			if _, err := fmt.Sscanf(column[1], "%d.%d.%d", &words[i].Class[0], &words[i].Class[1], &words[i].Class[2]); err != nil {
				return nil, nil, fmt.Errorf("%s: class: %w", path, err)
			}
			continue
		}
		tier, err := strconv.ParseUint(column[1], 10, 2)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: tier: %w", path, err)
		}
		l.note(&words[i], kind, uint32(tier), word)
	}
	return words, l, lines.Err()
}

func (l *lists) note(w *names.Word, kind string, tier uint32, word string) {
	switch kind {
	case "given":
		w.Given = max(w.Given, tier)
		l.given = append(l.given, word)
	case "family":
		w.Family = max(w.Family, tier)
		if tier > 1 {
			l.family = append(l.family, word)
		}
	case "common":
		w.Common = max(w.Common, tier)
	case "place":
		w.Place = true
		l.place = append(l.place, word)
	case "proper":
		w.Proper = true
	}
}
