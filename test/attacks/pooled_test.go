// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	mathbits "math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

const (
	pooledPeople = 2000
	pooledEvents = 5000
)

// pooling gives two recipients the same by the same rules.
var pooling = policyOf(adults, []string{insight}, map[string]string{
	"left":  "role: third-party\npurpose: insight\nkey: source\nminors: allow\n" + pooledRules,
	"right": "role: third-party\npurpose: insight\nkey: source\nminors: allow\n" + pooledRules,
})

const pooledRules = `classes: {account: pseudonym, handle: pseudonym, email: pseudonym, device: pseudonym, object-id: pseudonym, name: seal}
headers: {raw: {x_user: pseudonym}}`

// pool has people act before two recipients, and gives what each got, by person and field.
func pool(t *testing.T, h *house) map[string][]map[string]string {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	var batch []event.Record
	var whose []int
	for n := range pooledEvents {
		p := n
		if n >= pooledPeople {
			p = random.IntN(pooledPeople)
		}
		id := 5000 + p
		r := payload(`{"by":%d,"handle":"@u%d","mail":"u%d@example.org","name":"User %d","id":"p%d"}`, id, id, id, id, id)
		r.Key, r.Headers = fmt.Append(nil, id), []event.Header{{Key: []byte("x_user"), Value: fmt.Append(nil, id)}}
		batch, whose = append(batch, r), append(whose, p)
	}
	o := h.decide(h.pipeline, batch...)
	got := map[string][]map[string]string{"left": make([]map[string]string, pooledPeople), "right": make([]map[string]string, pooledPeople)}
	for _, s := range o.sent {
		fields := map[string]string{"key": s.key, "header": s.headers["x_user"], "plan": s.headers["nym-plan"]}
		for _, name := range []string{"by", "handle", "mail", "name", "id"} {
			fields[name] = member(s.value, name)
		}
		of := &got[s.recipient][whose[s.of]]
		if *of == nil {
			*of = fields
			continue
		}
		for name, value := range fields {
			if name == "name" && value == (*of)[name] {
				t.Fatal("two seals of one value are equal: their frequency tells whose they are")
			}
			if name != "name" && value != (*of)[name] {
				t.Fatalf("%s: somebody has two pseudonyms in one domain", name)
			}
		}
	}
	if len(o.sent) != 2*pooledEvents {
		t.Fatalf("%d records were sent", len(o.sent))
	}
	return got
}

func agreeing(t *testing.T, h *house) {
	t.Helper()
	for p := range pooledPeople {
		h.say(policy.Account, fmt.Sprint(5000+p), oldGrant("insight"))
	}
}

// Two recipients who put all they got together find no equal pseudonym, and join people by them at chance; so do two epochs of one.
func TestPooledRecipients(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, pooling)
	agreeing(t, h)
	h.now = start.Add(-25 * day)
	earlier := pool(t, h)
	h.now = start
	now := pool(t, h)
	for name, pair := range map[string][2][]map[string]string{
		"two recipients": {now["left"], now["right"]}, "two epochs": {earlier["left"], now["left"]}, "two of both": {earlier["left"], now["right"]},
	} {
		t.Run(name, func(t *testing.T) {
			checkDisjoint(t, pair[0], pair[1])
			for _, field := range []string{"by", "handle", "mail", "id", "name"} {
				a, b := bits(t, pair[0], field), bits(t, pair[1], field)
				for how, z := range join(a, b) {
					if z > 9 {
						t.Errorf("%s: joining %s is %.0f standard deviations above chance", field, how, z)
					}
				}
			}
		})
	}
	if now["left"][0]["plan"] == now["right"][0]["plan"] {
		t.Error("two recipients have the same hash of the plan")
	}
	a := bits(t, now["left"], "by")
	for how, z := range join(a, a) {
		if z < 30 {
			t.Errorf("in one domain joining %s is %.0f standard deviations above chance: the attack shows nothing", how, z)
		}
	}
}

// checkDisjoint expects that nothing that one got is something that the other got, in whatever field.
func checkDisjoint(t *testing.T, a, b []map[string]string) {
	t.Helper()
	seen := map[string]string{}
	each := func(of []map[string]string, fn func(field string, digest string)) {
		for _, fields := range of {
			for field, value := range fields {
				if p, ok := transform.ParsePseudonym([]byte(value)); ok {
					fn(field, string(p.Digest[:]))
				} else if field == "name" {
					fn(field, value)
				}
			}
		}
	}
	each(a, func(field, digest string) { seen[digest] = field })
	if len(seen) != 5*pooledPeople { // account, also as key and header; handle; address; object; seal
		t.Fatalf("%d values differ in one domain", len(seen))
	}
	each(b, func(field, digest string) {
		if other, is := seen[digest]; is {
			t.Errorf("%s of the one is %s of the other", other, field)
		}
	})
}

// bits gives the digest of everybody's pseudonym, or the ciphertext of what is sealed.
func bits(t *testing.T, of []map[string]string, field string) [][]byte {
	t.Helper()
	all := make([][]byte, len(of))
	for i, fields := range of {
		if p, ok := transform.ParsePseudonym([]byte(fields[field])); ok {
			all[i] = p.Digest[:]
			continue
		}
		wire, err := base64.RawURLEncoding.DecodeString(fields[field])
		must(t, err)
		all[i] = wire[5:] // behind the key's id
	}
	return all
}

// join tries to tell which of b each of a is, in several ways: how far above the mean of random orders each comes, in standard deviations.
func join(a, b [][]byte) map[string]float64 {
	head := func(v []byte) uint64 { return binary.BigEndian.Uint64(v) }
	out := map[string]float64{
		"bits that agree":  permuted(a, b, func(a, b []byte) float64 { return float64(-differing(a, b)) }),
		"bytes that agree": permuted(a, b, func(a, b []byte) float64 { return float64(equalBytes(a, b)) }),
	}
	for how, key := range map[string]func([]byte) uint64{
		"order": head, "order of the ends": func(v []byte) uint64 { return head(v[len(v)-8:]) },
		"remainders": func(v []byte) uint64 { return head(v) % 1_000_003 }, "weights": func(v []byte) uint64 { return uint64(differing(v[:16], make([]byte, 16))) },
	} {
		out["ranks by "+how] = permuted(ranks(a, key), ranks(b, key), func(a, b float64) float64 { return a * b })
	}
	return out
}

// permuted holds the sum of a score over all pairs against that of random pairs.
func permuted[T any](a, b []T, score func(a, b T) float64) float64 {
	const rounds = 30
	random := rand.New(rand.NewPCG(3, 4))
	total := func(b []T) (sum float64) {
		for i := range a {
			sum += score(a[i], b[i])
		}
		return sum
	}
	var sum, squares float64
	shuffled := slices.Clone(b)
	for range rounds {
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		s := total(shuffled)
		sum, squares = sum+s, squares+s*s
	}
	mean := sum / rounds
	return (total(b) - mean) / math.Sqrt(max(squares/rounds-mean*mean, 1e-9))
}

func differing(a, b []byte) (n int) {
	for i := range min(len(a), len(b)) {
		n += mathbits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func equalBytes(a, b []byte) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

// ranks gives everybody's place in an order, counted from the middle.
func ranks(of [][]byte, key func([]byte) uint64) []float64 {
	order := make([]int, len(of))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(key(of[i]), key(of[j])), bytes.Compare(of[i], of[j])) })
	at := make([]float64, len(of))
	for rank, i := range order {
		at[i] = float64(rank) - float64(len(of)-1)/2
	}
	return at
}

// Somebody with the outputs and a dictionary of everybody, and no key, finds no hash of an identifier in them.
func TestDictionaryWithoutKeys(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, pooling)
	agreeing(t, h)
	got := pool(t, h)
	issued := map[[16]byte]string{}
	for _, of := range got {
		for _, fields := range of {
			for field, value := range fields {
				if p, ok := transform.ParsePseudonym([]byte(value)); ok {
					issued[p.Digest] = field
				} else if field == "name" {
					wire, err := base64.RawURLEncoding.DecodeString(value)
					must(t, err)
					issued[[16]byte(wire[len(wire)-16:])] = field
				}
			}
		}
	}
	tried, planted := 0, [16]byte{}
	look := func(id string) (matches []string) {
		for _, name := range dictionary(id) {
			for how, sum := range unkeyed(name) {
				tried++
				for _, part := range [][]byte{sum[:16], sum[len(sum)-16:]} {
					if field, is := issued[[16]byte(part)]; is {
						matches = append(matches, field+" is "+how)
					}
				}
			}
		}
		return matches
	}
	for p := range 60 {
		for _, m := range look(fmt.Sprint(5000 + p)) {
			t.Errorf("person %d: %s of the identifier", p, m)
		}
	}
	copy(planted[:], hmacOf(make([]byte, 32), []byte("5007")))
	issued[planted] = "planted"
	if !slices.Contains(look("5007"), "planted is HMAC with zeros") || tried < 50_000 {
		t.Errorf("%d hashes were tried, and what was planted was not found: the attack shows nothing", tried)
	}
}

// dictionary is all that one entry of the dictionary may have been hashed as.
func dictionary(id string) (all [][]byte) {
	for _, text := range []string{id, "u" + id, "@u" + id, "u" + id + "@example.org", "User " + id, "p" + id, strings.ToUpper("u" + id)} {
		all = append(all, []byte(text))
	}
	for _, name := range namesWithoutKeys(id) {
		all = append(all, name)
		if text, mail := bytes.CutSuffix(name, []byte(id)); mail {
			for _, as := range []string{"u" + id, "p" + id} {
				all = append(all, append(slices.Clone(text), as...))
			}
		}
	}
	return all
}
