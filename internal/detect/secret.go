// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// tokenForms are what issuers print on their tokens: a prefix and how many characters follow at least; ? where words may
// begin so, too. From the issuers' documentation.
const tokenForms = `AKIA:16 ASIA:16 ABIA:16 ACCA:16 AIza:30 ghp_:30 gho_:30 ghu_:30 ghs_:30 ghr_:30 github_pat_:20 glpat-:18 gldt-:18 glrt-:18
glft-:18 glsoat-:18 glimt-:18 glptt-:30 glagent-:40 glcbt-:18 gloas-:40 GR1348941:18 sk_live_:10 sk_test_:10 rk_live_:10 rk_test_:10 pk_live_:10
pk_test_:10 sk_prod_:10 rk_prod_:10 whsec_:16 sk-proj-:20 sk-ant-:20 sk-or-:20 sk-svcacct-:20 sk-admin-:20 sk-:28? xoxb-:20 xoxp-:20 xoxa-:16 xoxr-:16 xoxs-:16
xoxe-:20 xoxe.:20 xoxc-:20 xoxd-:20 xapp-:20 SG.:40 npm_:30 pypi-:40 dop_v1_:40 doo_v1_:40 dor_v1_:40 shpat_:32 shpca_:32 shppa_:32 shpss_:32 hf_:30
api_org_:30 dckr_pat_:20 dckr_oat_:20 hvs.:20 hvb.:20 hvr.:20 ya29.:20 GOCSPX-:20 EAA:40? LTAI:12 PMAK-:40 lin_api_:32 lin_oauth_:32 sntrys_:32
sntryu_:32 ops_ey:40 A3-:28 CLOJARS_:40 dp.pt.:36 dp.st.:36 dp.ct.:36 dp.sa.:36 duffel_:36 dt0c01.:40 dt0s:40 EZAK:40 EZTK:40 FLWSECK:12 FLWPUBK:12
fio-u-:40 ntn_:36 secret_:36? pul-:36 pnu_:30 pscale_:28 pplx-:32 rubygems_:40 shippo_:32 sq0:20 EAAA:40 tfp_:40 AGE-SECRET-KEY-1:50
age-secret-key-1:50 t1.:40? AQVN:32 YCAJ:20 YCM:30 xkeysib-:40 xsmtpsib-:40 key-:30? pubkey-:30? phc_:36 phx_:36 rdme_:40 sgp_:36 sourcegraph_:36 ATATT3:40
ATCTT3:40 ATBB:28 ABSK:40 glc_:28 glsa_:28 HRKU-:30 v1.0-:40 cfat_:30 cfut_:30 cio_:30 dapi:32 NRAK-:20 NRJS-:16 NRII-:20 NRRA-:30 pat-na:30 pat-eu:30 figd_:30
nfp_:30 sbp_:36 sb_secret_:20 sb_publishable_:20 gsk_:40 r8_:30 xai-:40 tvly-:20 nvapi-:40 rzp_live_:12 rzp_test_:12 ico-:28? sha256~:36 live_:32?
test_:32? fo1_:36 fm1r_:40 fm2_:40 fm1a_:40 sm2_:30 CCIPAT_:30 tok_:20? sk.ey:40 pk.ey:40 LTAI5t:10 bkua_:36 buildkite_:30 dnkey-:40 ddp_:30 pdl_:20
access_token$:40 cloudinary://:20 edgeconfig_:20 vercel_:20 vcp_:20 render_:20? rnd_:20 apify_api_:30 lsv2_:36 pcsk_:40 jina_:40 ctx7sk-:20 sk-lf-:30 pk-lf-:30 zpka_:30
tskey-:16 SHAREDSECRET-:16 AKC:60? MII:80? ATTA:60 pypi_:40 dbc-:30? e2b_:30 sec-:36? sl.:60? sk_:30? slk-:30? tk-us-:40 uk-:36? whsk_:16`

// tokenForm is one of them.
type tokenForm struct {
	prefix string
	rest   int
	common bool // what follows must not be words
}

var tokens = func() (table [256][]tokenForm) {
	for form := range strings.FieldsSeq(tokenForms) {
		at := strings.LastIndexByte(form, ':')
		size, common := strings.CutSuffix(form[at+1:], "?")
		rest, err := strconv.Atoi(size)
		if err != nil {
			panic(form)
		}
		table[form[0]] = append(table[form[0]], tokenForm{form[:at], rest, common})
	}
	return table
}()

// maxSecret bounds a token of one line, in bytes.
const maxSecret = 4096

// secretBytes are what tokens are written with.
var secretBytes = func() (table [256]bool) {
	for c := range table {
		table[c] = class[c]&wordy != 0 || bytes.IndexByte([]byte("-+/=.~$"), byte(c)) >= 0
	}
	return table
}()

// secret finds a key or token in the run of characters at i; it gives its end, 0 for none.
func (s *Scanner) secret(i int) int {
	t := s.text.Bytes
	if i < s.secretTried {
		return 0
	}
	end := i
	for end < min(len(t), i+maxSecret) && secretBytes[t[end]] {
		end++
	}
	for end > i && (t[end-1] == '.' || t[end-1] == '-' || t[end-1] == '/' || t[end-1] == '$') {
		end--
	}
	if end-i < 14 {
		return 0
	}
	w := t[i:end]
	if name := tokenOf(w); name != "" {
		s.add(i, end, span.Secret, .95, name)
		return end
	}
	s.secretTried = end
	if eq := bytes.IndexByte(w, '='); eq >= 0 && eq < len(w)-2 {
		s.secretTried = i + eq // its value follows
		return 0
	}
	if len(w) < 16 || !scrambled(w) {
		return 0
	}
	score := float32(.75)
	if !s.text.Before(cues().secret, i, 40) && !s.secretFollows(i, end) {
		if !s.text.Field {
			return 0
		}
		score = .5
	}
	s.add(i, end, span.Secret, score, "entropy")
	return end
}

// bot finds a token of a bot of Telegram, digits t[i:j] and a key behind a colon; it gives its end, 0 for none.
func (s *Scanner) bot(i, j int) int {
	t := s.text.Bytes
	end := j + 1
	for end < min(len(t), j+64) && (class[t[end]]&wordy != 0 || t[end] == '-') {
		end++
	}
	if end-j < 30 {
		return 0
	}
	s.add(i, end, span.Secret, .9, "telegram")
	return end
}

// uuid passes an identifier of RFC 9562 at i, so that none of its digits is taken for another number; beside a cue word it is a
// key. It gives its end, 0 for none.
func (s *Scanner) uuid(i int) int {
	t := s.text.Bytes
	j := i
	for _, size := range [...]int{8, 4, 4, 4, 12} {
		if j > i {
			if at(t, j) != '-' {
				return 0
			}
			j++
		}
		if run(t, j, digit|hexLetter, size+1)-j != size {
			return 0
		}
		j += size
	}
	if isIn(t, j, wordy) || isIn(t, i-1, wordy) {
		return 0
	}
	if s.text.Before(cues().secret, i, 24) {
		s.add(i, j, span.Secret, .7, "uuid")
	}
	return j
}

// secretFollows reports a cue word close behind a token, on its line.
func (s *Scanner) secretFollows(start, end int) bool {
	return s.text.Near(cues().secret, start, end, 16)
}

// tokenOf names the form of a token; "" for none.
func tokenOf(w []byte) string {
	for _, f := range tokens[w[0]] {
		if len(w) < len(f.prefix)+f.rest || string(w[:len(f.prefix)]) != f.prefix {
			continue
		}
		if rest := w[len(f.prefix):]; entropy(rest) >= 2.5 && (!f.common || !wordsOnly(rest)) {
			return f.prefix
		}
	}
	if len(w) > 30 && bytes.HasPrefix(w, []byte("eyJ")) && bytes.IndexByte(w, '.') > 10 { // RFC 7519
		return "jwt"
	}
	if len(w) >= 34 && len(w) <= 44 && bytes.Contains(w[3:6], []byte("Q~")) {
		return "azure"
	}
	if len(w) >= 34 && len(w) <= 38 && w[len(w)-5] == '-' && w[len(w)-4] == 'u' && allHex(w[:32]) {
		return "mailchimp"
	}
	if len(w) == 34 && (w[0] == 'S' || w[0] == 'A') && (w[1] == 'K' || w[1] == 'C') && allHex(w[2:]) {
		return "twilio"
	}
	if len(w) >= 57 && len(w) <= 76 && (w[0] == 'M' || w[0] == 'N' || w[0] == 'O') && bytes.Count(w, []byte{'.'}) == 2 && isIn(w, 1, alnum) {
		if dot := bytes.IndexByte(w, '.'); dot >= 23 && dot <= 28 && at(w, dot+7) == '.' {
			return "discord"
		}
	}
	return ""
}

// scrambled reports a word that looks random: a stretch of it mixes digits and letters, and no character prevails.
func scrambled(w []byte) bool {
	if bytes.Count(w, []byte{'/'}) > 3 || bytes.Count(w, []byte{'.'}) > 3 || wordsOnly(w) {
		return false
	}
	if allHex(w) {
		return len(w) >= 20 && entropy(w) >= 2.8
	}
	return entropy(w) >= 3
}

// wordsOnly reports that signs part a word into words and numbers, none of which mixes them.
func wordsOnly(w []byte) bool {
	var all uint8
	length := 0
	for i := 0; i <= len(w); i++ {
		if c := at(w, i); class[c]&alnum != 0 {
			all |= class[c]
			length++
			continue
		}
		if length >= 8 && all&digit != 0 && all&letter != 0 || length >= 4 && all&(digit|upper|lower) == digit|upper|lower {
			return false
		}
		if length >= 16 && all&(lower|upper) == lower|upper && entropy(w[i-length:i]) >= 3.6 {
			return false
		}
		all, length = 0, 0
	}
	return true
}

// entropy is Shannon's, in bits for each byte.
func entropy(w []byte) float64 {
	var count [256]uint16
	for _, c := range w {
		count[c]++
	}
	bits, n := 0.0, float64(len(w))
	for _, c := range w {
		if k := count[c]; k > 0 {
			p := float64(k) / n
			bits -= p * math.Log2(p)
			count[c] = 0
		}
	}
	return bits
}

// pem finds a private key of RFC 7468 whose dashes begin at i; it gives its end, 0 for none.
func (s *Scanner) pem(i int) int {
	t := s.text.Bytes
	if !bytes.HasPrefix(t[i:], []byte("-----BEGIN ")) {
		return 0
	}
	head := bytes.Index(t[i+11:min(len(t), i+80)], []byte("-----"))
	if head < 0 || !bytes.Contains(t[i:i+11+head], []byte("PRIVATE KEY")) {
		return 0
	}
	body := i + 11 + head + 5
	limit := min(len(t), body+16384)
	end := limit
	if n := bytes.Index(t[body:limit], []byte("-----END")); n >= 0 {
		end = body + n + 8
		if n := bytes.Index(t[end:min(len(t), end+64)], []byte("-----")); n >= 0 {
			end += n + 5
		}
	}
	s.add(i, end, span.Secret, .99, "pem")
	return end
}
