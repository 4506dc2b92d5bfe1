// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end.
var asia = []rule{
	{"cn.ric", "999999 [12][09]99 9999 999[0-9X]", every(within(6, 10, 1880, 2100), ymd(8), residentChina), alone, ""}, // GB 11643
	{"cn.ric15", "[1-8]99999999999999", ymd(6), cued, ""},                                                              // 15 digits until 1999
	{"cn.uscc", "[0-9A-HJ-NP-RTUWXY]{2,2}999999[0-9A-HJ-NP-RTUWXY]{10,10}", creditChina, cued, ""},                     // GB 32100
	{"hk.id", "A{1,2}999999(X)", personHongKong, laid, ""},                                                             // ImmD
	{"mo.id", "[157]999999(9)|[157]/999999/9", nil, cued, ""},                                                          // DSI
	{"tw.id", "A[1289A-D]99999999", personTaiwan, cued, ""},                                                            // RIS
	{"tw.ubn", "99999999", firmTaiwan, cued, "id.tax"},                                                                 // MOF
	{"kr.rrn", "999999-[1-8]999999", ymd(0), laid, ""},                                                                 // MOIS; without a sum since 2020
	{"kr.brn", "999-99-99999", firmKorea, laid, ""},                                                                    // NTS
	{"kr.passport", "[MSRODG]999A9999", nil, alone, ""},
	{"kr.passport", "[MSRODG]99999999", nil, cued, ""},                                              // MOFA
	{"kr.license", "1[1-9]-99-999999-99|2[0-8]-99-999999-99", nil, laid, ""},                        // KNPA
	{"jp.mynumber", "9999 9999 9999", complement(11, 0, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), cued, ""}, // J-LIS
	{"jp.cn", "[1-9]999999999999", firmJapan, cued, ""},                                             // NTA

	{"in.aadhaar", "[2-9]999 9999 9999", verhoeff, laid, ""}, // UIDAI
	{"in.pan", "AAA[ABCFGHJLPT]A9999A", nil, alone, ""},      // Income Tax Department
	{"in.pan", "AAAAA9999A", nil, cued, ""},
	{"in.gstin", "[0-39]9 AAAAA9999A XzX", either(within(0, 2, 1, 37), within(0, 2, 97, 99)), alone, ""}, // GSTN
	{"in.voter", "AAA 9999999", nil, cued, ""},                                                           // ECI
	{"in.plate", "AA 9{1,2} A{1,3} 9{4,4}", plateIndia, laid, "id.plate"},                                // MoRTH
	{"in.plate", "AA9999", nil, cued, "id.plate"},
	{"pk.cnic", "[1-7]9999-9999999-9", nil, laid, ""},  // NADRA
	{"lk.nic", "999999999[VX]", dayLanka(2), cued, ""}, // DRP
	{"lk.nic", "[12]99999999999", dayLanka(4), cued, ""},
	{"bd.nid", "9999999999|9999999999999|[12][09]999999999999999", nil, cued, ""},

	{"th.pin", "[1-8]-9999-99999-99-9", personThailand, laid, ""},                             // DOPA
	{"my.nric", "999999-99-9999", ymd(0), laid, ""},                                           // JPN
	{"sg.nric", "[STFGM]9999999A", personSingapore, alone, ""},                                // ICA
	{"sg.uen", "99999999A", letter("XMKECAWLJDB", 10, 4, 9, 3, 8, 2, 7, 1), alone, ""},        // ACRA
	{"sg.uen", "[12]99999999A", letter("ZKCMDNERGWH", 10, 8, 6, 4, 9, 7, 5, 3, 1), alone, ""}, // ACRA
	{"sg.uen", "[RST]99AA9999A", entitySingapore, alone, ""},                                  // ACRA
	{"id.npwp", "99.999.999.9-999.999", part(0, 9, luhn), laid, ""},                           // DJP
	{"id.npwp", "99.999.999.9-999.999|id 99.999.999.9-999.999", nil, laid, ""},                // DJP
	{"id.nik", "[1-9]999999999999999", dmyDay(6, 40), cued, ""},                               // Dukcapil
	{"ph.tin", "999-999-999|999-999-999-999|ph 999-999-999-999", nil, cued, ""},               // BIR
	{"ph.tin", "999-999-999-99999", nil, cued, ""},                                            // BIR
	{"vn.mst", "9999999999|9999999999-999", taxVietnam, cued, ""},                             // GDT
	{"vn.cccd", "0[0-9][0-9][0-9]99999999", nil, cued, ""},                                    // MPS

	{"il.id", "99999999-9|9999999-9", luhn, cued, ""},                                                               // PIBA
	{"ir.melli", "999-999999-9", complement(11, 1, 10, 9, 8, 7, 6, 5, 4, 3, 2), cued, ""},                           // Sabte Ahval
	{"sa.id", "[12]999999999", luhn, cued, ""},                                                                      // Absher
	{"sa.vat", "3999999999999 93|sa 999999999999999", nil, cued, ""},                                                // ZATCA
	{"ae.id", "784-9999-9999999-9", luhn, laid, ""},                                                                 // ICP
	{"kw.civil", "[1-3]99999999999", every(ymd(1), complement(11, -1, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)), firm, ""}, // PACI
	{"kz.iin", "999999999999", every(ymd(0), personKazakhstan), firm, ""},                                           // KGD
	{"kz.bin", "999999999999", personKazakhstan, cued, ""},                                                          // KGD
	{"uz.pinfl", "[1-6]9999999999999", complement(10, -1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7), cued, ""},
	{"uz.vat", "uz 999999999", nil, cued, ""},
	{"ge.id", "99999999999", nil, cued, ""},
}

func residentChina(v value) bool {
	c := weigh(&v, []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}) % 11
	return symbols["10X98765432"[c]]-1 == v.sym[17]
}

// creditChina is base 31, without I, O, S, V and Z.
func creditChina(v value) bool {
	sum, w := 0, 1
	for _, s := range v.sym[:17] {
		sum += indexOf("0123456789ABCDEFGHJKLMNPQRTUWXY", s) * w
		w = w * 3 % 31
	}
	return (31-sum%31)%31 == indexOf("0123456789ABCDEFGHJKLMNPQRTUWXY", v.sym[17])
}

// personHongKong counts a missing first letter as 36.
func personHongKong(v value) bool {
	if v.sym[v.n-1] > 10 {
		return false
	}
	sum := 0
	if v.n == 8 {
		sum = 36 * 9
	}
	for i, s := range v.sym[:v.n] {
		sum += int(s) * (v.n - i)
	}
	return sum%11 == 0
}

// regionTaiwan is what letters count as, from A on.
var regionTaiwan = [26]int{10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33}

// personTaiwan counts the letter as two digits, and a second one, of residents until 2020, by the last of its two.
func personTaiwan(v value) bool {
	region := regionTaiwan[v.sym[0]-10]
	if v.sym[1] > 9 {
		v.sym[1] = byte(regionTaiwan[v.sym[1]-10] % 10)
	}
	return (region/10+region%10*9+weigh(&v, []int{0, 8, 7, 6, 5, 4, 3, 2, 1, 1}))%10 == 0
}

// firmTaiwan may be one short where the seventh digit is 7.
func firmTaiwan(v value) bool {
	sum := 0
	for i, w := range [8]int{1, 2, 1, 2, 1, 2, 4, 1} {
		p := int(v.sym[i]) * w
		sum += p/10 + p%10
	}
	return sum%5 == 0 || v.sym[6] == 7 && (sum+1)%5 == 0
}

func firmKorea(v value) bool {
	sum := weigh(&v, []int{1, 3, 7, 1, 3, 7, 1, 3, 5}) + int(v.sym[8])*5/10
	return (10-sum%10)%10 == int(v.sym[9]) && !v.alike()
}

// firmJapan has its check digit in front.
func firmJapan(v value) bool {
	sum := 0
	for i, s := range v.sym[1:13] {
		sum += int(s) * (1 + (11-i)%2)
	}
	return 9-sum%9 == int(v.sym[0])
}

// plateIndia knows the states.
func plateIndia(v value) bool {
	state := string([]byte{v.sym[0] - 10 + 'A', v.sym[1] - 10 + 'A'})
	switch state {
	case "AN", "AP", "AR", "AS", "BR", "CG", "CH", "DD", "DL", "DN", "GA", "GJ", "HP", "HR", "JH", "JK", "KA", "KL", "LA", "LD", "MH", "ML", "MN", "MP",
		"MZ", "NL", "OD", "OR", "PB", "PY", "RJ", "SK", "TN", "TR", "TS", "UK", "UP", "WB":
		return true
	}
	return false
}

// dayLanka wants the day of the year at a place; women's have 500 added.
func dayLanka(at int) check {
	return func(v value) bool {
		day := v.number(at, at+3) % 500
		return day >= 1 && day <= 366 || at == 2 && v.sym[9] > 9 && day > 0
	}
}

func personThailand(v value) bool {
	return (11-weigh(&v, []int{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2})%11)%10 == int(v.sym[12]) && !v.alike()
}

func personSingapore(v value) bool {
	sum, list := weigh(&v, []int{0, 2, 7, 6, 5, 4, 3, 2}), "JZIHGFEDCBA"
	switch v.sym[0] {
	case 29: // T
		sum += 4
	case 15: // F
		list = "XWUTRQPNMLK"
	case 16: // G
		sum, list = sum+4, "XWUTRQPNMLK"
	case 22: // M
		sum, list = sum+3, "XWUTRQPNJLK"
	}
	return symbols[list[sum%11]]-1 == v.sym[8]
}

func entitySingapore(v value) bool {
	const list = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
	sum := -5
	for i, w := range [9]int{4, 3, 5, 3, 10, 2, 2, 5, 7} {
		sum += indexOf(list, v.sym[i]) * w
	}
	return indexOf(list, v.sym[9]) == (sum%11+11)%11
}

func taxVietnam(v value) bool {
	return 10-weigh(&v, []int{31, 29, 23, 19, 17, 13, 7, 5, 3})%11 == int(v.sym[9]) && !v.alike()
}

func personKazakhstan(v value) bool {
	c := weigh(&v, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) % 11
	if c == 10 {
		c = weigh(&v, []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2}) % 11
	}
	return c == int(v.sym[11]) && !v.alike()
}
