"""Forms: what people enter, read and checked for form; the services check the meaning."""
