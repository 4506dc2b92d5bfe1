// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress is a bar on a terminal, and nothing in a pipe.
type progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

// newProgress makes a bar for an input of the given size in bytes; 0: not known, no bar.
func newProgress(out io.Writer, size int64) *progress {
	f, ok := out.(*os.File)
	if !ok || size == 0 || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	container := mpb.New(mpb.WithOutput(out), mpb.WithWidth(40))
	bar := container.AddBar(size,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Counters(decor.SizeB1024(0), "% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f"), decor.Name("  "), decor.AverageETA(decor.ET_STYLE_GO)),
	)
	return &progress{container, bar}
}

// newShare makes a bar for a time of which parts are over.
func newShare(out io.Writer, of time.Duration) *progress {
	f, ok := out.(*os.File)
	if !ok || of <= 0 || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	container := mpb.New(mpb.WithOutput(out), mpb.WithWidth(40))
	bar := container.AddBar(int64(of), mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Percentage()))
	return &progress{container, bar}
}

func (p *progress) set(elapsed time.Duration) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(elapsed))
	}
}

func (p *progress) reader(in io.Reader) io.Reader {
	if p.bar == nil {
		return in
	}
	return p.bar.ProxyReader(in)
}

func (p *progress) finish() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.container.Wait()
}
