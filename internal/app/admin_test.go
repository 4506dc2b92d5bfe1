// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
)

const token = "0123456789abcdef01234567"

func TestAdminsAreRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# nobody\n\n", ""},
		{"ann investigator " + token + "\nbob operator,auditor x" + token, ""},
		{"ann investigator", "line 1: write name role,role token"},
		{"\nann boss " + token, "line 2: unknown role"},
		{"ann operator short", "less than 24 characters"},
		{"ann operator " + token + "\nbob operator " + token, "line 2: somebody else's token"},
		{"ann operator " + token + "\nAnn auditor x" + token, "line 2: this name is there already"},
	} {
		all, err := parseAdmins(c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: want %q, got %v", c.text, c.want, err)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error holds a token: %v", err)
		}
		if _, found := all.find("Bearer wrong"); found {
			t.Errorf("%q: a wrong token was taken", c.text)
		}
	}
	all, err := parseAdmins("bob operator,auditor " + token)
	if err != nil {
		t.Fatal(err)
	}
	if a, found := all.find("Bearer " + token); !found || a.Name != "bob" || !slices.Equal(a.Roles, []string{"operator", "auditor"}) {
		t.Errorf("want bob, got %v %v", a, found)
	}
}

func TestSubjectsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"mastodon:account:42":          "mastodon account 42",
		"email:ann@example.org":        " email ann@example.org",
		"bluesky:account:did:plc:x":    "bluesky account did:plc:x",
		"ip:2001:db8::1":               " ip 2001:db8::1",
		"mastodon.social:handle:a:b":   "mastodon.social handle a:b",
		"zoe@example.org":              "",
		"mastodon:42":                  "",
		"mastodon:object-id:42":        "",
		"account:":                     "",
		":account:42":                  "",
		"mastodon:account:":            "",
		`{"type":"email","id":"secr"}`: "",
	} {
		s, err := ParseSubject(text)
		got := ""
		if err == nil {
			got = s.Instance + " " + s.Type + " " + s.ID
		} else if strings.Contains(err.Error(), "zoe@") || strings.Contains(err.Error(), "secr") {
			t.Errorf("the error repeats what was given: %v", err)
		}
		if got != want {
			t.Errorf("%q: want %q, got %q, %v", text, want, got, err)
		}
	}
	all, err := ReadSubjects(strings.NewReader("{\"type\":\"email\",\"id\":\"a@b.c\"}\n\n{\"instance\":\"m\",\"type\":\"account\",\"id\":\"1\"}"))
	if err != nil || len(all) != 2 || all[1].Instance != "m" {
		t.Errorf("want two subjects, got %d, %v", len(all), err)
	}
	if _, err := ReadSubjects(strings.NewReader("{\"type\":\"email\",\"id\":\"a@b.c\"}\n{\"type\":\"email\",\"who\":\"secret@b.c\"}")); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("want line 2 without its text, got %v", err)
	}
}

// Whoever lacks the role is refused, whatever the command, before anything else is looked at.
func TestRolesAreAsked(t *testing.T) {
	for name, c := range commands {
		if len(c.roles) == 0 {
			t.Errorf("%s: nobody may", name)
		}
		for _, role := range append(Roles(), "", "root") {
			err := new(Admin).Do(t.Context(), Actor{Name: "ann", Roles: []string{role}}, Command{Name: name, Args: []byte(`{"no":"such"}`)}, new(bytes.Buffer))
			refused := isNo(err) && strings.Contains(err.Error(), name+" takes the role "+c.roles[0])
			if may := slices.Contains(c.roles, role); refused == may || err == nil {
				t.Errorf("%s in role %q: may %v, got %v", name, role, may, err)
			}
		}
	}
	if err := new(Admin).Do(t.Context(), Actor{Name: "ann", Roles: Roles()}, Command{Name: "subject forget"}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "subject erase") {
		t.Errorf("want the names of commands, got %v", err)
	}
}

// An error is told by the status, or in the trailer where the answer has begun, and keeps its exit code.
func TestErrorsCrossTheWire(t *testing.T) {
	for _, c := range []struct {
		err      error
		no, down bool
	}{
		{no("held"), true, false}, {fmt.Errorf("%w: broker", ErrDown), false, true}, {errors.New("wrong use"), false, false},
		{fmt.Errorf("damaged: %w", event.ErrFatal), false, false}, {answered(keyring.ErrInUse), true, false}, {answered(event.ErrTransient), false, true}, {nil, false, false},
	} {
		for _, begun := range []bool{false, true} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				out := &lateHeader{to: w}
				if begun {
					_, _ = out.Write([]byte("begun"))
				}
				if c.err != nil {
					out.fail(c.err)
				}
			}))
			var out bytes.Buffer
			got := send(context.Background(), server.URL, token, Command{Name: "x"}, &out)
			server.Close()
			if (got == nil) != (c.err == nil) || isNo(got) != c.no || errors.Is(got, ErrDown) != c.down || begun != (out.String() == "begun") {
				t.Errorf("%v, begun %v: got %v, %q", c.err, begun, got, out.String())
			}
			if got != nil && !strings.Contains(got.Error(), c.err.Error()) {
				t.Errorf("want %v in %v", c.err, got)
			}
		}
	}
}

func TestHandlerAsksForAToken(t *testing.T) {
	all, err := parseAdmins("ann auditor " + token)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(adminHandler(all, new(Admin)))
	defer server.Close()
	url := strings.TrimSuffix(server.URL, "/")
	if err := send(t.Context(), url, "wrong", Command{Name: "store stats"}, new(bytes.Buffer)); !isNo(err) || !strings.Contains(err.Error(), "token") {
		t.Errorf("want that a token is needed, got %v", err)
	}
	if err := send(t.Context(), url, token, Command{Name: "store stats"}, new(bytes.Buffer)); !isNo(err) || !strings.Contains(err.Error(), "operator") {
		t.Errorf("want the role, got %v", err)
	}
	res, err := http.Post(url, "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: want 401, got %d", res.StatusCode)
	}
}

func TestExportIsReadWhole(t *testing.T) {
	whole := "{\"recipient\":\"a\",\"record\":{\"x\":1}}\n{\"nymstream_export\":{\"request\":\"r\",\"counts\":[],\"page\":\"<p>\"}}\n"
	var out bytes.Buffer
	got, err := ReadExport(strings.NewReader(whole), &out)
	if err != nil || got.Request != "r" || got.Page != "<p>" || out.String() != "{\"recipient\":\"a\",\"record\":{\"x\":1}}\n" {
		t.Errorf("got %v, %v, %q", got, err, out.String())
	}
	for n := range len(whole) - 2 {
		if _, err := ReadExport(strings.NewReader(whole[:n]), new(bytes.Buffer)); err == nil {
			t.Fatalf("cut at %d it was taken for whole", n)
		}
	}
}

// What is exported of a person's signals comes to what they came to.
func TestExportedSignalsComeToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s consent.Standing
		for range rapid.IntRange(1, 8).Draw(t, "signals") {
			at := rapid.Int64Range(1, 60).Draw(t, "at")
			one := consent.Signal{
				Kind:    rapid.SampledFrom([]consent.Kind{consent.Consent, consent.Parental, consent.Objection, consent.Restriction, consent.Hold, consent.Sale}).Draw(t, "kind"),
				Verdict: rapid.SampledFrom([]consent.Verdict{consent.Allow, consent.Deny}).Draw(t, "verdict"), At: at, Source: "s",
			}
			if one.Kind != consent.Hold && one.Kind != consent.Sale {
				one.Purpose = rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "purpose")
			}
			if one.Verdict == consent.Allow && one.Kind == consent.Consent {
				one.Expires = rapid.SampledFrom([]int64{0, at + 5, at + 30}).Draw(t, "expires")
			}
			s, _, _ = s.Merge(one)
		}
		var again consent.Standing
		again, _, _ = again.Merge(signalsOf(s)...)
		for _, purpose := range []string{"p", "q", "other"} {
			for now := int64(61); now < 100; now += 3 { // when all of it has been said
				for when := int64(1); when <= now; when++ {
					q := consent.Question{Purpose: consent.PurposeOf(purpose), Basis: "consent", Sale: true, UnknownAgeIsAdult: true, EventTime: when, Now: now}
					if want, got := s.Ask(&q), again.Ask(&q); (want == event.None) != (got == event.None) {
						t.Fatalf("purpose %s, event %d, now %d: want %v, got %v", purpose, when, now, want, got)
					}
				}
			}
		}
	})
}
