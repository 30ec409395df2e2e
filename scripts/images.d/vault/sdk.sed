# The sdk in the repository of 1.21.4 was never published: v0.21.0, which it asks for, does not name a restored key of
# transit, and tells an activation the name of its flag. No run does either.
s/restoredKeyName, err := b\.lm\.RestorePolicy(/restoredKeyName, err := keyName, b.lm.RestorePolicy(/
s/ActivationFunc: iStore\.activateDeduplication,/ActivationFunc: func(ctx context.Context, req *logical.Request, _ string) error { return iStore.activateDeduplication(ctx, req) },/
s/ActivationFunc(ctx, nil)/ActivationFunc(ctx, nil, "")/
