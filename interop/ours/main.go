// SPDX-License-Identifier: Apache-2.0

// Command ours makes a keyring and values for other programs to open, and opens what they made. See ../README.md.
//
//	ours export DIR OUT.json     DIR may hold a kek already
//	ours open DIR OUT.json REPLY.json
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/transform"
)

// exchange is what the programs hand each other. Binary values are base64 as encoding/json writes it.
type exchange struct {
	Pseudonyms    []pseudonym `json:"pseudonyms"`
	Seals         []seal      `json:"seals"`
	Deterministic []seal      `json:"deterministic"`
	Quarantine    quarantined `json:"quarantine"`
}

type pseudonym struct {
	Instance  string `json:"instance"`
	Type      string `json:"type"`
	OfSubject bool   `json:"of_subject"`
	Recipient string `json:"recipient"`
	Epoch     int    `json:"epoch"`
	Canonical string `json:"canonical"`
	Pseudonym string `json:"pseudonym"`
}

type seal struct {
	Owner  pseudonym       `json:"owner"` // of deterministic seals: recipient and epoch only
	Class  string          `json:"class"`
	Path   string          `json:"path,omitempty"`
	Kind   string          `json:"kind"` // s or n
	Text   string          `json:"text"`
	Sealed string          `json:"sealed"`
	Keyset json.RawMessage `json:"keyset,omitempty"` // the owner's, in clear
}

type quarantined struct {
	Day    string `json:"day"`
	AD     []byte `json:"ad"`
	Clear  []byte `json:"clear"`
	Sealed []byte `json:"sealed"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "export":
		return export(args[1], args[2])
	case len(args) == 4 && args[0] == "open":
		return open(args[1], args[2], args[3])
	}
	return errors.New("usage: ours export DIR OUT.json | ours open DIR OUT.json REPLY.json")
}

// worker is one keyring with a scope.
type worker struct {
	keys  *keyring.Keyring
	scope *transform.Scope
}

func export(dir, out string) error {
	now := time.Now()
	err := keyring.Init(dir, keyring.InitOptions{
		Tenant: "example", Now: now,
		Recipients: []keyring.Recipient{{Name: "analytics", Renew: 90 * 24 * time.Hour}, {Name: "partner"}},
	})
	if err != nil {
		return err
	}
	w := worker{scope: new(transform.Scope)}
	if w.keys, err = keyring.Open(dir, keyring.OpenOptions{}); err != nil {
		return err
	}
	var x exchange
	for _, p := range []pseudonym{
		{Instance: "mastodon", Type: "acc", OfSubject: true, Recipient: "analytics", Epoch: 1, Canonical: "9007199254740993"},
		{Instance: "mastodon", Type: "acc", OfSubject: true, Recipient: "analytics", Epoch: 2, Canonical: "9007199254740993"},
		{Instance: "mastodon", Type: "acc", OfSubject: true, Recipient: "partner", Epoch: 1, Canonical: "9007199254740993"},
		{Type: "eml", OfSubject: true, Recipient: "analytics", Epoch: 1, Canonical: "alice@xn--bcher-kva.example"},
		{Instance: "mastodon", Type: "hdl", OfSubject: true, Recipient: "analytics", Epoch: 1, Canonical: "änne"},
		{Instance: "mastodon", Type: "obj", Recipient: "analytics", Epoch: 1, Canonical: "113500000000000001"},
		{Instance: "slack", Type: "grp", Recipient: "partner", Epoch: 1, Canonical: "C024BE91L"},
	} {
		if err := w.fill(&p); err != nil {
			return err
		}
		x.Pseudonyms = append(x.Pseudonyms, p)
	}
	for i, v := range []seal{
		{Class: "email", Path: "$.user.email", Kind: "s", Text: "Alice <alice@bücher.example>"},
		{Class: "age", Path: "$.user.age", Kind: "n", Text: "41"},
		{Class: "text", Path: "$.content", Kind: "s", Text: string(bytes.Repeat([]byte("long "), 100))},
	} {
		v.Owner = x.Pseudonyms[i]
		if err := w.seal(&v); err != nil {
			return err
		}
		x.Seals = append(x.Seals, v)
		d := seal{Owner: pseudonym{Recipient: v.Owner.Recipient, Epoch: v.Owner.Epoch}, Class: v.Class, Kind: v.Kind, Text: v.Text}
		if d.Sealed, err = w.append(transform.NewDeterministicSeal(d.Class), value(d.Kind, d.Text)); err != nil {
			return err
		}
		x.Deterministic = append(x.Deterministic, d)
	}
	if x.Quarantine, err = w.quarantine(now); err != nil {
		return err
	}
	data, err := json.MarshalIndent(&x, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o600)
}

func value(kind, text string) *transform.Value {
	v := &transform.Value{Kind: transform.String, Text: []byte(text)}
	if kind == "n" {
		v.Kind = transform.Number
	}
	return v
}

// owner selects the domain of p and gives its subject.
func (w *worker) owner(p *pseudonym) (transform.Owner, error) {
	domain, err := w.keys.EpochDomain(p.Recipient, p.Epoch)
	if err != nil {
		return transform.Owner{}, err
	}
	w.scope.Domain = domain
	id, err := transform.NewIdentity(w.keys, p.Instance, p.Type, p.OfSubject)
	if err != nil {
		return transform.Owner{}, err
	}
	o := transform.Owner{Known: p.OfSubject, Identity: id}
	if p.OfSubject && id.Secret(&o.Secret, value("s", p.Canonical), w.scope) != transform.Done {
		return o, errors.New("an identifier is a misfit")
	}
	return o, nil
}

func (w *worker) fill(p *pseudonym) error {
	o, err := w.owner(p)
	if err != nil {
		return err
	}
	p.Pseudonym, err = w.append(transform.NewPseudonym(o.Identity), value("s", p.Canonical))
	return err
}

// append gives what a technique makes of a value, without quotes.
func (w *worker) append(t transform.Technique, v *transform.Value) (string, error) {
	out, verdict := t.Append(nil, v, w.scope)
	if verdict != transform.Done {
		return "", errors.New("a value is a misfit")
	}
	return string(bytes.Trim(out, `"`)), nil
}

func (w *worker) seal(v *seal) error {
	o, err := w.owner(&v.Owner)
	if err != nil {
		return err
	}
	w.scope.Owner = o
	if v.Sealed, err = w.append(transform.NewSeal(v.Class, v.Path), value(v.Kind, v.Text)); err != nil {
		return err
	}
	v.Keyset, err = transform.SealKeyset(w.scope.Domain, o)
	return err
}

func (w *worker) quarantine(now time.Time) (quarantined, error) {
	q := quarantined{Day: now.UTC().Format(time.DateOnly), AD: []byte("place"), Clear: []byte(`{"not":"json`)}
	key, err := w.keys.QuarantineAt(now.UnixMilli())
	if err != nil {
		return q, err
	}
	q.Sealed, err = key.Seal(q.Clear, q.AD)
	return q, err
}

// open opens what another program sealed in answer to OUT.json: the same values in the same order.
func open(dir, sent, reply string) error {
	ours, err := read(sent)
	if err != nil {
		return err
	}
	theirs, err := read(reply)
	if err != nil {
		return err
	}
	if len(theirs.Seals) != len(ours.Seals) || len(theirs.Deterministic) != len(ours.Deterministic) {
		return errors.New("the reply has other values")
	}
	w := worker{scope: new(transform.Scope)}
	if w.keys, err = keyring.Open(dir, keyring.OpenOptions{}); err != nil {
		return err
	}
	for i, want := range ours.Seals {
		o, err := w.owner(&want.Owner)
		if err != nil {
			return err
		}
		if theirs.Seals[i].Sealed == want.Sealed {
			return fmt.Errorf("seal %d: it came back as it was", i)
		}
		got, err := transform.OpenSeal(w.scope.Domain, o, want.Class, want.Path, []byte(theirs.Seals[i].Sealed))
		if err != nil || string(got.Text) != want.Text || got.Kind != value(want.Kind, "").Kind {
			return fmt.Errorf("seal %d: %w", i, errors.Join(err, errors.New("it does not open to the value")))
		}
	}
	for i, want := range ours.Deterministic {
		if theirs.Deterministic[i].Sealed != want.Sealed {
			return fmt.Errorf("deterministic seal %d differs from ours", i)
		}
	}
	key, err := w.keys.QuarantineDay(ours.Quarantine.Day)
	if err != nil {
		return err
	}
	got, err := key.Open(theirs.Quarantine.Sealed, ours.Quarantine.AD)
	if err != nil || !bytes.Equal(got, ours.Quarantine.Clear) {
		return fmt.Errorf("quarantine: %w", errors.Join(err, errors.New("it does not open to the record")))
	}
	fmt.Printf("ours: opened %d seals, %d deterministic seals and a quarantine record made by the other program\n", len(theirs.Seals), len(theirs.Deterministic))
	return nil
}

func read(path string) (*exchange, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x := new(exchange)
	if err := json.Unmarshal(data, x); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range append(x.Seals, x.Deterministic...) {
		if _, err := base64.RawURLEncoding.DecodeString(s.Sealed); err != nil {
			return nil, fmt.Errorf("%s: a sealed value is no base64url: %w", path, err)
		}
	}
	return x, nil
}
