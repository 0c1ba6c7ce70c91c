"""Workers that are forked with everything imported, into sandboxes that another program made."""
