// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/consent/foreign"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
)

const appSecret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

// agentKey is the key of the agent of the tests.
func agentKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

// visited is a service with a door of each kind.
type visited struct {
	*running
	base   string
	signer *rsa.PrivateKey
}

func visit(t *testing.T) *visited {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	v := &visited{base: "http://" + address}
	if v.signer, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	sign := filepath.Join(t.TempDir(), "sign.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(v.signer)})
	if err := os.WriteFile(sign, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APP_SECRET", appSecret)
	t.Setenv("DOOR_TOKEN", token)
	verify := base64.StdEncoding.EncodeToString(agentKey().Public().(ed25519.PublicKey))
	v.running = startWith(t, func(config, policy string) (string, string) {
		config, policy = keeping(config, policy)
		return config + fmt.Sprintf(`webhooks:
  listen: %s
  url: https://privacy.example.org
  doors:
    - {kind: meta, path: /meta/deletion, instance: mastodon, secret: "${env:APP_SECRET}"}
    - {kind: opendsr, path: /dsr/requests, instance: mastodon, secret: "${env:DOOR_TOKEN}", controller: example, domain: privacy.example.org, sign: %s}
    - {kind: drp, path: /drp/v1/data-rights-request, secret: "${env:DOOR_TOKEN}", agent: AGENT, key: "%s", business: SHOP}
`, address, sign, verify), policy
	}, "mastodon")
	v.until("the doors are open", func() bool { return strings.Contains(v.log.String(), "doors opened") })
	return v
}

// call sends a request and gives status, answer and headers.
func (v *visited) call(method, path, contentType, bearer, body string) (int, string, http.Header) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

// want calls and holds the status; of a refusal, that it is a problem document.
func (v *visited) want(status int, method, path, contentType, bearer, body string) string {
	v.t.Helper()
	got, text, header := v.call(method, path, contentType, bearer, body)
	if got != status {
		v.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, text)
	}
	if status >= 400 && !strings.Contains(header.Get("Content-Type"), "json") {
		v.t.Errorf("%s %s refuses as %s", method, path, header.Get("Content-Type"))
	}
	return text
}

func (v *visited) state(who consent.Subject) string {
	v.t.Helper()
	s, err := v.service.people.rights.Show(v.t.Context(), rights.Actor{Name: "tester"}, who, "")
	if err != nil {
		v.t.Fatal(err)
	}
	return s.State
}

// silent holds that nothing of what was sent stands in the log.
func (v *visited) silent(values ...string) {
	v.t.Helper()
	for _, value := range values {
		if strings.Contains(v.log.String(), value) {
			v.t.Errorf("the log tells %q", value)
		}
	}
}

// agree makes somebody known by a consent and a post, whose output it awaits.
func (v *visited) agree(id int) {
	v.t.Helper()
	v.signal(id, consent.Signal{Kind: consent.Consent, Purpose: "product-analytics", Verdict: consent.Allow, At: time.Now().Add(-time.Hour).UnixMilli()})
	before := len(v.outputs())
	v.until("an agreement is heeded", func() bool {
		v.produce(post(id))
		return len(v.outputs()) > before
	})
}

func signedRequest(secret, payload string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(payload))
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)) + "." + encoded
}

func signedForm(secret, payload string) string {
	return url.Values{"signed_request": {signedRequest(secret, payload)}}.Encode()
}

const form = "application/x-www-form-urlencoded"

// Doors answer a bounded number at a time, and the last one is out before serve returns.
func TestDoorsAreBounded(t *testing.T) {
	d := &doors{busy: make(chan struct{}, doorsAtOnce), mux: http.NewServeMux()}
	inside, leave := make(chan bool, doorsAtOnce), make(chan bool)
	d.handle("POST /door", func(_ context.Context, w http.ResponseWriter, _ *http.Request) {
		inside <- true
		<-leave
		replyWith(w, http.StatusOK, "done")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.serve(ctx, l) }()
	post := func() int {
		res, err := http.Post("http://"+l.Addr().String()+"/door", "text/plain", strings.NewReader("x"))
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	answers := make(chan int, doorsAtOnce)
	for range doorsAtOnce {
		go func() { answers <- post() }()
		<-inside
	}
	if status := post(); status != http.StatusServiceUnavailable {
		t.Errorf("one too many is answered by %d", status)
	}
	stop()
	select {
	case err := <-served:
		t.Fatalf("serve returned while requests were inside: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	if err := <-served; err != nil {
		t.Error(err)
	}
	for range doorsAtOnce {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("one that was inside is answered by %d", status)
		}
	}
}

// A door whose secret or key is none is not opened.
func TestDoorsAreChecked(t *testing.T) {
	plan := &policy.Plan{Sources: []policy.Source{{Instance: "mastodon"}}}
	sign := filepath.Join(t.TempDir(), "sign.pem")
	if err := os.WriteFile(sign, []byte("-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		door config.Door
		want string
	}{
		{config.Door{Kind: "meta", Path: "/m", Instance: "mastodon", Secret: config.NewSecret(appSecret)}, ""},
		{config.Door{Kind: "meta", Path: "/m", Instance: "facebook", Secret: config.NewSecret(appSecret)}, "instance: no source"},
		{config.Door{Kind: "opendsr", Path: "/o", Instance: "mastodon", Secret: config.NewSecret("short")}, "less than 24"},
		{config.Door{Kind: "opendsr", Path: "/o", Instance: "mastodon", Secret: config.NewSecret(token), Domain: "d", Sign: sign}, "sign: no private key"},
		{config.Door{Kind: "drp", Path: "/d", Secret: config.NewSecret(token), Agent: "a", Key: "AAAA", Business: "b"}, "key: verify_key"},
	} {
		_, err := newDoors(&config.Webhooks{Doors: []config.Door{c.door}}, nil, plan, zerolog.Nop())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: want %q, got %v", c.door.Kind, c.want, err)
		}
	}
}

// TestDoors tries all doors of one service.
func TestDoors(t *testing.T) {
	v := visit(t)
	for _, c := range []struct {
		name string
		try  func(*testing.T, *visited)
	}{{"meta", metaDoor}, {"held", heldAtTheDoor}, {"opendsr", openDSRDoor}, {"drp", drpDoorTried}, {"apart", doorsKeepApart}} {
		t.Run(c.name, func(t *testing.T) {
			v.t = t
			c.try(t, v)
		})
	}
	v.t = t
}

// metaDoor: Meta's callback erases who is known, answers as Meta asks, and the same to a replay; nobody else can make it do anything.
func metaDoor(t *testing.T, v *visited) {
	const person, path = 218471, "/meta/deletion"
	v.agree(person)
	payload := fmt.Sprintf(`{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":"%d"}`, time.Now().Unix(), person)
	who := consent.Subject{Instance: "mastodon", Type: "account", ID: fmt.Sprint(person)}

	v.want(http.StatusForbidden, "POST", path, form, "", signedForm("another secret", payload))
	v.want(http.StatusForbidden, "POST", path, form, "", "signed_request=")
	v.want(http.StatusForbidden, "POST", path+"?"+signedForm(appSecret, payload), form, "", "")
	v.want(http.StatusBadRequest, "POST", path, form, "", signedForm(appSecret, `{"algorithm":"HMAC-SHA256","user_id":"me"}`))
	v.want(http.StatusRequestEntityTooLarge, "POST", path, form, "", "signed_request="+strings.Repeat("a", maxDoorBody))
	v.want(http.StatusNotFound, "PUT", path, form, "", "")
	if s := v.state(who); s != "live" {
		t.Fatalf("after refusals the person is %s", s)
	}

	answer := v.want(http.StatusOK, "POST", path, form, "", signedForm(appSecret, payload))
	var receipt struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.Unmarshal([]byte(answer), &receipt); err != nil || receipt.URL != "https://privacy.example.org"+path+"/"+receipt.Code || len(receipt.Code) != 26 {
		t.Fatalf("the answer is %s", answer)
	}
	if s := v.state(who); s != "erased" {
		t.Errorf("the person is %s", s)
	}
	if again := v.want(http.StatusOK, "POST", path, form, "", signedForm(appSecret, payload)); again != answer {
		t.Errorf("a replay is answered by %s", again)
	}
	if text := v.want(http.StatusOK, "GET", path+"/"+receipt.Code, "", "", ""); !strings.Contains(text, "It was done on "+time.Now().UTC().Format(time.DateOnly)) {
		t.Errorf("the status reads %s", text)
	}
	v.want(http.StatusNotFound, "GET", path+"/"+strings.Repeat("a", 26), "", "", "")
	all, err := v.service.people.rights.Requests(t.Context(), true)
	if err != nil || len(all) != 1 || all[0].State != rights.Done || all[0].Via != "meta" || all[0].Deadline-all[0].Received < 27*24*time.Hour.Milliseconds() || all[0].Verified.How != "signature of Meta" {
		t.Errorf("%d requests: %v, %v", len(all), all, err)
	}
	v.until("the recipient is told", func() bool { return strings.Contains(strings.Join(v.outputs(), "\n"), `"nymstream":"deletion"`) })
	v.silent(fmt.Sprint(person), appSecret, receipt.Code[:20]+"x")
}

// heldAtTheDoor: a request that a legal hold forbids is on record and waits, and nobody outside learns why.
func heldAtTheDoor(t *testing.T, v *visited) {
	const path = "/meta/deletion"
	who := consent.Subject{Instance: "mastodon", Type: "account", ID: "77"}
	v.agree(77)
	service := v.service.people.rights
	hold := consent.Signal{Kind: consent.Hold, Verdict: consent.Deny, At: time.Now().UnixMilli(), Source: "court"}
	if _, err := service.Say(t.Context(), rights.Actor{Name: "tester"}, who, "", hold); err != nil {
		t.Fatal(err)
	}
	answer := v.want(http.StatusOK, "POST", path, form, "", signedForm(appSecret, `{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"77"}`))
	var receipt struct {
		Code string `json:"confirmation_code"`
	}
	if err := json.Unmarshal([]byte(answer), &receipt); err != nil {
		t.Fatal(err)
	}
	if text := v.want(http.StatusOK, "GET", path+"/"+receipt.Code, "", "", ""); !strings.Contains(text, "is being worked on, at the latest until 20") || strings.Contains(text, "hold") {
		t.Errorf("the status reads %s", text)
	}
	if s := v.state(who); s != "live" {
		t.Errorf("the person is %s", s)
	}
}

// openDSRDoor: an erasure is done at once, access waits for an officer and can be canceled; answers are signed.
func openDSRDoor(t *testing.T, v *visited) {
	const path, ct = "/dsr/requests", "application/json"
	const erasure, access = "a7551968-d5d6-44b2-9831-815ac9017798", "b7551968-d5d6-44b2-9831-815ac9017798"
	v.agree(5)
	request := func(id, kind, identity, value string) string {
		return fmt.Sprintf(`{"regulation":"ccpa","subject_request_id":"%s","subject_request_type":"%s","submitted_time":"2026-10-02T15:00:00Z",`+
			`"subject_identities":[{"identity_type":"%s","identity_value":"%s","identity_format":"raw"}],"api_version":"2.0"}`, id, kind, identity, value)
	}
	body := request(erasure, "erasure", "controller_customer_id", "5")
	who := consent.Subject{Instance: "mastodon", Type: "account", ID: "5"}
	v.want(http.StatusUnauthorized, "POST", path, ct, "", body)
	v.want(http.StatusUnauthorized, "POST", path, ct, "wrong", body)
	v.want(http.StatusUnauthorized, "GET", path+"/"+erasure, ct, "", "")
	fault := v.want(http.StatusBadRequest, "POST", path, ct, token, strings.Replace(body, `"raw"`, `"rot13"`, 1))
	if !strings.Contains(fault, `"error":{"code":400,"message":"$.subject_identities`) {
		t.Errorf("the fault is %s", fault)
	}
	v.want(http.StatusBadRequest, "POST", path, ct, token, strings.Repeat("[", 100_000))
	v.want(http.StatusNotFound, "GET", path+"/"+erasure, ct, token, "")
	if s := v.state(who); s != "live" {
		t.Fatalf("after refusals the person is %s", s)
	}

	status, answer, header := v.call("POST", path, ct, token, body)
	var receipt foreign.DSRReceipt
	if err := json.Unmarshal([]byte(answer), &receipt); err != nil || status != http.StatusCreated || receipt.Request != erasure || receipt.Controller != "example" || string(receipt.Encoded) != body {
		t.Fatalf("%d: %s", status, answer)
	}
	if days := time.Duration(receipt.Expected-receipt.Received) * time.Millisecond / (24 * time.Hour); days != 45 {
		t.Errorf("due after %d days", days)
	}
	if err := foreign.VerifyDSR(&v.signer.PublicKey, []byte(answer), header.Get("X-OpenDSR-Signature")); err != nil || header.Get("X-OpenDSR-Processor-Domain") != "privacy.example.org" {
		t.Errorf("signed: %v, %s", err, header)
	}
	if s := v.state(who); s != "erased" {
		t.Errorf("the person is %s", s)
	}
	if again := v.want(http.StatusCreated, "POST", path, ct, token, body); again != answer {
		t.Errorf("a replay is answered by %s", again)
	}
	if text := v.want(http.StatusOK, "GET", path+"/"+erasure, ct, token, ""); !strings.Contains(text, `"request_status":"completed"`) {
		t.Errorf("the status is %s", text)
	}
	v.want(http.StatusConflict, "POST", path, ct, token, request(erasure, "access", "email", "zoe@example.org"))
	v.want(http.StatusConflict, "DELETE", path+"/"+erasure, ct, token, "")

	v.want(http.StatusCreated, "POST", path, ct, token, request(access, "access", "email", "zoe@example.org"))
	v.want(http.StatusConflict, "POST", path, ct, token, request(access, "access", "email", "yan@example.org"))
	if text := v.want(http.StatusOK, "GET", path+"/"+access, ct, token, ""); !strings.Contains(text, `"request_status":"pending"`) {
		t.Errorf("the status is %s", text)
	}
	for range 2 {
		v.want(http.StatusAccepted, "DELETE", path+"/"+access, ct, token, "")
	}
	if text := v.want(http.StatusOK, "GET", path+"/"+access, ct, token, ""); !strings.Contains(text, `"request_status":"cancelled"`) { //nolint:misspell // the protocol's spelling
		t.Errorf("the status is %s", text)
	}
	v.silent("zoe@", "yan@", token)
}

// drpDoorTried: what the agent has signed and verified is done; what it has not verified is denied, but for opting out.
func drpDoorTried(t *testing.T, v *visited) {
	const path, ct = "/drp/v1/data-rights-request", "text/plain"
	message := func(exercise, id, more string) string {
		now := time.Now().UTC()
		return fmt.Sprintf(`{"agent-id":"AGENT","business-id":"SHOP","issued-at":"%s","expires-at":"%s","agent-request-id":"%s","drp.version":"1.0","exercise":"%s","regime":"ccpa",%s}`,
			now.Add(-time.Minute).Format(time.RFC3339), now.Add(time.Minute).Format(time.RFC3339), id, exercise, more)
	}
	signed := func(text string) string {
		return base64.StdEncoding.EncodeToString(append(ed25519.Sign(agentKey(), []byte(text)), text...))
	}
	const verified, unverified = `"email":"ann@example.org","email_verified":true`, `"email":"bea@example.org"`
	ask := func(text string) (s drpStatus) {
		t.Helper()
		if err := json.Unmarshal([]byte(v.want(http.StatusOK, "POST", path, ct, token, signed(text))), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ann, bea := consent.Subject{Type: "email", ID: "ann@example.org"}, consent.Subject{Type: "email", ID: "bea@example.org"}
	v.want(http.StatusUnauthorized, "POST", path, ct, "wrong", signed(message("deletion", "r1", verified)))
	forged := []byte(signed(message("deletion", "r1", verified)))
	forged[3] ^= 1
	v.want(http.StatusForbidden, "POST", path, ct, token, string(forged))
	fault := v.want(http.StatusBadRequest, "POST", path, ct, token, signed(strings.Replace(message("deletion", "r1", verified), "SHOP", "OTHER", 1)))
	if !strings.Contains(fault, `{"code":"400","message":"$.business-id`) {
		t.Errorf("the fault is %s", fault)
	}
	if s := v.state(ann); s != "unknown" {
		t.Fatalf("after refusals the person is %s", s)
	}

	first := ask(message("deletion", "r1", verified))
	if first.Status != "fulfilled" || first.AgentID != "r1" || v.state(ann) != "erased" {
		t.Errorf("%+v; the person is %s", first, v.state(ann))
	}
	time.Sleep(1100 * time.Millisecond) // the same request, issued anew
	if again := ask(message("deletion", "r1", verified)); again != first {
		t.Errorf("a replay is answered by %+v, want %+v", again, first)
	}
	if s := ask(message("deletion", "r2", unverified)); s.Status != "denied" || s.Reason != "insuf_verification" || v.state(bea) != "unknown" {
		t.Errorf("unverified: %+v; the person is %s", s, v.state(bea))
	}
	if s := ask(message("sale:opt-out", "r3", unverified)); s.Status != "fulfilled" {
		t.Errorf("opting out: %+v", s)
	}
	said, err := v.service.people.rights.Show(t.Context(), rights.Actor{Name: "tester"}, bea, "")
	if err != nil || len(said.Said) != 2 || said.Said[0].Now != "opted-out" || said.Said[0].Source != "drp" {
		t.Errorf("%+v, %v", said.Said, err)
	}
	pending := ask(message("access", "r4", verified))
	if pending.Status != "in_progress" || pending.ID == first.ID {
		t.Errorf("access: %+v", pending)
	}
	v.want(http.StatusForbidden, "DELETE", path+"/"+pending.ID, ct, token, string(forged))
	for _, c := range []struct{ method, body, want string }{
		{"GET", "", "in_progress"}, {"DELETE", signed(`{"reason":"changed my mind"}`), "revoked"}, {"GET", "", "revoked"},
	} {
		if text := v.want(http.StatusOK, c.method, path+"/"+pending.ID, ct, token, c.body); !strings.Contains(text, `"status":"`+c.want+`"`) {
			t.Errorf("%s: %s", c.method, text)
		}
	}
	v.want(http.StatusNotFound, "GET", path+"/"+strings.Repeat("a", 26), ct, token, "")
	v.silent("ann@", "bea@", token)
}

// doorsKeepApart: whoever knows an id of another door gets nothing by it.
func doorsKeepApart(t *testing.T, v *visited) {
	v.want(http.StatusOK, "POST", "/meta/deletion", form, "", signedForm(appSecret, `{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"9"}`))
	all, err := v.service.people.rights.Requests(t.Context(), true)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d requests, %v", len(all), err)
	}
	for _, r := range all {
		v.want(http.StatusNotFound, "GET", "/meta/deletion/"+r.ID, "", "", "")
		v.want(http.StatusNotFound, "GET", "/dsr/requests/"+r.ID, "", token, "")
		if r.Via != "drp" {
			v.want(http.StatusNotFound, "GET", "/drp/v1/data-rights-request/"+r.ID, "", token, "")
		}
	}
	v.want(http.StatusNotFound, "GET", "/metrics", "", "", "")
	v.want(http.StatusNotFound, "POST", "/v1/admin", "", token, "")
}
