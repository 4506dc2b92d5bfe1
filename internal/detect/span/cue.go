// SPDX-License-Identifier: Apache-2.0

package span

import (
	"bufio"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Cue is a meaning that words point to: that a number beside them is a telephone's, say.
type Cue uint16

// Dictionary holds the cue words of all languages.
type Dictionary struct {
	names  []string // by cue
	byWord map[uint32][]entry
	byStem map[uint32][]entry
	dense  map[rune][]entry
	words  filter // of hashes in byWord
	stems  filter

	wordSizes, stemSizes [256]uint64 // lengths as bits, by the first byte
}

// entry is a word, or the first word of a phrase with the others in rest.
type entry struct {
	word, rest string
	cue        Cue
}

//go:embed words
var wordFiles embed.FS

// Cues gives the dictionary of words/*.txt. A line is `cue: word, word, first of a phrase, stem*`; # begins a comment.
var Cues = sync.OnceValue(func() *Dictionary {
	d := &Dictionary{byWord: map[uint32][]entry{}, byStem: map[uint32][]entry{}, dense: map[rune][]entry{}}
	files, err := wordFiles.ReadDir("words")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		raw, err := wordFiles.ReadFile("words/" + f.Name())
		if err == nil {
			err = d.parse(string(raw))
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", f.Name(), err)) // a fault of the build: a test reads them all
		}
	}
	return d
})

// Cue gives the cue of a name, or an error naming it.
func (d *Dictionary) Cue(name string) (Cue, error) {
	i := slices.Index(d.names, name)
	if i < 0 {
		return 0, fmt.Errorf("no word points to %q", name)
	}
	return Cue(i), nil
}

// Must is Cue for names that a test has checked.
func (d *Dictionary) Must(name string) Cue {
	c, err := d.Cue(name)
	if err != nil {
		panic(err)
	}
	return c
}

func (d *Dictionary) parse(text string) error {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, words, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("line %d: want `cue: word, word`", n)
		}
		for word := range strings.SplitSeq(words, ",") {
			if word = strings.TrimSpace(word); word != "" {
				d.add(d.cue(strings.TrimSpace(name)), word)
			}
		}
	}
	return lines.Err()
}

func (d *Dictionary) cue(name string) Cue {
	if i := slices.Index(d.names, name); i >= 0 {
		return Cue(i)
	}
	d.names = append(d.names, name)
	return Cue(len(d.names) - 1)
}

func (d *Dictionary) add(c Cue, word string) {
	if r, _ := utf8.DecodeRuneInString(word); dense(r) {
		d.dense[r] = append(d.dense[r], entry{word: word, cue: c})
		return
	}
	word, isStem := strings.CutSuffix(string(Fold(nil, word)), "*")
	end := strings.IndexFunc(word, func(r rune) bool { return !letter(r) })
	if end < 0 {
		end = len(word)
	}
	e := entry{word: word[:end], rest: strings.NewReplacer("-", " ", "'", " ").Replace(word[end:]), cue: c}
	if e.word == "" { // it begins with no letter: a word of the text never does
		return
	}
	h := uint32(hashSeed)
	for i := range min(len(e.word), maxWord) {
		h = step(h, e.word[i])
	}
	size := uint64(1) << min(len(e.word), maxWord)
	if isStem {
		d.stemSizes[e.word[0]] |= size
		d.byStem[h] = append(d.byStem[h], e)
		d.stems.add(h)
		return
	}
	d.wordSizes[e.word[0]] |= size
	d.byWord[h] = append(d.byWord[h], e)
	d.words.add(h)
}

// find gives the entries of a word; others where there are none.
func (d *Dictionary) find(table map[uint32][]entry, h uint32, word []byte, others []entry) []entry {
	if entries := table[h]; len(entries) > 0 && entries[0].word == string(word) {
		return entries
	}
	return others
}

const hashSeed = 2166136261

// step is FNV-1a.
func step(h uint32, c byte) uint32 { return (h ^ uint32(c)) * 16777619 }

// filter says for most hashes at once that they are not in a table.
type filter [1 << 10]uint64

func (f *filter) add(h uint32)      { f[h>>16&1023] |= 1 << (h >> 26) }
func (f *filter) has(h uint32) bool { return f[h>>16&1023]&(1<<(h>>26)) != 0 }
