package pip

import (
	"context"
	"encoding/json"
	"os"
	"slices"

	"github.com/wasmill/wasmill/internal/wheel"
)

// report writes what is to be installed in the form of pip's --report (version 1): what comes from an index, with its address
// and hash.
func (in *installation) report(ctx context.Context) error {
	type item struct {
		Download  map[string]any    `json:"download_info"`
		Direct    bool              `json:"is_direct"`
		Yanked    bool              `json:"is_yanked"`
		Requested bool              `json:"requested"`
		Metadata  map[string]string `json:"metadata"`
	}
	items := []item{}
	for _, c := range in.changes {
		if c.Action != "installed" {
			continue
		}
		i := item{Download: map[string]any{}, Direct: c.Version == "", Metadata: map[string]string{"name": c.Name, "version": c.Version}}
		i.Requested = slices.ContainsFunc(in.w.requirements, func(q wheel.Requirement) bool { return wheel.Normalize(q.Name) == c.Name })
		page, err := in.s.page(ctx, c.Name)
		if err != nil {
			return err
		}
		if page != nil && c.Version != "" {
			if r := page.release(c.Version); r != nil && r.wheel != nil {
				i.Yanked = r.yanked
				i.Download = map[string]any{"url": r.wheel.URL, "archive_info": map[string]any{"hashes": map[string]string{"sha256": r.wheel.SHA256}}}
			}
		}
		items = append(items, i)
	}
	data, err := json.MarshalIndent(map[string]any{
		"version": "1", "pip_version": pipVersion, "install": items, "environment": in.s.environment,
	}, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if in.r.report == "-" {
		_, err = in.p.Stdout.Write(data)
		return err
	}
	if err := os.WriteFile(in.r.report, data, 0o644); err != nil {
		return failed("--report: %v", err)
	}
	return nil
}
