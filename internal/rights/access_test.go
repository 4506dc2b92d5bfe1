// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// file is an Output in memory. What was not synced is lost with the process.
type file struct {
	w      *world
	bytes  []byte
	synced []byte
	at     int64
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.w.step(); err != nil {
		return 0, err
	}
	f.bytes = append(f.bytes[:f.at], p...)
	f.at += int64(len(p))
	return len(p), nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset > int64(len(f.bytes)) {
		return 0, errors.New("no such place")
	}
	f.at = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	if size > int64(len(f.bytes)) {
		return errors.New("shorter than that: what was told to be durable is not")
	}
	f.bytes = f.bytes[:size]
	return nil
}

func (f *file) Sync() error {
	if err := f.w.step(); err != nil {
		return err
	}
	f.synced = bytes.Clone(f.bytes)
	return nil
}

// publish appends a record of a recipient's topic.
func (w *world) publish(topic string, partition int, key, value string) {
	at := &w.topics[topic][partition]
	m := Message{Topic: topic, Partition: int32(partition), Offset: int64(len(*at)), Value: []byte(value), Time: start.Add(time.Duration(len(*at)) * time.Minute).UnixMilli()}
	if key != "" {
		m.Key = []byte(key)
	}
	*at = append(*at, m)
}

// history fills the recipients' topics with records of the family and of others.
func (f *family) history() (theirs int) {
	for i := range 30 {
		mine, other := f.told[i%len(f.told)], f.othersTold[i%len(f.othersTold)]
		for _, p := range []Pseudonym{mine, other} {
			topic := recipient(f.plan, p.Recipient).Topic
			value := fmt.Sprintf(`{"n":%d,"who":%q,"text":"a<b"}`, i, p.Text)
			if i == 7 {
				value = "\x00\x01avro " + p.Text
			}
			f.publish(topic, i%len(f.topics[topic]), "", value)
		}
		theirs++
	}
	f.publish("out.analytics", 0, f.told[0].Text, `{"by":"its key"}`)
	f.publish("out.partner", 0, "", `{"who":"`+f.told[0].Text+`","note":"a pseudonym of another recipient's"}`)
	return theirs + 1
}

func TestExport(t *testing.T) {
	f := newFamily(t)
	theirs := f.history()
	allow := consents("insight", consent.Allow, at(-time.Hour))
	_, err := f.service().Take(t.Context(), send(t, account("42"), allow))
	must(t, err)
	verified(t, f.service(), ask(Portable, account("42")))
	out := &file{w: f.world}
	report, err := f.service().Export(t.Context(), "r1", officer, out, nil)
	must(t, err)
	lines := strings.Split(strings.TrimSuffix(string(out.synced), "\n"), "\n")
	if len(lines) != theirs || int64(len(out.synced)) != report.Bytes || report.Counts[0].Records+report.Counts[1].Records != int64(theirs) {
		t.Fatalf("%d lines, %+v, want %d", len(lines), report.Counts, theirs)
	}
	for _, text := range lines {
		var l struct {
			line
			Record map[string]any `json:"record"`
		}
		must(t, json.Unmarshal([]byte(text), &l))
		if l.Recipient == "" || l.Topic == "" || l.Time == "" || l.Record == nil == (l.Base64 == nil) {
			t.Errorf("line %s", text)
		}
		for _, p := range f.othersTold {
			if strings.Contains(text, p.Text) {
				t.Fatal("a record of somebody else's")
			}
		}
	}
	if r, err := f.service().Request(t.Context(), "r1"); err != nil || r.State != Done || r.Result != fmt.Sprintf("%d records", theirs) {
		t.Errorf("%s %s, %v", r.State, r.Result, err)
	}
	var page bytes.Buffer
	must(t, f.service().HTML(&page, report))
	for _, want := range []string{"out.", "analytics", "partner", "Product analytics", "granted", "privacy@example.org", "State: live", "<td>90"} {
		if want != "out." && !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.String(), ">42<") || strings.Contains(page.String(), "anna") {
		t.Error("the page has an identifier")
	}
}

// However often an export is interrupted, and whatever is published meanwhile, the file becomes the same to the byte.
func TestExportResumesToTheSameBytes(t *testing.T) {
	run := func(f *family, out *file) error {
		s := f.service()
		r, err := s.Request(t.Context(), "r1")
		if err != nil {
			return err
		}
		if r, err = s.Move(t.Context(), "r1", InProgress, officer, ""); err != nil {
			return err
		}
		x := &export{Service: s, id: "r1", by: officer, file: out, sets: map[string]map[string]struct{}{}, every: 5}
		if err := x.prepare(t.Context(), &r); err != nil {
			return err
		}
		return x.run(t.Context())
	}
	f := newFamily(t)
	f.history()
	verified(t, f.service(), ask(Access, account("42")))
	whole := &file{w: f.world}
	f.calls = 0
	must(t, run(f, whole))
	moments := f.calls
	if len(whole.synced) == 0 {
		t.Fatal("nothing was exported")
	}
	again := ask(Access, account("42"))
	for n := 1; n < moments; n++ {
		again.ID = "r1"
		must(t, forget(f, "r1"))
		verified(t, f.service(), again)
		out := &file{w: f.world}
		kept := map[string]int{}
		for topic, partitions := range f.topics {
			kept[topic] = len(partitions[0])
		}
		f.calls, f.crashAt = 0, n
		err := run(f, out)
		if err == nil {
			t.Fatalf("moment %d of %d: not interrupted", n, moments)
		}
		began := f.begun()
		f.revive()
		out.bytes, out.at = bytes.Clone(out.synced), 0
		if began {
			f.publish("out.analytics", 0, "", `{"later":"`+f.told[0].Text+`"}`)
		}
		must(t, run(f, out))
		if !bytes.Equal(out.synced, whole.synced) {
			t.Fatalf("interrupted at moment %d of %d: %d bytes, want %d", n, moments, len(out.synced), len(whole.synced))
		}
		for topic, length := range kept {
			f.topics[topic][0] = f.topics[topic][0][:length]
		}
	}
	t.Logf("%d moments", moments)
}

// begun tells whether the request remembers where the topics ended.
func (f *family) begun() bool {
	f.revive()
	r, err := f.service().Request(f.t.Context(), "r1")
	must(f.t, err)
	return r.Progress != nil
}

func TestExportOfSomebodyErased(t *testing.T) {
	f := newFamily(t)
	f.history()
	_, err := f.service().Erase(t.Context(), Erasure{Subjects: []consent.Subject{account("42")}, Reason: OnRequest, By: officer})
	must(t, err)
	verified(t, f.service(), ask(Access, account("42")))
	out := &file{w: f.world}
	report, err := f.service().Export(t.Context(), "r1", officer, out, nil)
	must(t, err)
	if len(out.synced) != 0 || len(report.Counts) != 0 || report.People[0].State != "erased" {
		t.Errorf("%+v", report)
	}
}

// forget removes a request.
func forget(f *family, id string) error {
	rows := []subject.Row{{Key: requestKey(id)}}
	if err := f.store.Load(f.t.Context(), subject.Requests, rows); err != nil {
		return err
	}
	_, err := f.store.Commit(f.t.Context(), []subject.Change{{Space: subject.Requests, Row: subject.Row{Key: rows[0].Key, Version: rows[0].Version}}})
	return err
}

// What is kept of an export in clear differs from keyring to keyring, and from life to life: it is keyed, and no pseudonym is in it.
func TestFingerprint(t *testing.T) {
	w := newWorld(t)
	w.create(account("42"))
	prints := map[string]string{}
	of := func(what string, k *keyring.Keyring, generation uint32, id string) {
		r, err := w.service().name(account(id), true)
		must(t, err)
		x := &export{Service: w.service(func(o *Options) { o.Keys = k }), sets: map[string]map[string]struct{}{}}
		must(t, x.includeRow(&subject.Person{Key: r.key, Generation: generation}, r.types))
		again := *x
		one, err := x.fingerprint()
		must(t, err)
		two, err := again.fingerprint()
		must(t, err)
		if one != two || prints[one] != "" {
			t.Errorf("%s: %s, again %s, as %q", what, one, two, prints[one])
		}
		prints[one] = what
	}
	of("a person", w.keys, 1, "42")
	of("another life", w.keys, 2, "42")
	of("another person", w.keys, 1, "43")
	of("another keyring", freshKeys(t), 1, "42")
}
