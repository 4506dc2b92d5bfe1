// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Plot is a static picture of bars, for light and dark pages, that a screen reader can tell of.
type Plot struct {
	Title, Description, Unit string
	Groups                   []PlotGroup
}

// PlotGroup is a heading with its bars.
type PlotGroup struct {
	Name string
	Bars []Bar
}

// Bar is one figure.
type Bar struct {
	Name  string
	Value float64 // above 0
	Times float64 // of the product's; 0 is not written
	Ours  bool
}

// Measures of the picture, in its own units.
const (
	plotWidth  = 760
	barsFrom   = 170 // names stand left of it
	barsTo     = 600 // figures stand right of the bars
	barHeight  = 18
	rowHeight  = 26
	headHeight = 58
	gapHeight  = 34 // between groups, for the heading
)

const plotStyle = `
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#24292f}
.title{font-size:16px;font-weight:600}.group{font-weight:600}.axis{font-size:11px;fill:#57606a}
.bar{fill:#8c959f}.ours{fill:#1a7f64}.grid{stroke:#d0d7de;stroke-width:1}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.axis{fill:#9198a1}.bar{fill:#6e7681}.ours{fill:#3fb68b}.grid{stroke:#30363d}}
`

// scale maps figures to the width of bars.
type scale struct {
	low, high   float64
	logarithmic bool
}

func (p *Plot) scale() scale {
	low, high := math.Inf(1), 0.0
	for _, g := range p.Groups {
		for _, b := range g.Bars {
			low, high = min(low, b.Value), max(high, b.Value)
		}
	}
	if high == 0 { // no bars
		high = 1
	}
	if high/low <= enoughForPlots {
		return scale{0, high, false}
	}
	return scale{step(low*0.999, false), step(high, true), true}
}

// step gives the next of 1, 2, 5, 10, 20 … that is not below x, or not above it.
func step(x float64, up bool) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	steps := []float64{1, 2, 5, 10}
	for i, s := range steps {
		if up && s*power >= x {
			return s * power
		}
		if !up && (i+1 == len(steps) || steps[i+1]*power > x) {
			return s * power
		}
	}
	return x
}

func (s scale) x(value float64) float64 {
	share := value / s.high
	if s.logarithmic {
		share = math.Log(value/s.low) / math.Log(s.high/s.low)
	}
	return barsFrom + share*(barsTo-barsFrom)
}

func (s scale) ticks() []float64 {
	var at []float64
	if !s.logarithmic {
		for x := 0.0; x <= s.high; x += step(s.high/5, true) {
			at = append(at, x)
		}
		return at
	}
	for x := s.low; x <= s.high*1.001; x = step(x*1.001, true) {
		at = append(at, x)
	}
	return at
}

// SVG draws the plot.
func (p *Plot) SVG() []byte {
	height := headHeight + 30
	for _, g := range p.Groups {
		height += gapHeight + rowHeight*len(g.Bars)
	}
	s := p.scale()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", escape(p.Title), escape(p.told()), plotStyle)
	axis := p.Unit
	if s.logarithmic {
		axis += ", logarithmic"
	}
	axis += "; times nymstream's in parentheses"
	fmt.Fprintf(&b, `<text class="title" x="12" y="24">%s</text><text class="axis" x="12" y="42">%s</text>`+"\n", escape(p.Title), escape(axis))
	for _, at := range s.ticks() {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="axis" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			s.x(at), headHeight, s.x(at), height-24, s.x(at), height-8, short(at))
	}
	y := headHeight
	for _, g := range p.Groups {
		fmt.Fprintf(&b, `<text class="group" x="12" y="%d">%s</text>`+"\n", y+20, escape(g.Name))
		y += gapHeight - 6
		for _, bar := range g.Bars {
			bar.draw(&b, s, y)
			y += rowHeight
		}
		y += 6
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (bar Bar) draw(b *bytes.Buffer, s scale, y int) {
	class := "bar"
	if bar.Ours {
		class = "ours"
	}
	end := max(s.x(bar.Value), barsFrom+2)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/><text x="%.1f" y="%d">%s</text>`+"\n",
		barsFrom-8, y+14, escape(bar.Name), class, barsFrom, y, end-barsFrom, barHeight, end+6, y+14, escape(bar.figure()))
}

func (bar Bar) figure() string {
	text := times(bar.Value) // as short as a ratio
	if bar.Times > 0 && !bar.Ours {
		text += " (" + times(bar.Times) + "×)"
	}
	return text
}

// told is the description with all figures, for those who do not see the bars.
func (p *Plot) told() string {
	text := p.Description
	for _, g := range p.Groups {
		text += " " + g.Name + ":"
		for i, bar := range g.Bars {
			if i > 0 {
				text += ","
			}
			text += " " + bar.Name + " " + bar.figure()
		}
		text += "."
	}
	return text
}

// Save writes the plot as an SVG file.
func (p *Plot) Save(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, p.SVG(), 0o644)
}

func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}
