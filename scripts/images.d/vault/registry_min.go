//go:build minimal

package builtinplugins

import (
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/helper/pluginconsts"
)

// The one method of the full build that a run needs, registered as the full build does it.
func extendAddonPlugins(r *registry) {
	r.credentialBackends[pluginconsts.AuthTypeKubernetes] = credentialBackend{Factory: credKube.Factory}
}
