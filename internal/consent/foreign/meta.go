// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
)

// MetaDeletion reads the signed_request of Meta's data deletion callback: the person wants what the application has erased.
// A callback that comes late, or whose `expires` is over, counts all the same; one that comes again says nothing new.
// https://developers.facebook.com/docs/apps/delete-data
func MetaDeletion(from From, appSecret []byte, signedRequest string) (Told, error) {
	return from.meta(appSecret, signedRequest, "meta:data-deletion", consent.Erasure)
}

// MetaDeauthorization reads the signed_request of Meta's deauthorize callback: the person removed the application.
func MetaDeauthorization(from From, appSecret []byte, signedRequest string) (Told, error) {
	return from.meta(appSecret, signedRequest, "meta:deauthorized", consent.Consent)
}

func (f From) meta(appSecret []byte, signedRequest, what string, kind consent.Kind) (Told, error) {
	payload, err := openSignedRequest(appSecret, signedRequest)
	if err != nil {
		return Told{}, err
	}
	root, err := f.read(payload)
	if err != nil {
		return Told{}, err
	}
	if algorithm := root.at("algorithm"); algorithm.text() != "HMAC-SHA256" {
		return Told{}, &FieldError{algorithm.path, "HMAC-SHA256"}
	}
	id, err := root.at("user_id").decimal()
	if err != nil {
		return Told{}, err
	}
	t, err := root.at("issued_at").unix()
	if err != nil {
		return Told{}, err
	}
	s, err := f.signal(kind, consent.Deny, "", what, t)
	return Told{What: what, Subject: f.account(id), Signals: []consent.Signal{s}}, err
}

// openSignedRequest gives the payload of base64url(HMAC) "." base64url(payload) once the HMAC, which is over the payload's
// encoded form, has been found right.
func openSignedRequest(appSecret []byte, signedRequest string) ([]byte, error) {
	if len(appSecret) == 0 {
		return nil, fmt.Errorf("meta: the application's secret is empty; take it from the app's dashboard")
	}
	signature, encoded, found := strings.Cut(signedRequest, ".")
	mac, ok := decodeBase64(signature)
	if !found || !ok || len(signedRequest) > 2*maxPayload {
		return nil, fmt.Errorf("signed_request: %w", ErrSignature)
	}
	h := hmac.New(sha256.New, appSecret)
	h.Write([]byte(encoded))
	if !hmac.Equal(mac, h.Sum(nil)) {
		return nil, fmt.Errorf("signed_request: %w", ErrSignature)
	}
	payload, ok := decodeBase64(encoded)
	if !ok {
		return nil, &FieldError{"signed_request", "a payload in base64url"}
	}
	return payload, nil
}

// decodeBase64 reads either alphabet of RFC 4648, with or without padding: libraries that Meta's partners use write all four.
func decodeBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, false
	}
	s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
	if bare := strings.TrimRight(s, "="); len(bare) != len(s) {
		if len(s)%4 != 0 || len(s)-len(bare) > 2 {
			return nil, false
		}
		s = bare
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}

// MetaReceipt is the body that answers a deletion callback: where the person can follow the erasure, and its code.
func MetaReceipt(statusURL, confirmationCode string) ([]byte, error) {
	if u, err := url.Parse(statusURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, &FieldError{"url", "an https URL"}
	}
	if confirmationCode == "" || strings.ContainsFunc(confirmationCode, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return nil, &FieldError{"confirmation_code", "letters and digits"}
	}
	return json.Marshal(struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}{statusURL, confirmationCode})
}
