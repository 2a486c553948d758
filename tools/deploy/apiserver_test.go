package deploy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// cluster is an API server with its etcd, and nothing that would carry out what it is told.
type cluster struct {
	*testing.T
	typed   *kubernetes.Clientset
	objects dynamic.Interface
	kinds   discovery.DiscoveryInterface
}

func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// run starts a program that ends with the test.
func run(t *testing.T, log, path string, args ...string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out.Close()
		if text, _ := os.ReadFile(log); t.Failed() && len(text) > 0 {
			t.Logf("%s:\n%s", path, text[max(0, len(text)-3000):])
		}
	})
}

const token = "let-me-in"

// start gives a cluster. The API server comes from tools/kube, etcd from the distribution.
func start(t *testing.T) *cluster {
	t.Helper()
	server := os.Getenv("WASMILL_KUBE_APISERVER")
	if server == "" {
		t.Skip("WASMILL_KUBE_APISERVER does not name a kube-apiserver; `make test-deploy` builds one")
	}
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		t.Fatalf("%v: apt-get install etcd-server", err)
	}
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	signing := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	tokens := write("tokens.csv", []byte(token+",admin,admin,system:masters\n"))
	client, peer, secure := "http://127.0.0.1:"+port(t), "http://127.0.0.1:"+port(t), port(t)
	run(t, filepath.Join(dir, "etcd.log"), etcd, "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--unsafe-no-fsync")
	run(t, filepath.Join(dir, "apiserver.log"), server, "--etcd-servers", client, "--bind-address=127.0.0.1", "--secure-port", secure,
		"--cert-dir", filepath.Join(dir, "certs"), "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file", signing,
		"--service-account-signing-key-file", signing, "--token-auth-file", tokens, "--authorization-mode=RBAC", "--allow-privileged", "--service-cluster-ip-range=10.0.0.0/24")
	config := &rest.Config{Host: "https://127.0.0.1:" + secure, BearerToken: token, QPS: 500, Burst: 500, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	c := &cluster{T: t, typed: kubernetes.NewForConfigOrDie(config), objects: dynamic.NewForConfigOrDie(config), kinds: discovery.NewDiscoveryClientForConfigOrDie(config)}
	c.eventually("the API server is ready", func() error {
		_, err := c.typed.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
		return err
	})
	return c
}

func (c *cluster) eventually(what string, try func() error) {
	c.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("waited in vain until %s: %v", what, err)
		}
	}
}

// apply is server-side apply, as strict as the server can be.
func (c *cluster) apply(o *unstructured.Unstructured, dry bool) error {
	groups, err := restmapper.GetAPIGroupResources(c.kinds)
	if err != nil {
		return err
	}
	kind := o.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: "test-deploy", FieldValidation: metav1.FieldValidationStrict}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var to dynamic.ResourceInterface = c.objects.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		to = c.objects.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	_, err = to.Patch(c.Context(), o.GetName(), types.ApplyPatchType, text, options)
	return err
}

// defineKEDA gives the server KEDA's own definitions, from its Go module.
func (c *cluster) defineKEDA() {
	c.Helper()
	found, err := exec.Command("go", "mod", "download", "-json", "github.com/kedacore/keda/v2@v2.21.0").Output()
	if err != nil {
		c.Fatalf("fetching KEDA's definitions: %v", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(found, &module); err != nil {
		c.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "config/crd/bases/keda.sh_scaledobjects.yaml"))
	if err != nil {
		c.Fatal(err)
	}
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &definition.Object); err != nil {
		c.Fatal(err)
	}
	if err := c.apply(definition, false); err != nil {
		c.Fatal(err)
	}
	scaled := schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	c.eventually("the server knows ScaledObject", func() error {
		_, err := c.objects.Resource(scaled).Namespace("default").List(c.Context(), metav1.ListOptions{})
		return err
	})
}

// Each overlay is accepted by Kubernetes itself, field by field, and so are the pods that its workloads would make, under the
// rules of their namespaces.
func TestTheServerAcceptsTheManifests(t *testing.T) {
	c := start(t)
	c.defineKEDA()
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			c := &cluster{T: t, typed: c.typed, objects: c.objects, kinds: c.kinds}
			objects := render(t, overlay)
			// A dry run can't know of a namespace that is not there yet.
			for _, o := range objects {
				if o.GetKind() == "Namespace" {
					if err := c.apply(o, false); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, dry := range []bool{true, false} {
				for _, o := range objects {
					if err := c.apply(o, dry); err != nil {
						t.Errorf("%s %s (dry run: %t): %v", o.GetKind(), o.GetName(), dry, err)
					}
				}
			}
			for _, w := range workloads(t, objects) {
				if err := c.pod(w.namespace, w.name, w.pod.Labels, w.pod.Spec); err != nil {
					t.Errorf("the pod of %s: %v", w.name, err)
				}
			}
		})
	}
	t.Run("a pod that may not be", func(t *testing.T) {
		c := &cluster{T: t, typed: c.typed}
		yes := true
		spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x", SecurityContext: &corev1.SecurityContext{Privileged: &yes}}}}
		err := c.pod("wasmill", "hostile", nil, spec)
		if err == nil || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted:v1.35"`) {
			t.Errorf("a privileged pod beside the orchestrator: %v", err)
		}
		for _, w := range workloads(t, render(t, "complete")) {
			if strings.HasPrefix(w.name, "worker") {
				w.pod.Spec.ServiceAccountName = "default"
				if err := c.pod("wasmill", w.name, nil, w.pod.Spec); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
					t.Errorf("a worker with an engine beside the orchestrator: %v", err)
				}
			}
		}
	})
	t.Run("a field that there is not", func(t *testing.T) {
		c := &cluster{T: t, typed: c.typed, objects: c.objects, kinds: c.kinds}
		for _, o := range render(t, "scaling") {
			if o.GetKind() != "ScaledObject" && o.GetKind() != "Deployment" {
				continue
			}
			o.Object["spec"].(map[string]any)["nonsense"] = "x"
			if err := c.apply(o, true); err == nil {
				t.Errorf("%s with nonsense was accepted", o.GetKind())
			}
		}
	})
}

// pod makes a pod of a template, as a controller would, without keeping it. Its volume claims are made up.
func (c *cluster) pod(namespace, name string, labels map[string]string, spec corev1.PodSpec) error {
	c.Helper()
	accounts := c.typed.CoreV1().ServiceAccounts(namespace)
	// What the controller manager would do.
	if _, err := accounts.Get(c.Context(), "default", metav1.GetOptions{}); apierrors.IsNotFound(err) {
		if _, err := accounts.Create(c.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	spec = *spec.DeepCopy()
	have := map[string]bool{}
	for _, v := range spec.Volumes {
		have[v.Name] = true
	}
	for _, ct := range append(spec.InitContainers, spec.Containers...) {
		for _, m := range ct.VolumeMounts {
			if !have[m.Name] {
				have[m.Name] = true
				spec.Volumes = append(spec.Volumes, corev1.Volume{Name: m.Name, VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: m.Name + "-" + name + "-0"}}})
			}
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	_, err := c.typed.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: spec},
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	return err
}
