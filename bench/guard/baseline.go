// SPDX-License-Identifier: Apache-2.0

// Package guard fails when sanitizing has become dearer: it holds the pipeline against a baseline that never changes, in one run.
// `make bench-guard` runs it. A ratio of two programs moves little between machines and days, a time moves a lot.
package guard

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"regexp"
	"time"
)

// Baseline does by hand, with maps and the standard library, what the policy of internal/workload says.
// It is frozen on purpose: do not optimize it, do not mend its style. Whoever changes it makes every recorded ratio void.
// It is for measuring alone: its nonces count up from zero, because random ones would measure the kernel.
type Baseline struct {
	key   []byte
	aead  cipher.AEAD
	nonce uint64
}

var (
	word     = regexp.MustCompile("^[A-Za-z]{1,20}$")
	language = regexp.MustCompile("^[a-z]{2,3}$")
	country  = regexp.MustCompile("^[A-Z]{2}$")
	coded    = base32.HexEncoding.WithPadding(base32.NoPadding)
)

// NewBaseline makes a baseline with a fixed key.
func NewBaseline() (*Baseline, error) {
	key := sha256.Sum256([]byte("baseline"))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Baseline{key: key[:], aead: aead}, err
}

// Transform gives the sanitized event and its key.
func (b *Baseline) Transform(event []byte) (value, key []byte, err error) {
	var in map[string]any
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return nil, nil, err
	}
	actor, object, context := child(in, "actor"), child(in, "object"), child(in, "context")
	subject, ok := actor["id"].(string)
	if !ok {
		return nil, nil, errors.New("no subject")
	}
	out := map[string]any{}
	oneOf(out, in, "type", "Create", "Like", "Announce", "Follow")
	if at, err := time.Parse(time.RFC3339, text(in["published"])); err == nil {
		out["published"] = at.UTC().Truncate(time.Hour).Format(time.RFC3339)
	}
	who := map[string]any{}
	b.pseudonym(who, actor, "id", "acc")
	b.pseudonym(who, actor, "handle", "hdl")
	b.seal(who, actor, "email", subject)
	bucket(who, actor, "age")
	boolean(who, actor, "verified")
	integer(who, actor, "followers")
	out["actor"] = who
	what := map[string]any{}
	matching(what, object, "type", word)
	b.seal(what, object, "text", subject)
	matching(what, object, "lang", language)
	b.pseudonym(what, object, "in_reply_to_user_id", "acc")
	boolean(what, object, "possibly_sensitive")
	counts := map[string]any{}
	for _, name := range []string{"likes", "reposts", "replies", "views"} {
		integer(counts, child(object, "metrics"), name)
	}
	what["metrics"] = counts
	what["entities"] = b.entities(child(object, "entities"))
	out["object"] = what
	out["context"] = b.context(context)
	value, err = json.Marshal(out)
	return value, []byte(b.digest("acc", subject)), err
}

func (b *Baseline) entities(in map[string]any) map[string]any {
	mentions, hashtags := []any{}, []any{}
	all, _ := in["mentions"].([]any)
	for _, m := range all {
		if m, ok := m.(map[string]any); ok {
			one := map[string]any{}
			b.pseudonym(one, m, "id", "acc")
			mentions = append(mentions, one)
		}
	}
	all, _ = in["hashtags"].([]any)
	for _, h := range all {
		if h, ok := h.(string); ok && len(h) <= 100 {
			hashtags = append(hashtags, h)
		}
	}
	return map[string]any{"mentions": mentions, "hashtags": hashtags}
}

func (b *Baseline) context(in map[string]any) map[string]any {
	out := map[string]any{}
	if ip, err := netip.ParseAddr(text(in["ip"])); err == nil {
		bits := 24
		if ip.Is6() {
			bits = 48
		}
		if prefix, err := ip.Prefix(bits); err == nil {
			out["ip"] = prefix.Addr().String()
		}
	}
	device := map[string]any{}
	b.pseudonym(device, child(in, "device"), "id", "dev")
	oneOf(device, child(in, "device"), "os", "iOS", "Android")
	out["device"] = device
	b.pseudonym(out, in, "session_id", "cke")
	geo := map[string]any{}
	for _, name := range []string{"lat", "lon"} {
		if n, ok := child(in, "geo")[name].(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				geo[name] = math.Round(math.Round(f/0.09)*9) / 100
			}
		}
	}
	matching(geo, child(in, "geo"), "country", country)
	out["geo"] = geo
	return out
}

func child(in map[string]any, name string) map[string]any {
	object, _ := in[name].(map[string]any)
	return object
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func (b *Baseline) digest(kind, value string) string {
	mac := hmac.New(sha256.New, b.key)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return kind + "_1_" + coded.EncodeToString(mac.Sum(nil)[:16])
}

func (b *Baseline) pseudonym(out, in map[string]any, name, kind string) {
	if s, ok := in[name].(string); ok {
		out[name] = b.digest(kind, s)
	}
}

func (b *Baseline) seal(out, in map[string]any, name, subject string) {
	if s, ok := in[name].(string); ok {
		b.nonce++
		nonce := binary.BigEndian.AppendUint64(make([]byte, 4, 12), b.nonce)
		out[name] = base64.RawURLEncoding.EncodeToString(b.aead.Seal(nonce, nonce, []byte(s), []byte(name+subject)))
	}
}

func bucket(out, in map[string]any, name string) {
	n, ok := in[name].(json.Number)
	if !ok {
		return
	}
	age, err := n.Int64()
	if err != nil {
		return
	}
	out[name] = "65+"
	for _, b := range []struct {
		below int64
		label string
	}{{18, "<18"}, {25, "18-24"}, {35, "25-34"}, {45, "35-44"}, {55, "45-54"}, {65, "55-64"}} {
		if age < b.below {
			out[name] = b.label
			return
		}
	}
}

func boolean(out, in map[string]any, name string) {
	if v, ok := in[name].(bool); ok {
		out[name] = v
	}
}

func integer(out, in map[string]any, name string) {
	if n, ok := in[name].(json.Number); ok {
		if v, err := n.Int64(); err == nil {
			out[name] = v
		}
	}
}

func matching(out, in map[string]any, name string, pattern *regexp.Regexp) {
	if s, ok := in[name].(string); ok && pattern.MatchString(s) {
		out[name] = s
	}
}

func oneOf(out, in map[string]any, name string, allowed ...string) {
	for _, a := range allowed {
		if in[name] == a {
			out[name] = a
		}
	}
}
