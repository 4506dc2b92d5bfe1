// SPDX-License-Identifier: Apache-2.0

package chaos

import "fmt"

// Outcome is what must happen to an input record for one recipient.
type Outcome uint8

const (
	Forward Outcome = iota
	Withhold
	Quarantine
)

// coordinate names a place in the input.
type coordinate struct {
	partition int32
	offset    int64
}

// lane is a sequence that must keep its order: the records of one input partition that bear one output key.
type lane struct {
	partition int32
	key       string
}

// Referee knows the input and judges what each recipient got. It trusts nobody: the input it is told is what was read back, too.
type Referee struct {
	at         map[int64]coordinate // by number
	subject    map[int64]string
	number     map[coordinate]int64
	recipients map[string]*account
}

// account is the evidence about one recipient.
type account struct {
	want        map[int64]Outcome
	forwarded   map[int64]int
	quarantined map[int64]int
	last        map[lane]int64    // input offset of the last record seen in a lane
	home        map[string]int32  // output partition of a key
	key         map[string]string // output key of a subject
	owner       map[string]string // subject of an output key
	verdict     Verdict
}

// Verdict is the judgment on one recipient. Forwarded, Withheld and Quarantined count input records that fared as they should;
// with Lost and Leaked they sum up to In.
type Verdict struct {
	In, Forwarded, Withheld, Quarantined int

	Lost       int // neither forwarded nor quarantined, though it should be
	Leaked     int // forwarded or quarantined, though it should not be so
	Duplicated int // extra copies, in the recipient's topic or in quarantine
	Disordered int // behind a later record of its lane
	Unknown    int // never in the input
	Rekeyed    int // a subject with two keys, a key of two subjects, or a key in two partitions
}

// OK tells whether nothing is wrong.
func (v Verdict) OK() bool {
	return v.Lost+v.Leaked+v.Duplicated+v.Disordered+v.Unknown+v.Rekeyed == 0 && v.Forwarded+v.Withheld+v.Quarantined == v.In
}

// NewReferee expects output for the named recipients.
func NewReferee(recipients ...string) *Referee {
	r := &Referee{at: map[int64]coordinate{}, subject: map[int64]string{}, number: map[coordinate]int64{}, recipients: map[string]*account{}}
	for _, name := range recipients {
		r.recipients[name] = &account{
			want: map[int64]Outcome{}, forwarded: map[int64]int{}, quarantined: map[int64]int{}, last: map[lane]int64{},
			home: map[string]int32{}, key: map[string]string{}, owner: map[string]string{},
		}
	}
	return r
}

// In tells of an input record: where it lies, whose it is and what must become of it for each recipient.
// A number that comes twice is a fault of the test, not of the product.
func (r *Referee) In(number int64, partition int32, offset int64, subject string, want map[string]Outcome) error {
	here := coordinate{partition, offset}
	if before, ok := r.at[number]; ok {
		return fmt.Errorf("input number %d lies at %v and at %v", number, before, here)
	}
	r.at[number], r.number[here], r.subject[number] = here, number, subject
	for name, a := range r.recipients {
		outcome, ok := want[name]
		if !ok {
			return fmt.Errorf("input number %d: what is due to %s?", number, name)
		}
		a.want[number] = outcome
	}
	return nil
}

// Out tells of a record that the recipient's reader got; those of one output partition in the order of their offsets, after all input.
func (r *Referee) Out(recipient string, partition int32, key string, number int64) {
	a := r.recipients[recipient]
	from, ok := r.at[number]
	if !ok {
		a.verdict.Unknown++
		return
	}
	if a.forwarded[number]++; a.forwarded[number] > 1 {
		a.verdict.Duplicated++
		return // its order is that of its first copy
	}
	l := lane{from.partition, key}
	if last, ok := a.last[l]; ok && from.offset <= last {
		a.verdict.Disordered++
	}
	a.last[l] = max(a.last[l], from.offset)
	a.checkKey(r.subject[number], key, partition)
}

// checkKey wants one key for each subject, one subject for each key, and one partition for each key.
func (a *account) checkKey(subject, key string, partition int32) {
	home, seen := a.home[key]
	known, keyed := a.key[subject]
	owner, owned := a.owner[key]
	if seen && home != partition || keyed && known != key || owned && owner != subject {
		a.verdict.Rekeyed++
	}
	a.home[key], a.key[subject], a.owner[key] = partition, key, subject
}

// Quarantined tells of an opened quarantine record, by the coordinate of its original and the recipient it was meant for.
func (r *Referee) Quarantined(recipient string, partition int32, offset int64) {
	a := r.recipients[recipient]
	number, ok := r.number[coordinate{partition, offset}]
	if !ok {
		a.verdict.Unknown++
		return
	}
	if a.quarantined[number]++; a.quarantined[number] > 1 {
		a.verdict.Duplicated++
	}
}

// Verdict judges a recipient when all is told.
func (r *Referee) Verdict(recipient string) Verdict {
	a := r.recipients[recipient]
	v := a.verdict
	v.In = len(a.want)
	for number, want := range a.want {
		out, poison := a.forwarded[number] > 0, a.quarantined[number] > 0
		switch {
		case out && want != Forward, poison && want != Quarantine:
			v.Leaked++
		case want == Withhold:
			v.Withheld++
		case want == Forward && out:
			v.Forwarded++
		case want == Quarantine && poison:
			v.Quarantined++
		default:
			v.Lost++
		}
	}
	return v
}
