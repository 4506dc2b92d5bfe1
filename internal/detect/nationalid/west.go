// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end, unless its subtype says it.
var westernEurope = []rule{
	{"ad.nrt", "[ACDEFGLOPU]-999999-A", nil, laid, ""}, // Andorra, Departament de Tributs

	{"at.tin", "99 999/9999|99-999/9999|99 9999999", luhn, laid, ""},                                              // BMF
	{"at.vnr", "[1-9]999 999999", every(dmy(4, 2), part(0, 10, socialAustria)), firm, ""},                         // Dachverband
	{"at.uid", "atu99999999", uidAustria, alone, ""},                                                              // BMF
	{"at.uid", "u99999999", uidAustria, cued, ""},                                                                 // BMF
	{"be.nn", "99.99.99-999.99", nationalBelgium, firm, ""},                                                       // Rijksregister
	{"be.vat", "be[01]999.999.999", enterpriseBelgium, alone, ""},                                                 // KBO
	{"be.vat", "[01]999.999.999", enterpriseBelgium, firm, ""},                                                    // KBO
	{"ch.ahv", "756.9999.9999.99", divides(10, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1), alone, ""},                 // ZAS
	{"ch.uid", "che-999.999.999", enterpriseSwiss, alone, ""},                                                     // BFS
	{"ch.uid", "che-999.999.999 mwst|che-999.999.999 tva|che-999.999.999 iva", enterpriseSwiss, alone, ""},        // BFS
	{"ch.uid", "999.999.999 [M][W][S][T]|999.999.999 [T][V][A]|999.999.999 [I][V][A]", enterpriseSwiss, laid, ""}, // BFS

	{"de.idnr", "[1-9]9 999 999 999", every(mod1110, repeatedGermany), firm, ""},                                                    // BZSt
	{"de.idnr", "[1-9]9 999 999 999", mod1110, cued, ""},                                                                            // BZSt
	{"de.stnr", "99/999/99999|999 999 99999|999/999/99999|99/9999/9999|999/9999/9999|99 999 999 999|999/999/9999/9", nil, cued, ""}, // ELSTER
	{"de.stnr", "9999999999999", nil, cued, "id.tax"},                                                                               // ELSTER
	{"de.vat", "de 999 999 999", mod1110, alone, ""},                                                                                // BZSt
	{"de.card", "[CFGHJ-NPRTV-Z][0-9CFGHJ-NPRTV-Z]{7,7}9", mrz, cued, ""},                                                           // ICAO
	{"de.card", "t99999999", nil, cued, ""},                                                                                         // BMI, until 2010
	{"de.license", "AX99999999X", nil, cued, ""},                                                                                    // KBA
	{"de.register", "hr[AB] 9{4,6}", nil, alone, ""},                                                                                // HRV
	{"de.kvnr", "A999999999", healthGermany, cued, ""},                                                                              // GKV
	{"de.svnr", "99 999999 A 999", every(dmyDay(2, 50), socialGermany), alone, ""},                                                  // DRV
	{"de.lanr", "999999999", complement(10, -1, 4, 9, 4, 9, 4, 9), cued, ""},                                                        // KBV
	{"de.bsnr", "[0-79]99999999", nil, cued, ""},                                                                                    // KBV
	{"de.plate", "A{1,3}-A{1,2}-9{1,4}", nil, cued, "id.plate"},                                                                     // FZV
	{"de.plate", "A{1,3} A{1,2} 9{1,4}", nil, cued, "id.plate"},                                                                     // FZV

	{"es.dni", "99999999-A|9999999-A", letterSpain, alone, ""}, // BOE
	{"es.dni", "9{5,6}A", letterSpain, cued, ""},
	{"es.nie", "[X-Z]-9999999-A", letterSpain, alone, ""},
	{"es.nif", "[KLM]-9999999-A", letterSpain, alone, ""},
	{"es.cif", "[A-HJNP-SUVW]-9999999X", taxSpain, laid, ""},
	{"es.vat", "es 99999999A|es [X-Z]9999999A|es [KLM]9999999A", letterSpain, alone, ""},
	{"es.vat", "es [A-HJNP-SUVW]-9999999X", taxSpain, alone, ""},

	{"fr.nir", "[1278] 99 99 99 999 999 99|[12] 99 99 2[AB] 999 999 99", socialFrance, alone, ""}, // INSEE
	{"fr.nif", "[0-3]9 99 999 999 999", every(within(0, 2, 0, 39), fiscalFrance), firm, ""},       // DGFiP
	{"fr.tva", "fr XX 999 999 999", part(2, 11, luhn), alone, ""},                                 // DGFiP
	{"fr.tva", "XX 999 999 999", part(2, 11, luhn), cued, ""},
	{"fr.siren", "999 999 999|999 999 999 99999", part(0, 9, luhn), cued, ""}, // INSEE
	{"fr.cni", "999999999999", nil, cued, ""},
	{"fr.passport", "99[A-Z][A-Z]99999", nil, cued, ""},
	{"fr.plate", "AA-999-AA", nil, cued, "id.plate"}, // SIV

	{"gb.nhs", "999 999 9999|999-999-9999", complement(11, -1, 10, 9, 8, 7, 6, 5, 4, 3, 2), cued, ""}, // NHS
	{"gb.utr", "99999 99999", referenceBritain, cued, ""},                                             // HMRC
	{"gb.nino", "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] 99 99 99 [A-D]", insuranceBritain, alone, ""},    // HMRC
	{"gb.vat", "gb 999 9999 99|gb 999 9999 99 999", taxBritain, alone, ""},                            // HMRC
	{"gb.vat", "999 9999 99", taxBritain, cued, ""},
	{"gb.vat", "gbgd[0-4]99|gbha[5-9]99", nil, alone, ""},
	{"gb.trn", "99 A 99999|99 A 999 99", nil, cued, "id.number"},                                     // HMRC
	{"gb.license", "[A-Z]X{4,4}9 99999 XXXAA|[A-Z]X{4,4}9 99999 XXXAA 99", driverBritain, alone, ""}, // DVLA
	{"gb.license", "AAAAA 999999 XXXAA|AAAAA 999999 XXXAA 99|AAAAA 999999 XX9A 99|AAAAA 999999 XX99A 99|AAAAA 999999 XXXX 99|AAAAA 999999XX99A 99", driverBritain, alone, ""},
	{"gb.plate", "[A-HJ-PR-Y][A-HJ-PR-Y]99 AAA", plateBritain, cued, "id.plate"}, // DVLA
	{"gb.plate", "[A-HJ-NPR-TV-Y]9{1,3} AAA|AAA 9{1,3}[A-HJ-NPR-TV-Y]", nil, cued, "id.plate"},

	{"ie.pps", "9999999A|9999999A[A-IWTX]", letterIreland, alone, ""}, // Revenue
	{"ie.vat", "ie 9999999A|ie 9999999AA", letterIreland, alone, ""},

	{"it.cf", "AAAAAA XXAXX AXXXA", codeItaly, alone, ""}, // Agenzia delle Entrate
	{"it.cf", "AAAAAA 99[A-EHLMPRST]99 A999A", nil, alone, ""},
	{"it.iva", "99999999999", luhn, cued, ""},
	{"it.iva", "it 99999999999", luhn, alone, ""},
	{"it.card", "AA99999AA|9999999AA|AA9999999", nil, cued, ""},  // CIE
	{"it.license", "u1X{7,7}A|AA9999999A", nil, cued, ""},        // MIT
	{"lu.id", "[12]999 99 99 99999", personLuxembourg, firm, ""}, // CTIE
	{"lu.vat", "lu 99999999", vatLuxembourg, alone, ""},          // AED
	{"mt.id", "9{3,7}[MGAPLHBZ]", nil, cued, ""},                 // Identità
	{"mt.vat", "mt 99999999", divides(37, 3, 4, 6, 7, 8, 9, 10, 1), alone, ""},
	{"nl.bsn", "9999.99.999|999999999", divides(11, 9, 8, 7, 6, 5, 4, 3, 2, -1), cued, ""}, // RvIG
	{"nl.btw", "nl 999999999[B]99", nil, alone, ""},                                        // Belastingdienst
	{"nl.btw", "999999999[B]99", nil, cued, ""},
	{"nl.card", "A[A-NP-Z][0-9A-NP-Z]{6,6}9", nil, cued, ""},                                   // RvIG
	{"pt.cc", "99999999 9 [A-Z]X9", luhn, alone, ""},                                           // IRN
	{"pt.nif", "[1-35689]99 999 999", complement(11, 0, 9, 8, 7, 6, 5, 4, 3, 2), cued, ""},     // AT
	{"pt.nif", "pt [1-35689]99 999 999", complement(11, 0, 9, 8, 7, 6, 5, 4, 3, 2), alone, ""}, // AT
	{"pt.niss", "[12]9999999999", insurancePortugal, cued, ""},                                 // Segurança Social
	{"sm.coe", "sm 99999", nil, cued, ""},
	{"li.peid", "9{6,12}", nil, cued, "id.tax"},
	{"li.passport", "A99999", nil, cued, ""},
}

var enterpriseSwiss = complement(11, -1, 5, 4, 3, 2, 7, 6, 5, 4)

// socialAustria is checked by its fourth digit.
func socialAustria(v value) bool {
	return weigh(&v, []int{3, 7, 9, 0, 5, 8, 4, 2, 1, 6})%11 == int(v.sym[3])
}

func uidAustria(v value) bool {
	sum := 4
	for i, s := range v.sym[:7] {
		sum += crossed(int(s), i)
	}
	return (10-sum%10)%10 == int(v.sym[7])
}

// crossed doubles a digit at odd places and adds the digits of the product.
func crossed(d, i int) int {
	if i%2 == 0 {
		return d
	}
	return d*2/10 + d*2%10
}

func nationalBelgium(v value) bool {
	n, c := v.number(0, 9), v.number(9, 11)
	return (97-n%97 == c || 97-(2_000_000_000+n)%97 == c) && !v.alike()
}

func enterpriseBelgium(v value) bool { return 97-v.number(0, 8)%97 == v.number(8, 10) }

// repeatedGermany wants one of the first ten digits to stand there twice or thrice, and no other more than once.
func repeatedGermany(v value) bool {
	var count [10]uint8
	for _, s := range v.sym[:10] {
		count[s]++
	}
	more := 0
	for _, n := range count {
		if n > 3 {
			return false
		}
		if n > 1 {
			more++
		}
	}
	return more == 1
}

// healthGermany writes the letter as two digits.
func healthGermany(v value) bool {
	n := int(v.sym[0]) - 9
	sum := n/10 + crossed(n%10, 1)
	for i, s := range v.sym[1:9] {
		sum += crossed(int(s), i)
	}
	return sum%10 == int(v.sym[9])
}

func socialGermany(v value) bool {
	var d [12]int
	for i := range 8 {
		d[i] = int(v.sym[i])
	}
	d[8], d[9] = (int(v.sym[8])-9)/10, (int(v.sym[8])-9)%10
	d[10], d[11] = int(v.sym[9]), int(v.sym[10])
	sum := 0
	for i, w := range [12]int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
		sum += d[i]*w/10 + d[i]*w%10
	}
	return sum%10 == int(v.sym[11])
}

const letterListSpain = "TRWAGMYFPDXBNJZSQVHLCKE"

// letterSpain takes the number modulo 23; X, Y, Z before it stand for 0, 1, 2, and K, L, M for nothing.
func letterSpain(v value) bool {
	n := 0
	for i, s := range v.sym[:v.n-1] {
		switch {
		case i == 0 && s >= 33:
			n = int(s) - 33
		case s <= 9:
			n = n*10 + int(s)
		}
	}
	return symbols[letterListSpain[n%23]]-1 == v.sym[v.n-1]
}

// taxSpain ends with a digit or the letter for it.
func taxSpain(v value) bool {
	sum := 0
	for i, s := range v.sym[1:8] {
		sum += crossed(int(s), i+1)
	}
	c := byte((10 - sum%10) % 10)
	return v.sym[8] == c || v.sym[8] == symbols["JABCDEFGHI"[c]]-1
}

// socialFrance counts the departments 2A and 2B of Corsica as 19 and 18.
func socialFrance(v value) bool {
	switch v.sym[6] {
	case 10:
		v.sym[5], v.sym[6] = 1, 9
	case 11:
		v.sym[5], v.sym[6] = 1, 8
	}
	return 97-v.number(0, 13)%97 == v.number(13, 15)
}

func fiscalFrance(v value) bool { return v.number(0, 10)%511 == v.number(10, 13) }

// referenceBritain has its check digit in front.
func referenceBritain(v value) bool {
	sum := weigh(&v, []int{0, 6, 7, 8, 9, 10, 5, 4, 3, 2})
	return "21987654321"[sum%11]-'0' == v.sym[0]
}

// insuranceBritain leaves out prefixes that are not given.
func insuranceBritain(v value) bool {
	switch string([]byte{v.sym[0] - 10 + 'A', v.sym[1] - 10 + 'A'}) {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
		return false
	}
	return true
}

func taxBritain(v value) bool {
	sum := weigh(&v, []int{8, 7, 6, 5, 4, 3, 2}) + v.number(7, 9)
	return (sum%97 == 0 || sum%97 == 42) && !v.alike()
}

// driverBritain wants a name of five letters, filled up with nines, and a date of birth; a woman's month has 50 added.
func driverBritain(v value) bool {
	nine := false
	for _, s := range v.sym[:5] {
		if s < 10 && s != 9 || s > 9 && nine {
			return false
		}
		nine = s == 9
	}
	for _, s := range v.sym[5:11] {
		if s > 9 {
			return false
		}
	}
	return dated(v.number(6, 8), v.number(8, 10), []int{50})
}

func plateBritain(v value) bool {
	age := v.number(2, 4)
	return age >= 2 && age <= 30 || age >= 51 && age <= 80
}

// letterIreland counts a second letter nine times.
func letterIreland(v value) bool {
	sum := weigh(&v, []int{8, 7, 6, 5, 4, 3, 2})
	if v.n == 9 && v.sym[8] != 29 && v.sym[8] < 32 { // T, W and X were spouses' and count nothing
		sum += 9 * (int(v.sym[8]) - 9)
	}
	return symbols["WABCDEFGHIJKLMNOPQRSTUV"[sum%23]]-1 == v.sym[7]
}

var oddItaly = [26]byte{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

func codeItaly(v value) bool {
	sum := 0
	for i, s := range v.sym[:15] {
		if s > 9 {
			s -= 10
		}
		if i%2 == 0 {
			s = oddItaly[s]
		}
		sum += int(s)
	}
	return v.sym[15] == byte(sum%26)+10
}

// personLuxembourg has a Luhn digit and after it one of Verhoeff, both over the first eleven.
func personLuxembourg(v value) bool {
	if !dated(v.number(4, 6), v.number(6, 8), nil) {
		return false
	}
	first := v
	first.n = 12
	v.sym[11], v.n = v.sym[12], 12
	return luhn(first) && verhoeff(v)
}

func vatLuxembourg(v value) bool { return v.number(0, 6)%89 == v.number(6, 8) }

func insurancePortugal(v value) bool {
	return 9-weigh(&v, []int{29, 23, 19, 17, 13, 11, 7, 5, 3, 2})%10 == int(v.sym[10])
}
