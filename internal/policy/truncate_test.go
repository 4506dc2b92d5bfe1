// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rewrite"
)

// TestTruncateLeavesNoShortNameWhole truncates values shorter than what is kept: names and births fall, unless a reason says
// that they may stay; what names nobody stays.
func TestTruncateLeavesNoShortNameWhole(t *testing.T) {
	const pack = "language: 1\npack: p\nversion: 1\nevents:\n  e:\n    subject: $.by\n    fields:\n" +
		"      $.by: account\n      $.name: name\n      $.born: birth\n      $.lang: locale\n"
	const short, long = `{"by":"7","name":"Jo","born":"1990","lang":"en"}`, `{"by":"7","name":"Johanna","born":"1990-01-02","lang":"en-US"}`
	for _, test := range []struct{ clear, payload, want string }{
		{"", short, `{"lang":"en"}`},
		{"", long, `{"name":"Joha","born":"1990","lang":"en-U"}`},
		{`, clear: "they agreed"`, short, `{"name":"Jo","born":"1990","lang":"en"}`},
	} {
		rules := "    classes:\n      name: {truncate: {keep: 4}" + test.clear + "}\n      birth: {truncate: {keep: 4}" + test.clear + "}\n      locale: {truncate: {keep: 4}}\n"
		text := strings.Replace(onePack, "    classes: {account: pseudonym}\n", "    key: none\n"+rules, 1)
		plan, err := policy.LoadBytes("policy.yaml", []byte(text), fstest.MapFS{"p.yaml": {Data: []byte(pack)}}, ".")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		keys, err := keyring.Ephemeral("test", []string{"study"}, now)
		if err != nil {
			t.Fatal(err)
		}
		program, err := rewrite.Compile(plan, keys, rewrite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		domain, err := keys.LatestDomain("study", now.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		w := program.Worker()
		recognize(t, w, 0, realEvent{"short", []byte(test.payload)})
		if got, err := w.Append(nil, 0, domain); err != nil || string(got) != test.want {
			t.Errorf("%s%s: got %s, %v, want %s", test.payload, test.clear, got, err, test.want)
		}
	}
}
