"""The HTTP services: their handlers parse a request, call one operation of `ogdc_shared` and answer."""
