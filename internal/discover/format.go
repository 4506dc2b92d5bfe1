// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"encoding/base64"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// format is what a value looks like.
type format uint8

const (
	otherText format = iota // anything: the strict default
	words                   // several words
	markup                  // HTML
	word                    // one lower-case word, or a constant
	token                   // one word of another spelling: a name, a code, an id
	email
	phone
	address // an IP address
	uuid
	ulid
	link // http or another scheme with //
	atURI
	did
	acct     // user@host after acct: or @
	moment   // RFC 3339 and its like
	rubyDate // Mon Jan 02 15:04:05 -0700 2006
	webDate  // Mon, 02 Jan 2006 15:04:05 GMT
	day
	month    // a part of a date
	digits   // up to 14
	longID   // 15 to 20 digits
	epoch    // digits that are a time of the years 2001–2040
	hexHash  // the length of a common digest
	jwt      // or another signed token
	key      // a secret's prefix or a private key
	random   // long and of high entropy
	card     // a payment card number
	iban     // a bank account
	pair     // two coordinates
	agent    // a user agent
	localeID // en, pt-BR
	country  // two capitals
	zone     // Europe/Berlin
	mime
	version
	color
	inner // a document in a string
	cardinal
	fraction
	formats // their number
)

var formatNames = [formats]string{
	otherText: "free text", words: "several words", markup: "HTML", word: "constants", token: "single tokens", email: "e-mail addresses", phone: "telephone numbers",
	address: "IP addresses", uuid: "UUIDs", ulid: "ULIDs", link: "URLs", atURI: "at:// URIs", did: "DIDs", acct: "user@host names", moment: "times", rubyDate: "times", webDate: "times", day: "dates",
	month: "parts of dates", digits: "digits", longID: "ids of 15 to 20 digits", epoch: "times in digits", hexHash: "hexadecimal digests", jwt: "signed tokens",
	key: "secrets' prefixes", random: "random characters", card: "payment card numbers", iban: "bank account numbers", pair: "pairs of coordinates",
	agent: "user agents", localeID: "language tags", country: "country codes", zone: "time zones", mime: "media types", version: "versions", color: "colors",
	inner: "documents in strings", cardinal: "whole numbers", fraction: "fractions",
}

var (
	emailSpelling   = regexp.MustCompile(`^[^\s@<>"(),:;/\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)
	emailInside     = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	phoneSpelling   = regexp.MustCompile(`^(tel:)?(\+[0-9][0-9 ().-]{6,20}|\(?[0-9]{2,5}\)[ .-]?[0-9][0-9 .-]{4,14}|[0-9]{3}[-. ][0-9]{3,4}[-. ][0-9]{4})$`)
	uuidSpelling    = regexp.MustCompile(`^\{?[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?$`)
	ulidSpelling    = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	linkSpelling    = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]{1,20}://|//|www\.)[^\s]+$`)
	hostPath        = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|org|net|io|co|app|dev|me|de|fr|es|it|nl|uk|us|eu)/[^\s]*$`)
	acctSpelling    = regexp.MustCompile(`^(acct:[^\s@]+@[A-Za-z0-9.-]+(:[0-9]+)?|@[^\s@:]+[@:][A-Za-z0-9.-]+\.[A-Za-z]{2,}(:[0-9]+)?)$`)
	didSpelling     = regexp.MustCompile(`^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$`)
	momentSpelling  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([.,][0-9]+)?( ?([zZ]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?$`)
	daySpelling     = regexp.MustCompile(`^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))$`)
	clockSpelling   = regexp.MustCompile(`^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AaPp][Mm])?$`)
	secondsSpelling = regexp.MustCompile(`^[0-9]{10}\.[0-9]{1,9}$`)
	monthSpelling   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}$`)
	hexSpelling     = regexp.MustCompile(`^[0-9a-fA-F]+$`)
	jwtSpelling     = regexp.MustCompile(`^(Bearer )?eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)*$`)
	keySpelling     = regexp.MustCompile(`^((Bearer|Basic|Token|token|Bot) +[A-Za-z0-9+/=._~-]{12,}|(sk|pk|rk)_(live|test)_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{16,}|gh[opusr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|(AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{10,}|EAA[A-Za-z0-9]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|glpat-[A-Za-z0-9_-]{16,}|[0-9]{8,10}:[A-Za-z0-9_-]{35}|\$(2[aby]|argon2id?|scrypt|pbkdf2)[$-].{16,})$`)
	pairSpelling    = regexp.MustCompile(`^\(?\s*-?[0-9]{1,3}\.[0-9]{2,}\s*[,; ]\s*-?[0-9]{1,3}\.[0-9]{2,}\s*\)?$`)
	geoURI          = regexp.MustCompile(`^geo:-?[0-9]`)
	agentSpelling   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.-]*/[0-9][0-9A-Za-z._-]* ?(\(|[A-Z][A-Za-z]+/[0-9])|Mozilla/|Dalvik/|okhttp/|curl/|python-requests/|Go-http-client/)`)
	localeSpelling  = regexp.MustCompile(`^[a-z]{2,3}[-_]([A-Z][a-z]{3}([-_][A-Z]{2})?|[A-Z]{2}|[0-9]{3})(\.[A-Za-z0-9-]+)?$`)
	countrySpelling = regexp.MustCompile(`^[A-Z]{2}$`)
	zoneSpelling    = regexp.MustCompile(`^((Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Za-z0-9_+/-]+|UTC|GMT)$`)
	mimeSpelling    = regexp.MustCompile(`^(application|audio|font|image|message|model|multipart|text|video)/[A-Za-z0-9.+*_-]+(; ?[a-z]+=.*)?$`)
	versionSpelling = regexp.MustCompile(`^v?[0-9]{1,4}(\.[0-9]{1,6}){1,3}([-+.][A-Za-z0-9.-]{1,20})?$`)
	colorSpelling   = regexp.MustCompile(`^#[0-9A-Fa-f]{3,8}$`)
	tagSpelling     = regexp.MustCompile(`<(/?[a-zA-Z][a-zA-Z0-9]*)(\s[^<>]*)?/?>`)
	wordSpelling    = regexp.MustCompile(`^([a-z][a-z0-9]*([_.:/-][a-z0-9]+)*|[A-Z][A-Z0-9]*(_[A-Z0-9]+)*|[a-z]+([A-Z][a-z]+)+|[A-Z][a-z]+([A-Z][a-z]+)*)$`)
	packName        = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
)

// dates are the layouts of times beside RFC 3339 that formats use.
var dates = []struct {
	layout string
	format format
}{
	{time.RubyDate, rubyDate}, {time.RFC1123, webDate}, {time.RFC1123Z, webDate}, {time.RFC850, webDate},
	{time.ANSIC, webDate}, {time.UnixDate, webDate}, {"2006-01-02T15:04:05-0700", moment}, {"Jan 2, 2006", webDate},
}

// formatOf says what a text looks like; the telling formats come first.
func formatOf(s string) format {
	if len(s) > 8192 {
		return longFormat(s)
	}
	switch s[0] {
	case '{', '[':
		if len(s) > 2 && documentOf([]byte(s), 64) != nil {
			return inner
		}
	case '#':
		if colorSpelling.MatchString(s) {
			return color
		}
	}
	if isDigits(s) {
		return digitFormat(s)
	}
	switch {
	case strings.Contains(s, "-----BEGIN"):
		return key
	case jwtSpelling.MatchString(s):
		return jwt
	case keySpelling.MatchString(s):
		return key
	case strings.HasPrefix(s, "at://"):
		return atURI
	case strings.Contains(s, "@"):
		switch {
		case emailSpelling.MatchString(strings.TrimPrefix(s, "mailto:")):
			return email
		case acctSpelling.MatchString(s):
			return acct
		}
	case didSpelling.MatchString(s):
		return did
	}
	if f, ok := momentFormat(s); ok {
		return f
	}
	if f, ok := numericFormat(s); ok {
		return f
	}
	switch {
	case linkSpelling.MatchString(s), hostPath.MatchString(s):
		return link
	case uuidSpelling.MatchString(s):
		return uuid
	case ulidSpelling.MatchString(s):
		return ulid
	case mimeSpelling.MatchString(s):
		return mime
	case zoneSpelling.MatchString(s):
		return zone
	case agentSpelling.MatchString(s):
		return agent
	case localeSpelling.MatchString(s):
		return localeID
	case countrySpelling.MatchString(s):
		return country
	case isIBAN(s):
		return iban
	}
	return wordFormat(s)
}

func longFormat(s string) format {
	switch {
	case s[0] == '{' || s[0] == '[':
		return inner
	case strings.Contains(s[:1024], "-----BEGIN"):
		return key
	case tagSpelling.MatchString(s[:8192]):
		return markup
	}
	return otherText
}

func momentFormat(s string) (format, bool) {
	if len(s) > 40 || !hasDigit(s) {
		return 0, false
	}
	switch {
	case momentSpelling.MatchString(s), secondsSpelling.MatchString(s):
		return moment, true
	case daySpelling.MatchString(s):
		return day, true
	case monthSpelling.MatchString(s), clockSpelling.MatchString(s):
		return month, true
	}
	if len(s) >= 11 && hasLetter(s) {
		for _, d := range dates {
			if _, err := time.Parse(d.layout, s); err == nil {
				return d.format, true
			}
		}
	}
	return 0, false
}

// numericFormat knows texts that are mostly digits.
func numericFormat(s string) (format, bool) {
	if len(s) > 64 {
		return 0, false
	}
	host := s
	if i := strings.LastIndexByte(s, ':'); i > 0 && strings.Count(s, ":") == 1 {
		host = s[:i]
	}
	if _, err := netip.ParseAddr(host); err == nil && strings.ContainsAny(host, ".:") {
		return address, true
	}
	if p, err := netip.ParsePrefix(s); err == nil && p.IsValid() {
		return address, true
	}
	if !hasDigit(s) {
		return 0, false
	}
	compact := strings.NewReplacer(" ", "", "-", "").Replace(s)
	if isDigits(compact) && len(compact) != len(s) && isCard(compact) {
		return card, true
	}
	switch {
	case phoneSpelling.MatchString(s):
		return phone, true
	case pairSpelling.MatchString(s), geoURI.MatchString(s):
		return pair, true
	case versionSpelling.MatchString(s):
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return fraction, true
		}
		return version, true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.Contains(s, "_") && !math.IsInf(f, 0) && !math.IsNaN(f) && !hasLetter(s) {
		return fraction, true
	}
	return 0, false
}

func wordFormat(s string) format {
	n := len(s)
	switch {
	case hasSpace(s):
		if tagSpelling.MatchString(s) {
			return markup
		}
		return words
	case tagSpelling.MatchString(s):
		return markup
	case hexSpelling.MatchString(s) && (n == 32 || n == 40 || n == 64 || n == 96 || n == 128) && hasDigit(s):
		return hexHash
	case n <= 40 && wordSpelling.MatchString(s):
		return word
	case n >= 20 && entropy(s) > 3.5 && hasDigit(s) && hasLetter(s) && tokenLike(s):
		return random
	case n >= 16 && isBase64(s):
		return random
	case n <= 128 && tokenLike(s):
		return token
	}
	return otherText
}

func digitFormat(s string) format {
	switch n := len(s); {
	case n >= 13 && n <= 19 && isCard(s) && !isEpoch(s):
		return card
	case isEpoch(s):
		return epoch
	case n >= 15 && n <= 20:
		return longID
	}
	return digits
}

func numberFormat(text string, f float64) format {
	switch {
	case isDigits(text) && isEpoch(text):
		return epoch
	case isDigits(text) && len(text) >= 15:
		return longID
	case f == math.Trunc(f):
		return cardinal
	case f > 9.8e8 && f < 2.3e9: // seconds with a fraction
		return epoch
	}
	return fraction
}

// isEpoch tells whether digits are a time of the years 2001–2040 in seconds or milliseconds. Longer ones look like ids too:
// there the name decides.
func isEpoch(s string) bool {
	if len(s) != 10 && len(s) != 13 {
		return false
	}
	n, err := strconv.ParseInt(s[:10], 10, 64)
	return err == nil && n >= 1_000_000_000 && n < 2_240_000_000
}

// isCard tells whether digits are a payment card number: an issuer's prefix and a valid check digit.
func isCard(s string) bool {
	if len(s) < 13 || len(s) > 19 || !strings.ContainsRune("3456", rune(s[0])) {
		return false
	}
	switch {
	case s[0] == '4' && (len(s) == 13 || len(s) == 16), s[0] == '5' && len(s) == 16 && s[1] >= '1' && s[1] <= '5',
		s[0] == '3' && len(s) == 15 && (s[1] == '4' || s[1] == '7'), strings.HasPrefix(s, "6011") && len(s) == 16, strings.HasPrefix(s, "65") && len(s) == 16:
	default:
		return false
	}
	sum := 0
	for i := range len(s) {
		n := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

var ibanSpelling = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

func isIBAN(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if !ibanSpelling.MatchString(s) {
		return false
	}
	var b strings.Builder
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			b.WriteString(strconv.Itoa(int(c-'A') + 10))
		} else {
			b.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(b.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}

func isBase64(s string) bool {
	if len(s)%4 != 0 || !strings.ContainsAny(s, "+/=") && !(hasUpper(s) && hasDigit(s)) {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil && entropy(s) > 3.2
}

// entropy is that of the bytes, in bits.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	e := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}

func tokenLike(s string) bool {
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_-.:@#+=~|$/%", c) {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func hasUpper(s string) bool { return strings.ContainsFunc(s, unicode.IsUpper) }

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

func hasSpace(s string) bool { return strings.ContainsFunc(s, unicode.IsSpace) }

func holdsEmail(s string) bool { return strings.Contains(s, "@") && emailInside.MatchString(s) }

func holdsLink(s string) bool { return strings.Contains(s, "://") }

// compositeLike tells whether a text may be made of several values.
func compositeLike(s string) bool {
	return len(s) >= 6 && len(s) <= longText && strings.ContainsAny(s, "_-:/.@|") && !hasSpace(s)
}

// standsIn tells whether part stands in s between separators.
func standsIn(s, part string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], part)
		if i < 0 {
			return false
		}
		i += from
		if end := i + len(part); (i == 0 || separator(s[i-1])) && (end == len(s) || separator(s[end])) {
			return true
		}
		from = i + 1
	}
}

func separator(c byte) bool {
	return c < 0x80 && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

// pairOfCoordinates is 1 for an array of two fractions in the range of latitudes and longitudes.
func pairOfCoordinates(v *value) uint64 {
	if len(v.items) != 2 {
		return 0
	}
	for _, item := range v.items {
		f, err := strconv.ParseFloat(item.text, 64)
		if item.kind != numberValue || err != nil || math.Abs(f) > 180 || f == math.Trunc(f) {
			return 0
		}
	}
	return 1
}

var (
	oddName   = regexp.MustCompile(`^[\p{L}_$@][\p{L}\p{N}_$@:.!?#/*+ -]{0,79}$`)
	shortCode = regexp.MustCompile(`^[0-9]{1,3}$`)
)

// dataName tells whether a member's name is a value rather than a word of the format.
func dataName(name string) bool {
	if name == "" || len(name) > 80 || !oddName.MatchString(name) {
		return name != ""
	}
	if strings.Count(name, " ") > 3 || isDigits(name) || shortCode.MatchString(name) {
		return true
	}
	if i := strings.LastIndexByte(name, ':'); i > 0 && strings.Contains(name, "://") {
		return true
	}
	switch formatOf(name) {
	case email, phone, address, uuid, ulid, did, atURI, acct, moment, rubyDate, webDate, day, month, digits, longID, epoch, hexHash, jwt, key, card, iban, pair, link, agent:
		return true
	case random:
		return digitShare(name) > 0.15 && strings.Count(name, "_") < 4
	}
	return mixedID(name)
}

func digitShare(s string) float64 {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return float64(n) / float64(len(s))
}

var codeLike = regexp.MustCompile(`^[A-Z][A-Z0-9]*[0-9][A-Z0-9]{6,}[_-]?$`)

// mixedID knows ids such as U02ABC3DEF: capitals and digits without a word.
func mixedID(s string) bool {
	return len(s) >= 8 && codeLike.MatchString(s) && digitShare(s) >= 0.2
}

var constantLike = regexp.MustCompile(`^([a-z]{2,20}([._:#-][a-z]{2,20}([A-Z][a-z]{2,20}){0,3}){0,4}|[A-Z]{2,20}(_[A-Z]{2,20}){0,4}|[A-Z]?[a-z]{2,20}([A-Z][a-z]{2,20}){1,4})$`)

// constantSpelling tells whether a text could be a constant of the format: letters only, in the spelling of constants.
func constantSpelling(s string) bool { return len(s) <= 40 && constantLike.MatchString(s) }
