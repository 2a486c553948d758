package orchestrator

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
)

// asOfSetting is where the day is kept as of which a toolchain's build requirements were last refreshed.
func asOfSetting(toolchain string) string { return "build-requirements-as-of/" + toolchain }

// day is the day as of which build requirements are locked where the recipe names none.
func (r *requested) day() time.Time {
	if r.AsOf != nil {
		return *r.AsOf
	}
	return r.toolchain.Spec.ExcludeNewer
}

// date sets the day of a request: today for one that refreshes, or else that of the last refresh. A request that has one keeps it.
// Today is the day's beginning, so that two runs of a day have the same locks.
func (o *Orchestrator) date(ctx context.Context, req *api.RunRequest, now time.Time) error {
	if req.AsOf != nil {
		return nil
	}
	tc, err := o.known(req.Toolchain)
	if err != nil {
		return err
	}
	day := now.UTC().Truncate(24 * time.Hour)
	if !req.Refresh {
		text, err := o.db.Setting(ctx, asOfSetting(tc.Name))
		if fault.KindOf(err) == fault.NotFound && err != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if day, err = time.Parse(time.RFC3339, text); err != nil {
			return fault.Errorf(fault.Internal, "reading the day of the last refresh: %w", err)
		}
	}
	if day.After(tc.Spec.ExcludeNewer) { // a toolchain may be younger than the last refresh
		req.AsOf = &day
	}
	return nil
}

// refreshed keeps the day of a run that refreshes, for those after it: what they publish is to be built with the same.
func (o *Orchestrator) refreshed(ctx context.Context, req *api.RunRequest) error {
	if !req.Refresh || !req.Publish || req.AsOf == nil {
		return nil
	}
	tc, err := o.known(req.Toolchain)
	if err != nil {
		return err
	}
	return o.db.SetSetting(ctx, asOfSetting(tc.Name), req.AsOf.Format(time.RFC3339))
}
