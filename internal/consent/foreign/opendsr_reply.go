// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// DSRTime is a time in ms since the Unix epoch, written as RFC 3339 does, to the second.
type DSRTime int64

// MarshalText writes the time in UTC.
func (t DSRTime) MarshalText() ([]byte, error) {
	return time.UnixMilli(int64(t)).UTC().AppendFormat(nil, time.RFC3339), nil
}

// UnmarshalText reads a time.
func (t *DSRTime) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("want a time as RFC 3339 writes it")
	}
	*t = DSRTime(parsed.UnixMilli())
	return nil
}

// States of a request (section 8).
const (
	DSRPending    = "pending"
	DSRInProgress = "in_progress"
	DSRCompleted  = "completed"
	DSRCanceled   = "cancelled" //nolint:misspell // the protocol's spelling
)

// DSRReceipt answers a request, with status 201 (section 7.3). Encoded is the whole body of the request and holds its identities.
type DSRReceipt struct {
	Controller string  `json:"controller_id"`
	Expected   DSRTime `json:"expected_completion_time"`
	Received   DSRTime `json:"received_time"`
	Encoded    []byte  `json:"encoded_request"`
	Request    string  `json:"subject_request_id"`
}

// Format hides the request that is encoded in the receipt, whatever the verb.
func (r DSRReceipt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[opendsr receipt]") }

// DSRStatus tells how far a request is: the answer to GET, and with Callback the body that is sent there (sections 8.3, 8.6).
type DSRStatus struct {
	Controller string  `json:"controller_id"`
	Expected   DSRTime `json:"expected_completion_time"`
	Callback   string  `json:"status_callback_url,omitempty"`
	Request    string  `json:"subject_request_id"`
	Status     string  `json:"request_status"` // DSRPending …
	Version    string  `json:"api_version,omitempty"`
	Results    string  `json:"results_url,omitempty"`
	Count      *int    `json:"results_count,omitempty"`
}

// DSRCancellation answers DELETE, with status 202 (section 9.2).
type DSRCancellation struct {
	Controller string  `json:"controller_id"`
	Request    string  `json:"subject_request_id"`
	Received   DSRTime `json:"received_time"`
	Version    string  `json:"api_version,omitempty"`
}

// DSRDiscovery says what we understand (section 6.3).
type DSRDiscovery struct {
	Version     string         `json:"api_version"`
	Identities  []DSRSupported `json:"supported_identities"`
	Types       []string       `json:"supported_subject_request_types"`
	Certificate string         `json:"processor_certificate"` // where the certificate that we sign with is
}

// DSRSupported is one way of naming a person that we understand.
type DSRSupported struct {
	Type   string `json:"identity_type"`
	Format string `json:"identity_format"`
}

// DSRFault refuses a request (section 7.6). It holds no value of the request.
type DSRFault struct {
	Error DSRFaultBody `json:"error"`
}

// DSRFaultBody is what a DSRFault says.
type DSRFaultBody struct {
	Code    int              `json:"code"` // HTTP status
	Message string           `json:"message,omitempty"`
	Errors  []DSRFaultDetail `json:"errors,omitempty"`
}

// DSRFaultDetail is one thing that was wrong.
type DSRFaultDetail struct {
	Domain  string `json:"domain"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// NewDSRFault says to a controller why its request was refused; of errors other than FieldError it says nothing.
func NewDSRFault(err error) DSRFault {
	field, ok := errors.AsType[*FieldError](err)
	if !ok {
		return DSRFault{DSRFaultBody{Code: 400, Message: "the request was refused"}}
	}
	return DSRFault{DSRFaultBody{400, field.Error(), []DSRFaultDetail{{"Validation", "InvalidField", field.Error()}}}}
}

// Body gives the bytes to send and to sign.
func (s DSRStatus) Body() ([]byte, error) {
	if !slices.Contains([]string{DSRPending, DSRInProgress, DSRCompleted, DSRCanceled}, s.Status) {
		return nil, &FieldError{"$.request_status", "a status of OpenDSR 2.0, section 8"}
	}
	return json.Marshal(s)
}

// DSRHeaders names the headers of a response or callback for the version that the controller speaks: 1 calls them OpenGDPR.
func DSRHeaders(version string) (domain, signature string) {
	if version == "1" || strings.HasPrefix(version, "1.") {
		return "X-OpenGDPR-Processor-Domain", "X-OpenGDPR-Signature"
	}
	return "X-OpenDSR-Processor-Domain", "X-OpenDSR-Signature"
}

const minRSA = 2048 // bits, NIST SP 800-131A

// SignDSR gives the value of the header X-OpenDSR-Signature: base64 of RSA PKCS #1 v1.5 over the SHA-256 of the body.
func SignDSR(random io.Reader, signer crypto.Signer, body []byte) (string, error) {
	if key, ok := signer.Public().(*rsa.PublicKey); !ok || key.N.BitLen() < minRSA {
		return "", fmt.Errorf("opendsr: want an RSA key of %d bits or more", minRSA)
	}
	digest := sha256.Sum256(body)
	signature, err := signer.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("opendsr: signing: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// VerifyDSR checks the header X-OpenDSR-Signature, which may be folded over lines, of a body that nobody has parsed yet.
// Whether the key's certificate is the domain's is for the caller to check.
func VerifyDSR(key *rsa.PublicKey, body []byte, header string) error {
	if key == nil || key.N == nil || key.N.BitLen() < minRSA {
		return fmt.Errorf("opendsr: want an RSA key of %d bits or more: %w", minRSA, ErrSignature)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(header), ""))
	if err != nil {
		return fmt.Errorf("opendsr: %w", ErrSignature)
	}
	digest := sha256.Sum256(body)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return fmt.Errorf("opendsr: %w", ErrSignature)
	}
	return nil
}
