// SPDX-License-Identifier: Apache-2.0

package detect

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:generate go run ./gen

//go:embed tlds.txt
var tldFile string

// domains holds the top-level domains.
type domains struct {
	known map[string]struct{}
	other [64][]string // in their own script, by the last byte of the first rune
}

var tlds = sync.OnceValue(func() *domains {
	d := &domains{known: map[string]struct{}{}}
	for line := range strings.Lines(tldFile) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		d.known[line] = struct{}{}
		if r, size := utf8.DecodeRuneInString(line); r >= utf8.RuneSelf {
			d.other[line[size-1]&63] = append(d.other[line[size-1]&63], line)
		}
	}
	return d
})

// has reports a top-level domain, in any case.
func (d *domains) has(label []byte) bool {
	var b [64]byte
	if len(label) < 2 || len(label) > len(b) {
		return false
	}
	for i, c := range label {
		b[i] = lowered(c)
	}
	_, ok := d.known[string(b[:len(label)])]
	return ok
}

// prefix gives the size of the longest top-level domain beyond ASCII that b begins with; 0 for none.
func (d *domains) prefix(b []byte) int {
	best := 0
	r, size := utf8.DecodeRune(b)
	if r < utf8.RuneSelf || r == utf8.RuneError {
		return 0
	}
	for _, label := range d.other[b[size-1]&63] {
		if len(label) > best && len(label) <= len(b) && string(b[:len(label)]) == label {
			best = len(label)
		}
	}
	return best
}

// Classes of top-level domains by how likely a bare name under them is an address.
const (
	common = iota + 1
	fileEnding
)

var tldClass = func() map[string]int {
	table := map[string]int{}
	for name := range strings.FieldsSeq("com net org edu gov mil int info biz co io app dev ai tv xyz online site shop club blog tech store cloud") {
		table[name] = common
	}
	for name := range strings.FieldsSeq("md py rs sh pl ps cc zip mov java mm mk am pm bat cab") {
		table[name] = fileEnding
	}
	return table
}()

// classOf gives the class of a top-level domain, 0 for all others.
func classOf(tld []byte) int {
	var b [8]byte
	if len(tld) > len(b) {
		return 0
	}
	for i, c := range tld {
		b[i] = lowered(c)
	}
	return tldClass[string(b[:len(tld)])]
}
