#!/usr/bin/env bash
# compose-go 2.16.2 (the loader of docker compose): its own command, compose-spec, which validates a compose file, asks for the
# variables of the process, but hands none of them to the loader. A required variable that is set is called missing, and one without a
# default becomes empty, so that a valid file is refused or resolves to another one than docker compose would run. The library's
# LoadProject, which docker compose calls, sees them: only LoadModel, which the command calls, does not.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOFLAGS=-mod=mod GOMODCACHE="$dir/modules"
version=v2.16.2
mkdir check && cd check
go mod init check 2>/dev/null
go get "github.com/compose-spec/compose-go/v2/cmd@$version" "github.com/compose-spec/compose-go/v2@$version" 2>/dev/null
go build -o command github.com/compose-spec/compose-go/v2/cmd
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions([]string{"required.yml"}, cli.WithOsEnv)
	if err == nil {
		project, loadErr := options.LoadProject(context.Background())
		if loadErr == nil {
			fmt.Println("library, required variable: image", project.Services["graph"].Image)
		}
		err = loadErr
	}
	if err != nil {
		fmt.Println(err)
	}
}
GO
go mod tidy 2>/dev/null
go build -o library .
printf 'services:\n  graph:\n    image: "redis:${TAG:?no tag}"\n' >required.yml
printf 'services:\n  graph:\n    image: "redis:7"\n    hostname: "graph-${TAG}"\n' >optional.yml
export TAG=7.4
seen=$(
  ./command required.yml 2>&1 | grep -o 'required variable TAG is missing.*' | sed 's/^/command, required variable: /' || true
  ./command optional.yml 2>/dev/null | grep hostname | sed 's/^ */command, optional variable: /'
  ./library
)
expected=$(cat <<'TXT'
command, required variable: required variable TAG is missing a value: no tag
command, optional variable: hostname: graph-
library, required variable: image redis:7.4
TXT
)
printf 'compose-go %s, TAG=%s in the environment\n%s\n' "$version" "$TAG" "$seen"
[ "$seen" = "$expected" ] || { echo 'The behaviour has changed.'; exit 1; }
