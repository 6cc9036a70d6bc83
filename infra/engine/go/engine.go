//go:build engine

// Package engine names the one program that is built here: the Pulumi CLI at the version that go.mod pins.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
