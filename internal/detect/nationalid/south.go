// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end.
var africa = []rule{
	{"za.id", "999999 9999 9 99|999999 9999 99 9|999999 9999999", every(ymd(0), luhn), firm, ""}, // DHA
	{"ng.nin", "99999999999", verhoeff, cued, ""},                                                // NIMC
	{"ng.plate", "AAA-999AA", nil, laid, "id.plate"},                                             // FRSC
	{"eg.tn", "999-999-999", nil, cued, ""},                                                      // ETA
	{"eg.nid", "[23]9999999999999", ymd(1), cued, ""},                                            // MOI
	{"dz.nif", "999999999999999|99999999999999999999", nil, cued, ""},                            // DGI
	{"ke.pin", "[AP]999999999A", nil, cued, ""},                                                  // KRA
	{"gh.card", "gha-999999999-9", nil, alone, ""},                                               // NIA
	{"gh.tin", "[PCGQV]00XXXXXXXX", nil, cued, ""},                                               // GRA
	{"ma.ice", "999999999999999", divides97, cued, ""},                                           // OMPIC
	{"ma.cnie", "A{1,2}9{5,6}", nil, cued, ""},                                                   // DGSN
	{"mu.nid", "A9999999999999|A999999999999X", dmy(1), cued, ""},                                // MNIC
	{"ly.id", "[12][12]9999999999", nil, cued, ""},
	{"tn.cin", "99999999", nil, cued, ""}, // MI
	{"tn.mf", "9999999/A/A/A/999|9999999A", nil, laid, "id.tax"},
	{"zw.id", "99-9{6,7} A 99", nil, laid, ""},
	{"zm.nrc", "999999/99/9", nil, laid, ""},
	{"ug.nin", "[C][FM]9999XXXXXXXX", nil, cued, ""},
	{"tz.nida", "[12][09]999999-99999-99999-99", nil, laid, ""},
	{"sn.ninea", "999999999 9A9", nil, cued, ""},
}

var oceania = []rule{
	{"au.tfn", "999 999 999", divides(11, 1, 4, 3, 7, 5, 8, 6, 9, 10), cued, ""}, // ATO
	{"au.tfn", "99 999 999", divides(11, 10, 7, 8, 4, 6, 3, 5, 1), cued, ""},
	{"au.abn", "99 999 999 999", businessAustralia, laid, ""}, // ABR
	{"au.abn", "au 99 999 999 999", businessAustralia, alone, ""},
	{"au.acn", "999 999 999", complement(10, -1, 8, 7, 6, 5, 4, 3, 2, 1), cued, ""},                            // ASIC
	{"au.medicare", "[2-6]999 99999 9|[2-6]999 99999 99", remainder(10, -1, 1, 3, 7, 9, 1, 3, 7, 9), cued, ""}, // Services Australia
	{"nz.ird", "99-999-999", remainderNewZealand, cued, ""},                                                    // IRD
	{"nz.ird", "[01]99-999-999", part(1, 9, remainderNewZealand), cued, ""},
	{"nz.ird", "1[0-4]9-999-999", longNewZealand, cued, ""},
}

func divides97(v value) bool { return v.number(0, 15)%97 == 0 && !v.alike() }

// businessAustralia weighs its first digit less one.
func businessAustralia(v value) bool {
	return (weigh(&v, []int{10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19})-10)%89 == 0 && !v.alike()
}

// remainderNewZealand has a second row of weights for where the first gives no digit.
func remainderNewZealand(v value) bool {
	return checkNewZealand(&v, []int{0, 2, 7, 6, 5, 4, 3, 2}, []int{0, 4, 3, 2, 5, 2, 7, 6})
}

func longNewZealand(v value) bool {
	return checkNewZealand(&v, []int{3, 2, 7, 6, 5, 4, 3, 2}, []int{7, 4, 3, 2, 5, 2, 7, 6})
}

func checkNewZealand(v *value, first, second []int) bool {
	if v.n == 8 {
		first, second = first[1:], second[1:]
	}
	for _, w := range [2][]int{first, second} {
		if c := (11 - weigh(v, w)%11) % 11; c < 10 {
			return c == int(v.sym[v.n-1]) && !v.alike()
		}
	}
	return false
}

// documents are shapes of many states' passports, cards and tax numbers.
var documents = []rule{
	{"passport", "A 9999999|A-9999999|A9{6,8}|AA9{6,7}|AA 9999999|AAA9{5,6}|A 99999999|A999999AA|A9999999A|A9AA99999|9{7,9}", nil, cued, ""}, // ICAO 9303
	{"passport", "99AA99999|9 99 999999|999 999999|AAA9A9A9|A99AA99A|AA99A9A99|AX9999999", nil, cued, ""},
	{"vat", "ar 99-99999999-9|be 9999999999|bg 9{9,10}|cl 99999999-9|co 9999999999|cr 9{9,12}|cz 9{8,10}|cy 99999999X|do 999-9999999-9|do 9-99-99999-9", nil, cued, ""},
	{"vat", "ec 9999999999999|ee 999999999|el 999999999|fi 99999999|fr 99999999999|hr 99999999999|hu 99999999|id 999999999999999|ie 9X99999A|in 999999999999999", nil, cued, ""},
	{"vat", "it 99999999999|lt 9{9,12}|lv 99999999999|pe 99999999999|ph 999999999999|pl 9999999999|pl 999-99-99-999|pt 999999999|ro 9{6,10}|ru 9{10,12}", nil, cued, ""},
	{"vat", "se 999999999999|si 99999999|sk 9999999999|sv 9999-999999-999-9|tr 9999999999|ua 999999999999|uy 999999999999|es XX99999999|esX9999999X|gb 999999999|gb 999999999999|frXX999999999|ie 9999999AA|atu99999999|de 999999999|be 999999999", nil, cued, ""},
	{"vat", "9{9,15}|999-99-99-999|999-999-99-99|999.999.999-99|99.999.999.9-999.999|999-9999999-9|9{7,8}-9", nil, cued, "id.tax"},
}
