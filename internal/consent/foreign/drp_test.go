// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var drpExpect = DRPExpect{Agent: "AGENT", Business: "SHOP", Now: 1_700_000_100_000}

const drpRequest = `{"agent-id":"AGENT","business-id":"SHOP","issued-at":"2023-11-14T22:13:20Z","expires-at":"2023-11-14T22:23:20+00:00",
"agent-request-id":"r-1","drp.version":"1.0","exercise":"sale:opt-out","regime":"ccpa","relationships":["customer"],
"status_callback":"https://dsr-agent.example.com/update_status","name":"Anna Example","email":"anna@example.com","email_verified":true,
"phone_number":"+12025550123","phone_number_verified":false}`

func drpKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func drpPublic() ed25519.PublicKey { return drpKey().Public().(ed25519.PublicKey) }

func drpBody(message string) []byte {
	signed := append(ed25519.Sign(drpKey(), []byte(message)), message...)
	return base64.StdEncoding.AppendEncode(nil, signed)
}

func TestDRPRights(t *testing.T) {
	const email, phone = ` /email/anna@example.com`, ` /phone/+12025550123`
	for right, want := range map[string]string{
		"sale:opt-out": `drp:sale:opt-out` + email + ` [sale deny "" @1700000000000] [sharing deny "" @1700000000000]` +
			`; drp:sale:opt-out` + phone + ` [sale deny "" @1700000000000] [sharing deny "" @1700000000000]`,
		"sale:opt-in":       `drp:sale:opt-in` + email + ` [sale allow "" @1700000000000]`,
		"deletion":          `drp:deletion` + email + ` [erasure deny "" @1700000000000]`,
		"access":            `drp:access` + email,
		"access:categories": `drp:access:categories` + email,
		"access:specific":   `drp:access:specific` + email,
	} {
		request, err := ParseDRP(drpPublic(), drpBody(strings.Replace(drpRequest, "sale:opt-out", right, 1)), drpExpect)
		if err != nil {
			t.Errorf("%s: %v", right, err)
			continue
		}
		if got := renderAll(request.Told(from)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", right, got, want)
		}
		unverified := strings.NewReplacer("sale:opt-out", right, `"email_verified":true`, `"email_verified":"true"`).Replace(drpRequest)
		request, err = ParseDRP(drpPublic(), drpBody(unverified), drpExpect)
		if err != nil {
			t.Errorf("%s: %v", right, err)
			continue
		}
		if told, err := request.Told(from); (err == nil) != (right == "sale:opt-out") {
			t.Errorf("%s for people of whom nothing is proven: %s", right, renderAll(told, err))
		}
	}
	request, err := ParseDRP(drpPublic(), append(drpBody(drpRequest), '\n'), drpExpect)
	if err != nil || request.RequestID != "r-1" || request.Regime != "ccpa" || request.Callback == "" || request.Expires != 1_700_000_600_000 {
		t.Errorf("the request was read wrongly: %v", err)
	}
}

func TestDRPRefuses(t *testing.T) {
	for path, change := range map[string][2]string{
		"$.agent-id":        {`"AGENT"`, `"OTHER"`},
		"$.agent-id ":       {`"agent-id":"AGENT",`, ``},
		"$.business-id":     {`"SHOP"`, `"OTHER"`},
		"$.issued-at":       {"22:13:20Z", "22:15:20Z"},
		"$.issued-at ":      {`"2023-11-14T22:13:20Z"`, `1700000000`},
		"$.expires-at":      {"22:23:20", "22:15:00"},
		"$.expires-at ":     {`"expires-at":"2023-11-14T22:23:20+00:00",`, ``},
		"$.drp.version":     {`"1.0"`, `"0.7"`},
		"$.exercise":        {"sale:opt-out", "donotsell"},
		"$.regime":          {"ccpa", "gdpr"},
		"$.status_callback": {"https:", "ftp:"},
		"$.email":           {"anna@example.com", "anna"},
		"$.phone_number":    {"+12025550123", "2025550123"},
		"$":                 {`"email_verified"`, `"email"`},
	} {
		message := strings.Replace(drpRequest, change[0], change[1], 1)
		if message == drpRequest {
			t.Fatalf("%s: nothing was changed", path)
		}
		_, err := ParseDRP(drpPublic(), drpBody(message), drpExpect)
		if field, ok := errors.AsType[*FieldError](err); !ok || field.Path != strings.TrimSpace(path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if _, err := ParseDRP(drpPublic(), drpBody(drpRequest), DRPExpect{Now: drpExpect.Now}); err == nil {
		t.Error("a request to nobody was accepted")
	}
}

func TestDRPMutations(t *testing.T) {
	body := drpBody(drpRequest)
	refuse := func(mutant []byte) {
		t.Helper()
		if message, err := OpenDRP(drpPublic(), mutant); !errors.Is(err, ErrSignature) {
			t.Fatalf("opened %q as %q, %v", mutant, message, err)
		}
	}
	for i := range body {
		for _, b := range []byte("A/=\n.") {
			if mutant := bytes.Clone(body); body[i] != b {
				mutant[i] = b
				refuse(mutant)
			}
		}
		refuse(body[:i])
		if i > 0 {
			refuse(slices.Insert(bytes.Clone(body), i, '\n'))
		}
		refuse(append(bytes.Clone(body[:i]), body[i+1:]...))
	}
	signed, err := base64.StdEncoding.DecodeString(string(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for bit := range 8 {
			mutant := bytes.Clone(signed)
			mutant[i] ^= 1 << bit
			refuse(base64.StdEncoding.AppendEncode(nil, mutant))
		}
	}
	refuse(base64.StdEncoding.AppendEncode(nil, append(signed, ' ')))
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	for _, key := range []ed25519.PublicKey{nil, other, other[:31], make([]byte, 32)} {
		if _, err := OpenDRP(key, body); !errors.Is(err, ErrSignature) {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}

	root, err := parse([]byte(drpRequest))
	if err != nil {
		t.Fatal(err)
	}
	for _, mutant := range mutants(root.value) {
		message, err := json.Marshal(mutant)
		if err != nil {
			t.Fatal(err)
		}
		request, err := ParseDRP(drpPublic(), drpBody(string(message)), drpExpect)
		if err != nil {
			checkContract(t, message, nil, err)
			continue
		}
		told, err := request.Told(from)
		checkContract(t, message, told, err)
	}
}

// Under a key of small order anybody can find a message that fits a signature made of nothing; crypto/ed25519 accepts it.
func TestDRPSmallOrderKeys(t *testing.T) {
	nothing := make([]byte, ed25519.SignatureSize) // R: the neutral element; S: 0
	nothing[0] = 1
	for _, y := range smallOrder() {
		for _, sign := range []byte{0, 0x80} {
			key, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			key[31] |= sign
			if _, err := DRPKey(base64.StdEncoding.EncodeToString(key)); err == nil {
				t.Errorf("%x is accepted as a key", key)
			}
			forged := false
			for i := range 500 {
				message := fmt.Appendf(nil, `{"%d":1}`, i)
				body := base64.StdEncoding.AppendEncode(nil, append(bytes.Clone(nothing), message...))
				if _, err := OpenDRP(key, body); err == nil {
					t.Fatalf("a forgery under %x was opened", key)
				}
				forged = forged || ed25519.Verify(key, message, nothing)
			}
			if !forged && sign == 0 {
				t.Errorf("%x is no point of small order", key)
			}
		}
	}
	if _, err := DRPKey(base64.StdEncoding.EncodeToString(drpPublic())); err != nil {
		t.Errorf("a good key: %v", err)
	}
	for _, bad := range []string{"", "AAAA", "not base64!"} {
		if _, err := DRPKey(bad); err == nil {
			t.Errorf("%q is accepted as a key", bad)
		}
	}
}
