// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// selves are the identities of one event, made ready to be found.
type selves struct {
	phrases phrases
	numbers []number
	digits  []byte
	folded  []byte
	last    []byte // the identities that were made ready, as they came
}

// number is a telephone number without what is written before it: plus, zeros.
type number struct{ from, to, ref int32 }

// leastDigits is how many digits of a telephone number must agree.
const leastDigits = 7

// identities finds the identities of the event.
func (s *Scanner) identities(list []Identity) {
	if len(list) == 0 {
		return
	}
	v := &s.self
	if !v.same(list) {
		v.phrases.reset()
		v.numbers, v.digits, v.last = v.numbers[:0], v.digits[:0], v.last[:0]
		for _, id := range list {
			v.identity(id)
			v.last = append(append(append(v.last, id.Text...), 0), byte(id.Ref), byte(id.Ref>>8), byte(id.Ref>>16), byte(id.Ref>>24))
		}
	}
	n := len(s.fixed)
	s.words(&v.phrases, span.Self)
	s.join(n)
	if len(v.numbers) > 0 {
		s.phones()
	}
}

// same reports the identities of the last call: an event has several texts.
func (v *selves) same(list []Identity) bool {
	last := v.last
	for _, id := range list {
		n := len(id.Text)
		if len(last) < n+5 || string(last[:n]) != string(id.Text) || last[n] != 0 || int32(binary.LittleEndian.Uint32(last[n+1:])) != int32(id.Ref) {
			return false
		}
		last = last[n+5:]
	}
	return len(last) == 0
}

// identity makes one ready, by what it looks like.
func (v *selves) identity(id Identity) {
	text := id.Text
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	var all uint8
	sign, dot, spaces, digits := -1, false, false, 0
	for i, c := range text {
		all |= class[c]
		switch {
		case class[c]&digit != 0:
			digits++
		case c == '@' && sign < 0:
			sign = i
		case c == '.':
			dot = sign > 0
		case c <= ' ':
			spaces = true
		}
	}
	switch {
	case len(text) < 2:
	case dot:
		v.whole(text, id.Ref, span.Email)
	case sign == 0:
		v.whole(text[1:], id.Ref, span.Handle)
	case digits >= leastDigits && all&(letter|high|under) == 0:
		v.number(text, id.Ref)
	case !spaces && all&(digit|under) != 0:
		v.whole(text, id.Ref, span.Handle)
	default:
		v.name(text, id.Ref, all&high != 0)
	}
}

func (v *selves) whole(text []byte, ref int, k span.Kind) {
	from := v.phrases.begin()
	v.phrases.text(text)
	v.phrases.end(from, phrase{ref: int32(ref), kind: k})
}

// number keeps the digits of a telephone number.
func (v *selves) number(text []byte, ref int) {
	from := len(v.digits)
	for i, c := range text {
		if class[c]&digit != 0 && (c != '0' || len(v.digits) > from) && (c != '0' || at(text, i-1) != '(' || at(text, i+1) != ')') {
			v.digits = append(v.digits, c)
		}
	}
	if len(v.digits)-from >= leastDigits-1 {
		v.numbers = append(v.numbers, number{int32(from), int32(len(v.digits)), int32(ref)})
	}
}

// name makes a display name ready: its parts, other forms of given names, and what parts make together.
func (v *selves) name(text []byte, ref int, beyond bool) {
	p := &v.phrases
	from := p.begin()
	p.text(text)
	v.folded = append(v.folded[:0], p.room[from:]...)
	w := phrase{ref: int32(ref), kind: span.Person}
	if len(v.folded) > 0 && isDense(v.folded) {
		p.end(from, w)
		v.denseParts(w)
		return
	}
	parts := bytes.Count(v.folded, []byte{' '}) + 1
	if parts == 1 {
		p.room = p.room[:from]
	} else {
		p.end(from, w)
		from = p.begin()
		for part := range bytes.SplitSeq(v.folded, []byte{' '}) {
			p.room = append(p.room, part...)
		}
		p.end(from, w) // as hashtags and handles write it
	}
	for rest, n := v.folded, 0; len(rest) > 0; n++ {
		part, after, _ := bytes.Cut(rest, []byte{' '})
		v.part(part, w, n == 0 || n < parts-1, parts > 1)
		rest = after
	}
	if beyond {
		v.umlauts(text, w)
	}
}

// part adds a part of a name of at least three letters that is more than a title or a particle.
func (v *selves) part(part []byte, w phrase, given, several bool) {
	if utf8.RuneCount(part) < 3 || several && isParticle(part) || !letters(part) && part[0] < utf8.RuneSelf {
		return
	}
	p := &v.phrases
	w.capital = several && len(part) <= 8 && isCommonWord(part)
	from := p.begin()
	p.room = append(p.room, part...)
	p.end(from, w)
	if !given {
		return
	}
	for _, form := range diminutives()[string(part)] {
		w.capital = isCommonWord([]byte(form))
		from := p.begin()
		p.room = append(p.room, form...)
		p.end(from, w)
	}
}

// umlauts adds names as those write them who have no umlauts: Mueller.
func (v *selves) umlauts(text []byte, w phrase) {
	if !bytes.ContainsAny(text, "äöüÄÖÜåÅøØ") {
		return
	}
	p := &v.phrases
	for part := range bytes.FieldsSeq(text) {
		from := p.begin()
		for _, r := range string(part) {
			p.text(utf8.AppendRune(v.folded[:0], r))
			switch r {
			case 'ä', 'ö', 'ü', 'Ä', 'Ö', 'Ü', 'ø', 'Ø':
				p.room = append(p.room, 'e')
			case 'å', 'Å':
				p.room = append(p.room, 'a')
			}
		}
		if len(p.room)-from < 4 {
			p.room = p.room[:from]
			continue
		}
		p.end(from, w)
	}
}

// denseParts adds the given name of three characters' names, and both halves of four: 王小明, 山田太郎; and parts that spaces part.
func (v *selves) denseParts(w phrase) {
	p := &v.phrases
	add := func(b []byte) {
		from := p.begin()
		p.room = append(p.room, b...)
		p.end(from, w)
	}
	if bytes.IndexByte(v.folded, ' ') >= 0 {
		for part := range bytes.SplitSeq(v.folded, []byte{' '}) {
			if utf8.RuneCount(part) > 1 {
				add(part)
			}
		}
		from := p.begin()
		for part := range bytes.SplitSeq(v.folded, []byte{' '}) {
			p.room = append(p.room, part...)
		}
		p.end(from, w)
		return
	}
	n := utf8.RuneCount(v.folded)
	if n != 3 && n != 4 {
		return
	}
	cut := 0
	for range n - 2 {
		_, size := utf8.DecodeRune(v.folded[cut:])
		cut += size
	}
	add(v.folded[cut:])
	if n == 4 {
		add(v.folded[:cut])
	}
}

func isDense(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return span.Dense(r)
}

// isParticle reports a part that is in many names and in texts about others.
func isParticle(part []byte) bool {
	switch string(part) {
	case "the", "and", "von", "van", "der", "den", "del", "dos", "das", "los", "las", "ten", "ter", "bin", "ibn", "mrs", "prof", "herr", "frau", "jun", "sen",
		"phd", "mba", "bsc", "msc", "sir", "dame", "miss", "señor", "senor", "dott", "ing", "mag", "dipl", "univ", "san", "santa", "zum", "zur", "van't", "dalla", "della",
		"for", "real", "official", "not", "team", "mister", "doctor":
		return true
	}
	return false
}

// isCommonWord reports a name that is a word of English as well.
func isCommonWord(part []byte) bool {
	_, ok := commonWords()[string(part)]
	return ok
}

var commonWords = sync.OnceValue(func() map[string]struct{} {
	set := map[string]struct{}{}
	for w := range strings.FieldsSeq(`will mark may rose hope grace faith joy art bill rob drew pat sue dean jack guy rich frank miles chase hunter grant ray jay
gene chuck nick dawn june april august summer autumn amber ruby crystal pearl daisy lily ivy heather iris eve angel king queen young long short white black
brown green gray little park wood woods field fields stone hill rivers banks page price cook baker carter mason fisher bishop knight day moon star best good
gold strong sharp swift small major case law bell ball book bush love lane rush lamb fox wolf bird bass fish reed cross church house hall brook ford marsh
moss snow frost winter west north south east power powers cash dollar penny mercy charity bond singer taylor potter butler turner walker weaver miller
porter gardener archer ranger max win bud buddy sunny happy sandy rusty ginger honey candy cherry melody harmony destiny trinity star sky rain storm
peace earnest noble royal earl duke prince baron pope monk nun judge ward page marshal sergeant sage basil rosemary olive hazel holly violet iris
and are can had has her him his how man new now old one our out see she too two use who any but for get let not say the was you all bay berry
don ken lee van jan mai jun ace dot peg`) {
		set[w] = struct{}{}
	}
	return set
})

//go:embed diminutives.txt
var diminutiveFile string

// diminutives gives the other forms of English given names, by each form.
var diminutives = sync.OnceValue(func() map[string][]string {
	table := map[string][]string{}
	for line := range strings.Lines(diminutiveFile) {
		name, forms, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || name[0] == '#' {
			continue
		}
		all := strings.Fields(forms)
		table[name] = append(table[name], all...)
		for _, form := range all {
			table[form] = append(table[form], name)
		}
	}
	return table
})
