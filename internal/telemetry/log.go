// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what the process tells its operators: logs, metrics, health.
package telemetry

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Keys of log fields. Their values are names, numbers and errors of ours, never what a record holds.
const (
	KeyService   = "service"
	KeyVersion   = "version"
	KeyInstance  = "instance"
	KeyTenant    = "tenant"
	KeyGroup     = "group"
	KeyPart      = "part" // the package that speaks
	KeyWorker    = "worker"
	KeySource    = "source"
	KeyRecipient = "recipient"
	KeyTopic     = "topic"
	KeyPartition = "partition"
	KeyOffset    = "offset"
	KeyReason    = "reason"
	KeyRule      = "rule"
	KeyPath      = "path"  // of a field; names in it that may be data are written *
	KeyClass     = "class" // of a field
	KeyPlan      = "plan"  // hash
	KeyEpoch     = "epoch"
	KeyCount     = "count"
	KeyDuration  = "seconds"
	KeyAddress   = "address"
	KeyFile      = "file"
)

// timeFormat is RFC 3339 with milliseconds; the zone is always UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// LogOptions say how a logger writes. Level and Format are the words of the configuration.
type LogOptions struct {
	Level    string // debug, info (default), warn, error
	Format   string // json (default), console
	Color    bool   // of the console format
	Version  string
	Instance string
	Now      func() time.Time // default time.Now
}

// NewLogger gives the logger that all parts of the process share. Each line names the service, its version and instance.
func NewLogger(w io.Writer, o LogOptions) (zerolog.Logger, error) {
	level := zerolog.InfoLevel
	if o.Level != "" {
		var err error
		if level, err = zerolog.ParseLevel(o.Level); err != nil {
			return zerolog.Nop(), fmt.Errorf("log level: %w", err)
		}
	}
	switch o.Format {
	case "", "json":
	case "console":
		w = zerolog.ConsoleWriter{Out: w, NoColor: !o.Color, TimeFormat: "15:04:05.000", TimeLocation: time.UTC,
			FieldsExclude: []string{KeyService, KeyVersion, KeyInstance}}
	default:
		return zerolog.Nop(), fmt.Errorf("log format: unknown word `%s`", o.Format)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	fields := zerolog.New(w).Level(level).With().Str(KeyService, "nymstream").Str(KeyVersion, o.Version)
	if o.Instance != "" {
		fields = fields.Str(KeyInstance, o.Instance)
	}
	return fields.Logger().Hook(stamp{o.Now}), nil
}

// stamp adds the time. zerolog's own way is set by package variables, for all loggers of the process.
type stamp struct{ now func() time.Time }

func (s stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, s.now().UTC().Format(timeFormat))
}
