# The sdk in the repository of 1.21.4 was never published: v0.21.0, which it asks for, tells an activation the
# name of its flag. No run activates anything.
s/ActivationFunc: iStore\.activateDeduplication,/ActivationFunc: func(ctx context.Context, req *logical.Request, _ string) error { return iStore.activateDeduplication(ctx, req) },/
s/ActivationFunc(ctx, nil)/ActivationFunc(ctx, nil, "")/
