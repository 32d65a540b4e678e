// Prints docker-compose.yml as docker compose resolves it. It is compose's own loader without the rest of docker compose, whose build
// takes minutes. compose-go has such a command too, but that one hands the loader no variables.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	envFile := flag.String("env-file", "", "read variables from this file instead of .env")
	flag.Parse()
	if err := printProject(flag.Args(), *envFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func printProject(files []string, envFile string) error {
	var envFiles []string
	if envFile != "" {
		envFiles = append(envFiles, envFile)
	}
	options, err := cli.NewProjectOptions(files,
		cli.WithOsEnv, cli.WithEnvFiles(envFiles...), cli.WithDotEnv, cli.WithDefaultProfiles())
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}
