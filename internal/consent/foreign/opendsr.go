// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/consent"
)

// DSR is a request of OpenDSR 2.0, or of OpenGDPR 1.0 as it was called before: a controller asks for a person's rights.
type DSR struct {
	ID         string // subject_request_id, a UUID version 4
	Type       string // erasure, access, portability; rectification, which the specification does not have and some controllers send
	Version    string // api_version, "" where it is not told
	Regulation string // gdpr, ccpa, or "" : 2.0 requires it, and its own example leaves it out
	Submitted  int64  // when the person asked, ms
	Identities []DSRIdentity
	Callbacks  []string                   // https URLs; whether they may be called is for the caller to decide
	Extensions map[string]json.RawMessage // by processor's domain
}

// DSRIdentity names the person in one way.
type DSRIdentity struct {
	Type  string // email, ios_advertising_id …
	Value string
	Form  string // identity_format: raw, sha1, md5, sha256
}

// Format gives the kind of request and nobody's identity, whatever the verb.
func (r DSR) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[opendsr "+r.Type+"]") }

// Format hides the identity, whatever the verb.
func (DSRIdentity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// ParseDSR reads the body of POST /requests. Who sent it is for the receiver to find out: the specification leaves it open.
// A FieldError can be told to the controller: NewDSRFault.
func ParseDSR(body []byte) (DSR, error) {
	root, err := parse(body)
	if err != nil {
		return DSR{}, err
	}
	r := DSR{
		ID: root.at("subject_request_id").text(), Type: root.at("subject_request_type").text(),
		Version: root.at("api_version").text(), Regulation: root.at("regulation").text(),
	}
	version := root.at("api_version")
	switch major, _, _ := strings.Cut(r.Version, "."); {
	case !uuid4.MatchString(r.ID):
		return DSR{}, &FieldError{"$.subject_request_id", "a UUID version 4 in lower case"}
	case !slices.Contains([]string{"erasure", "access", "portability", "rectification"}, r.Type):
		return DSR{}, &FieldError{"$.subject_request_type", "erasure, access, portability or rectification"}
	case version.present() && major != "1" && major != "2":
		return DSR{}, &FieldError{version.path, "1.0 or 2.0"}
	case root.at("regulation").present() && r.Regulation != "gdpr" && r.Regulation != "ccpa":
		return DSR{}, &FieldError{"$.regulation", "gdpr or ccpa"}
	}
	submitted, err := root.at("submitted_time").iso()
	if err != nil || !submitted.known {
		return DSR{}, &FieldError{"$.submitted_time", "a time as RFC 3339 writes it"}
	}
	r.Submitted = submitted.ms
	if err := r.parseIdentities(root); err != nil {
		return DSR{}, err
	}
	r.Callbacks, err = parseCallbacks(root.at("status_callback_urls"))
	return r, err
}

func (r *DSR) parseIdentities(root node) error {
	for _, n := range root.at("subject_identities").each() {
		identity, err := parseIdentity(n)
		if err != nil {
			return err
		}
		r.Identities = append(r.Identities, identity)
	}
	extensions := root.at("extensions")
	members, isObject := extensions.value.(map[string]any)
	if extensions.present() && !isObject {
		return &FieldError{extensions.path, "an object by processor's domain"}
	}
	if len(members) > 0 {
		r.Extensions = make(map[string]json.RawMessage, len(members))
	}
	for domain, v := range members {
		raw, err := json.Marshal(v)
		if err != nil {
			return &FieldError{extensions.path, "an object by processor's domain"}
		}
		r.Extensions[domain] = raw
	}
	if len(r.Identities) == 0 && len(r.Extensions) == 0 {
		return &FieldError{"$.subject_identities", "at least one identity"}
	}
	return nil
}

func parseIdentity(n node) (DSRIdentity, error) {
	identity := DSRIdentity{Type: n.at("identity_type").text(), Form: n.at("identity_format").text()}
	if identity.class() == "" {
		return DSRIdentity{}, &FieldError{n.at("identity_type").path, "a type of OpenDSR 2.0, section 5.1"}
	}
	if identity.Form != "raw" && identity.digits() == 0 {
		return DSRIdentity{}, &FieldError{n.at("identity_format").path, "raw, sha1, md5 or sha256"}
	}
	value := n.at("identity_value")
	var err error
	if identity.Value, err = value.id(); err != nil {
		return DSRIdentity{}, err
	}
	if identity.Form != "raw" {
		identity.Value = strings.ToLower(identity.Value)
	}
	switch {
	case identity.Form != "raw" && (len(identity.Value) != identity.digits() || strings.Trim(identity.Value, "0123456789abcdef") != ""):
		return DSRIdentity{}, &FieldError{value.path, "the hash in hexadecimal digits"}
	case identity.Type == "email" && identity.Form == "raw" && !isEmail(identity.Value):
		return DSRIdentity{}, &FieldError{value.path, "an e-mail address"}
	case strings.Trim(identity.Value, "0-") == "" || slices.Contains(hashesOfNothing(), identity.Value):
		return DSRIdentity{}, &FieldError{value.path, "the id of one person: zeros and the hash of nothing stand for all who do not tell theirs"}
	}
	return identity, nil
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1
}

// class gives the class of the packs that an identity of this type has, "" for an unknown type.
func (i DSRIdentity) class() string {
	switch i.Type {
	case "email":
		return "email"
	case "controller_customer_id":
		return "account"
	case "android_advertising_id", "android_id", "fire_advertising_id", "ios_advertising_id", "ios_vendor_id",
		"microsoft_advertising_id", "microsoft_publisher_id", "roku_publisher_id", "roku_advertising_id":
		return "device"
	}
	return ""
}

// digits is the length of a hash in hexadecimal digits, 0 for an unknown format.
func (i DSRIdentity) digits() int {
	switch i.Form {
	case "md5":
		return 32
	case "sha1":
		return 40
	case "sha256":
		return 64
	}
	return 0
}

// hashesOfNothing are MD5, SHA-1 and SHA-256 of the empty text.
func hashesOfNothing() []string {
	return []string{
		"d41d8cd98f00b204e9800998ecf8427e",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}
}

// Subject names the person as the events of an instance do: addresses and devices are the same everywhere, accounts are not.
// A hash is of the class hashed, as events that hold one have it, each instance for itself: ask for every instance.
func (i DSRIdentity) Subject(instance string) consent.Subject {
	class := i.class()
	switch {
	case i.Form != "raw":
		class = "hashed"
	case class != "account":
		instance = ""
	}
	return consent.Subject{Instance: instance, Type: class, ID: i.Value}
}

// Told gives one Told for each identity: an erasure as a signal, the other rights without signals, as "opendsr:access".
// Identities that stand only in an extension are for the caller to add to r first: without any, an erasure is an error.
func (r DSR) Told(from From) ([]Told, error) {
	if len(r.Identities) == 0 {
		return nil, &FieldError{"$.subject_identities", "at least one identity that stands outside of extensions"}
	}
	all := make([]Told, len(r.Identities))
	for i, identity := range r.Identities {
		all[i] = Told{What: "opendsr:" + r.Type, Subject: identity.Subject(from.Instance)}
		if r.Type != "erasure" {
			continue
		}
		s, err := from.signal(consent.Erasure, consent.Deny, "", "opendsr", newMoment("$.submitted_time", r.Submitted))
		if err != nil {
			return nil, err
		}
		s.ID = r.ID
		all[i].Signals = []consent.Signal{s}
	}
	return all, nil
}

func parseCallbacks(n node) ([]string, error) {
	var urls []string
	for _, callback := range n.each() {
		u, err := url.Parse(callback.text())
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return nil, &FieldError{callback.path, "an https URL without a password"}
		}
		urls = append(urls, callback.text())
	}
	return urls, nil
}
