package attacks
import ("testing";"math/rand/v2";"github.com/nymstream/nymstream/internal/policy";"fmt")
func TestZZ(t *testing.T){
	keys := keysInMemory(t, asked...)
	random := rand.New(rand.NewPCG(5, 6))
	for run := range 60 {
		year := yearOfSignals(random)
		h := newHouse(t, keys, asking)
		tell(t, h, year)
		for range 40 {
			at := start.UnixMilli() - random.Int64N(366)*dayMs
			want := h.forwarded("1", at)
			o := inForce(year, at)
			for r := range want { if !o[r] {
				for _, s := range year { fmt.Println(s.Kind, s.Purpose, s.Verdict, (start.UnixMilli()-s.At)/dayMs, s.At) }
				p := h.person(policy.Account,"1")
				fmt.Println(run, r, (start.UnixMilli()-at)/dayMs, p.State, p.ErasedAt, p.NotBefore)
				for m := range p.Standing.Marks() { fmt.Printf("%+v\n", m) }
				return
			}}
		}
		random.Shuffle(1, func(i,j int){})
	}
}
