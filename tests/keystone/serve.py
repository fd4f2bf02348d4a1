"""Serves a service on a port of 127.0.0.1, a thread for each connection: serve.py PORT keystone|glance|placement.

Keystone's settings are in OS_KEYSTONE_CONFIG_FILES, those of the others in the folder OS_GLANCE_CONFIG_DIR or
OS_PLACEMENT_CONFIG_DIR."""
import socketserver
import sys
from wsgiref import simple_server


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def server_bind(self):
        # Without asking for the name of the address, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address
        self.setup_environ()


class Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


def keystone():
    from keystone.server.wsgi import initialize_public_application
    return initialize_public_application()


def glance():
    from glance.common.wsgi_app import init_app
    return init_app()


def placement():
    from placement.wsgi import init_application
    return init_application()


# They read the command line themselves, and know no port.
port, application = int(sys.argv.pop(1)), {"keystone": keystone, "glance": glance, "placement": placement}[sys.argv.pop(1)]
simple_server.make_server("127.0.0.1", port, application(), Server, Handler).serve_forever()
