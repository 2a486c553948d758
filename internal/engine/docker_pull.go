package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/wasmill/wasmill/internal/fault"
)

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// parseRef reads a reference and refuses one that doesn't name its image by digest: a tag may mean another image
// tomorrow.
func parseRef(ref string) (name.Digest, error) {
	_, digest, ok := strings.Cut(ref, "@")
	if !ok || !sha256Digest.MatchString(digest) {
		return name.Digest{}, fault.Errorf(fault.Invalid, "image %q is not named by digest (name@sha256:…)", ref)
	}
	d, err := name.NewDigest(ref)
	if err != nil {
		return name.Digest{}, fault.Errorf(fault.Invalid, "reading image reference %q: %w", ref, err)
	}
	return d, nil
}

// Pull implements Engine. Credentials come from the keychain that NewDocker was given, else from Docker's own configuration
// file, as for `docker pull`.
func (d *Docker) Pull(ctx context.Context, ref string) error {
	digest, err := parseRef(ref)
	if err != nil {
		return err
	}
	if ok, err := d.has(ctx, ref, digest.DigestStr()); err != nil || ok {
		return err
	}
	auth, err := d.registryAuth(digest)
	if err != nil {
		return fault.Errorf(fault.Invalid, "reading credentials for %s: %w", digest.RegistryStr(), err)
	}
	stream, err := d.client.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return d.explainPull(ctx, ref, err)
	}
	defer stream.Close()
	if err := pullError(stream); err != nil {
		return d.explainPull(ctx, ref, err)
	}
	ok, err := d.has(ctx, ref, digest.DigestStr())
	if err == nil && !ok {
		err = fault.Errorf(fault.Internal, "pulling %s: the engine says it is done, but holds no image with that digest", ref)
	}
	return err
}

// has says whether the daemon holds the image under this name and digest.
func (d *Docker) has(ctx context.Context, ref, digest string) (bool, error) {
	info, err := d.client.ImageInspect(ctx, ref)
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, d.explain(ctx, "looking for image "+ref, err)
	}
	return slices.ContainsFunc(info.RepoDigests, func(r string) bool { return strings.HasSuffix(r, "@"+digest) }), nil
}

func (d *Docker) registryAuth(of name.Digest) (string, error) {
	a, err := d.keychain.Resolve(of.Context())
	if err != nil || a == authn.Anonymous {
		return "", err
	}
	c, err := a.Authorization()
	if err != nil {
		return "", err
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username: c.Username, Password: c.Password, Auth: c.Auth, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
		ServerAddress: of.RegistryStr(),
	})
}

// pullError reads a pull's progress to its end. Once the daemon has begun to answer, its errors are in here and
// nowhere else.
func pullError(stream io.Reader) error {
	for dec := json.NewDecoder(stream); ; {
		var m jsonmessage.JSONMessage
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != nil {
			return m.Error
		}
	}
}

func (d *Docker) explainPull(ctx context.Context, ref string, err error) error {
	doing := "pulling " + ref
	err = d.explain(ctx, doing, err)
	for _, s := range []string{"manifest unknown", "name unknown", "repository does not exist"} {
		if strings.Contains(strings.ToLower(err.Error()), s) {
			return fault.Errorf(fault.NotFound, "%w", err)
		}
	}
	if fault.KindOf(err) == fault.Internal {
		// What remains is what the daemon says of a registry that is away: refused, timed out, reset, 5xx.
		return fault.Errorf(fault.Unavailable, "%w", err)
	}
	return err
}
