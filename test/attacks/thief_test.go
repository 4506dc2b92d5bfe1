// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
	"github.com/nymstream/nymstream/internal/transform"
)

// loot is what was issued to one person, as the thief kept it.
type loot struct {
	account string // the true identifier: the thief knows it
	mail    string
	issued  []issued
}

// issued is one pseudonym or sealed value of a recipient's epoch.
type issued struct {
	recipient   string
	epoch       int
	pseudonym   transform.Pseudonym
	text        string
	class, path string // of a sealed value
	sealed      string // "": a pseudonym
}

// thief has the keyring as it is now, the private reveal key, and rows of the store.
type thief struct {
	t      testing.TB
	keys   *keyring.Keyring
	reveal *keyring.RevealKey
	rows   map[subject.Space][]subject.Row
}

var thiefTypes = []string{"acc", "eml", "hdl", "dev", "nam", "obj", "shf"}

const mostGeneration = 6 // that the thief tries

// links gives every way that leads from the person to something that was issued to them.
func (x *thief) links(of *loot) (ways []string) {
	found := map[string]bool{}
	note := func(format string, args ...any) {
		if way := fmt.Sprintf(format, args...); !found[way] {
			found[way] = true
			ways = append(ways, way)
		}
	}
	x.texts(of, note)
	x.identities(of, note)
	x.direct(of, note)
	for from, secrets := range x.secrets(of) {
		for i := range secrets {
			x.try(of, &secrets[i], from, note)
		}
	}
	return ways
}

// domains are those whose keys there still are.
func (x *thief) domains(of *loot, each func(d *keyring.Domain, i *issued)) {
	for i := range of.issued {
		d, err := x.keys.EpochDomain(of.issued[i].recipient, of.issued[i].epoch)
		if errors.Is(err, keyring.ErrDestroyed) {
			continue
		}
		must(x.t, err)
		each(d, &of.issued[i])
	}
}

// names gives all that the person may go by: their names in the store, their identifiers, and the keys of their rows.
func (x *thief) names(of *loot) (all [][]byte) {
	prf := x.keys.LookupPRF()
	for _, id := range []string{of.account, of.mail} {
		all = append(all, []byte(id))
		for _, where := range []string{instance, ""} {
			for _, typ := range thiefTypes {
				name := append(x.keys.SubjectLabel(where, typ), id...)
				var key [16]byte
				prf.Sum(&key, name)
				object := append(keyring.AppendLabel(nil, "object", x.keys.Tenant(), where, typ, "1"), id...)
				all = append(all, name, object, key[:])
			}
		}
	}
	return all
}

// secrets gives all that may be a person's secret, by where it comes from.
func (x *thief) secrets(of *loot) map[string][]keyring.Secret {
	all := map[string][]keyring.Secret{"nothing": {{}}, "a hash": nil}
	for _, name := range x.names(of) {
		all["a hash"] = append(all["a hash"], keyring.Secret(sha256.Sum256(name)), keyring.Secret(sha256.Sum256(append(name[:len(name):len(name)], 0))))
		if len(name) == 16 {
			all["a lookup key twice"] = append(all["a lookup key twice"], keyring.Secret(append(name[:16:16], name...)))
		}
		var sums [32]byte
		prf := x.keys.LookupPRF()
		prf.Sum((*[16]byte)(sums[:16]), append([]byte{1}, name...))
		prf.Sum((*[16]byte)(sums[16:]), append([]byte{2}, name...))
		all["the lookup key's PRF"] = append(all["the lookup key's PRF"], sums)
	}
	for _, id := range []string{of.account, of.mail} {
		for _, where := range []string{instance, ""} {
			for _, typ := range thiefTypes {
				prf, rest := x.keys.SecretPRF(where, typ)
				var s keyring.Secret
				prf.Derive(&s, append(rest, id...))
				all["the stateless key"] = append(all["the stateless key"], s)
			}
		}
	}
	x.windows(func(space subject.Space, row *subject.Row, at int) {
		body := row.Body[at:]
		if len(body) >= 32 {
			all["bytes of the store"] = append(all["bytes of the store"], keyring.Secret(body[:32]))
		}
		if len(body) >= 32+keyring.SealOverhead {
			for _, plain := range x.open(row.Key, body[:32+keyring.SealOverhead]) {
				all["sealed bytes of the store"] = append(all["sealed bytes of the store"], keyring.Secret(plain))
			}
		}
	})
	all["the product's scan"] = x.scan()
	return all
}

// windows hands out every place in every row.
func (x *thief) windows(each func(space subject.Space, row *subject.Row, at int)) {
	for space, rows := range x.rows {
		for i := range rows {
			for at := range rows[i].Body {
				each(space, &rows[i], at)
			}
		}
	}
}

// open opens sealed bytes with every store key, as the secret of any generation of a row.
func (x *thief) open(key subject.Key, sealed []byte) (plain [][]byte) {
	if sealed[0] != 1 { // Tink's prefix
		return nil
	}
	for _, k := range x.storeKeys() {
		for generation := range uint32(mostGeneration) {
			if p, err := k.Open(nil, sealed, binary.BigEndian.AppendUint32(key[:], generation)); err == nil {
				plain = append(plain, p)
			}
		}
	}
	return plain
}

// storeKeys are those of all store epochs that were not destroyed.
func (x *thief) storeKeys() (all []*keyring.StoreKey) {
	for epoch := 1; ; epoch++ {
		switch k, err := x.keys.StoreKeyOf(epoch); {
		case err == nil:
			all = append(all, k)
		case !errors.Is(err, keyring.ErrDestroyed):
			return all
		}
	}
}

// scan has the product open the rows.
func (x *thief) scan() (all []keyring.Secret) {
	s := storetest.Memory()
	for space, rows := range x.rows {
		fresh := make([]subject.Row, len(rows))
		for i, r := range rows {
			fresh[i] = subject.Row{Key: r.Key, Body: r.Body}
		}
		if len(fresh) > 0 {
			_, err := s.Swap(x.t.Context(), space, fresh)
			must(x.t, err)
		}
	}
	d := subject.NewDirectory(subject.Options{Store: s, Keys: x.keys})
	must(x.t, d.Scan(x.t.Context(), func(v *subject.View) error {
		if v.HasSecret {
			all = append(all, v.Secret)
		}
		return nil
	}))
	return all
}

// try holds a secret against all that was issued.
func (x *thief) try(of *loot, secret *keyring.Secret, from string, note func(string, ...any)) {
	x.domains(of, func(d *keyring.Domain, i *issued) {
		var digest [16]byte
		d.TypePRF(i.pseudonym.Type).Sum(&digest, secret[:])
		if digest == i.pseudonym.Digest {
			note("%s gives the %s pseudonym of %s", from, i.pseudonym.Type, i.recipient)
		}
		if i.sealed == "" {
			return
		}
		id, err := transform.NewStoredIdentity(x.keys, instance, i.pseudonym.Type, true)
		must(x.t, err)
		owner := transform.Owner{Known: true, Identity: id, Secret: *secret}
		if _, err := transform.OpenSeal(d, owner, i.class, i.path, []byte(i.sealed)); err == nil {
			note("%s opens %s of %s", from, i.path, i.recipient)
		}
	})
}

// direct holds what the keys make of the person's names against all that was issued.
func (x *thief) direct(of *loot, note func(string, ...any)) {
	names := x.names(of)
	x.domains(of, func(d *keyring.Domain, i *issued) {
		wire, _ := base64.RawURLEncoding.DecodeString(i.sealed)
		for _, name := range names {
			for _, typ := range thiefTypes {
				var digest [16]byte
				if d.TypePRF(typ).Sum(&digest, name); digest == i.pseudonym.Digest {
					note("the domain key of %s makes the pseudonym of a name", i.recipient)
				}
			}
			for _, ad := range [][]byte{nil, []byte(i.text), x.sealLabel(d, i)} {
				if len(wire) == 0 {
					break
				}
				for _, salt := range [][]byte{name, append(keyring.AppendLabel(nil, "field", i.pseudonym.Type), name...)} {
					if _, err := d.OpenField(salt, wire, ad); err == nil {
						note("the field key of %s opens %s by a name", i.recipient, i.path)
					}
				}
				if _, err := d.OpenDeterministic(wire, ad); err == nil {
					note("the seal key of %s opens %s", i.recipient, i.path)
				}
			}
		}
	})
}

func (x *thief) sealLabel(d *keyring.Domain, i *issued) []byte {
	return keyring.AppendLabel(nil, "seal", d.Recipient(), d.EpochText(), i.class, i.path, i.text)
}

// texts looks for what was issued in all bytes that the thief can read of the store, as they are or opened.
func (x *thief) texts(of *loot, note func(string, ...any)) {
	look := func(space subject.Space, how string, text []byte) {
		for i := range of.issued {
			p := &of.issued[i]
			if bytes.Contains(text, []byte(p.text)) || bytes.Contains(text, p.pseudonym.Digest[:]) {
				note("rows of space %d have pseudonyms of %s, %s", space, p.recipient, how)
			}
		}
	}
	for space, rows := range x.rows {
		for i := range rows {
			look(space, "in clear", rows[i].Body)
			for _, plain := range x.opened(&rows[i]) {
				look(space, "sealed under the store key", plain)
			}
		}
	}
}

// opened opens what rights and reveal seal in a row, as the keys allow.
func (x *thief) opened(row *subject.Row) (all [][]byte) {
	parts := [][]byte{row.Body}
	if _, rest, is := bytes.Cut(row.Body, []byte(`"sealed":"`)); is {
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		sealed, err := base64.StdEncoding.DecodeString(string(text))
		must(x.t, err)
		parts = append(parts, sealed)
	}
	places := [][]byte{}
	for _, use := range []string{"deletions", "receipt", "request"} {
		places = append(places, keyring.AppendLabel(nil, "rights "+use, string(row.Key[:])))
	}
	for _, use := range []string{"q", "v", "h"} {
		places = append(places, keyring.AppendLabel(nil, "reveal", use, string(row.Key[:])))
	}
	for _, part := range parts {
		for at := 0; at < min(len(part), 16); at++ {
			for _, k := range x.storeKeys() {
				for _, ad := range places {
					if plain, err := k.Open(nil, part[at:], ad); err == nil {
						all = append(all, plain)
					}
				}
			}
		}
	}
	return all
}

// identities opens sealed identities with the reveal key.
func (x *thief) identities(of *loot, note func(string, ...any)) {
	if x.reveal == nil {
		return
	}
	var dataKeys [][]byte
	for _, r := range x.rows[subject.DataKeys] {
		_, wrapped, err := subject.ParseDataKey(r.Body)
		must(x.t, err)
		if k, err := x.reveal.Unwrap(wrapped, subject.DataKeyContext(r.Key)); err == nil {
			dataKeys = append(dataKeys, k)
		}
	}
	for _, r := range x.rows[subject.People] {
		for at := range r.Body {
			for length := 12 + 16 + 16; at+length <= len(r.Body); length += 16 {
				for generation := range uint32(mostGeneration) {
					for _, k := range dataKeys {
						who, err := subject.OpenIdentity(k, r.Key, generation, r.Body[at:at+length])
						if err == nil && (string(who.Canonical) == of.account || string(who.Canonical) == of.mail) {
							note("the reveal key tells whose a row is")
						}
					}
				}
			}
		}
	}
}

// keep notes what a recipient got of a person: pseudonyms, and what is sealed to them.
func (l *loot) keep(t testing.TB, plan *policy.Plan, s sent, fields map[string]string) {
	t.Helper()
	var last issued
	for _, member := range strings.Split(strings.Trim(s.value, "{}"), ",") {
		name, value, _ := strings.Cut(member, ":")
		name, value = strings.Trim(name, `"`), strings.Trim(value, `"`)
		i := issued{recipient: s.recipient, text: value}
		if p, ok := transform.ParsePseudonym([]byte(value)); ok {
			i.pseudonym, i.epoch = p, p.Epoch
			if p.Type == "acc" {
				last = i
			}
		} else if class := fields[name]; class != "" && last.text != "" {
			i = last
			i.class, i.path, i.sealed = class, "$."+name, value
		} else {
			continue
		}
		l.issued = append(l.issued, i)
	}
	if len(l.issued) == 0 {
		t.Fatalf("%s got nothing to be kept", s.recipient)
	}
}
