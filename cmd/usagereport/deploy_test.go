package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/jobs"
)

// pod is what the manifests may have in a pod: a field that is not here is a slip of the pen, or has to be added.
type pod struct {
	Metadata meta
	Spec     struct {
		RestartPolicy                 string
		TerminationGracePeriodSeconds int
		AutomountServiceAccountToken  bool
		SecurityContext               struct {
			RunAsNonRoot                   bool
			RunAsUser, RunAsGroup, FSGroup int
			SeccompProfile                 struct{ Type string }
		}
		Containers []container
		Volumes    []volume
	}
}

type volume struct {
	Name      string
	ConfigMap struct{ Name string }
	EmptyDir  struct{ SizeLimit string }
}

type container struct {
	Name, Image string
	Args        []string
	EnvFrom     []struct{ SecretRef struct{ Name string } }
	Env         []struct{ Name, Value string }
	Ports       []struct {
		Name          string
		ContainerPort int
	}
	LivenessProbe, ReadinessProbe healthProbe
	Resources                     struct{ Requests, Limits map[string]string }
	SecurityContext               struct {
		ReadOnlyRootFilesystem, AllowPrivilegeEscalation bool
		Capabilities                                     struct{ Drop []string }
	}
	VolumeMounts []struct {
		Name, MountPath string
		ReadOnly        bool
	}
}

type healthProbe struct {
	HTTPGet                                         struct{ Path, Port string }
	PeriodSeconds, TimeoutSeconds, FailureThreshold int
}

type meta struct {
	Name   string
	Labels map[string]string
}

type deployment struct {
	APIVersion, Kind string
	Metadata         meta
	Spec             struct {
		Replicas int
		Strategy struct{ Type string }
		Selector struct{ MatchLabels map[string]string }
		Template pod
	}
}

type cronJob struct {
	APIVersion, Kind string
	Metadata         meta
	Spec             struct {
		Schedule, TimeZone, ConcurrencyPolicy              string
		StartingDeadlineSeconds                            int
		SuccessfulJobsHistoryLimit, FailedJobsHistoryLimit int
		JobTemplate                                        struct {
			Spec struct {
				ActiveDeadlineSeconds, BackoffLimit int
				PodFailurePolicy                    struct {
					Rules []struct {
						Action      string
						OnExitCodes struct {
							ContainerName, Operator string
							Values                  []int
						}
						OnPodConditions []struct{ Type, Status string }
					}
				}
				Template pod
			}
		}
	}
}

// manifest decodes one of the manifests; fields that v does not have are errors.
func manifest(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("../../deploy/kubernetes/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// Kubernetes' names are those of the structs but for the case of their letters, which matters not to JSON.
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func defaultSchedule(t *testing.T) config.Schedule {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usagereport.yaml")
	write(t, path, unreachableAt(""))
	cfg, err := loadConfig(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Schedule
}

// understands fails unless the program has that command with those flags.
func understands(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := newRoot().Find(args)
	if err != nil || !c.HasParent() {
		t.Fatalf("the program has no command %q: %v", args, err)
	}
	if err := c.ParseFlags(rest); err != nil || len(c.Flags().Args()) > 0 {
		t.Errorf("%q: %v", args, err)
	}
}

func TestKubernetesManifests(t *testing.T) {
	grace := defaultSchedule(t).GracePeriod
	check := func(t *testing.T, p pod, labels map[string]string, command string) container {
		t.Helper()
		if len(p.Spec.Containers) != 1 || len(labels) == 0 || p.Metadata.Labels["app.kubernetes.io/name"] != labels["app.kubernetes.io/name"] {
			t.Fatalf("the pod: %+v", p)
		}
		c := p.Spec.Containers[0]
		understands(t, c.Args)
		if c.Args[0] != command || !strings.HasPrefix(c.Args[2], c.VolumeMounts[0].MountPath+"/") {
			t.Errorf("arguments %q with %+v", c.Args, c.VolumeMounts)
		}
		if g := time.Duration(p.Spec.TerminationGracePeriodSeconds) * time.Second; g < 2*grace {
			t.Errorf("%s until it is killed, with a grace period of %s", g, grace)
		}
		if !p.Spec.SecurityContext.RunAsNonRoot || p.Spec.SecurityContext.RunAsUser != 65532 || !c.SecurityContext.ReadOnlyRootFilesystem {
			t.Error("it has rights that it does not need")
		}
		for _, m := range c.VolumeMounts {
			if !slices.ContainsFunc(p.Spec.Volumes, func(v volume) bool { return v.Name == m.Name }) {
				t.Errorf("there is no volume %s", m.Name)
			}
		}
		return c
	}
	t.Run("deployment", func(t *testing.T) {
		var d deployment
		manifest(t, "deployment.yaml", &d)
		c := check(t, d.Spec.Template, d.Spec.Selector.MatchLabels, "schedule")
		if d.APIVersion != "apps/v1" || d.Kind != "Deployment" || d.Spec.Replicas != 1 || d.Spec.Strategy.Type != "Recreate" {
			t.Errorf("the deployment: %+v", d)
		}
		probe := c.LivenessProbe.HTTPGet
		if len(c.Ports) != 1 || probe.Port != c.Ports[0].Name {
			t.Errorf("it probes port %s of %+v", probe.Port, c.Ports)
		}
		got := httptest.NewRecorder()
		new(daemon).probes().ServeHTTP(got, httptest.NewRequest(http.MethodGet, probe.Path, nil))
		if got.Code != http.StatusOK {
			t.Errorf("%s answers %d", probe.Path, got.Code)
		}
	})
	t.Run("admin", func(t *testing.T) {
		var d deployment
		manifest(t, "admin.yaml", &d)
		c := check(t, d.Spec.Template, d.Spec.Selector.MatchLabels, "serve")
		if d.APIVersion != "apps/v1" || d.Kind != "Deployment" || d.Spec.Strategy.Type != "RollingUpdate" {
			t.Errorf("the deployment: %+v", d)
		}
		live, ready := c.LivenessProbe.HTTPGet, c.ReadinessProbe.HTTPGet
		if len(c.Ports) != 1 || live.Port != c.Ports[0].Name || ready.Port != live.Port || live.Path != "/healthz" || ready.Path != "/readyz" {
			t.Errorf("it probes %+v and %+v of %+v", live, ready, c.Ports)
		}
	})
	t.Run("cronjob", func(t *testing.T) {
		var j cronJob
		manifest(t, "cronjob.yaml", &j)
		job := j.Spec.JobTemplate.Spec
		check(t, job.Template, j.Metadata.Labels, "run")
		if j.APIVersion != "batch/v1" || j.Kind != "CronJob" || j.Spec.ConcurrencyPolicy != "Forbid" || job.Template.Spec.RestartPolicy != "Never" {
			t.Errorf("the job: %+v", j)
		}
		if _, err := config.ParseCron(j.Spec.Schedule); err != nil {
			t.Error(err)
		}
		if _, err := time.LoadLocation(j.Spec.TimeZone); err != nil {
			t.Error(err)
		}
		actions := map[string][]int{}
		for _, r := range job.PodFailurePolicy.Rules {
			actions[r.Action] = append(actions[r.Action], r.OnExitCodes.Values...)
		}
		if !slices.Equal(actions["FailJob"], []int{jobs.ExitConfig, jobs.ExitData}) || !slices.Equal(actions["Ignore"], []int{jobs.ExitLease}) {
			t.Errorf("actions by exit code: %v", actions)
		}
	})
}

func TestSystemdUnits(t *testing.T) {
	grace := defaultSchedule(t).GracePeriod
	dir := t.TempDir()
	units, err := filepath.Glob("../../deploy/systemd/*")
	if err != nil || len(units) != 4 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	var copies []string
	for _, unit := range units {
		data, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(unit, ".service") {
			settings := map[string]string{}
			for line := range strings.Lines(string(data)) {
				if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
					settings[name] = value
				}
			}
			command, args, _ := strings.Cut(settings["ExecStart"], " ")
			understands(t, strings.Fields(args))
			if stop, err := time.ParseDuration(settings["TimeoutStopSec"]); err != nil || stop < 2*grace {
				t.Errorf("%s: %s until it is killed, with a grace period of %s; %v", unit, stop, grace, err)
			}
			// systemd wants to find the program.
			data = bytes.ReplaceAll(data, []byte(command), []byte("/bin/true"))
		}
		name := filepath.Join(dir, filepath.Base(unit))
		write(t, name, string(data))
		copies = append(copies, name)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not there: the units are checked by half")
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, copies...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
