// Package term shows a person in a terminal what is going on: progress while something runs, tables when it is
// done. On a terminal progress is bars that are redrawn; elsewhere (a pipe, a CI log) it is lines that each carry
// the time elapsed. Nothing else in the project writes progress.
package term

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// lineEvery is how often a step that goes on says so in a log: often enough to see it lives, rare enough to read.
const lineEvery = 5 * time.Second

// Progress shows the steps of one job. Its methods are safe for concurrent use.
type Progress struct {
	out   io.Writer
	start time.Time
	now   func() time.Time
	bars  *mpb.Progress // nil where out is no terminal

	mu    sync.Mutex
	steps map[string]*step
}

type step struct {
	bar      *mpb.Bar
	note     atomic.Value // string; read by the bar's drawing, which must not wait for mu
	started  time.Time
	lastLine time.Time
}

// NewProgress shows progress on out; quiet shows nothing.
func NewProgress(out io.Writer, quiet bool) *Progress {
	p := &Progress{out: out, now: time.Now, steps: map[string]*step{}}
	p.start = p.now()
	if quiet {
		p.out = io.Discard
	} else if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithRefreshRate(120*time.Millisecond))
	}
	return p
}

// Line prints one line, above the bars where there are any.
func (p *Progress) Line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(fmt.Sprintf(format, args...))
}

func (p *Progress) line(text string) {
	text = fmt.Sprintf("[%7.1fs] %s\n", p.now().Sub(p.start).Seconds(), text)
	if p.bars != nil {
		fmt.Fprint(p.bars, text)
		return
	}
	fmt.Fprint(p.out, text)
}

// Update says how far a step is. A step begins with its first update. total 0 means that the end is not known;
// bytes says that done and total count bytes.
func (p *Progress) Update(name string, done, total int64, bytes bool, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.steps[name]
	if s == nil {
		s = &step{started: p.now()}
		s.note.Store(note)
		p.steps[name] = s
		if p.bars != nil {
			s.bar = p.newBar(s, name, total, bytes)
		} else {
			p.line(name + " …")
			s.lastLine = p.now()
		}
	}
	s.note.Store(note)
	if s.bar != nil {
		s.bar.SetTotal(total, false)
		s.bar.SetCurrent(done)
		return
	}
	if p.now().Sub(s.lastLine) >= lineEvery {
		s.lastLine = p.now()
		p.line(fmt.Sprintf("%s %s %s", name, amount(done, total, bytes), note))
	}
}

func (p *Progress) newBar(s *step, name string, total int64, bytes bool) *mpb.Bar {
	counter := decor.CountersNoUnit("%d / %d", decor.WC{W: 18})
	if bytes {
		counter = decor.CountersKibiByte("% .1f / % .1f", decor.WC{W: 18})
	}
	note := decor.Any(func(decor.Statistics) string { return " " + s.note.Load().(string) })
	return p.bars.AddBar(total,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 24, C: decor.DindentRight})),
		mpb.AppendDecorators(counter, decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6}), note),
		mpb.BarRemoveOnComplete())
}

// Done ends a step and leaves one line of it.
func (p *Progress) Done(name, result string) {
	p.mu.Lock()
	s := p.steps[name]
	delete(p.steps, name)
	var bar *mpb.Bar
	took := time.Duration(0)
	if s != nil {
		bar, took = s.bar, p.now().Sub(s.started)
	}
	p.mu.Unlock()
	if bar != nil { // outside the lock: the bar's last frame asks for its note
		bar.Abort(true)
		bar.Wait()
	}
	p.Line("%s: %s (%.1fs)", name, result, took.Seconds())
}

// Close ends every step that is still shown.
func (p *Progress) Close() {
	p.mu.Lock()
	var open []*mpb.Bar
	for name, s := range p.steps {
		if s.bar != nil {
			open = append(open, s.bar)
		}
		delete(p.steps, name)
	}
	p.mu.Unlock()
	for _, bar := range open {
		bar.Abort(true)
	}
	if p.bars != nil {
		p.bars.Wait()
	}
}

func amount(done, total int64, bytes bool) string {
	show := func(n int64) string { return fmt.Sprint(n) }
	if bytes {
		show = Bytes
	}
	if total <= 0 {
		return show(done)
	}
	return show(done) + " of " + show(total)
}

// Bytes writes a size as people read it: "14.2 KiB".
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, exp := float64(n)/unit, 0
	for ; value >= unit && exp < 3; exp++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[exp])
}
