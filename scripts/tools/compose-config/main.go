// compose-config FILE ENV-FILE [PROFILE...] prints a Compose file as `docker compose config` understands it, as JSON: by
// the library that Docker Compose itself reads it with, which holds it against the schema of the specification.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func load(file, envFile string, profiles []string) (*types.Project, error) {
	// No variable of the machine: what the file of settings lacks is to show.
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithEnvFiles(envFile), cli.WithDotEnv, cli.WithDefaultProfiles(profiles...))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: compose-config FILE ENV-FILE [PROFILE...]")
		os.Exit(64)
	}
	project, err := load(os.Args[1], os.Args[2], os.Args[3:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(project)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
