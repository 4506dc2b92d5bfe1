// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nymstream/nymstream/internal/consent/foreign"
	"github.com/nymstream/nymstream/internal/rights"
)

// drpDoor takes requests of one agent by the Data Rights Protocol 1.0: POST, and GET and DELETE by request_id (sections 2.01, 2.02, 2.04).
type drpDoor struct {
	*door
	key ed25519.PublicKey
}

func (d *door) addDRP() error {
	if err := d.checkToken(); err != nil {
		return err
	}
	key, err := foreign.DRPKey(d.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	o := &drpDoor{d, key}
	d.handle("POST "+d.Path, o.post)
	d.handle("GET "+d.Path+"/{id}", o.get)
	d.handle("DELETE "+d.Path+"/{id}", o.revoke)
	return nil
}

var drpTypes = map[string]rights.RequestType{
	"sale:opt-out": rights.OptOut, "sale:opt-in": rights.OptIn, "deletion": rights.Erasing,
	"access": rights.Access, "access:categories": rights.Access, "access:specific": rights.Access,
}

// drpStatus is a request's status (section 3.03).
type drpStatus struct {
	ID       string `json:"request_id"`
	Received string `json:"received_at"`
	Expected string `json:"expected_by,omitempty"`
	AgentID  string `json:"agent_request_id,omitempty"`
	Details  string `json:"processing_details,omitempty"`
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
}

// drpFault refuses a request (section 3.06).
type drpFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Fatal   bool   `json:"fatal"`
}

func (o *drpDoor) post(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	raw, ok := body(w, r)
	if !ok {
		return
	}
	now := o.now().UnixMilli()
	asked, err := foreign.ParseDRP(o.key, raw, foreign.DRPExpect{Agent: o.Agent, Business: o.Business, Now: now})
	if err != nil {
		o.refuse(w, err)
		return
	}
	named := []byte("agent request " + asked.RequestID)
	if asked.RequestID == "" {
		named, err = foreign.OpenDRP(o.key, raw)
	}
	id := o.tag + o.code(named)
	told, unproven := asked.Told(foreign.From{Instance: o.Instance, At: now})
	switch {
	case err != nil:
		o.refuse(w, err)
		return
	case unproven != nil:
		replyWith(w, http.StatusOK, drpStatus{
			ID: id, Received: drpTime(now), AgentID: asked.RequestID, Status: "denied", Reason: "insuf_verification", Details: "no address or number is verified; nothing was kept",
		})
		return
	}
	subjects := make([]Subject, len(told))
	for i := range told {
		subjects[i] = told[i].Subject
	}
	kept, err := o.take(ctx, rights.Request{ID: id, Type: drpTypes[asked.Exercise], Regime: cmp.Or(asked.Regime, "ccpa"), Subjects: subjects}, how(asked.Exercise))
	if err != nil {
		o.fail(w, err)
		return
	}
	o.tell(w, &kept, asked.RequestID)
}

// how tells how the person was identified. Opting out takes no proof.
func how(exercise string) string {
	if exercise == "sale:opt-out" {
		return "signature of the agent"
	}
	return "signature of the agent, who has verified address or number"
}

func drpTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

func (o *drpDoor) refuse(w http.ResponseWriter, err error) {
	field, is := errors.AsType[*foreign.FieldError](err)
	if !is {
		o.genuine(w, err)
		return
	}
	replyWith(w, http.StatusBadRequest, drpFault{"400", field.Error(), true})
}

// tell answers with a request's status.
func (o *drpDoor) tell(w http.ResponseWriter, r *rights.Request, agentID string) {
	s := drpStatus{ID: r.ID, Received: drpTime(r.Received), Expected: drpTime(r.Deadline), AgentID: agentID, Status: "in_progress"}
	switch r.State {
	case rights.Done:
		s.Status = "fulfilled"
	case rights.Canceled:
		s.Status = "revoked"
	case rights.Refused:
		s.Status, s.Reason, s.Details = "denied", "other", r.Result
	}
	replyWith(w, http.StatusOK, s)
}

func (o *drpDoor) get(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	kept, err := o.find(ctx, r.PathValue("id"))
	if err != nil {
		o.fail(w, err)
		return
	}
	o.tell(w, &kept, "")
}

// revoke ends a request that is not fulfilled yet. Its body is signed as that of a request.
func (o *drpDoor) revoke(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if !o.bearer(w, r) {
		return
	}
	raw, ok := body(w, r)
	if !ok {
		return
	}
	if _, err := foreign.OpenDRP(o.key, raw); err != nil {
		o.refuse(w, err)
		return
	}
	kept, err := o.find(ctx, r.PathValue("id"))
	if err == nil && !kept.State.Final() {
		kept, err = o.rights.Move(ctx, kept.ID, rights.Canceled, rights.Actor{Name: "webhook " + o.Kind}, "revoked by the agent")
	}
	if err != nil {
		o.fail(w, err)
		return
	}
	o.tell(w, &kept, "")
}
