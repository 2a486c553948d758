package toolchain

import (
	"context"
	"io"
	"net/http"

	"github.com/wasmill/wasmill/internal/fault"
)

// maxIndex bounds what is read of an index into memory.
const maxIndex = 256 << 20

// ask gets an index, which has no hash yet to know it by. accept is the media type to ask for; empty means any.
func ask(ctx context.Context, client *http.Client, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "asking for %s: %w", url, err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "asking for %s: %w", url, err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fault.Errorf(fault.NotFound, "asking for %s: the server answers %s", url, res.Status)
	default:
		return nil, fault.Errorf(fault.Unavailable, "asking for %s: the server answers %s", url, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxIndex))
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "reading %s: %w", url, err)
	}
	return text, nil
}
