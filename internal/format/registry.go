// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/nymstream/nymstream/internal/event"
)

// ErrUnknownSchema is a registry's answer that it has no schema of an id, or no such version of a subject.
var ErrUnknownSchema = errors.New("the schema registry does not know the schema")

// RegistryOptions say where a schema registry is. URLs are tried in their order; the rest may stay empty.
type RegistryOptions struct {
	URLs           []string
	User, Password string      // basic authentication
	Token          string      // bearer token; not beside User
	TLS            *tls.Config // nil: the system's roots
	Timeout        time.Duration
	// MaxResponse bounds an answer in bytes; default 4 MiB.
	MaxResponse int64
	// Forget is how long "unknown" is believed, so that a schema registered late is seen without a restart; default 30 s.
	Forget time.Duration
	Now    func() time.Time // default time.Now
}

func (o *RegistryOptions) validate() error {
	if len(o.URLs) == 0 {
		return errors.New("schema registry: no URL")
	}
	for _, raw := range o.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("schema registry: a URL begins with https:// or http:// and names a host")
		}
		if u.User != nil {
			return errors.New("schema registry: a URL holds no user and password; they have options of their own")
		}
	}
	if o.Token != "" && o.User != "" {
		return errors.New("schema registry: a user and a token; use one of them")
	}
	if o.Timeout < 0 || o.MaxResponse < 0 || o.Forget < 0 {
		return errors.New("schema registry: limits must not be negative")
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxResponse == 0 {
		o.MaxResponse = 4 << 20
	}
	if o.Forget == 0 {
		o.Forget = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Registry asks a schema registry by Confluent's REST protocol. It remembers nothing: decoders remember what they compiled.
type Registry struct {
	client  *sr.Client
	options RegistryOptions
}

// NewRegistry checks the options; it does not connect.
func NewRegistry(o RegistryOptions) (*Registry, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	opts := []sr.ClientOpt{
		sr.URLs(o.URLs...),
		sr.HTTPClient(&http.Client{Transport: bounded{transport, o.MaxResponse}, Timeout: o.Timeout}),
		sr.UserAgent("nymstream"),
	}
	switch {
	case o.Token != "":
		opts = append(opts, sr.BearerToken(o.Token))
	case o.User != "":
		opts = append(opts, sr.BasicAuth(o.User, o.Password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return &Registry{client, o}, nil
}

// Schema is a schema with all that it refers to.
type Schema struct {
	Type string // AVRO, PROTOBUF or JSON
	Text string
	// References are the schemas that this one and its references name, those first that others need.
	References []Reference
}

// Reference is a schema that another one names: a type's full name in Avro, a file in Protobuf, a URL in JSON Schema.
type Reference struct{ Name, Text string }

// References may refer to others; these bounds end what would not end.
const (
	maxReferences     = 256
	maxReferenceDepth = 32
)

// Schema gives the schema of an id. It fails with ErrUnknownSchema, or with an error that wraps event.ErrTransient.
func (r *Registry) Schema(ctx context.Context, id int) (*Schema, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	s, err := r.client.SchemaByID(ctx, id)
	if err != nil {
		return nil, answer("schema", err)
	}
	return r.whole(ctx, s)
}

// Latest gives the newest schema of a subject, with the same errors as Schema.
func (r *Registry) Latest(ctx context.Context, subject string) (*Schema, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	s, err := r.client.SchemaByVersion(ctx, subject, -1)
	if err != nil {
		return nil, answer("subject", err)
	}
	return r.whole(ctx, s.Schema)
}

func (r *Registry) whole(ctx context.Context, s sr.Schema) (*Schema, error) {
	out := &Schema{Type: s.Type.String(), Text: s.Schema}
	if err := r.references(ctx, out, s.References, map[string]bool{}, 0); err != nil {
		return nil, err
	}
	return out, nil
}

func (r *Registry) references(ctx context.Context, to *Schema, refs []sr.SchemaReference, seen map[string]bool, depth int) error {
	if depth > maxReferenceDepth {
		return fmt.Errorf("%w: references are nested too deep", errUnusable)
	}
	for _, ref := range refs {
		if seen[ref.Name] {
			continue
		}
		seen[ref.Name] = true
		if len(seen) > maxReferences {
			return fmt.Errorf("%w: too many references", errUnusable)
		}
		s, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return answer("reference", err)
		}
		if err := r.references(ctx, to, s.References, seen, depth+1); err != nil {
			return err
		}
		to.References = append(to.References, Reference{ref.Name, s.Schema.Schema})
	}
	return nil
}

// Register puts an Avro schema under a subject and gives its id; the id stays the same however often it is registered.
// A schema that the subject's compatibility forbids is fatal, a registry that does not answer is transient.
func (r *Registry) Register(ctx context.Context, subject, schema string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	id, err := r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: schema, Type: sr.TypeAvro}, -1, -1)
	var refused *sr.ResponseError
	switch {
	case err == nil:
		return id, nil
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusConflict || refused.StatusCode == http.StatusUnprocessableEntity):
		return 0, fmt.Errorf("schema registry: subject %s refuses the schema: %w (%w)", subject, err, event.ErrFatal)
	}
	return 0, fmt.Errorf("schema registry: subject %s: %w (%w)", subject, err, event.ErrTransient)
}

// answer sorts what the client says. Only the registry's own word makes a schema unknown: a 404 of a proxy, or of a wrong path,
// comes without an error code of the protocol, and must not send a whole topic to quarantine.
func answer(what string, err error) error {
	var said *sr.ResponseError
	if errors.As(err, &said) && said.StatusCode == http.StatusNotFound && said.ErrorCode/100 == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrUnknownSchema, what)
	}
	return fmt.Errorf("schema registry: %w (%w)", err, event.ErrTransient)
}

// bounded fails on answers that are longer than they may be.
type bounded struct {
	next http.RoundTripper
	most int64
}

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(req)
	if err == nil {
		res.Body = &boundedBody{ReadCloser: res.Body, left: b.most}
	}
	return res, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errLongAnswer = errors.New("the answer is longer than the limit")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLongAnswer
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte more than allowed tells a long answer from a full one
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errLongAnswer
	}
	return n, err
}
