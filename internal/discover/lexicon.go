// SPDX-License-Identifier: Apache-2.0

package discover

import (
	_ "embed" // the vocabulary
	"strings"
)

// idea is what a word of a member's name suggests.
type idea string

const (
	unknown idea = ""

	isID      idea = "id"     // of whatever the words before it, or the object, say
	isName    idea = "naming" // the same
	isLink    idea = "link"
	isPicture idea = "picture"
	isWord    idea = "constant"
	isNumber  idea = "number"
	isTime    idea = "time"
	isCut     idea = "cut" // the start or end of a span: a time, or a position in a text
	isSecret  idea = "secret"
	isNoise   idea = "detail" // says nothing by itself: value, data, payload
	isLook    idea = "look"   // emoji, blurhash, icons of the interface
	isSpot    idea = "coordinate"
	isPlace   idea = "place name"
	isSum     idea = "digest"

	aPerson idea = "person"
	aGroup  idea = "group"
	anApp   idea = "application"
	aThing  idea = "thing"
	aPlace  idea = "place"
	aMedium idea = "medium"

	isEmail   idea = "email"
	isPhone   idea = "phone"
	isIP      idea = "ip"
	isDevice  idea = "device"
	isCookie  idea = "cookie"
	isHandle  idea = "handle"
	isPersona idea = "name" // a person's name, whoever's object it stands in
	isAccount idea = "account"
	isPostal  idea = "postal"
	isLocale  idea = "locale"
	isBirth   idea = "birth"
	isAge     idea = "age"
	isGender  idea = "gender"
	isText    idea = "text"
	isAvatar  idea = "avatar"
	isSpecial idea = "special"
	isHealth  idea = "health"
	isFinance idea = "finance"
	isState   idea = "government"
	isHashed  idea = "hashed"
	isFree    idea = "free"

	technical idea = "technical" // no idea of a name, but the section of constants
)

// telling are the ideas that count wherever their word stands in a name.
var telling = []idea{isSecret, isEmail, isPhone, isIP, isDevice, isCookie, isHandle, isPostal, isBirth, isGender, isAvatar, isSpecial, isHealth, isFinance, isState, aPerson}

//go:embed vocabulary.txt
var vocabulary string

// lexicon is the vocabulary ready for look-up.
var lexicon = buildLexicon()

type wordbook struct {
	ideas     map[string]idea // by phrase
	known     map[string]bool // single words
	glues     map[string]bool // words that may be glued together
	technical map[string]bool // constants that formats use everywhere
}

func buildLexicon() wordbook {
	l := wordbook{ideas: map[string]idea{}, known: map[string]bool{}, glues: map[string]bool{}, technical: map[string]bool{}}
	section := unknown
	for line := range strings.SplitSeq(vocabulary, "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = idea(strings.Trim(line, "[]"))
		default:
			for phrase := range strings.SplitSeq(strings.TrimSuffix(line, ","), ",") {
				l.add(section, strings.TrimSpace(phrase))
			}
		}
	}
	for w := range l.known {
		if len(w) >= 3 || w == "id" || w == "ip" || w == "at" || w == "by" || w == "os" || w == "ts" {
			l.glues[w] = true
		}
	}
	return l
}

// add puts a phrase where it stands first: the stricter sections come first.
func (l *wordbook) add(says idea, phrase string) {
	if says == technical {
		l.technical[phrase] = true
		return
	}
	if _, taken := l.ideas[phrase]; taken {
		return
	}
	l.ideas[phrase] = says
	for w := range strings.SplitSeq(phrase, " ") {
		l.known[w] = true
	}
}

// commonWord tells whether a text is a word of formats, so that equality with another says nothing.
func commonWord(s string) bool {
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune("_-.:/ ", r) }) {
		if !lexicon.technical[w] {
			return false
		}
	}
	return true
}
