"""Django with django-oauth-toolkit: a third-party token server, and ticket endpoints that require its tokens.

/usr/bin/python3 server.py PORT
"""

import hashlib
import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="__main__",
    APPEND_SLASH=True,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:peers?mode=memory&cache=shared"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    OAUTH2_PROVIDER={"ACCESS_TOKEN_EXPIRE_SECONDS": 36000},
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from oauth2_provider.models import AccessToken, Application  # noqa: E402
from oauth2_provider.oauth2_backends import get_oauthlib_core  # noqa: E402

received = []


def error_response(code, name, status, /, **detail):
    return JsonResponse({"code": code, "type": name, "detail": detail, "status": status}, status=status)


def authenticated(view):
    def check(request, **kwargs):
        valid, _ = get_oauthlib_core().verify_request(request, scopes=[])
        if not valid:
            return error_response(40001, "NotAuthenticated", 401, code="not_authenticated", message="Not authenticated.")
        return view(request, **kwargs)

    return csrf_exempt(check)


@authenticated
def ticket(request, ticket_id):
    return JsonResponse({"ticketId": str(ticket_id), "status": "CREATED", "issueKey": "SUP-1234"})


@authenticated
def tickets(request):
    received.append(
        {
            "fields": request.POST.dict(),
            "files": [
                {
                    "name": file.name,
                    "type": file.content_type,
                    "size": file.size,
                    "sha256": hashlib.sha256(file.read()).hexdigest(),
                }
                for file in request.FILES.getlist("files")
            ],
        }
    )
    body = {"ticketId": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "status": "PENDING", "issueKey": None}
    return JsonResponse(body, status=202)


def received_tickets(request):
    return JsonResponse(received, safe=False)


def tokens(request):
    """Returns the number of issued tokens. A POST revokes them all."""
    count = AccessToken.objects.count()
    if request.method == "POST":
        AccessToken.objects.update(expires="2020-01-01T00:00:00Z")
    return HttpResponse(str(count))


urlpatterns = [
    path("oauth2/", include("oauth2_provider.urls")),
    path("api/v1/supportTickets/", tickets),
    path("api/v1/supportTickets/<uuid:ticket_id>/", ticket),
    path("read", received_tickets),
    path("tokens", csrf_exempt(tokens)),
]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


call_command("migrate", verbosity=0)
Application.objects.create(
    client_id="partner",
    client_secret="the secret",
    client_type=Application.CLIENT_CONFIDENTIAL,
    authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

server = make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), server_class=Server, handler_class=Handler)
print("ready", flush=True)
server.serve_forever()
