// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"unicode/utf8"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/transform"
)

// AppendHeaders adds the record headers that the flow's recipient may have. Names are compared as they are;
// a value that is no UTF-8 is dropped, and deletions carry pseudonyms only. The values are valid until the next call.
func (w *Worker) AppendHeaders(dst []event.Header, source, flow int, in []event.Header, d *keyring.Domain) []event.Header {
	w.flow = w.program.sources[source].flows[flow].index
	allowed := w.program.sources[source].flows[flow].headers
	if len(allowed) == 0 {
		return dst
	}
	w.scope.Domain, w.scope.Owner.Known = d, false
	w.headers = w.headers[:0]
	if w.kind.selves != nil {
		w.searchFor()
	}
	for i := range in {
		for j := range allowed {
			if w.kind.signal && !allowed[j].pseudonym {
				continue
			}
			if string(allowed[j].name) != string(in[i].Key) || in[i].Value == nil || !utf8.Valid(in[i].Value) {
				continue
			}
			from, start := len(w.quoted), len(w.headers)
			w.quoted = transform.AppendString(w.quoted, in[i].Value) // each has a place of its own: what is found in texts is kept by it
			var verdict transform.Verdict
			w.current = transform.Value{Kind: transform.String, Text: in[i].Value, Raw: w.quoted[from:]}
			if id := allowed[j].person; id != nil && id.Secret(&w.asked, &w.current, w.scope) != transform.Done {
				continue // the recipient may not know of whom it names
			}
			w.headers, verdict = allowed[j].technique.Append(w.headers, &w.current, w.scope)
			switch verdict {
			case transform.Done:
				dst = append(dst, event.Header{Key: allowed[j].name, Value: w.bare(start)})
			case transform.Misfit, transform.Shaped:
				w.misfits[w.flow]++
			}
		}
	}
	return dst
}

// bare takes the quotes off the JSON value that begins at start: header values are text.
func (w *Worker) bare(start int) []byte {
	value := w.headers[start:]
	if len(value) < 2 || value[0] != '"' {
		return value[:len(value):len(value)]
	}
	end := len(w.headers)
	w.headers = transform.AppendUnescaped(w.headers, value[1:len(value)-1])
	return w.headers[end:len(w.headers):len(w.headers)]
}
