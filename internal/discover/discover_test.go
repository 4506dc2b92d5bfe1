// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/policy"
)

func propose(t *testing.T, payloads ...string) *Proposal {
	t.Helper()
	d, err := New(Options{Name: "sample"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads {
		if err := d.Add([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	return d.Proposal()
}

func wantClasses(t *testing.T, p *Proposal, want map[string]policy.Class) {
	t.Helper()
	got := map[string]Field{}
	for _, f := range p.Fields {
		got[f.Path] = f
	}
	for path, class := range want {
		if got[path].Class != class {
			t.Errorf("%s: want %s, got %q: %v", path, class, got[path].Class, got[path].Evidence)
		}
	}
}

func wantPack(t *testing.T, p *Proposal, lines ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.WritePack(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(out.String(), line) {
			t.Errorf("want the pack to say %q, got\n%s", line, out.String())
		}
	}
	return out.String()
}

func TestNames(t *testing.T) {
	p := propose(t, `{"author":{"id":"a1","name":"x"},"channel":{"id":"c1","name":"y"},"vorname":"z","Geburtsdatum":"1990-01-02","correo":"q","accessToken":"s",
		"user_count":3,"created_at":"2024-01-02T03:04:05Z","is_admin":true,"createdBy":"u9","ssn":"x","useragent":"y","lat":1.5,"postleitzahl":"10115","zzz":"?"}`)
	wantClasses(t, p, map[string]policy.Class{
		"$.author.id": policy.Account, "$.author.name": policy.PersonName, "$.channel.id": policy.Group, "$.channel.name": policy.Free,
		"$.vorname": policy.PersonName, "$.Geburtsdatum": policy.Birth, "$.correo": policy.Email, "$.accessToken": policy.Credential, "$.user_count": policy.Plain,
		"$.created_at": policy.Times, "$.is_admin": policy.Plain, "$.createdBy": policy.Account, "$.ssn": policy.Government, "$.useragent": policy.Device, "$.lat": policy.Geo,
		"$.postleitzahl": policy.Postal, "$.zzz": policy.Free,
	})
}

func TestValuesSpeakUnderNamesThatSayNothing(t *testing.T) {
	p := propose(t, `{"a":"jane@example.org","b":"192.0.2.1","c":"+49 30 1234567","d":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefg","e":"DE89370400440532013000","f":"4111111111111111",
		"g":"Mozilla/5.0 (X11; Linux x86_64)","h":"52.5200,13.4050","i":"did:plc:abc","j":"2024-01-02T03:04:05Z","k":[52.52,13.405],"l":123456789123456789}`)
	wantClasses(t, p, map[string]policy.Class{
		"$.a": policy.Email, "$.b": policy.IP, "$.c": policy.Phone, "$.d": policy.Credential, "$.e": policy.Finance, "$.f": policy.Finance, "$.g": policy.Device, "$.h": policy.Geo,
		"$.i": policy.Account, "$.j": policy.Times, "$.k[*]": policy.Geo, "$.l": policy.ObjectID,
	})
}

func TestAPlainNameWithAPersonalValueIsNotPlain(t *testing.T) {
	p := propose(t, `{"status":"ok","type":"a"}`, `{"status":"jane@example.org","type":"b"}`, `{"status":"ok","type":"c"}`, `{"status":"ok","type":"d"}`)
	for _, f := range p.Fields {
		if f.Path == "$.status" && !Personal(f.Class) {
			t.Errorf("an address was among the values: want a personal class, got %s", f.Class)
		}
	}
}

func TestEqualValuesLendTheirClass(t *testing.T) {
	var payloads []string
	for i := range 8 {
		payloads = append(payloads, fmt.Sprintf(`{"user_id":"K%d77X","zz":"K%d77X","ref_key":"K%d77X"}`, i, i, (i+1)%8))
	}
	p := propose(t, payloads...)
	wantClasses(t, p, map[string]policy.Class{"$.user_id": policy.Account, "$.zz": policy.Account, "$.ref_key": policy.Account})
}

func TestCompositesBecomeTemplates(t *testing.T) {
	var payloads []string
	for i := range 6 {
		payloads = append(payloads, fmt.Sprintf(`{"page_id":"88%d9","post_id":"88%d9_55%d01","uri":"at://did:plc:abc%d/app.feed.post/3k%d"}`, i, i, i, i, i))
	}
	wantPack(t, propose(t, payloads...), `template: "{group}_{object-id}"`, `"at://{account}/{plain}/{object-id}"`)
}

func TestDocumentsInStrings(t *testing.T) {
	p := propose(t, `{"payload":"{\"user\":{\"id\":\"u1\"},\"email\":\"jane@example.org\"}","data":"eyJlbWFpbCI6ImphbmVAZXhhbXBsZS5vcmcifQ==","body":"token=abc&user_id=7"}`)
	wantClasses(t, p, map[string]policy.Class{
		"$.payload{json}.user.id": policy.Account, "$.payload{json}.email": policy.Email, "$.data{base64}.email": policy.Email, "$.body{form}.token": policy.Credential, "$.body{form}.user_id": policy.Account,
	})
	wantPack(t, p, "decode: json", "decode: base64", "decode: form")
}

func TestMemberNamesThatAreData(t *testing.T) {
	var payloads []string
	for i := range 60 {
		payloads = append(payloads, fmt.Sprintf(`{"members":{"1234567%04d":{"nick":"n"}},"karma":{"person%c%c":%d}}`, i, 'a'+i%26, 'a'+i/26, i))
	}
	p := propose(t, payloads...)
	paths := map[string]policy.Class{}
	for _, m := range p.Maps {
		paths[m.Path] = m.Class
	}
	if paths["$.members"] != policy.Account || !Personal(paths["$.karma"]) {
		t.Errorf("want maps of accounts at $.members and of something personal at $.karma, got %v", paths)
	}
	text := wantPack(t, p, "keys: account")
	for _, name := range []string{"12345670001", "personaa", "personbb"} {
		if strings.Contains(text, name) {
			t.Errorf("the pack holds a member name that is data: %s", name)
		}
	}
}

func TestObjectsInsideTheirLike(t *testing.T) {
	post := func(id int, inside string) string {
		return fmt.Sprintf(`{"id":"%d","text":"a b","created_at":"2024-01-02T03:04:05Z","lang":"en","author":{"id":"u%d","name":"n m","avatar":"x"}%s}`, id, id, inside)
	}
	p := propose(t, post(1, `,"quoted":`+post(2, `,"quoted":`+post(3, "")))+"")
	if len(p.Nested) == 0 || p.Nested[0].Outer != "$" || p.Nested[0].Inner != "$.quoted" {
		t.Fatalf("want $.quoted inside $, got %v", p.Nested)
	}
	wantPack(t, p, "quoted: {shape: quoted, depth: 2}", `"$": {shape: quoted}`)
}

func TestEvents(t *testing.T) {
	var payloads []string
	for i := range 12 {
		payloads = append(payloads, fmt.Sprintf(`{"type":"%s","occurred_at":"2024-01-02T03:04:%02dZ","sender":{"id":"s%d00"},"recipient":{"id":"r%d00"}}`, []string{"follow", "like"}[i%2], i, i, i))
	}
	p := propose(t, payloads...)
	if p.Event.Path != "$.type" || strings.Join(p.Event.Words, " ") != "follow like" {
		t.Errorf("want events by $.type, got %v", p.Event)
	}
	if len(p.Subject) == 0 || p.Subject[0] != "$.sender.id" || len(p.Times) != 1 || p.Times[0] != "$.occurred_at" {
		t.Errorf("want the sender and the time of the event, got %v and %v", p.Subject, p.Times)
	}
	p = propose(t, `{"id":1,"message":{"text":"a b"}}`, `{"id":2,"edited":{"text":"a b"}}`, `{"id":3,"message":{"text":"a c"}}`)
	if strings.Join(p.Event.Members, " ") != "edited message" {
		t.Errorf("want events by the member that is present, got %v", p.Event)
	}
}

func TestRareWordsAreNotWritten(t *testing.T) {
	var payloads []string
	for range 9 {
		payloads = append(payloads, `{"type":"gizmo"}`)
	}
	text := wantPack(t, propose(t, append(payloads, `{"type":"johanna"}`)...))
	if strings.Contains(text, "johanna") {
		t.Errorf("a word that was seen once is written:\n%s", text)
	}
}

func TestSinceListsWhatThePackDoesNotKnow(t *testing.T) {
	old := propose(t, `{"user":{"id":"u1"},"tags":["a"],"by":{"7":"x"}}`)
	text := wantPack(t, old)
	plan, err := LoadPack("sample", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	now := propose(t, `{"user":{"id":"u1","phone":"+49301234567"},"tags":["a"],"by":{"7":"x"},"seen":{"8":1}}`).Since(Classified(&plan.Sources[0]))
	var got []string
	for _, f := range now.Fields {
		got = append(got, f.Path)
	}
	if strings.Join(got, " ") != "$.seen.* $.user.phone" || len(now.Maps) != 1 {
		t.Errorf("want the phone and the new map, got %v and %d maps", got, len(now.Maps))
	}
}

func TestRefusedPayloadsLeaveNothing(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{``, `{"a":1`, `{"a":1}{"b":2}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		if err := d.Add([]byte(p)); err == nil {
			t.Errorf("%.20q: want a refusal, got none", p)
		} else if strings.Contains(err.Error(), "\"a\"") {
			t.Errorf("the error shows the payload: %v", err)
		}
	}
	if p := d.Proposal(); len(p.Fields) != 0 || p.Refused != 6 {
		t.Errorf("want 6 refused and no fields, got %d and %v", p.Refused, p.Fields)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 8_000 {
		n := r.Uint64()
		sample := fmt.Sprintf(`{"id":"%d","m":{"k%d":{"v%d":"x%d"}},"t":"some text %d","deep":{"a%d":{"b%d":1}},"tags":["a%d","b%d"]}`, n, n, n%1000, n, n, n%5000, n%5000, n, n)
		if err := d.Add([]byte(sample)); err != nil {
			t.Fatal(err)
		}
	}
	if used := int64(heap()) - int64(before); used > 96<<20 {
		t.Errorf("want at most 96 MiB after 8,000 samples, got %d MiB", used>>20)
	}
	if _, err := d.Proposal().pack(); err != nil {
		t.Error(err)
	}
}

func BenchmarkAdd(b *testing.B) {
	sample := []byte(`{"type":"post","id":"123456789123456789","author":{"id":"7342001","nick":"jane1","mail":"jane@example.org","joined":"2024-01-02T03:04:05Z"},"body":"Hello from somebody","likes":3,"tags":["a","b"]}`)
	d, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := d.Add(sample); err != nil {
			b.Fatal(err)
		}
	}
}
