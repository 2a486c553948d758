package pip

import (
	"context"
	"slices"
)

func (p *Python) uninstall(ctx context.Context, u *uv, r *request) error {
	args := slices.Concat([]string{"pip", "uninstall"}, u.common(r), r.pass)
	for _, file := range r.files {
		args = append(args, "--requirements", file)
	}
	args = append(args, r.words...)
	return p.change(ctx, p.Prefix, func() error { return u.work(ctx, r, args...) })
}
