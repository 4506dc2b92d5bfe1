// SPDX-License-Identifier: Apache-2.0

package transform

import "bytes"

type emailDomain struct{}

// NewEmailDomain keeps the domain of an e-mail address, in lower case: "Ann@Mail.Example.org" becomes "mail.example.org".
// The local part is one word of RFC 5322's atoms or a quoted string; the domain is what NewHost keeps of a URL.
// A domain that belongs to one person names that person: the technique does not know which do.
func NewEmailDomain() Technique { return emailDomain{} }

func (emailDomain) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	at := bytes.LastIndexByte(v.Text, '@')
	if v.Kind != String || at < 0 || !localPart(v.Text[:at]) {
		return dst, Misfit
	}
	return appendHost(dst, v.Text[at+1:])
}

// localPart tells whether text can stand before the @ of an address.
func localPart(text []byte) bool {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		return true
	}
	for _, c := range text {
		if c <= ' ' || c == 0x7f || bytes.IndexByte([]byte(`()<>[]:;,\"@`), c) >= 0 {
			return false
		}
	}
	return len(text) > 0
}

type host struct{}

// NewHost keeps the host of a URL, in lower case, without user, password and port: "https://u:p@Www.Example.org:8443/x" becomes
// "www.example.org". URLs are absolute, of http, https, ws, wss or ftp: in at:// or acct: what stands there is a person.
// Hosts are names of two labels or more, of letters, digits, hyphens and underscores; a final dot is dropped.
// International names become their ASCII form (IDNA, xn--…), which allocates. IP addresses are misfits, however they are spelled.
// A host that belongs to one person (ann.example.blog) names that person: keep hosts only where that may be known.
func NewHost() Technique { return host{} }

func (host) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	scheme, rest, ok := bytes.Cut(v.Text, []byte("://"))
	if v.Kind != String || !ok || !webScheme(scheme) {
		return dst, Misfit
	}
	if end := bytes.IndexAny(rest, `/?#\`); end >= 0 {
		if rest[end] == '\\' { // the end of the host for browsers, a part of it for others
			return dst, Misfit
		}
		rest = rest[:end]
	}
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	name, port, _ := bytes.Cut(rest, []byte{':'})
	if ds, more := digits(port); len(ds) > 5 || len(more) > 0 {
		return dst, Misfit
	}
	return appendHost(dst, name)
}

func webScheme(text []byte) bool {
	for _, s := range [...]string{"https", "http", "wss", "ws", "ftp"} {
		if len(s) == len(text) && bytes.EqualFold(text, []byte(s)) {
			return true
		}
	}
	return false
}

// appendHost appends the name of a host as a JSON string.
func appendHost(dst, name []byte) ([]byte, Verdict) {
	if !isASCII(name) {
		ascii, ok := asciiDomain(name)
		if !ok {
			return dst, Misfit
		}
		name = []byte(ascii)
	}
	name = bytes.TrimSuffix(name, []byte{'.'})
	if !hostName(name) {
		return dst, Misfit
	}
	return append(appendLower(append(dst, '"'), name), '"'), Done
}

// hostName tells whether text is a name of two labels or more, and no spelling of an IPv4 address: these end in a number.
func hostName(text []byte) bool {
	if len(text) > longestDomain || bytes.IndexByte(text, '.') < 0 {
		return false
	}
	for {
		label, rest, more := bytes.Cut(text, []byte{'.'})
		if len(label) == 0 || len(label) > 63 {
			return false
		}
		for _, c := range label {
			if c-'0' > 9 && c|0x20-'a' > 25 && c != '-' && c != '_' {
				return false
			}
		}
		if !more {
			return !numericLabel(label)
		}
		text = rest
	}
}

// numericLabel tells whether a label is a decimal or hexadecimal (0x…) number.
func numericLabel(label []byte) bool {
	if len(label) >= 2 && label[0] == '0' && label[1]|0x20 == 'x' {
		for _, c := range label[2:] {
			if hexDigit(c) < 0 {
				return false
			}
		}
		return true
	}
	_, rest := digits(label)
	return len(rest) == 0
}
