package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The fixtures that the README shows load, and its tables name every flag,
// variable and failing id.
func TestREADME(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	_, block, _ := strings.Cut(readme, "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	file := filepath.Join(t.TempDir(), "readme.yaml")
	if err := os.WriteFile(file, []byte(block), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := output(t, "check", file); out != "ok: 1 file, 1 asset, 1 script\n" {
		t.Errorf("the README's fixtures: %s", out)
	}
	for _, word := range strings.Fields(output(t, "help", "serve")) {
		if (strings.HasPrefix(word, "--") || strings.HasPrefix(word, "COMFYFAKE_")) && !strings.Contains(readme, word) {
			t.Errorf("the README does not name %s", word)
		}
	}
}

// output runs the program and returns what it prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	p := command(t, args...)
	cmd := exec.Command(p.cmd.Path, args...)
	cmd.Env = p.cmd.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return string(out)
}
