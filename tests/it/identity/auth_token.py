"""keystonemiddleware's auth_token in front of a compute service that allows everything.

    auth_token.py IDENTITY PASSWORD TOKEN METHOD PATH ...

It validates tokens as the administrator, and prints the status that each request with TOKEN comes to, a line each.
"""
import sys

import webob
from keystonemiddleware import auth_token

identity, password, token, *requests = sys.argv[1:]
protected = auth_token.AuthProtocol(
    webob.Response(status=200),
    {
        "auth_type": "password",
        "auth_url": identity,
        "www_authenticate_uri": identity,
        "username": "admin",
        "password": password,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
        "service_type": "compute",
    },
)
for method, path in zip(requests[::2], requests[1::2]):
    request = webob.Request.blank(path, method=method, headers={"X-Auth-Token": token})
    print(request.get_response(protected).status_int)
