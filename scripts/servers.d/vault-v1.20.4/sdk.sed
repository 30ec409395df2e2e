# The sdk wants to know whether an address is private, of databases that no run has.
s/connutil\.GetCloudSQLAuthOptions(\(.*\))$/connutil.GetCloudSQLAuthOptions(\1, false)/
# It also asks about rotation jobs, which are Enterprise's.
s/^func (d dynamicSystemView) RegisterRotationJob(/func (d dynamicSystemView) GetRotationInformation(context.Context, *rotation.RotationInfoRequest) (*rotation.RotationInfoResponse, error) {\n\treturn nil, logical.ErrUnsupportedOperation\n}\n\n&/
# And whether a key of transit is post-quantum, which only Enterprise has.
s/\(p\.Type\|polReq\.KeyType\)\.IsPQC()/false/
