//go:build minimal

package builtinplugins

import (
	credAliCloud "github.com/hashicorp/vault-plugin-auth-alicloud"
	credAzure "github.com/hashicorp/vault-plugin-auth-azure"
	credCF "github.com/hashicorp/vault-plugin-auth-cf"
	credGcp "github.com/hashicorp/vault-plugin-auth-gcp/plugin"
	credKerb "github.com/hashicorp/vault-plugin-auth-kerberos"
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	credOCI "github.com/hashicorp/vault-plugin-auth-oci"
	credAws "github.com/hashicorp/vault/builtin/credential/aws"
	credGitHub "github.com/hashicorp/vault/builtin/credential/github"
	credLdap "github.com/hashicorp/vault/builtin/credential/ldap"
	credOkta "github.com/hashicorp/vault/builtin/credential/okta"
	credRadius "github.com/hashicorp/vault/builtin/credential/radius"
	"github.com/hashicorp/vault/helper/pluginconsts"
	"github.com/hashicorp/vault/sdk/logical"
)

// The auth methods of the full build: the page's, and those that may be at its path in its place.
func extendAddonPlugins(r *registry) {
	for name, factory := range map[string]logical.Factory{
		pluginconsts.AuthTypeAliCloud:   credAliCloud.Factory,
		pluginconsts.AuthTypeAWS:        credAws.Factory,
		pluginconsts.AuthTypeAzure:      credAzure.Factory,
		pluginconsts.AuthTypeCF:         credCF.Factory,
		pluginconsts.AuthTypeGCP:        credGcp.Factory,
		pluginconsts.AuthTypeGitHub:     credGitHub.Factory,
		pluginconsts.AuthTypeKerberos:   credKerb.Factory,
		pluginconsts.AuthTypeKubernetes: credKube.Factory,
		pluginconsts.AuthTypeLDAP:       credLdap.Factory,
		pluginconsts.AuthTypeOCI:        credOCI.Factory,
		pluginconsts.AuthTypeOkta:       credOkta.Factory,
		pluginconsts.AuthTypeRadius:     credRadius.Factory,
	} {
		r.credentialBackends[name] = credentialBackend{Factory: factory}
	}
}
