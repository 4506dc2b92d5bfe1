// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
)

// DRP is a request of the Data Rights Protocol 1.0: an authorized agent exercises a person's right.
type DRP struct {
	Agent, Business string
	RequestID       string // of the agent's making, "" where there is none
	Exercise        string // sale:opt-out, sale:opt-in, deletion, access, access:categories, access:specific
	Regime          string // ccpa, or "" for a voluntary request
	Issued, Expires int64  // ms
	Callback        string // https URL, or ""; whether it may be called is for the caller to decide
	Email, Phone    DRPClaim
}

// DRPClaim is one way in which a request names the person.
type DRPClaim struct {
	Value    string // "": not told
	Verified bool   // the agent has made sure that it is the person's
}

// Format gives the right that is exercised and nobody's identity, whatever the verb.
func (r DRP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[drp "+r.Exercise+"]") }

// Format hides the claim, whatever the verb.
func (DRPClaim) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// DRPKey reads the verify_key of an agent's entry in the service directory.
func DRPKey(verifyKey string) (ed25519.PublicKey, error) {
	key, ok := decodeBase64(verifyKey)
	if !ok || len(key) != ed25519.PublicKeySize || hasSmallOrder(key) {
		return nil, &FieldError{"verify_key", "an Ed25519 public key in base64"}
	}
	return key, nil
}

// OpenDRP gives the message in a body of the protocol: base64 of an Ed25519 signature and, right behind it, the JSON that
// it signs (libsodium's combined mode; section 3.07).
func OpenDRP(key ed25519.PublicKey, body []byte) ([]byte, error) {
	if len(body) > 2*maxPayload {
		return nil, &FieldError{"body", "at most 2 MiB"}
	}
	encoded := bytes.TrimSpace(body)
	signed := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Strict().Decode(signed, encoded)
	if err != nil || bytes.ContainsAny(encoded, "\r\n") || n <= ed25519.SignatureSize || len(key) != ed25519.PublicKeySize || hasSmallOrder(key) {
		return nil, fmt.Errorf("drp: %w", ErrSignature)
	}
	signature, message := signed[:ed25519.SignatureSize], signed[ed25519.SignatureSize:n]
	if !ed25519.Verify(key, message, signature) {
		return nil, fmt.Errorf("drp: %w", ErrSignature)
	}
	return message, nil
}

// DRPExpect says what a request has to be for: the agent whose key and bearer token it came with, us, and the time (ms).
type DRPExpect struct {
	Agent, Business string
	Now             int64
}

var agentRequestID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// ParseDRP reads the body of POST /v1/data-rights-request and checks it in the order of section 3.07.
func ParseDRP(key ed25519.PublicKey, body []byte, expect DRPExpect) (DRP, error) {
	message, err := OpenDRP(key, body)
	if err != nil {
		return DRP{}, err
	}
	root, err := parse(message)
	if err != nil {
		return DRP{}, err
	}
	r, err := parseEnvelope(root, expect)
	if err != nil {
		return DRP{}, err
	}
	r.Exercise, r.Regime, r.Callback = root.at("exercise").text(), root.at("regime").text(), root.at("status_callback").text()
	if id := root.at("agent-request-id").text(); agentRequestID.MatchString(id) {
		r.RequestID = id
	}
	switch {
	case root.at("drp.version").text() != "1.0":
		return DRP{}, &FieldError{"$.drp.version", "1.0"}
	case !slices.Contains([]string{"sale:opt-out", "sale:opt-in", "deletion", "access", "access:categories", "access:specific"}, r.Exercise):
		return DRP{}, &FieldError{"$.exercise", "a right of section 3.01"}
	case root.at("regime").present() && r.Regime != "ccpa":
		return DRP{}, &FieldError{"$.regime", "ccpa, or none"}
	}
	if _, err := parseCallbacks(root.at("status_callback")); err != nil {
		return DRP{}, err
	}
	if r.Email, err = parseClaim(root, "email", isEmail); err != nil {
		return DRP{}, err
	}
	r.Phone, err = parseClaim(root, "phone_number", isE164)
	return r, err
}

// parseEnvelope checks whom the request is from, whom it is for, and when.
func parseEnvelope(root node, expect DRPExpect) (r DRP, err error) {
	r.Agent, r.Business = root.at("agent-id").text(), root.at("business-id").text()
	if r.Agent == "" || r.Agent != expect.Agent {
		return DRP{}, &FieldError{"$.agent-id", "the agent that the bearer token belongs to"}
	}
	if r.Business == "" || r.Business != expect.Business {
		return DRP{}, &FieldError{"$.business-id", "this business"}
	}
	issued, err := root.at("issued-at").iso()
	if err != nil || !issued.known || issued.ms > expect.Now {
		return DRP{}, &FieldError{"$.issued-at", "a time that is not in the future"}
	}
	expires, err := root.at("expires-at").iso()
	if err != nil || !expires.known || expires.ms <= expect.Now || expires.ms <= issued.ms {
		return DRP{}, &FieldError{"$.expires-at", "a time in the future"}
	}
	r.Issued, r.Expires = issued.ms, expires.ms
	return r, nil
}

func parseClaim(root node, name string, valid func(string) bool) (DRPClaim, error) {
	claim := root.at(name)
	if !claim.present() {
		return DRPClaim{}, nil
	}
	value, err := claim.id()
	if err != nil || !valid(value) {
		return DRPClaim{}, &FieldError{claim.path, "an e-mail address, or a phone number as in E.164"}
	}
	return DRPClaim{value, root.at(name + "_verified").isTrue()}, nil
}

func isE164(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && isDecimal(digits) && len(digits) >= 7 && len(digits) <= 15
}

// Told gives one Told for each address and number that names the person. Opting out needs no proof (11 CCR 7026(d)); all else
// counts only for what the agent has verified, since it takes data away, gives it out or lets it be sold: if nothing is
// verified, that is an error, and the answer is denied/insuf_verification. Opting out covers sale and sharing; opting in
// names the sale alone. Access has no signals, its What is the right.
func (r DRP) Told(from From) ([]Told, error) {
	var all []Told
	for _, named := range []struct {
		class string
		claim DRPClaim
	}{{"email", r.Email}, {"phone", r.Phone}} {
		if named.claim.Value == "" || !named.claim.Verified && r.Exercise != "sale:opt-out" {
			continue
		}
		told := Told{What: "drp:" + r.Exercise, Subject: consent.Subject{Type: named.class, ID: named.claim.Value}}
		kinds, verdict := r.kinds()
		for _, kind := range kinds {
			s, err := from.signal(kind, verdict, "", "drp", newMoment("$.issued-at", r.Issued))
			if err != nil {
				return nil, err
			}
			s.ID = r.RequestID
			told.Signals = append(told.Signals, s)
		}
		all = append(all, told)
	}
	if len(all) == 0 {
		return nil, &FieldError{"$.email_verified", "true, for the person's address or number, which this right needs"}
	}
	return all, nil
}

func (r DRP) kinds() ([]consent.Kind, consent.Verdict) {
	switch r.Exercise {
	case "sale:opt-out":
		return []consent.Kind{consent.Sale, consent.Sharing}, consent.Deny
	case "sale:opt-in":
		return []consent.Kind{consent.Sale}, consent.Allow
	case "deletion":
		return []consent.Kind{consent.Erasure}, consent.Deny
	}
	return nil, consent.Deny
}

// hasSmallOrder says that a key is one of the points of order 1, 2, 4 or 8, under which one signature fits many messages.
// libsodium refuses them too (ge25519_has_small_order); crypto/ed25519 does not.
func hasSmallOrder(key []byte) bool {
	y := slices.Clone(key)
	y[len(y)-1] &= 0x7f // the sign of x
	return slices.Contains(smallOrder(), hex.EncodeToString(y))
}

// smallOrder are the y-coordinates of these points, with those that are not reduced modulo p = 2²⁵⁵-19.
func smallOrder() []string {
	return []string{
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p-1, order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, order 4
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1, order 1
	}
}
