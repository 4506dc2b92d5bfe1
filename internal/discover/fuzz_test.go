// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"testing"
)

// FuzzProposal: whatever the samples, the proposal is a pack that loads.
func FuzzProposal(f *testing.F) {
	for _, s := range []string{
		`{"a":[{"b":1},"x",[2,[{"c":null}]]],"a b":{"1":2,"x":{}},"$set":{"y":"z"}}`,
		`{"user":{"id":"u1","user":{"id":"u2","user":"u3","name":"n"},"name":"n"},"":{"":""}}`,
		`{"type":"post"}` + "\n" + `{"type":"comment","p":"{\"a\":{\"1\":[{\"b\":2}]}}"}` + "\n" + `{"p":"x"}`,
		`[{"a":1},{"b":"c"}]`, `"x"`, `null`, `[[1,2],[3,[4]]]`,
		`{"m":{"1":{"2":[{"3":"x"}]}},"it's":{"b\\c":"d","e.f":1,"yes":true,"on":[{"no":null}]},"ä":"ö","#":"x","a: b":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := New(Options{Name: "fuzz"})
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			_ = d.Add(line) // refused lines are counted
		}
		p := d.Proposal()
		var out bytes.Buffer
		if err := p.WritePack(&out); err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		if err := p.WriteTable(&out); err != nil {
			t.Fatal(err)
		}
	})
}
