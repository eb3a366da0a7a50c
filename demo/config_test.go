package demo

import (
	"os"
	"testing"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/dictionary"
)

func TestConfigLoads(t *testing.T) {
	path := t.TempDir() + "/" + ConfigFile
	if err := os.WriteFile(path, configText, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(t.Context(), path, config.Env{ReadFile: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Domains() != dictionary.Usage || len(cfg.Datasets) != 10 || cfg.Timezone != Zone {
		t.Errorf("got domains %s, %d datasets, zone %s", cfg.Domains(), len(cfg.Datasets), cfg.Timezone)
	}
}
