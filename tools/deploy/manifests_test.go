package deploy

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// overlays are the forms of a farm that an operator may apply.
var overlays = []string{"complete", "scaling", "external"}

// render is what `kubectl apply -k` would send.
func render(t *testing.T, overlay string) (objects []*unstructured.Unstructured) {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy/k8s/overlays", overlay))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &o.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	if len(objects) < 20 {
		t.Fatalf("%s has only %d objects", overlay, len(objects))
	}
	return objects
}

func as[T any](t *testing.T, o map[string]any) (typed T) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o, &typed, true); err != nil {
		t.Fatal(err)
	}
	return typed
}

// workload is something that makes pods.
type workload struct {
	name, namespace string
	pod             corev1.PodTemplateSpec
	replicas        bool // it says how many
}

func workloads(t *testing.T, objects []*unstructured.Unstructured) (found []workload) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != "Deployment" && o.GetKind() != "StatefulSet" {
			continue
		}
		template, _, err := unstructured.NestedMap(o.Object, "spec", "template")
		if err != nil {
			t.Fatal(err)
		}
		_, replicas, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "replicas")
		found = append(found, workload{o.GetName(), o.GetNamespace(), as[corev1.PodTemplateSpec](t, template), replicas})
	}
	return found
}

func each(t *testing.T, check func(t *testing.T, objects []*unstructured.Unstructured, w []workload)) {
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			objects := render(t, overlay)
			check(t, objects, workloads(t, objects))
		})
	}
}

var byDigest = regexp.MustCompile(`^[a-z0-9./:-]+/[a-z-]+@sha256:[0-9a-f]{64}$`)

func TestImagesAreNamedByDigest(t *testing.T) {
	each(t, func(t *testing.T, _ []*unstructured.Unstructured, all []workload) {
		for _, w := range all {
			for _, c := range append(w.pod.Spec.InitContainers, w.pod.Spec.Containers...) {
				if !byDigest.MatchString(c.Image) {
					t.Errorf("%s: %s is the image %s", w.name, c.Name, c.Image)
				}
			}
		}
	})
}

// flag is the value of a flag of a container.
func flag(c corev1.Container, name string) string {
	for _, arg := range c.Args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}

func container(w workload, name string) *corev1.Container {
	all := append(slices.Clone(w.pod.Spec.Containers), w.pod.Spec.InitContainers...)
	if i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// A pod is killed only after its worker had the time that it gives to builds, and its engine is there until then.
func TestWorkersAreGivenTheirDrain(t *testing.T) {
	each(t, func(t *testing.T, _ []*unstructured.Unstructured, all []workload) {
		classes := map[string]bool{}
		for _, w := range all {
			c := container(w, "worker")
			if c == nil {
				continue
			}
			drain, err := time.ParseDuration(flag(*c, "drain"))
			if err != nil {
				t.Errorf("%s: %v", w.name, err)
			}
			if grace := time.Duration(*w.pod.Spec.TerminationGracePeriodSeconds) * time.Second; grace < drain+30*time.Second {
				t.Errorf("%s is killed after %s, and drains for %s", w.name, grace, drain)
			}
			engine := container(w, "engine")
			if engine == nil || engine.RestartPolicy == nil || *engine.RestartPolicy != corev1.ContainerRestartPolicyAlways ||
				!slices.ContainsFunc(w.pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "engine" }) {
				t.Fatalf("%s: the engine is no sidecar: it would end with the worker's first signal", w.name)
			}
			at := func(c *corev1.Container) string {
				for _, m := range c.VolumeMounts {
					if m.Name == "data" {
						return m.MountPath
					}
				}
				return ""
			}
			if data := flag(*c, "data"); at(c) != data || at(engine) != data {
				t.Errorf("%s: the data folder %s is %s for the worker and %s for the engine", w.name, data, at(c), at(engine))
			}
			class := flag(*c, "class")
			classes[class] = true
			if w.name != "worker-"+class || w.pod.Labels["wasmill.dev/class"] != class {
				t.Errorf("%s serves %s", w.name, class)
			}
			// What the builds of a class may use, for as many as there are slots (docs/tutorial-operator.md).
			memory := map[string]int64{"small": 2, "medium": 6, "large": 16}[class] << 30
			var slots int64
			if _, err := fmt.Sscan(flag(*c, "slots"), &slots); err != nil {
				t.Error(err)
			}
			if limit := engine.Resources.Limits.Memory().Value(); limit < slots*memory {
				t.Errorf("%s: %d builds of %d bytes do not fit into %d", w.name, slots, memory, limit)
			}
		}
		if len(classes) != 3 {
			t.Errorf("workers for %v", classes)
		}
	})
}

func TestProbesAndResources(t *testing.T) {
	each(t, func(t *testing.T, _ []*unstructured.Unstructured, all []workload) {
		for _, w := range all {
			for _, c := range append(w.pod.Spec.InitContainers, w.pod.Spec.Containers...) {
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s has no resources: %v", w.name, c.Name, c.Resources)
				}
				if c.Name == "engine" {
					continue // its worker's readiness asks it
				}
				if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil {
					t.Errorf("%s: %s has no probes", w.name, c.Name)
				}
				if _, port, _ := strings.Cut(flag(c, "metrics-listen"), ":"); c.Name == "worker" || c.Name == "orchestrator" {
					if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || w.pod.Annotations["prometheus.io/port"] != port {
						t.Errorf("%s: %s is probed elsewhere than it answers (%s)", w.name, c.Name, port)
					}
				}
			}
		}
	})
}

func TestEveryWorkloadHasABudget(t *testing.T) {
	each(t, func(t *testing.T, objects []*unstructured.Unstructured, all []workload) {
		for _, w := range all {
			n := 0
			for _, o := range objects {
				if o.GetKind() == "PodDisruptionBudget" && o.GetNamespace() == w.namespace {
					if b := as[policyv1.PodDisruptionBudget](t, o.Object); selects(t, *b.Spec.Selector, w.pod.Labels) {
						n++
					}
				}
			}
			if n != 1 {
				t.Errorf("%s has %d disruption budgets", w.name, n)
			}
		}
	})
}

func selects(t *testing.T, s metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(of))
}

// reach says which ports of a place another may open, by the policies of both. It knows what the manifests use of them.
func reach(t *testing.T, objects []*unstructured.Unstructured, from, to workload) (ports []int32) {
	t.Helper()
	allowed := func(kind networkingv1.PolicyType, at, peer workload) map[int32]bool {
		open := map[int32]bool{}
		for _, o := range objects {
			if o.GetKind() != "NetworkPolicy" || o.GetNamespace() != at.namespace {
				continue
			}
			p := as[networkingv1.NetworkPolicy](t, o.Object)
			if !selects(t, p.Spec.PodSelector, at.pod.Labels) {
				continue
			}
			rules := p.Spec.Egress
			if kind == networkingv1.PolicyTypeIngress {
				rules = nil
				for _, in := range p.Spec.Ingress {
					rules = append(rules, networkingv1.NetworkPolicyEgressRule{To: in.From, Ports: in.Ports})
				}
			}
			for _, r := range rules {
				for _, end := range r.To {
					if !matches(t, end, p.Namespace, peer) {
						continue
					}
					for _, port := range r.Ports {
						open[port.Port.IntVal] = true
					}
				}
			}
		}
		return open
	}
	in := allowed(networkingv1.PolicyTypeIngress, to, from)
	for port := range allowed(networkingv1.PolicyTypeEgress, from, to) {
		if in[port] {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

func matches(t *testing.T, end networkingv1.NetworkPolicyPeer, home string, peer workload) bool {
	t.Helper()
	if end.IPBlock != nil {
		return false // of the Internet, or of servers elsewhere
	}
	if end.NamespaceSelector == nil && peer.namespace != home {
		return false
	}
	if end.NamespaceSelector != nil && !selects(t, *end.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": peer.namespace}) {
		return false
	}
	return end.PodSelector == nil || selects(t, *end.PodSelector, peer.pod.Labels)
}

// Who may speak to whom, all pairs.
func TestConnections(t *testing.T) {
	inside := map[string]string{
		"worker → orchestrator": "[7470]", "worker → registry": "[5000]",
		"orchestrator → temporal": "[7233]", "orchestrator → postgres": "[5432]", "orchestrator → registry": "[5000]", "temporal → postgres": "[5432]",
	}
	want := map[string]map[string]string{"complete": inside, "scaling": inside, "external": {"worker → orchestrator": "[7470]"}}
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			objects := render(t, overlay)
			all := workloads(t, objects)
			short := func(w workload) string { n, _, _ := strings.Cut(w.name, "-"); return n }
			for _, from := range all {
				for _, to := range all {
					pair := short(from) + " → " + short(to)
					ports := reach(t, objects, from, to)
					if got := fmt.Sprint(ports); got != cmp.Or(want[overlay][pair], "[]") {
						t.Errorf("%s: %s, want %s", pair, got, cmp.Or(want[overlay][pair], "none"))
					}
				}
			}
			denied := map[string]bool{}
			for _, o := range objects {
				if o.GetKind() != "NetworkPolicy" {
					continue
				}
				p := as[networkingv1.NetworkPolicy](t, o.Object)
				if len(p.Spec.PodSelector.MatchLabels) == 0 && len(p.Spec.PolicyTypes) == 2 && p.Spec.Ingress == nil && p.Spec.Egress == nil {
					denied[p.Namespace] = true
				}
				for _, r := range p.Spec.Egress {
					for _, end := range r.To {
						if end.IPBlock != nil && end.IPBlock.CIDR == "0.0.0.0/0" &&
							(!slices.Contains(end.IPBlock.Except, "169.254.0.0/16") || !slices.Contains(end.IPBlock.Except, "10.0.0.0/8") || p.Name != "worker" || fmt.Sprint(r.Ports[0].Port) != "443" || len(r.Ports) != 1) {
							t.Errorf("%s opens more of the Internet than package registries", p.Name)
						}
					}
				}
			}
			if len(denied) != 2 {
				t.Errorf("nothing is denied in all but %v", denied)
			}
		})
	}
}

// The scaler counts in the queues that the farm uses, for the workers that serve them, and does not fight with a fixed number.
func TestScaling(t *testing.T) {
	objects := render(t, "scaling")
	prefix := regexp.MustCompile(`queuePrefix\s*=\s*"([^"]+)"`).FindStringSubmatch(read(t, "workflows/names.go"))
	if prefix == nil {
		t.Fatal("workflows/names.go does not say how queues are named")
	}
	for _, w := range workloads(t, objects) {
		c := container(w, "worker")
		if c == nil {
			continue
		}
		i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ScaledObject" && o.GetName() == w.name })
		if i < 0 || w.replicas {
			t.Errorf("%s is not scaled, or has a fixed number beside it", w.name)
			continue
		}
		spec := objects[i].Object["spec"].(map[string]any)
		trigger := spec["triggers"].([]any)[0].(map[string]any)
		about := trigger["metadata"].(map[string]any)
		if about["taskQueue"] != prefix[1]+flag(*c, "class") || about["targetQueueSize"] != flag(*c, "slots") || about["queueTypes"] != "activity" ||
			trigger["type"] != "temporal" || about["namespace"] != "wasmill" || about["enableTLS"] != "false" {
			t.Errorf("%s: %v", w.name, trigger)
		}
		if spec["scaleTargetRef"].(map[string]any)["name"] != w.name {
			t.Errorf("%s scales %v", w.name, spec["scaleTargetRef"])
		}
	}
}
