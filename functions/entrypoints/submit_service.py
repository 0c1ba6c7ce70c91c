"""What functions-framework is pointed at: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `submit`."""

from ogdc_functions import submit as service
from ogdc_functions.service import start

submit = start(service.build)
