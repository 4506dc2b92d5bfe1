// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"slices"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// passwordWords are what a password is called, folded; a name that ends so counts too (db_password).
var passwordWords = []string{"password", "passwd", "passwort", "passphrase", "passcode", "kennwort", "wachtwoord", "contrasena", "senha", "pwd", "passwrd", "pswd", "pin"}

// keyWords are what a key is called where ':' or '=' follows.
var keyWords = []string{"key", "token", "secret", "apikey", "auth", "credential", "credentials", "bearer", "authorization"}

// otherPasswords are those beyond ASCII, as they stand before ':' or a copula.
var otherPasswords = []string{"密码", "密碼", "口令", "パスワード", "暗証番号", "contraseña", "пароль", "비밀번호", "mot de passe", "mdp", "palavra-passe"}

// copulas are what may stand between a password's name and itself.
var copulas = []string{"is", "ist", "es", "est", "e", "was", "war", "lautet"}

// assignment looks at ':' or '=' at i: what follows a password's or a key's name is secret. It gives where to go on, 0 for none.
func (s *Scanner) assignment(i int) int {
	t := s.text.Bytes
	stop := i
	for stop > 0 && i-stop < 3 && bytes.IndexByte([]byte(" \"'`"), t[stop-1]) >= 0 {
		stop--
	}
	start := wordStart(t, stop)
	var room [32]byte
	name := foldASCII(room[:0], t[start:stop])
	isPassword := endsIn(name, passwordWords) || endsOther(t[:stop]) || string(name) == "pass" || string(name) == "pw" ||
		start >= 4 && string(t[start-4:start]) == " -u " // curl -u name:password
	if !isPassword && !endsIn(name, keyWords) && !(bytes.HasSuffix(t[start:stop], []byte("Key")) && stop-start > 3) {
		return 0
	}
	from, to := value(t, i+1)
	v := t[from:to]
	switch {
	case isPassword && isPassable(t, v, to) && (string(name) != "pin" || isPIN(v)):
	case !isPassword && len(v) >= 8 && hasDigit(v) && letters(v) && bytes.IndexByte(v, '(') < 0:
	default:
		return 0
	}
	if user := s.userBefore(start); isPassword && user >= 0 {
		from = user
	}
	s.add(from, to, span.Secret, .9, "password")
	return to
}

// passwordWord looks at the word t[i:j]: "password is ...", or "user ... password ...". It gives where to go on, 0 for none.
func (s *Scanner) passwordWord(i, j int) int {
	t := s.text.Bytes
	var room [32]byte
	word := string(foldASCII(room[:0], t[i:j]))
	switch {
	case at(t, j) != ' ':
		return 0
	case word == "es" || word == "est":
		if from, to := value(t, j+1); endsOther(bytes.TrimRight(t[max(0, i-20):i], " ")) && to-from > 2 && hasDigit(t[from:to]) {
			s.add(from, to, span.Secret, .8, "password")
			return to
		}
		return 0
	case !slices.Contains(passwordWords, word):
		return 0
	}
	after := j + 1
	if bytes.HasPrefix(t[j:], []byte(" é ")) {
		after += len("é ")
		if from, to := value(t, after); hasDigit(t[from:to]) {
			s.add(from, to, span.Secret, .8, "password")
			return to
		}
	}
	from, to := value(t, after)
	user := s.userBefore(i)
	if slices.Contains(copulas, string(foldASCII(room[:0], t[from:to]))) {
		if from, to = value(t, to); !hasDigit(t[from:to]) && at(t, from-1) == ' ' {
			return 0
		}
	} else if user < 0 {
		return 0
	}
	if to-from < 3 || word == "pin" && !isPIN(t[from:to]) {
		return 0
	}
	if user >= 0 {
		from = user
	}
	s.add(from, to, span.Secret, .8, "password")
	return to
}

// densePassword looks at a password's name in Chinese or Japanese at i, and what follows it. It gives where to go on, 0 for none.
func (s *Scanner) densePassword(i int) int {
	t := s.text.Bytes
	j := i
	for _, w := range [...]string{"密码", "密碼", "パスワード", "口令"} {
		if bytes.HasPrefix(t[i:], []byte(w)) {
			j = i + len(w)
		}
	}
	if j == i {
		return 0
	}
	for _, w := range [...]string{"是", "为", "為", "は"} {
		if bytes.HasPrefix(t[j:], []byte(w)) {
			j += len(w)
		}
	}
	from, to := value(t, j)
	if to-from < 4 || !hasDigit(t[from:to]) {
		return 0
	}
	s.add(from, to, span.Secret, .85, "password")
	return to
}

// userBefore gives where "user name" begins just before a password's name at i; -1 for none.
func (s *Scanner) userBefore(i int) int {
	t := s.text.Bytes
	low := max(0, i-64)
	for at := low; at < i-5; at++ {
		if isIn(t, at-1, wordy) || !hasPrefixFold(t[at:i], "user") && !hasPrefixFold(t[at:i], "login") && !hasPrefixFold(t[at:i], "benutzer") && !hasPrefixFold(t[at:i], "usuario") {
			continue
		}
		stop := run(t, at, wordy, 16)
		if class[t[stop]]&wordy != 0 || !hasPrefixFold(t[stop:], " name") {
			from, to := value(t, stop)
			if to > from && to < i && len(bytes.TrimSpace(bytes.Trim(t[to:i], ",;/|\"' \n\t&"))) == 0 {
				return at
			}
		}
	}
	return -1
}

// value gives the next run of visible bytes from i on, without quotes and the mark of a sentence at its end.
func value(t []byte, i int) (start, end int) {
	limit := min(len(t), i+4)
	for i < limit && bytes.IndexByte([]byte(" \"'`:=>\t"), t[i]) >= 0 {
		i++
	}
	end = i
	for end < min(len(t), i+128) && t[end] > ' ' && bytes.IndexByte([]byte("\"'`,;<>&"), t[end]) < 0 && class[t[end]]&high == 0 {
		end++
	}
	for end > i && bytes.IndexByte([]byte(".)]}"), t[end-1]) >= 0 {
		end--
	}
	return i, end
}

// isPassable reports whether v, which ends at end, can be a password: not stars, not a word of a sentence.
func isPassable(t []byte, v []byte, end int) bool {
	switch {
	case len(v) < 3 || v[0] == '*' || v[0] == '{' || v[0] == '$' && !hasDigit(v):
		return false
	case hasDigit(v):
		return true
	}
	var room [32]byte
	if slices.Contains([]string{"null", "none", "true", "false", "required", "reset", "changed", "forgot", "the", "yes", "string"}, string(foldASCII(room[:0], v))) {
		return false
	}
	c := at(t, end)
	return c != ' ' || run(v, 0, letter, len(v)) < len(v)
}

// isPIN reports three to twelve digits.
func isPIN(v []byte) bool { return len(v) >= 3 && len(v) <= 12 && run(v, 0, digit, len(v)) == len(v) }

func hasDigit(b []byte) bool {
	return slices.ContainsFunc(b, func(c byte) bool { return class[c]&digit != 0 })
}

// wordStart gives where the ASCII word that ends at i begins, within 24 bytes.
func wordStart(t []byte, i int) int {
	start := i
	for start > 0 && i-start < 24 && class[t[start-1]]&(letter|under) != 0 {
		start--
	}
	return start
}

// foldASCII appends a word of at most 32 bytes in lower case.
func foldASCII(dst, w []byte) []byte {
	for _, c := range w[:min(len(w), 32)] {
		dst = append(dst, lowered(c))
	}
	return dst
}

func endsIn(name []byte, words []string) bool {
	for _, w := range words {
		if len(name) >= len(w) && string(name[len(name)-len(w):]) == w && (len(name) == len(w) || len(w) > 3 || name[len(name)-len(w)-1] == '_' || string(name) == "apikey") {
			return true
		}
	}
	return false
}

func endsOther(t []byte) bool {
	for _, w := range otherPasswords {
		if len(t) >= len(w) && string(t[len(t)-len(w):]) == w {
			return true
		}
	}
	return false
}
