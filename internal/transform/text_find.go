// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"bytes"
	"html"
	"unicode"
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/detect"
	"golang.org/x/text/unicode/norm"
)

// prose is what a worker's text techniques need while an event lasts: several recipients may ask about one text.
type prose struct {
	scanners []*detectorScanner
	known    map[searched]textFound
	findings []foundInText
	pieces   []detect.Piece
	text     []byte // the one that is being rewritten
	wording  []byte // of a finding without the markup in it
	plain    []byte // a text in which a pseudonym may be disguised
	longest  int    // of the texts since Trim, in bytes
}

type detectorScanner struct {
	detector *detect.Detector
	scanner  *detect.Scanner
}

// searched names a text that a detector looked through by the first byte of its token, one for each text of an event.
type searched struct {
	detector *detect.Detector
	raw      *byte
}

// textFound says where what was found in a text lies among the findings.
type textFound struct {
	from, to int
	shaped   bool
}

// mostFindings is how many findings are kept for the recipients to come; texts that follow more than that are searched again.
const mostFindings = 1 << 14

// foundInText is a finding and the parts of it that are no markup.
type foundInText struct {
	detect.Finding
	piecesFrom, piecesTo int
	mention              int // where the mention ends that it begins, between angle brackets; 0: there is none
}

// NewEvent forgets what was found in the texts of the event before, and whom it named.
func (s *Scope) NewEvent() {
	s.People.Reset()
	s.prose.forget()
	s.Self.Names = s.Self.Names[:0]
}

// forget keeps an empty map, unless it was large: clearing it takes as long as it is large, for every event to come.
func (p *prose) forget() {
	const usual = 1 << 10
	p.findings, p.pieces = p.findings[:0], p.pieces[:0]
	if len(p.known) > usual {
		p.known = nil
	}
	clear(p.known)
}

// Trim gives back what an event with unusually many people, or an unusually long text, made the scope take. Call it between events.
func (s *Scope) Trim() {
	const usual = 1 << 18
	s.People.Trim()
	if p := &s.prose; p.longest > usual || cap(p.findings) > mostFindings || cap(p.pieces) > mostFindings {
		s.prose = prose{}
	}
}

// Findings gives what was found in the text whose token begins at raw; valid until the next event. For explaining.
func (s *Scope) Findings(raw []byte) (all []detect.Finding) {
	for k, t := range s.prose.known {
		if len(raw) > 0 && k.raw == &raw[0] && all == nil {
			for _, f := range s.prose.findings[t.from:t.to] {
				all = append(all, f.Finding)
			}
		}
	}
	return all
}

// find looks for personal data in a text, unless that was done for another recipient.
func (s *Scope) find(t *text, v *Value) textFound {
	p := &s.prose
	key := searched{t.Detector, &v.Raw[0]}
	if f, ok := p.known[key]; ok {
		return f
	}
	if len(p.findings) > mostFindings {
		p.forget()
	}
	if p.known == nil {
		p.known = map[searched]textFound{}
	}
	p.longest = max(p.longest, len(v.Text))
	f := textFound{from: len(p.findings), shaped: holdsPseudonym(v.Text) || p.disguised(v.Text, t.Markup)}
	if !f.shaped {
		scanner := p.scanner(t.Detector)
		for _, finding := range scanner.FindWith(v.Text, t.Markup, s.Self.Names) {
			from := len(p.pieces)
			p.pieces = append(p.pieces, scanner.Pieces(finding)...)
			p.findings = append(p.findings, foundInText{finding, from, len(p.pieces), mentionEnd(v.Text, t.Markup, finding)})
		}
	}
	f.to = len(p.findings)
	p.known[key] = f
	return f
}

// mentionEnd gives where a mention ends that a finding begins: in the markups of Slack and Discord <@U123|ann> is one, with the
// name in it. 0: it begins none.
func mentionEnd(text []byte, m detect.Markup, f detect.Finding) int {
	if m != detect.Slack && m != detect.Discord || f.Start == 0 || text[f.Start-1] != '<' || text[f.Start] != '@' {
		return 0
	}
	rest := text[f.Start:min(len(text), f.Start+longestMention)]
	if n := bytes.IndexAny(rest, "<>"); n >= f.End-f.Start && rest[n] == '>' {
		return f.Start + n
	}
	return 0
}

// longestMention is how far the end of a mention is sought, in bytes.
const longestMention = 4096

func (p *prose) scanner(d *detect.Detector) *detect.Scanner {
	for _, s := range p.scanners {
		if s.detector == d {
			return s.scanner
		}
	}
	s := &detectorScanner{d, d.Scanner()}
	p.scanners = append(p.scanners, s)
	return s.scanner
}

// holdsPseudonym tells whether something that looks like one of our pseudonyms stands in a text: nobody may put words with
// another one's pseudonym before a recipient.
func holdsPseudonym(text []byte) bool {
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '_')
		if n < 0 || len(text)-i-n < 1+1+1+digestLength {
			return false
		}
		i += n + 1
		if i < 4 {
			continue
		}
		digits := 0
		for digits < longestEpoch && i+digits < len(text) && text[i+digits]-'0' <= 9 {
			digits++
		}
		if end := i + digits + 1 + digestLength; digits > 0 && end <= len(text) && LooksLikePseudonym(text[i-4:end]) {
			return true
		}
	}
}

// disguised is holdsPseudonym for what readers take for one: in other widths, parted by what nobody sees, or by the markup of HTML.
func (p *prose) disguised(text []byte, m detect.Markup) bool {
	marked := m == detect.HTML && bytes.ContainsAny(text, "<&")
	if !marked && isASCII(text) || bytes.Count(text, []byte("_"))+bytes.Count(text, []byte("＿")) < 2 && !(marked && bytes.IndexByte(text, '&') >= 0) {
		return false
	}
	if marked {
		text = withoutMarkup(p.wording[:0], text)
		p.wording = text
	}
	p.plain = norm.NFKC.Append(p.plain[:0], text...)
	p.plain = appendVisible(p.plain[:0], p.plain)
	return holdsPseudonym(p.plain)
}

// withoutMarkup appends HTML without its tags, its character references decoded.
func withoutMarkup(dst, text []byte) []byte {
	start := len(dst)
	for len(text) > 0 {
		n := bytes.IndexByte(text, '<')
		if n < 0 {
			n = len(text)
		}
		dst, text = append(dst, text[:n]...), text[n:]
		if end := bytes.IndexByte(text, '>'); end >= 0 {
			text = text[end+1:]
		} else {
			dst, text = append(dst, text...), nil
		}
	}
	if bytes.IndexByte(dst[start:], '&') >= 0 {
		dst = append(dst[:start], html.UnescapeString(string(dst[start:]))...)
	}
	return dst
}

// appendVisible appends a text without the characters that nobody sees: formats, and variation selectors. dst may be the text's own
// beginning.
func appendVisible(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if !unseen(r) {
			dst = append(dst, text[i:i+size]...)
		}
		i += size
	}
	return dst
}

func unseen(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Variation_Selector)
}
