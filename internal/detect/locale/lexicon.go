// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// class is what a word can be; a word may be several.
type class uint32

// Classes of words. The low four bits hold the month, 1 to 12.
const (
	monthBits  class = 15
	before     class = 1 << (iota + 3) // a street's first word: rue, calle
	beforeWeak                         // the same where other things begin so, too
	after                              // a street's last word: street, út
	afterWeak                          // the same where other things end so, too
	unit                               // what a number within a house follows: flat, piso
	stop                               // never part of a name
	joiner                             // stands within names of places: de, upon
	mark                               // stands before a house number: nº
	region                             // a state, a province
	country                            // a country, or a word of its name
	own                                // my, whose
	born                               // a year of birth follows
	postal                             // a postal code follows
	initial                            // a single letter for a street, with a point or a slash
	phrase                             // a phrase begins here
	lead                               // a phrase ends here
)

var classes = map[string]class{
	"before": before, "before.weak": beforeWeak, "after": after, "after.weak": afterWeak, "unit": unit, "stop": stop,
	"joiner": joiner, "mark": mark, "region": region, "country": country, "initial": initial, "own": own, "born": born, "postal": postal,
}

// meaning is what a phrase says.
type meaning uint8

// Meanings of phrases. Those of leads are read backwards from what they lead to.
const (
	ageAfter   meaning = iota + 1 // 34 "years old"
	ageUnit                       // 34 "ans", with a lead
	ageAnd                        // what may follow a lone age
	sex                           // 34 "F"
	ageBefore                     // "aged" 34
	ageLead                       // "j'ai" 34 ans
	ageLone                       // "I'm" 34
	placeLead                     // "lives at"
	boxLead                       // "P.O. box" 12
	corner                        // "the corner of"
	health                        // a condition, a medicine: alone it says enough
	healthWeak                    // the same with a cue word
	finance
	financeWeak
	province // of China, Japan, Taiwan: an address begins there
)

var meanings = map[string]meaning{
	"age.after": ageAfter, "age.unit": ageUnit, "age.and": ageAnd, "sex": sex, "age.before": ageBefore, "age.lead": ageLead,
	"age.lone": ageLone, "place.lead": placeLead, "box": boxLead, "corner": corner, "health": health, "health.weak": healthWeak,
	"finance": finance, "finance.weak": financeWeak, "province": province,
}

// backwards reports a meaning whose phrases are looked up by their last word.
func (m meaning) backwards() bool { return m >= ageBefore && m <= boxLead }

// idiom is a phrase without its first word, or without its last where it is read backwards. It is folded; one space parts words.
type idiom struct {
	rest string
	mean meaning
}

// ending is the last part of a compound that names a street: straße, gatan.
type ending struct {
	text string
	weak bool // other compounds end so, too
}

// lexicon holds the words of all languages.
type lexicon struct {
	words    table
	phrases  map[uint64][]idiom
	leads    map[uint64][]idiom
	dense    map[rune][]idiom // terms of scripts without spaces, whole, by their first letter
	suffixes [256][]ending    // of street names, by the last byte
	filter   [1 << 10]uint64  // of hashes of the first words of terms
	han      []sign           // from firstHan on
}

//go:embed data/*.txt
var files embed.FS

// words gives the lexicon of data/*.txt. A line is `class: word, word`, or a phrase's meaning and phrases; # begins a comment.
var words = sync.OnceValue(func() *lexicon {
	l := &lexicon{words: newTable(), han: hanSigns(), phrases: map[uint64][]idiom{}, leads: map[uint64][]idiom{}, dense: map[rune][]idiom{}}
	names, err := files.ReadDir("data")
	if err != nil {
		panic(err)
	}
	for _, f := range names {
		raw, err := files.ReadFile("data/" + f.Name())
		if err == nil {
			err = l.parse(string(raw))
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", f.Name(), err)) // a fault of the build: a test reads them all
		}
	}
	return l
})

func (l *lexicon) parse(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, list, _ := strings.Cut(line, ":")
		if err := l.add(name, list); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

func (l *lexicon) add(name, list string) error {
	kind, mean := classes[name], meanings[name]
	isEnding := strings.HasPrefix(name, "suffix")
	if n, ok := strings.CutPrefix(name, "month."); ok {
		_, _ = fmt.Sscan(n, &kind)
	}
	if kind == 0 && mean == 0 && !isEnding {
		return fmt.Errorf("%q is no class", name)
	}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.NewReplacer("'", " ", "-", " ", "/", " ").Replace(string(span.Fold(nil, strings.TrimSpace(word))))
		switch r, _ := utf8.DecodeRuneInString(word); {
		case word == "":
		case isEnding:
			last := word[len(word)-1]
			l.suffixes[last] = append(l.suffixes[last], ending{word, name == "suffix.weak"})
		case mean != 0 && dense(r):
			l.dense[r] = append(l.dense[r], idiom{word, mean})
			if i := int(r) - firstHan; i < len(l.han) {
				l.han[i] |= beginsTerm
			}
		case mean.backwards():
			l.addLead(word, mean)
		case mean != 0:
			l.addPhrase(word, mean)
		default:
			l.addWord(word, kind)
		}
	}
	return nil
}

// addWord adds a word, or the last word of several (what stands before them is not looked at).
func (l *lexicon) addWord(word string, kind class) {
	if i := strings.LastIndexByte(word, ' '); i >= 0 && kind != before {
		word = word[i+1:]
	}
	first, _, _ := strings.Cut(word, " ")
	if kind == before && first != word && len(first) < 4 { // "an der": articles alone begin no street
		return
	}
	h := hash(first)
	if kind&monthBits != 0 {
		kind &^= l.words.at(h) & monthBits // a name that two languages give to two months does not occur
	}
	l.words.add(h, kind)
}

func (l *lexicon) addPhrase(words string, mean meaning) {
	first, _, _ := strings.Cut(words, " ")
	h := hash(first)
	l.phrases[h] = append(l.phrases[h], idiom{words[len(first):], mean})
	l.words.add(h, phrase)
	if mean >= corner {
		l.filter[h>>16&1023] |= 1 << (h >> 58)
	}
}

func (l *lexicon) addLead(words string, mean meaning) {
	i := strings.LastIndexByte(words, ' ') + 1
	h := hash(words[i:])
	l.leads[h] = append(l.leads[h], idiom{words[:i], mean})
	l.words.add(h, lead)
}

// begins reports whether a term, or a corner, may begin with a word of that hash.
func (l *lexicon) begins(h uint64) bool { return l.filter[h>>16&1023]&(1<<(h>>58)) != 0 }

// month gives 1 to 12, or 0.
func (c class) month() int { return int(c & monthBits) }

func (c class) any(of class) bool { return c&of != 0 }
