"""The portal and the API: they translate, make one call into a service, translate back."""
