"""What functions-framework is pointed at: FUNCTION_SOURCE is this file, FUNCTION_TARGET is `submit`."""

import os

from ogdc_shared.imports import collection_paused

with collection_paused():
    from ogdc_functions import submit as service
    from ogdc_functions.service import start

# Read when functions-framework starts the web server, after this: a submission is mostly Python, of which one
# process keeps one processor busy.
os.environ.setdefault("WORKERS", "2")

submit = start(service.build)
