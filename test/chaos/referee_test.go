// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// delivery is one record as a recipient gets it.
type delivery struct {
	partition int32
	key       string
	number    int64
}

const selfTestInput = 2000

// told gives a referee who knows the input, what a faultless product would deliver to "one", and the quarantined coordinates.
// Number n is poison when n%100 is 7 and withheld from "one" when n%10 is 3.
func told(t *testing.T) (*Referee, [][]delivery, []coordinate) {
	t.Helper()
	r := NewReferee("one")
	out := make([][]delivery, 5)
	var poison []coordinate
	for n := range int64(selfTestInput) {
		from := coordinate{int32(n % 3), n / 3}
		who := fmt.Sprintf("s%d", rand.New(rand.NewPCG(1, uint64(n))).IntN(50))
		want := Forward
		switch {
		case n%100 == 7:
			want = Quarantine
			poison = append(poison, from)
		case n%10 == 3:
			want = Withhold
		}
		if err := r.In(n, from.partition, from.offset, who, map[string]Outcome{"one": want}); err != nil {
			t.Fatal(err)
		}
		if want == Forward {
			p := int32(len(who)+int(who[len(who)-1])) % 5
			out[p] = append(out[p], delivery{p, "key-of-" + who, n})
		}
	}
	return r, out, poison
}

func judge(r *Referee, out [][]delivery, poison []coordinate) Verdict {
	for _, partition := range out {
		for _, d := range partition {
			r.Out("one", d.partition, d.key, d.number)
		}
	}
	for _, p := range poison {
		r.Quarantined("one", p.partition, p.offset)
	}
	return r.Verdict("one")
}

func TestRefereeAcceptsFaultlessDelivery(t *testing.T) {
	v := judge(told(t))
	want := Verdict{In: selfTestInput, Forwarded: 1780, Withheld: 200, Quarantined: 20}
	if v != want || !v.OK() {
		t.Errorf("want %+v, OK; got %+v, OK %v", want, v, v.OK())
	}
}

func TestRefereeAllowsPartitionsToOvertakeEachOther(t *testing.T) {
	r, out, poison := told(t)
	for p := range out { // all of input partition 2 first, then 1, then 0: each lane in its order
		slices.SortStableFunc(out[p], func(a, b delivery) int { return int(b.number%3 - a.number%3) })
	}
	if v := judge(r, out, poison); !v.OK() {
		t.Errorf("want OK, got %+v", v)
	}
}

// Each fault is planted alone, and exactly its own count must show it.
func TestRefereeSeesPlantedFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate)
		want  Verdict // differences from a faultless round
	}{
		{"one record lost", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			out[1] = slices.Delete(out[1], 5, 6)
			return out, poison
		}, Verdict{Forwarded: -1, Lost: 1}},
		{"poison lost", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			return out, poison[1:]
		}, Verdict{Quarantined: -1, Lost: 1}},
		{"one record twice", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			out[1] = append(out[1], out[1][3])
			return out, poison
		}, Verdict{Duplicated: 1}},
		{"poison twice", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			return out, append(poison, poison[4])
		}, Verdict{Duplicated: 1}},
		{"a whole batch again", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			out[1] = slices.Insert(out[1], 30, out[1][10:30]...)
			return out, poison
		}, Verdict{Duplicated: 20}},
		{"two records of a lane swapped", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			i, j := sameLane(out[1])
			out[1][i], out[1][j] = out[1][j], out[1][i]
			return out, poison
		}, Verdict{Disordered: 1}},
		{"poison forwarded", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			out[1] = append(out[1], delivery{1, "stranger", 107})
			return out, poison
		}, Verdict{Quarantined: -1, Leaked: 1, Rekeyed: 1}},
		{"a withheld record forwarded instead of a lost one", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			d := out[1][5]
			out[1][5] = delivery{d.partition, "key-of-nobody", 13} // the totals agree: only numbers tell
			return out, poison
		}, Verdict{Forwarded: -1, Withheld: -1, Lost: 1, Leaked: 1, Rekeyed: 1}},
		{"a good record quarantined", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			return out, append(poison, coordinate{0, 0})
		}, Verdict{Forwarded: -1, Leaked: 1}},
		{"a number that never was", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			out[1] = append(out[1], delivery{1, "k", selfTestInput})
			return out, append(poison, coordinate{2, 1 << 40})
		}, Verdict{Unknown: 2}},
		{"a subject under a second key", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			last := &out[1][len(out[1])-1]
			last.key = "second"
			return out, poison
		}, Verdict{Rekeyed: 1}},
		{"a key in a second partition", func(out [][]delivery, poison []coordinate) ([][]delivery, []coordinate) {
			d := out[1][len(out[1])-1]
			out[1] = out[1][:len(out[1])-1]
			d.partition = 4
			out[4] = append(out[4], d)
			return out, poison
		}, Verdict{Rekeyed: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, out, poison := told(t)
			out, poison = c.plant(out, poison)
			got := judge(r, out, poison)
			want := Verdict{
				In: selfTestInput, Forwarded: 1780 + c.want.Forwarded, Withheld: 200 + c.want.Withheld, Quarantined: 20 + c.want.Quarantined,
				Lost: c.want.Lost, Leaked: c.want.Leaked, Duplicated: c.want.Duplicated, Disordered: c.want.Disordered, Unknown: c.want.Unknown, Rekeyed: c.want.Rekeyed,
			}
			if got != want || got.OK() {
				t.Errorf("want %+v, not OK; got %+v, OK %v", want, got, got.OK())
			}
		})
	}
}

// sameLane finds two neighbors among the records of one input partition and one key.
func sameLane(records []delivery) (int, int) {
	for i := range records {
		for j := i + 1; j < len(records); j++ {
			if records[i].key == records[j].key && records[i].number%3 == records[j].number%3 {
				return i, j
			}
		}
	}
	panic("the planted input has no lane of two records")
}

func TestRefereeRefusesAnInputNumberTwice(t *testing.T) {
	r, _, _ := told(t)
	if err := r.In(5, 2, 9999, "s", map[string]Outcome{"one": Forward}); err == nil {
		t.Error("want an error, got none")
	}
}
