"""The entrypoint for functions-framework in the local stack; its targets are the names below."""

from flask import current_app

from ogdc_functions import argo_events as argo_events_service
from ogdc_functions import status as status_service
from ogdc_functions import submit as submit_service
from ogdc_functions import upload as upload_service
from ogdc_functions import users as users_service
from ogdc_functions.http.responses import prepare
from ogdc_local.stack.functions import SERVED

prepare(current_app)
submit = submit_service.build(SERVED.get())
status = status_service.build(SERVED.get())
argo_events = argo_events_service.build(SERVED.get())
upload = upload_service.build(SERVED.get())
users = users_service.build(SERVED.get())
