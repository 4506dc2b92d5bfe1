// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// fuzzReader feeds a pack's reader, beginning with the messages of the tables.
func fuzzReader(f *testing.F, pack string) {
	read, ok := ReaderOf(pack)
	if !ok {
		f.Fatalf("no reader for %s", pack)
	}
	for _, tt := range readerTests {
		if tt.pack == pack {
			f.Add([]byte(tt.payload))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		told, err := read(from, payload)
		checkContract(t, payload, told, err)
	})
}

func FuzzX(f *testing.F)           { fuzzReader(f, "twitter_compliance") }
func FuzzXv2(f *testing.F)         { fuzzReader(f, "twitter_v2") }
func FuzzATProto(f *testing.F)     { fuzzReader(f, "bluesky") }
func FuzzActivityPub(f *testing.F) { fuzzReader(f, "activitypub") }
func FuzzFacebook(f *testing.F)    { fuzzReader(f, "facebook") }
func FuzzSlack(f *testing.F)       { fuzzReader(f, "slack") }
func FuzzDiscord(f *testing.F)     { fuzzReader(f, "discord") }
func FuzzGitHub(f *testing.F)      { fuzzReader(f, "github") }

// FuzzMeta signs each payload, so that what lies behind the signature is reached, and reads it unsigned as well.
func FuzzMeta(f *testing.F) {
	f.Add([]byte(`{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"218471"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		told, err := MetaDeletion(from, []byte("s3cret"), signedRequest("s3cret", string(payload), base64.RawURLEncoding))
		if err != nil {
			checkContract(t, payload, nil, err)
		} else {
			checkContract(t, payload, []Told{told}, nil)
		}
		if _, err := MetaDeletion(from, []byte("another secret, which signed nothing"), string(payload)); err == nil {
			t.Fatalf("accepted without a signature: %q", payload)
		}
	})
}

// Seeds are short: the fuzzer would spend its time shortening a long one, and count nothing meanwhile.
func FuzzDSR(f *testing.F) {
	f.Add([]byte(`{"subject_request_id":"a7551968-d5d6-44b2-9831-815ac9017798","subject_request_type":"erasure","submitted_time":"2018-10-02T15:00:00Z",` +
		`"subject_identities":[{"identity_type":"email","identity_value":"a@b","identity_format":"raw"}]}`))
	f.Add([]byte(`{"subject_identities":[{"identity_type":"email","identity_value":"d41d8cd98f00b204e9800998ecf8427f","identity_format":"md5"}],"extensions":{"a":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := ParseDSR(body)
		if err != nil {
			checkContract(t, body, nil, err)
			return
		}
		told, err := request.Told(from)
		checkContract(t, body, told, err)
	})
}

// FuzzDRP signs each message, and reads it as a body as well.
func FuzzDRP(f *testing.F) {
	const short = `{"agent-id":"AGENT","business-id":"SHOP","issued-at":"2023-11-14T22:13:20Z","expires-at":"2023-11-14T22:23:20Z",` +
		`"drp.version":"1.0","exercise":"deletion","email":"a@b","email_verified":true}`
	good := drpBody(`{}`)
	f.Add([]byte(short))
	f.Add(good)
	f.Fuzz(func(t *testing.T, message []byte) {
		request, err := ParseDRP(drpPublic(), drpBody(string(message)), drpExpect)
		if err != nil {
			checkContract(t, message, nil, err)
		} else {
			told, err := request.Told(from)
			checkContract(t, message, told, err)
		}
		if _, err := OpenDRP(drpPublic(), message); err == nil && !bytes.Equal(bytes.TrimSpace(message), good) {
			t.Fatalf("opened without a signature: %q", message)
		}
	})
}
