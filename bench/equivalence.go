// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// Equivalence holds what a contender made of events against a plain reference that knows the rules: the same leaves, the same kept and
// generalized values, one pseudonym for each identifier of a class and the other way round, over all events it is shown, and seals that
// open or at least have the right length. Only then a contender did the work that is measured. Not safe for concurrent use.
type Equivalence struct {
	seals   func(clear, sealed string) error
	exact   func(clear string) string // the pseudonym that it must be; nil: any that is consistent
	to      map[identifier]string
	from    map[identifier]string // by pseudonym
	checked int
}

// identifier is a text of a class.
type identifier struct{ class, text string }

// rule says what becomes of a leaf. Leaves without one are dropped.
type rule struct {
	pseudonym string // its class
	check     func(e *Equivalence, in, out leaf) error
}

// rules are what the policy of the workload does, written a second time by hand: paths with [*] for every index.
var rules = map[string]rule{
	"actor.id":                       {pseudonym: "account"},
	"object.in_reply_to_user_id":     {pseudonym: "account"},
	"object.entities.mentions[*].id": {pseudonym: "account"},
	"actor.handle":                   {pseudonym: "handle"},
	"context.device.id":              {pseudonym: "device"},
	"context.session_id":             {pseudonym: "cookie"},
	"actor.email":                    {check: sealed},
	"object.text":                    {check: sealed},
	"published":                      {check: generalized(hour)},
	"context.ip":                     {check: generalized(network)},
	"context.geo.lat":                {check: nearest},
	"context.geo.lon":                {check: nearest},
	"actor.age":                      {check: generalized(bucket)},
	"type":                           {check: kept},
	"actor.verified":                 {check: kept},
	"actor.followers":                {check: kept},
	"object.type":                    {check: kept},
	"object.lang":                    {check: kept},
	"object.possibly_sensitive":      {check: kept},
	"object.metrics.likes":           {check: kept},
	"object.metrics.reposts":         {check: kept},
	"object.metrics.replies":         {check: kept},
	"object.metrics.views":           {check: kept},
	"object.entities.hashtags[*]":    {check: kept},
	"context.device.os":              {check: kept},
	"context.geo.country":            {check: kept},
}

// Secrets of the peers, a benchmark's: the key of HMAC-SHA256 and AES-256-GCM, and the nonce of those that have but one.
const (
	peerKey   = "0123456789abcdef0123456789abcdef"
	peerNonce = "0123456789ab"
)

// OfProduct checks what the product wrote. Its keys stay in its process: pseudonyms must be consistent, seals as long as they must be.
func OfProduct() *Equivalence {
	return &Equivalence{to: map[identifier]string{}, from: map[identifier]string{}, seals: func(clear, text string) error {
		// Tink's prefix, nonce and tag around the text, which kind and length precede and zeros fill up to 32 bytes.
		const around = 5 + 12 + 16
		wire, err := base64.RawURLEncoding.Strict().DecodeString(text)
		plain := 1 + len(uvarint(len(clear))) + len(clear)
		if want := around + (plain+31)/32*32; err == nil && len(wire) != want {
			err = fmt.Errorf("want a seal of %d bytes, got %d", want, len(wire))
		}
		return err
	}}
}

func uvarint(n int) []byte {
	var b []byte
	for ; n > 127; n >>= 7 {
		b = append(b, 1)
	}
	return append(b, 1)
}

// OfPeer checks what a peer wrote: pseudonyms must be the HMAC and seals must open, with a nonce of their own or the fixed one.
func OfPeer(fixedNonce bool) (*Equivalence, error) {
	block, err := aes.NewCipher([]byte(peerKey))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	e := &Equivalence{to: map[identifier]string{}, from: map[identifier]string{}}
	e.exact = func(clear string) string {
		mac := hmac.New(sha256.New, []byte(peerKey))
		mac.Write([]byte(clear))
		return hex.EncodeToString(mac.Sum(nil))
	}
	e.seals = func(clear, text string) error {
		wire, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return err
		}
		if fixedNonce {
			wire = append([]byte(peerNonce), wire...)
		}
		if want := aead.NonceSize() + len(clear) + aead.Overhead(); len(wire) != want {
			return fmt.Errorf("want a seal of %d bytes, got %d", want, len(wire))
		}
		opened, err := aead.Open(nil, wire[:aead.NonceSize()], wire[aead.NonceSize():], nil)
		if err == nil && string(opened) != clear {
			err = errors.New("the seal holds another text")
		}
		return err
	}
	return e, nil
}

// Checked tells how many events have passed.
func (e *Equivalence) Checked() int { return e.checked }

// Check holds one sanitized event against the event it was made of. The error names the path.
func (e *Equivalence) Check(event, sanitized []byte) error {
	in, err := leaves(event)
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	out, err := leaves(sanitized)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(in)) {
		r, ok := rules[anyIndex(path)]
		if !ok {
			continue
		}
		got, there := out[path]
		if !there {
			return fmt.Errorf("%s is missing", path)
		}
		if err := e.leaf(r, in[path], got); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		delete(out, path)
	}
	for _, path := range slices.Sorted(maps.Keys(out)) {
		return fmt.Errorf("%s should not be there", path)
	}
	e.checked++
	return nil
}

func (e *Equivalence) leaf(r rule, in, out leaf) error {
	if r.pseudonym == "" {
		return r.check(e, in, out)
	}
	if !out.text || !in.text {
		return errors.New("want a text")
	}
	return e.pseudonym(r.pseudonym, in.value, out.value)
}

// pseudonym keeps the identifiers of a class and their pseudonyms a bijection.
func (e *Equivalence) pseudonym(class, clear, pseudonym string) error {
	if len(pseudonym) < 16 || strings.Contains(pseudonym, clear) {
		return fmt.Errorf("%q is no pseudonym", pseudonym)
	}
	if e.exact != nil && pseudonym != e.exact(clear) {
		return fmt.Errorf("want the pseudonym %s, got %s", e.exact(clear), pseudonym)
	}
	if before, ok := e.to[identifier{class, clear}]; ok && before != pseudonym {
		return fmt.Errorf("one %s has two pseudonyms, %s and %s", class, before, pseudonym)
	}
	if before, ok := e.from[identifier{class, pseudonym}]; ok && before != clear {
		return fmt.Errorf("two of class %s have one pseudonym, %s", class, pseudonym)
	}
	e.to[identifier{class, clear}], e.from[identifier{class, pseudonym}] = pseudonym, clear
	return nil
}

func sealed(e *Equivalence, in, out leaf) error {
	if !out.text || !in.text {
		return errors.New("want a text")
	}
	return e.seals(in.value, out.value)
}

// kept wants the same value of the same type; a number may be spelled otherwise.
func kept(_ *Equivalence, in, out leaf) error {
	if in == out {
		return nil
	}
	a, okA := in.number()
	b, okB := out.number()
	if !okA || !okB || a.Cmp(b) != 0 {
		return fmt.Errorf("want %s, got %s", in.value, out.value)
	}
	return nil
}

func generalized(how func(leaf) (string, error)) func(*Equivalence, leaf, leaf) error {
	return func(_ *Equivalence, in, out leaf) error {
		want, err := how(in)
		if err == nil && (!out.text || out.value != want) {
			err = fmt.Errorf("want %q, got %s", want, out.value)
		}
		return err
	}
}

func hour(in leaf) (string, error) {
	const until = "2026-07-14T09"
	if len(in.value) < len(until) {
		return "", errors.New("the event holds no time")
	}
	return in.value[:len(until)] + ":00:00Z", nil
}

func network(in leaf) (string, error) {
	ip, err := netip.ParseAddr(in.value)
	if err != nil || !ip.Is4() {
		return "", errors.New("the event holds no IPv4 address")
	}
	return netip.PrefixFrom(ip, 24).Masked().Addr().String(), nil
}

func bucket(in leaf) (string, error) {
	age, ok := in.number()
	if !ok {
		return "", errors.New("the event holds no age")
	}
	for _, b := range []struct {
		below int64
		name  string
	}{{18, "<18"}, {25, "18-24"}, {35, "25-34"}, {45, "35-44"}, {55, "45-54"}, {65, "55-64"}} {
		if age.Cmp(big.NewRat(b.below, 1)) < 0 {
			return b.name, nil
		}
	}
	return "65+", nil
}

// nearest wants a point of a grid of 0.09°, which is 10 km, at most half a mesh away; contenders that calculate in doubles may miss it by a hair.
func nearest(_ *Equivalence, in, out leaf) error {
	degrees, okIn := in.number()
	got, okOut := out.number()
	if !okIn || !okOut {
		return fmt.Errorf("want a number, got %s", out.value)
	}
	mesh, hair := big.NewRat(9, 100), big.NewRat(1, 1_000_000_000)
	steps := new(big.Rat).Quo(got, mesh)
	whole := new(big.Rat).SetInt(new(big.Int).Div(new(big.Int).Add(steps.Num(), new(big.Int).Rsh(steps.Denom(), 1)), steps.Denom()))
	off := new(big.Rat).Sub(got, whole.Mul(whole, mesh))
	away := new(big.Rat).Sub(got, degrees)
	if off.Abs(off).Cmp(hair) > 0 || away.Abs(away).Cmp(new(big.Rat).Add(big.NewRat(9, 200), hair)) > 0 {
		return fmt.Errorf("want the multiple of 0.09 next to %s, got %s", in.value, out.value)
	}
	return nil
}

// leaf is a scalar of a JSON text: a string, or the token of anything else.
type leaf struct {
	text  bool
	value string
}

// number reads what is a number, of a length that a sum can be done with.
func (l leaf) number() (*big.Rat, bool) {
	if l.text || len(l.value) > 40 {
		return nil, false
	}
	return new(big.Rat).SetString(l.value)
}

// leaves lists the scalars of a JSON text by path. It refuses names that occur twice, and anything behind the text.
func leaves(text []byte) (map[string]leaf, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	found := map[string]leaf{}
	if err := collect(d, "", found); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one JSON text")
	}
	return found, nil
}

func collect(d *json.Decoder, path string, into map[string]leaf) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return members(d, path, into)
	case json.Delim('['):
		return elements(d, path, into)
	}
	l := leaf{value: fmt.Sprint(token)}
	_, l.text = token.(string)
	if _, twice := into[path]; twice {
		return fmt.Errorf("%s occurs twice", path)
	}
	into[path] = l
	return nil
}

func members(d *json.Decoder, path string, into map[string]leaf) error {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		below := fmt.Sprint(name)
		if path != "" {
			below = path + "." + below
		}
		if err := collect(d, below, into); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func elements(d *json.Decoder, path string, into map[string]leaf) error {
	for i := 0; d.More(); i++ {
		if err := collect(d, fmt.Sprintf("%s[%d]", path, i), into); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// anyIndex gives a path with [*] for every index.
func anyIndex(path string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(path, "[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, path, _ = strings.Cut(rest, "]")
		b.WriteString("[*]")
	}
}
