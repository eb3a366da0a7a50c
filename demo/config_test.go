package demo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/dictionary"
)

func TestConfigLoads(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ConfigFile)
	for name, text := range map[string][]byte{ConfigFile: configText, OverridesFile: overridesText} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(t.Context(), path, config.Env{ReadFile: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Domains() != dictionary.Usage|dictionary.Audit|dictionary.Integration || len(cfg.Datasets) != 16 || cfg.Timezone != Zone {
		t.Errorf("got domains %s, %d datasets, zone %s", cfg.Domains(), len(cfg.Datasets), cfg.Timezone)
	}
}
