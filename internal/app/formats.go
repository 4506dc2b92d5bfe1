// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/format"
	"github.com/nymstream/nymstream/internal/pipeline"
	"github.com/nymstream/nymstream/internal/policy"
)

// formats are what a plan's records are wrapped in.
type formats struct {
	decoders []pipeline.Decoder
	encoders []pipeline.Encoder
	avro     []*registered
}

// newFormats makes the decoders and encoders of a plan. It connects to nothing.
func newFormats(c *config.Config, plan *policy.Plan) (*formats, error) {
	f := &formats{decoders: make([]pipeline.Decoder, len(plan.Sources)), encoders: make([]pipeline.Encoder, len(plan.Recipients))}
	registry, err := registryOf(c)
	if err != nil {
		return nil, err
	}
	for i := range plan.Sources {
		s := &plan.Sources[i]
		kind := format.Kind(s.Format)
		if kind == format.JSON || kind == "" {
			continue
		}
		if kind.Registered() && registry == nil {
			return nil, fmt.Errorf("source %s is %s: name the registry of its schemas in schema_registry.urls", s.Name, kind)
		}
		d, err := format.NewDecoder(kind, format.Options{Registry: registry, MaxBytes: int(c.Limits.Record), MaxDepth: c.Limits.Depth})
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		f.decoders[i] = d
	}
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		if r.Format != string(format.Avro) {
			continue
		}
		if registry == nil {
			return nil, fmt.Errorf("recipient %s gets avro: name the registry of its schemas in schema_registry.urls", r.Name)
		}
		o, err := format.RecipientSchema(plan, i)
		if err != nil {
			return nil, err
		}
		e := &registered{registry: registry, subject: format.Subject(r.Topic), output: o}
		f.encoders[i] = e
		f.avro = append(f.avro, e)
	}
	return f, nil
}

func registryOf(c *config.Config) (*format.Registry, error) {
	r := c.SchemaRegistry
	if len(r.URLs) == 0 {
		return nil, nil
	}
	secure, err := r.TLS.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("schema_registry: %w", err)
	}
	return format.NewRegistry(format.RegistryOptions{
		URLs: r.URLs, User: r.Username, Password: r.Password.Reveal(), Token: r.Token.Reveal(), TLS: secure, Timeout: r.Timeout,
	})
}

// register asks the registry for the ids of the recipients' schemas.
func (f *formats) register(ctx context.Context) error {
	for _, e := range f.avro {
		if _, err := e.encoder(ctx); err != nil {
			if errors.Is(err, event.ErrTransient) {
				err = fmt.Errorf("%w: %w", ErrDown, err)
			}
			return err
		}
	}
	return nil
}

// registered encodes under a schema that it registers first, when that was not done yet: a registry that is down holds the flow
// up, and loses nothing.
type registered struct {
	registry *format.Registry
	subject  string
	output   *format.Output

	mu   sync.Mutex
	ends format.Encoder
}

func (e *registered) encoder(ctx context.Context) (format.Encoder, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ends == nil {
		id, err := e.registry.Register(ctx, e.subject, e.output.Text)
		if err != nil {
			return nil, err
		}
		e.ends = format.NewAvroEncoder(e.output, id)
	}
	return e.ends, nil
}

func (e *registered) Encode(dst, document []byte) ([]byte, error) {
	encoder, err := e.encoder(context.Background()) // bounded by the registry's timeout
	if err != nil {
		return dst, err
	}
	return encoder.Encode(dst, document)
}
