// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
)

// stretch is bytes of a text.
type stretch struct{ start, end int }

// sample is a text with its names.
type sample struct {
	id, source, lang string
	text             []byte
	names            []stretch
	fold             int  // held out in this fold: texts of one template together
	made             bool // a template filled
}

// folds is how many parts the corpus is split into.
const folds = 4

// readCorpus reads the cases in which all names are labeled.
func readCorpus(path string) ([]sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []sample
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c struct {
			ID, Src, File, Lang, Kind, Entity, Text string
			Spans                                   [][]any `json:"bspans"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if c.Kind != "full" && c.Entity != "PERSON" {
			continue
		}
		s := sample{id: c.ID, source: c.Src, lang: c.Lang, text: []byte(c.Text), made: c.Kind == "full"}
		if strings.Contains(c.File, "emerging.test") {
			s.source = "wnut17-test"
		}
		key, at := c.ID, 0
		var template strings.Builder
		for _, span := range c.Spans {
			start, end := int(span[0].(float64)), int(span[1].(float64))
			if span[2] == "PERSON" {
				s.names = append(s.names, stretch{start, end})
			}
			if start >= at {
				fmt.Fprintf(&template, "%s{%v}", c.Text[at:start], span[2])
				at = end
			}
		}
		if s.made {
			template.WriteString(c.Text[at:])
			key = plain(template.String())
		}
		s.fold = hash(key) % folds
		out = append(out, s)
	}
	return out, lines.Err()
}

// plain leaves the words of a template that tell it from others.
func plain(template string) string {
	words := strings.FieldsFunc(strings.ToLower(template), func(r rune) bool { return r < 'a' && r != '{' || r > '}' && r < 0x80 })
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "{") }), " ")
}

func hash(text string) int {
	h := fnv.New32a()
	h.Write([]byte(text))
	return int(h.Sum32() >> 8)
}

// readTemplates reads lines `language: text` in which {name}, {given}, {family} and {place} are to be filled.
func readTemplates(path string) ([]sample, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []sample
	for line := range bytes.Lines(raw) {
		lang, text, ok := strings.Cut(strings.TrimSpace(string(line)), ": ")
		if ok && !strings.HasPrefix(lang, "#") {
			out = append(out, sample{id: text, source: "templates", lang: lang, text: []byte(strings.ReplaceAll(text, `\n`, "\n")), fold: hash(text) % folds, made: true})
		}
	}
	return out, nil
}
