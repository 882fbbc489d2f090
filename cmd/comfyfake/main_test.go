package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	main "github.com/comfyfake/comfyfake/cmd/comfyfake"
)

// runMain, set in the environment, makes the test binary be the program.
const runMain = "BE_THE_PROGRAM"

// raceExit spares every run of the program the second that the race detector
// waits at its end.
const raceExit = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main.Main()
	}
	testscript.Main(m, map[string]func(){"comfyfake": main.Main})
}

// TestScripts runs the scripts of testdata against the program.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Defer(func() { ln.Close() })
			env.Setenv("TAKEN", ln.Addr().String())
			env.Setenv("GORACE", raceExit)
			return nil
		},
	})
}

// process is a running program.
type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr strings.Builder
}

// command readies the program.
func command(t *testing.T, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe, args...)}
	p.cmd.Env = append(os.Environ(), runMain+"=1", "GORACE="+raceExit)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	return p
}

// start starts the program; it does not outlive the test.
func (p *process) start(t *testing.T) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
}

// line reads a line of output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("%v after %q; %s", err, line, p.stderr.String())
	}
	return strings.TrimSuffix(line, "\n")
}

var (
	listens = regexp.MustCompile(`^comfyfake \S+ listens on (http://127\.0\.0\.1:\d+) \((.*)\)$`)
	curl    = regexp.MustCompile(`^try: curl -H 'X-API-Key: (.*)' (http://\S+)$`)
)

// ask makes the request that the program said to try.
func ask(t *testing.T, try string) (*http.Response, string) {
	t.Helper()
	m := curl.FindStringSubmatch(try)
	if m == nil {
		t.Fatalf("%q is not %v", try, curl)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", m[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", m[1])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// aFolder has a first asset that fails, which the announcement passes over.
const aFolder = `
assets: [{id: 00000000-0000-4000-8000-000000000001, name: fails.png}, {name: mine.png}]
scripts: [{on: getAssetById, when: {path: {id: 00000000-0000-4000-8000-000000000001}}, reply: {error: {status: 500}}}]
`

func TestServe(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.yaml"), []byte(aFolder), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		args   []string
		stop   os.Signal
		body   string
		loaded string
	}{
		{"embedded", nil, syscall.SIGTERM, `"name":"ComfyUI_00001_.png"`, "1 file, 15 assets, 3 scripts"},
		{"by name", []string{"serve"}, os.Interrupt, `"name":"ComfyUI_00001_.png"`, "1 file, 15 assets, 3 scripts"},
		{"folder and key", []string{"--fixtures", folder, "--api-key", "o'clock"}, syscall.SIGTERM, `"name":"mine.png"`, "1 file, 2 assets, 1 script"},
		{"all addresses", []string{"--addr", "0.0.0.0:0"}, syscall.SIGTERM, `"name":"ComfyUI_00001_.png"`, "1 file, 15 assets, 3 scripts"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := tc.args
			if tc.name != "all addresses" {
				args = append(args, "--addr", "127.0.0.1:0")
			}
			p := command(t, args...)
			p.start(t)
			m := listens.FindStringSubmatch(p.line(t))
			if m == nil || m[2] != tc.loaded {
				t.Fatalf("announced %q", m)
			}
			res, body := ask(t, strings.ReplaceAll(p.line(t), `'\''`, "'"))
			if res.StatusCode != 200 || !strings.Contains(body, tc.body) {
				t.Errorf("%d %s, want %s", res.StatusCode, body, tc.body)
			}
			if out, err := p.health(m[1]); err != nil || out != "ok\n" {
				t.Errorf("health: %q, %v", out, err)
			}
			if err := p.cmd.Process.Signal(tc.stop); err != nil {
				t.Fatal(err)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("after %v: %v; %s", tc.stop, err, p.stderr.String())
			}
		})
	}
}

// health runs comfyfake health.
func (p *process) health(url string) (string, error) {
	cmd := exec.Command(p.cmd.Path, "health")
	cmd.Env = append(p.cmd.Env, "COMFYFAKE_ADDR="+strings.TrimPrefix(url, "http://"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Everything that is logged as JSON is JSON, the announcement included.
func TestServeLogsJSON(t *testing.T) {
	p := command(t, "--addr", "127.0.0.1:0", "--log-format", "json", "--log-requests", "--unknown", "generate")
	p.cmd.Stderr = nil
	logs, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.start(t)
	lines := json.NewDecoder(logs)
	var listening, request struct{ Msg, URL, Try, Path string }
	if err := lines.Decode(&listening); err != nil || listening.Msg != "listening" || listening.URL == "" {
		t.Fatalf("%+v, %v", listening, err)
	}
	if res, body := ask(t, "try: "+listening.Try); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if err := lines.Decode(&request); err != nil || request.Msg != "request" || !strings.HasPrefix(request.Path, "/api/assets/") {
		t.Errorf("%+v, %v", request, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(p.stdout); err != nil || len(rest) > 0 {
		t.Errorf("stdout has %q, %v", rest, err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
