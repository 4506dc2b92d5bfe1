// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/consent/foreign"
	"github.com/nymstream/nymstream/internal/rights"
	"github.com/nymstream/nymstream/internal/telemetry"
)

// addMeta adds Meta's data deletion callback: POST with the form field signed_request, answered with a code and where the person can
// follow the erasure by it.
// https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
func (d *door) addMeta() {
	d.handle("POST "+d.Path, d.metaDeletion)
	d.handle("GET "+d.Path+"/{code}", d.metaStatus)
}

func (d *door) metaDeletion(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			telemetry.Problem(w, http.StatusRequestEntityTooLarge, "a request has at most 256 KiB")
			return
		}
		telemetry.Problem(w, http.StatusBadRequest, "no form")
		return
	}
	signed := r.PostForm.Get("signed_request")
	told, err := foreign.MetaDeletion(foreign.From{Instance: d.Instance, At: d.now().UnixMilli()}, []byte(d.Secret.Reveal()), signed)
	if !d.genuine(w, err) {
		return
	}
	_, payload, _ := strings.Cut(signed, ".")
	code := d.code([]byte(payload))
	_, err = d.take(ctx, rights.Request{ID: d.tag + code, Type: rights.Erasing, Regime: "gdpr", Subjects: []Subject{told.Subject}}, "signature of Meta")
	if err != nil {
		d.fail(w, err)
		return
	}
	receipt, err := foreign.MetaReceipt(d.url+d.Path+"/"+code, code)
	if err != nil {
		d.fail(w, err)
		return
	}
	reply(w, http.StatusOK, receipt)
}

// genuine tells whether a message read; false: it was answered.
func (d *door) genuine(w http.ResponseWriter, err error) bool {
	field, is := errors.AsType[*foreign.FieldError](err)
	switch {
	case err == nil:
		return true
	case errors.Is(err, foreign.ErrSignature):
		telemetry.Problem(w, http.StatusForbidden, "the signature does not verify")
	case is:
		telemetry.Problem(w, http.StatusBadRequest, field.Error())
	default:
		telemetry.Problem(w, http.StatusBadRequest, "the request does not read")
	}
	return false
}

// metaStatus tells the person how far the erasure is, in words, or as JSON to whom asks for it.
func (d *door) metaStatus(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	request, err := d.find(ctx, d.tag+r.PathValue("code"))
	if err != nil {
		d.fail(w, err)
		return
	}
	received, due := day(request.Received), day(request.Deadline)
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		replyWith(w, http.StatusOK, struct {
			Code     string       `json:"confirmation_code"`
			Status   rights.State `json:"status"`
			Received string       `json:"received"`
			Due      string       `json:"due"`
		}{r.PathValue("code"), request.State, received, due})
		return
	}
	words := "is being worked on, at the latest until " + due
	switch request.State {
	case rights.Done:
		words = "was done on " + day(request.Changed)
	case rights.Refused, rights.Canceled:
		words = "was not done; ask the operator of the application why"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintf(w, "Your request to delete your data was received on %s. It %s.\n", received, words)
}

// day gives the day of a time in milliseconds since the Unix epoch.
func day(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
