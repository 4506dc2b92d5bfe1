// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// Progress is how far an export has come. It is kept with the request, so that another process can go on.
type Progress struct {
	Parts  []Part  `json:"parts"`  // in the order in which they are read
	At     int     `json:"at"`     // part at hand; len(Parts): all were read
	Offset int64   `json:"offset"` // next of that part
	Bytes  int64   `json:"bytes"`  // of the file that are valid
	Counts []Count `json:"counts"` // what was found, by recipient
	People string  `json:"people"` // tells whether the pseudonyms are still the same
}

// Part is one partition of a recipient's topic, up to where it went when the export began.
type Part struct {
	Recipient string `json:"recipient"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	End       int64  `json:"end"`
}

// Count is what was found of a recipient. Times are RFC 3339, as the records are dated.
type Count struct {
	Recipient string `json:"recipient"`
	Topic     string `json:"topic"`
	Records   int64  `json:"records"`
	First     string `json:"first,omitempty"`
	Last      string `json:"last,omitempty"`
}

// Total is how many records were found.
func (p *Progress) Total() (n int64) {
	for _, c := range p.Counts {
		n += c.Records
	}
	return n
}

// line is one record of an export. Exactly one of Record and Base64 is there, unless the record is a null value.
type line struct {
	Recipient string          `json:"recipient"`
	Topic     string          `json:"topic"`
	Time      string          `json:"time"`
	Record    json.RawMessage `json:"record,omitempty"`
	Base64    []byte          `json:"record_base64,omitempty"` // what is no JSON
}

// checkpointRecords is after how many records read the progress is kept.
const checkpointRecords = 50_000

// Export writes what recipients have of the person who asks: their records by the pseudonyms of every recipient, epoch and identifier,
// as JSON Lines, up to where the topics went when it began. It fulfills a verified request of type access or export and ends it. Repeated
// after an interruption with the same file it goes on where it was, and the file becomes the same to the byte. Tell, if not nil, hears
// of the progress. Of somebody erased there is nothing.
func (s *Service) Export(ctx context.Context, id string, by Actor, out Output, tell func(Progress)) (Report, error) {
	r, err := s.Request(ctx, id)
	if err != nil {
		return Report{}, err
	}
	if r.Type != Access && r.Type != Portable {
		return Report{}, fmt.Errorf("%w: Fulfill fulfills a request of type %s", ErrInput, r.Type)
	}
	if r, err = s.Move(ctx, id, InProgress, by, ""); err != nil {
		return Report{}, err
	}
	x := &export{Service: s, id: id, by: by, file: out, tell: tell, sets: map[string]map[string]struct{}{}, every: checkpointRecords}
	if err := x.prepare(ctx, &r); err != nil {
		return Report{}, fmt.Errorf("export: %w", err)
	}
	if err := x.run(ctx); err != nil {
		return Report{}, fmt.Errorf("export: %w", err)
	}
	report := Report{Request: r, Counts: x.progress.Counts, Bytes: x.progress.Bytes, Made: stamp(s.nowMs()), People: x.people}
	_, err = s.Move(ctx, id, Done, by, fmt.Sprintf("%d records", x.progress.Total()))
	return report, err
}

// export is one call of Export.
type export struct {
	*Service
	id       string
	by       Actor
	file     Output
	tell     func(Progress)
	every    int
	progress Progress
	sets     map[string]map[string]struct{} // pseudonyms by recipient
	people   []Standing
	lives    []byte // of the rows read: what their pseudonyms follow from, but no secret
	out      *bufio.Writer
	read     int // since the last checkpoint
}

// prepare finds the pseudonyms, and where the export goes on or begins.
func (x *export) prepare(ctx context.Context, r *Request) error {
	if len(r.Subjects) == 0 {
		return fmt.Errorf("%w: whom the request is about cannot be read any more, its store epoch was destroyed; file it anew", ErrState)
	}
	for _, who := range r.Subjects {
		named, err := x.name(who, true)
		if err != nil {
			return err
		}
		e := audit.Entry{Act: audit.Access, Subject: x.SubjectHash(named.key), Details: details(r.ID, string(r.Type), "")}
		if err := x.note(ctx, x.by, e); err != nil {
			return err
		}
		p, err := x.resolve(ctx, named)
		if err != nil {
			return err
		}
		if err := x.include(ctx, &p); err != nil {
			return err
		}
	}
	people, err := x.fingerprint()
	if err != nil {
		return err
	}
	if r.Progress != nil && r.Progress.People == people {
		x.progress = *r.Progress
		return x.rewind()
	}
	x.progress = Progress{People: people}
	if err := x.snapshot(ctx); err != nil {
		return err
	}
	if err := x.rewind(); err != nil {
		return err
	}
	return x.keep(ctx)
}

// include adds a person's pseudonyms, and what is known of them.
func (x *export) include(ctx context.Context, p *person) error {
	rows, people, err := x.alone(ctx, p)
	if err != nil {
		return err
	}
	for i, one := range people {
		if err := x.includeRow(one, rows[i].types); err != nil {
			return err
		}
	}
	found, err := x.look(ctx, []subject.Key{p.named.key})
	if err != nil {
		return err
	}
	x.people = append(x.people, standingOf(found[0], p))
	return nil
}

// includeRow adds the pseudonyms of a row.
func (x *export) includeRow(p *subject.Person, types []string) error {
	issued, err := x.issued(p, types)
	if err != nil {
		return err
	}
	for _, one := range issued {
		if x.sets[one.Recipient] == nil {
			x.sets[one.Recipient] = map[string]struct{}{}
		}
		x.sets[one.Recipient][one.Text] = struct{}{}
	}
	life := binary.BigEndian.AppendUint32(nil, p.Generation)
	x.lives = keyring.AppendLabel(x.lives, string(p.Key[:]), string(life), strconv.FormatBool(p.HasSecret), strings.Join(types, " "))
	return nil
}

// fingerprint tells one set of pseudonyms from another: the lookup PRF of the rows' keys and generations, and of the domains. No
// pseudonym goes into it, since it lies in the store in clear.
func (x *export) fingerprint() (string, error) {
	prf := x.Keys.LookupPRF()
	if prf == nil {
		return "", fmt.Errorf("the keyring has no lookup key; extend it: %w", keyring.ErrNoKey)
	}
	domains, err := x.domains()
	if err != nil {
		return "", err
	}
	msg := append(keyring.AppendLabel(nil, "export people", x.Keys.Tenant()), x.lives...)
	for _, d := range domains {
		msg = keyring.AppendLabel(msg, d.Recipient(), strconv.Itoa(d.Epoch()))
	}
	var sum [16]byte
	prf.Sum(&sum, msg)
	return hex.EncodeToString(sum[:]), nil
}

// snapshot notes where every recipient's topic ends now.
func (x *export) snapshot(ctx context.Context) error {
	plan := x.Plan()
	for i := range plan.Recipients {
		r := &plan.Recipients[i]
		if x.sets[r.Name] == nil {
			continue
		}
		ends, err := x.Topics.Ends(ctx, r.Topic)
		if err != nil {
			return fmt.Errorf("topic %s: %w", r.Topic, err)
		}
		for _, p := range slices.Sorted(maps.Keys(ends)) {
			x.progress.Parts = append(x.progress.Parts, Part{r.Name, r.Topic, p, ends[p]})
		}
		x.progress.Counts = append(x.progress.Counts, Count{Recipient: r.Name, Topic: r.Topic})
	}
	return nil
}

// rewind takes from the file what was written after the last checkpoint.
func (x *export) rewind() error {
	if err := x.file.Truncate(x.progress.Bytes); err != nil {
		return err
	}
	if _, err := x.file.Seek(x.progress.Bytes, io.SeekStart); err != nil {
		return err
	}
	x.out = bufio.NewWriterSize(x.file, 1<<16)
	return nil
}

// keep makes what was written durable, and then notes how far it goes.
func (x *export) keep(ctx context.Context) error {
	if err := x.out.Flush(); err != nil {
		return err
	}
	if err := x.file.Sync(); err != nil {
		return err
	}
	_, err := x.change(ctx, x.id, func(r *Request) error {
		if r.State != InProgress {
			return fmt.Errorf("%w: the request has become %s meanwhile", ErrState, r.State)
		}
		p := x.progress
		p.Counts = slices.Clone(p.Counts)
		r.Progress, r.Changed = &p, x.nowMs()
		return nil
	})
	if x.read = 0; err == nil && x.tell != nil {
		x.tell(x.progress)
	}
	return err
}

// errPart ends the scan of a part.
var errPart = errors.New("the part ends here")

// run reads the parts one after the other, so that the order of the records never changes.
func (x *export) run(ctx context.Context) error {
	for ; x.progress.At < len(x.progress.Parts); x.progress.At++ {
		part := x.progress.Parts[x.progress.At]
		from := map[int32]int64{}
		for _, other := range x.progress.Parts {
			if other.Topic == part.Topic {
				from[other.Partition] = other.End
			}
		}
		from[part.Partition] = x.progress.Offset
		if x.progress.Offset < part.End {
			err := x.Topics.Scan(ctx, part.Topic, from, func(m *Message) error { return x.take(ctx, &part, m) })
			if err != nil && !errors.Is(err, errPart) {
				return err
			}
		}
		x.progress.Offset = 0
	}
	return x.keep(ctx)
}

func (x *export) take(ctx context.Context, part *Part, m *Message) error {
	switch {
	case m.Partition != part.Partition:
		return nil
	case m.Offset >= part.End:
		return errPart
	}
	if !isNotice(m.Headers) && (mentions(m.Value, x.sets[part.Recipient]) || mentions(m.Key, x.sets[part.Recipient])) {
		if err := x.write(part, m); err != nil {
			return err
		}
	}
	x.progress.Offset = m.Offset + 1
	if x.read++; x.read < x.every {
		return nil
	}
	return x.keep(ctx)
}

func (x *export) write(part *Part, m *Message) error {
	at := stamp(m.Time)
	l := line{Recipient: part.Recipient, Topic: part.Topic, Time: at}
	if json.Valid(m.Value) {
		l.Record = m.Value
	} else {
		l.Base64 = m.Value
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return errors.New("a record that cannot be written")
	}
	i := slices.IndexFunc(x.progress.Counts, func(c Count) bool { return c.Recipient == part.Recipient })
	c := &x.progress.Counts[i]
	c.Records++
	if c.First == "" || strings.Compare(at, c.First) < 0 {
		c.First = at
	}
	c.Last = max(c.Last, at)
	x.progress.Bytes += int64(text.Len())
	_, err := x.out.Write(text.Bytes())
	return err
}
