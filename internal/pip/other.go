package pip

import (
	"context"
	"fmt"
	"slices"
)

func (p *Python) uninstall(ctx context.Context, u *uv, r *request) error {
	args := slices.Concat([]string{"pip", "uninstall"}, u.common(r), r.pass)
	for _, file := range r.files {
		args = append(args, "--requirements", file)
	}
	args = append(args, r.words...)
	for _, word := range r.words {
		if l, ok := p.linked(word); ok {
			fmt.Fprintf(p.Stderr, "WARNING: %s %s is linked into this Python, and stays there; another Python is made without it: wasmill app\n", l.Name, l.Version)
		}
	}
	return p.change(ctx, p.Prefix, func() error { return u.work(ctx, r, args...) })
}
