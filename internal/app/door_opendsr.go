// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/nymstream/nymstream/internal/consent/foreign"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// dsrDoor takes requests of OpenDSR 2.0 and OpenGDPR 1.0: POST, and GET and DELETE by subject_request_id.
type dsrDoor struct {
	*door
	signer crypto.Signer // nil: answers are not signed
}

func (d *door) addDSR() error {
	if err := d.checkToken(); err != nil {
		return err
	}
	o := &dsrDoor{door: d}
	if d.Sign != "" {
		var err error
		if o.signer, err = rsaKey(d.Sign); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		if _, err := foreign.SignDSR(rand.Reader, o.signer, nil); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	d.handle("POST "+d.Path, o.post)
	d.handle("GET "+d.Path+"/{id}", o.get)
	d.handle("DELETE "+d.Path+"/{id}", o.cancel)
	return nil
}

// rsaKey reads a private key, PEM, of PKCS #8 or PKCS #1.
func rsaKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM; write an RSA private key")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, is := key.(crypto.Signer)
	if err != nil || !is {
		return nil, errors.New("no private key of PKCS #8 or PKCS #1")
	}
	return signer, nil
}

var dsrTypes = map[string]rights.RequestType{
	"erasure": rights.Erasing, "access": rights.Access, "portability": rights.Portable, "rectification": rights.Rectify,
}

func (o *dsrDoor) post(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	raw, ok := body(w, r)
	if !ok {
		return
	}
	asked, err := foreign.ParseDSR(raw)
	if err == nil && len(asked.Identities) == 0 {
		_, err = asked.Told(foreign.From{Instance: o.Instance, At: o.now().UnixMilli()})
	}
	if err != nil {
		replyWith(w, http.StatusBadRequest, foreign.NewDSRFault(err))
		return
	}
	subjects := make([]Subject, len(asked.Identities))
	for i, identity := range asked.Identities {
		subjects[i] = identity.Subject(o.Instance)
	}
	kept, err := o.take(ctx, rights.Request{ID: o.tag + asked.ID, Type: dsrTypes[asked.Type], Regime: cmp.Or(asked.Regulation, "gdpr"), Subjects: subjects},
		"by the controller, whose token it came with")
	if err != nil {
		o.fail(w, err)
		return
	}
	o.answer(w, http.StatusCreated, asked.Version, foreign.DSRReceipt{
		Controller: o.Controller, Expected: foreign.DSRTime(kept.Deadline), Received: foreign.DSRTime(kept.Received), Encoded: raw, Request: asked.ID,
	})
}

// answer signs what it answers with, where there is a key.
func (o *dsrDoor) answer(w http.ResponseWriter, status int, version string, v any) {
	document, err := json.Marshal(v)
	if err == nil && o.signer != nil {
		var signature string
		signature, err = foreign.SignDSR(rand.Reader, o.signer, document)
		domain, header := foreign.DSRHeaders(version)
		w.Header().Set(domain, o.Domain)
		w.Header().Set(header, signature)
	}
	if err != nil {
		o.log.Error().Err(err).Msg("could not sign an answer")
		telemetry.Problem(w, http.StatusInternalServerError, "the answer cannot be signed")
		return
	}
	reply(w, status, document)
}

func dsrStatus(s rights.State) string {
	switch s {
	case rights.InProgress:
		return foreign.DSRInProgress
	case rights.Done:
		return foreign.DSRCompleted
	case rights.Refused, rights.Canceled:
		return foreign.DSRCanceled
	}
	return foreign.DSRPending
}

func (o *dsrDoor) get(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	kept, err := o.find(ctx, o.tag+r.PathValue("id"))
	if err != nil {
		o.fail(w, err)
		return
	}
	o.answer(w, http.StatusOK, "", foreign.DSRStatus{
		Controller: o.Controller, Expected: foreign.DSRTime(kept.Deadline), Request: r.PathValue("id"), Status: dsrStatus(kept.State), Version: "2.0",
	})
}

// cancel ends a request that nobody has begun to fulfill (section 9).
func (o *dsrDoor) cancel(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	kept, err := o.find(ctx, o.tag+r.PathValue("id"))
	if err == nil && kept.State != rights.Canceled {
		if kept.State != rights.Verified {
			err = fmt.Errorf("%w: it is %s; only what is pending can be canceled", rights.ErrState, dsrStatus(kept.State))
		} else {
			_, err = o.rights.Move(ctx, kept.ID, rights.Canceled, rights.Actor{Name: "webhook " + o.Kind}, "canceled by the controller")
		}
	}
	if err != nil {
		o.fail(w, err)
		return
	}
	o.answer(w, http.StatusAccepted, "", foreign.DSRCancellation{
		Controller: o.Controller, Request: r.PathValue("id"), Received: foreign.DSRTime(o.now().UnixMilli()), Version: "2.0",
	})
}
