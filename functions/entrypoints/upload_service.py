"""What functions-framework is pointed at: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `upload`."""

from ogdc_functions import upload as service
from ogdc_functions.service import start

upload = start(service.build)
