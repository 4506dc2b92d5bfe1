// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func signedRequest(secret, payload string, encoding *base64.Encoding) string {
	encoded := encoding.EncodeToString([]byte(payload))
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(encoded))
	return encoding.EncodeToString(h.Sum(nil)) + "." + encoded
}

func TestMetaVectors(t *testing.T) {
	type vector struct {
		Secret  string `json:"app_secret"`
		Request string `json:"signed_request"`
		Valid   bool
		UserID  string `json:"user_id"`
	}
	vectors := lines[vector](t, "standards/meta_data_deletion", "signed_request_vectors.jsonl")
	for i, v := range vectors {
		told, err := MetaDeletion(from, []byte(v.Secret), v.Request)
		if (err == nil) != v.Valid {
			t.Errorf("vector %d: valid %t, got %v", i+1, v.Valid, err)
		}
		if !v.Valid && !errors.Is(err, ErrSignature) {
			t.Errorf("vector %d: %v is no ErrSignature", i+1, err)
		}
		if told.Subject.ID != v.UserID {
			t.Errorf("vector %d: another person", i+1)
		}
	}
	if len(vectors) != 8 {
		t.Errorf("%d vectors, want 8", len(vectors))
	}
}

func TestMetaCallbacks(t *testing.T) {
	const payload = `{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"218471"}`
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		request := signedRequest("s3cret", payload, encoding)
		told, err := MetaDeletion(From{"facebook", arrived}, []byte("s3cret"), request)
		want := `meta:data-deletion facebook/account/218471 [erasure deny "" @1700000000000]`
		if got := renderAll([]Told{told}, err); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		told, err = MetaDeauthorization(From{"facebook", arrived}, []byte("s3cret"), request)
		want = `meta:deauthorized facebook/account/218471 [consent deny "" @1700000000000]`
		if got := renderAll([]Told{told}, err); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	for name, payload := range map[string]string{
		"another algorithm":  `{"algorithm":"HMAC-SHA1","user_id":"218471"}`,
		"no algorithm":       `{"user_id":"218471"}`,
		"none":               `{"algorithm":"none","user_id":"218471"}`,
		"lower case":         `{"algorithm":"hmac-sha256","user_id":"218471"}`,
		"nobody":             `{"algorithm":"HMAC-SHA256","user_id":"0"}`,
		"a page, not a user": `{"algorithm":"HMAC-SHA256","profile_id":"99"}`,
		"two people":         `{"algorithm":"HMAC-SHA256","user_id":"1","user_id":"2"}`,
		"a broken time":      `{"algorithm":"HMAC-SHA256","user_id":"1","issued_at":"soon"}`,
		"no JSON":            `user_id=1`,
	} {
		if _, err := MetaDeletion(from, []byte("s3cret"), signedRequest("s3cret", payload, base64.RawURLEncoding)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := MetaDeletion(from, nil, signedRequest("", payload, base64.RawURLEncoding)); err == nil {
		t.Error("anybody can sign with an empty secret")
	}
}

// No change to a signed request may leave it accepted.
func TestMetaMutations(t *testing.T) {
	request := signedRequest("s3cret", `{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"218471"}`, base64.RawURLEncoding)
	refuse := func(mutant string) {
		t.Helper()
		if _, err := MetaDeletion(from, []byte("s3cret"), mutant); err == nil {
			t.Fatalf("accepted: %q", mutant)
		}
	}
	twin := map[byte]byte{'-': '+', '_': '/'} // the same digit in the other alphabet
	signature := strings.IndexByte(request, '.')
	for i := range request {
		for b := range 128 {
			if byte(b) != request[i] && (i >= signature || twin[request[i]] != byte(b)) {
				refuse(request[:i] + string(rune(b)) + request[i+1:])
			}
		}
		refuse(request[:i])
		refuse(request[:i] + request[i+1:])
		refuse(request[:i] + "\n" + request[i:])
		if i != signature { // there it is padding
			refuse(request[:i] + "=" + request[i:])
		}
		refuse(request[:i] + "A" + request[i:])
	}
	refuse(request + "\n")
	refuse(request + ".")
	if _, err := MetaDeletion(from, []byte("s3cret2"), request); !errors.Is(err, ErrSignature) {
		t.Errorf("another application's secret: %v", err)
	}
}

func TestMetaReceipt(t *testing.T) {
	body, err := MetaReceipt("https://example.com/erasure?id=1", "ABC123")
	if want := `{"url":"https://example.com/erasure?id=1","confirmation_code":"ABC123"}`; err != nil || string(body) != want {
		t.Errorf("got %s, %v; want %s", body, err, want)
	}
	for _, bad := range [][2]string{{"http://example.com", "A"}, {"example.com", "A"}, {"https://", "A"}, {"https://example.com", ""}, {"https://example.com", "a-b"}} {
		if _, err := MetaReceipt(bad[0], bad[1]); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
