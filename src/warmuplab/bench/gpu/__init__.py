"""The check of a GPU: what is measured on the device, and everything else that is checked there."""
